"""Pictures of the page on spectra, from simulated data; run as ``python docs/sed_pictures.py``."""

from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import scipy.special

from bayesmap import (
    EnergyDispersion,
    ExpCutoffPowerLawSpectralModel,
    FluxPoints,
    FoVBackgroundModel,
    MapAxis,
    MapDataset,
    MapFit,
    Models,
    PointSpatialModel,
    ResponseModel,
    SkyModel,
    WcsGeom,
    WcsNDMap,
    flux_points,
    simulate,
)
from bayesmap.models.spectral.base import SpectralModel
from bayesmap.plots.sed import plot_sed
from bayesmap.results.flux import FluxBand, flux_band, log_energies
from bayesmap.testing import gaussian_psf

FOLDER = Path(__file__).resolve().parent / "spectra"
HELD = {"lon_0": True, "lat_0": True}


def response(npix: int = 24, binsz: float = 0.08) -> MapDataset:
    """Return a data set without events: 10 reconstructed and 24 true-energy bins, 15 % energy resolution."""
    energy = MapAxis.from_energy_bounds(0.3, 30.0, 10)
    energy_true = MapAxis.from_energy_bounds(0.15, 60.0, 24, name="energy_true")
    image = WcsGeom.create(skydir=(83.63, 22.01), npix=(npix, npix), binsz=binsz, frame="icrs", proj="TAN")
    geom, geom_true = image.with_axes((energy,)), image.with_axes((energy_true,))
    area = 4e10 * energy_true.center**1.2 / (1.0 + (energy_true.center / 0.6) ** 1.2)
    level = 2.0 * (energy.center / 0.3) ** -1.6
    return MapDataset(
        name="run",
        counts=WcsNDMap(geom, np.zeros(geom.shape)),
        exposure=WcsNDMap(geom_true, area[:, None, None] * 40.0 * np.ones(geom_true.shape), "cm2 s"),
        background=WcsNDMap(geom, level[:, None, None] * np.ones(geom.shape)),
        psf=gaussian_psf(energy_true, 0.1),
        edisp=EnergyDispersion(energy_true, energy, _migration(energy_true, energy, 0.15)),
    )


def _migration(energy_true: MapAxis, energy: MapAxis, width: float) -> np.ndarray:
    """Return the shares of a normal law in ln E."""
    z = (np.log(energy.edges)[None, :] - np.log(energy_true.center)[:, None]) / width
    return np.diff(scipy.special.ndtr(z), axis=1)


def truth() -> Models:
    """Return a point source with a cut-off, and a background."""
    spectrum = ExpCutoffPowerLawSpectralModel(
        index=2.1, amplitude="1.2e-10 cm-2 s-1 TeV-1", reference="1 TeV", lambda_="0.25 TeV-1"
    )
    source = SkyModel(spectrum, PointSpatialModel(lon_0=83.63, lat_0=22.01), name="nebula")
    return Models((source, FoVBackgroundModel("run"))).with_frozen(HELD)


def analysis(models: Models) -> tuple[FluxPoints, FluxBand, SpectralModel]:
    """Return flux points and the band of a simulated source, and its true spectrum."""
    fit = MapFit.from_dataset(simulate(response(), truth(), seed=7), models)
    tree = fit.sample(draws=1000, random_seed=7)
    points = flux_points(fit, "nebula", fit.dataset.axis.edges * u.TeV)
    band = flux_band(tree, fit.model, "nebula", log_energies(0.3 * u.TeV, 30.0 * u.TeV))
    return points, band, models["nebula"].spectral_model  # type: ignore[union-attr]


def write_pictures(folder: Path) -> None:
    """Write the pictures."""
    folder.mkdir(exist_ok=True)
    points, band, spectrum = analysis(truth())
    plot_sed(band, points=points, truth=spectrum).savefig(folder / "sed.png", dpi=110)
    points, band, _ = analysis(truth() + ResponseModel(free=["exposure_scale"]))
    plot_sed(band, points=points, correlation=True).savefig(folder / "sed-correlation.png", dpi=110)


if __name__ == "__main__":
    write_pictures(FOLDER)
