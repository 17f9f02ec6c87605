"""Ten small simulated data sets with the models that made them: what intervals and errors are compared on.

Every case is fitted with flat priors, so that the posterior is the likelihood and its optimum MINUIT's. The optimum
of each lies inside the limits of the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesmap import (
    DiskSpatialModel,
    EnergyDispersion,
    ExpCutoffPowerLawSpectralModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    LogParabolaSpectralModel,
    MapAxis,
    MapDataset,
    MapFit,
    Models,
    Parameter,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
    SpectrumDatasetOnOff,
    WcsGeom,
    WcsNDMap,
    simulate,
)
from bayesmap.irf.migration import from_migration
from bayesmap.testing import gaussian_psf, toy_response

CENTER = (83.63, 22.01)
AMPLITUDE = "cm-2 s-1 TeV-1"


@dataclass(frozen=True)
class SimulatedCase:
    """Data sets and the truth that they were drawn from, which is also where fits begin.

    Parameters
    ----------
    name : str
        Name.
    datasets : callable
        Makes the data sets, the same ones every time.
    truth : Models
        The truth.
    """

    name: str
    datasets: Callable[[], tuple[MapDataset | SpectrumDatasetOnOff, ...]]
    truth: Models

    @cached_property
    def fit(self) -> MapFit:
        """The fit with flat priors; made when first asked for, and shared."""
        return MapFit.from_datasets(self.datasets(), self.truth, priors="flat")


def simulated_cases() -> dict[str, SimulatedCase]:
    """Return the ten cases by name."""
    makers = (
        point, two_points, gaussian, disk, log_parabola, cutoff, faint, migration, on_off, joint,
    )  # fmt: skip
    return {maker.__name__: maker() for maker in makers}


def point() -> SimulatedCase:
    """Point source, background with norm and tilt: 6 parameters."""
    return _on_a_map("point", _response(), Models((_source(), _background())), 11)


def two_points() -> SimulatedCase:
    """Two points two PSF widths apart: 9 parameters."""
    second = _source("second", lon=83.52, lat=22.18, index=2.6, amplitude=4e-10)
    return _on_a_map("two_points", _response(), Models((_source(), second, _background(tilt=False))), 12)


def gaussian() -> SimulatedCase:
    """Gaussian of free size: 6 parameters."""
    spatial = GaussianSpatialModel(lon_0=83.70, lat_0=21.96, sigma=0.2)
    models = Models((_source(spatial=spatial, amplitude=1.6e-9), _background(tilt=False)))
    return _on_a_map("gaussian", _response(), models, 13)


def disk() -> SimulatedCase:
    """Disk of free radius: 6 parameters."""
    spatial = DiskSpatialModel(lon_0=83.58, lat_0=22.05, r_0=0.35)
    models = Models((_source(spatial=spatial, amplitude=2e-9), _background(tilt=False)))
    return _on_a_map("disk", _response(), models, 14)


def log_parabola() -> SimulatedCase:
    """Curved spectrum in six energy bins: 6 parameters."""
    spectral = LogParabolaSpectralModel(amplitude=f"1.2e-9 {AMPLITUDE}", reference="1.5 TeV", alpha=2.1, beta=0.25)
    models = Models((_source(spectral=spectral), _background(tilt=False)))
    return _on_a_map("log_parabola", _response(n_energy=6, n_true=9), models, 15)


def cutoff() -> SimulatedCase:
    """Exponential cut-off near 7 TeV, in six energy bins: 6 parameters."""
    spectral = ExpCutoffPowerLawSpectralModel(index=1.6, amplitude=f"1.5e-9 {AMPLITUDE}", lambda_="0.15 TeV-1")
    models = Models((_source(spectral=spectral), _background(tilt=False)))
    return _on_a_map("cutoff", _response(n_energy=6, n_true=9), models, 16)


def faint() -> SimulatedCase:
    """Source of known place and index, less than two standard deviations above its limit, zero: 2 parameters."""
    spectral = PowerLawSpectralModel(
        index=Parameter("index", 2.2, frozen=True), amplitude=Parameter("amplitude", 4e-11, AMPLITUDE, min=0.0)
    )
    models = Models((SkyModel(spectral, _held(), name="source"), _background(tilt=False)))
    return _on_a_map("faint", _response(), models, 17)


def migration() -> SimulatedCase:
    """Energies measured to 25 %, 5 % too low, in five bins of nine true ones: 6 parameters."""
    empty = _response(n_energy=5, n_true=9)
    migra = MapAxis.from_edges(np.linspace(0.2, 2.2, 101), name="migra", unit="")
    density = np.exp(-0.5 * ((migra.center - 0.95) / 0.25) ** 2) / (0.25 * np.sqrt(2.0 * np.pi))
    rows = np.broadcast_to(density, (empty.axis_true.nbin, density.size))
    spread = replace(empty, edisp=from_migration(empty.axis_true, migra, rows, empty.axis))
    return _on_a_map("migration", spread, Models((_source(index=2.7), _background())), 18)


def on_off() -> SimulatedCase:
    """Spectrum of On and Off counts: 2 parameters."""
    models = Models(SkyModel(PowerLawSpectralModel(index=2.3, amplitude=f"4e-10 {AMPLITUDE}"), _held(), name="source"))
    return SimulatedCase("on_off", lambda: (_spectrum(models, 19),), models)


def joint() -> SimulatedCase:
    """Two maps of one source, the second with less exposure and a wider PSF: 6 parameters."""
    models = Models((_source(), _background("run-1", tilt=False), _background("run-2", tilt=False)))
    second = _response(name="run-2", psf_sigma=0.25)
    second = replace(second, exposure=WcsNDMap(second.exposure.geom, second.exposure.data * 0.6, "cm2 s"))
    runs = (_response(name="run-1"), second)
    return SimulatedCase("joint", lambda: tuple(_drawn(run, models, 20 + i) for i, run in enumerate(runs)), models)


def _on_a_map(name: str, empty: MapDataset, truth: Models, seed: int) -> SimulatedCase:
    return SimulatedCase(name, lambda: (simulate(empty, truth, seed),), truth)


def _drawn(empty: MapDataset, truth: Models, seed: int) -> MapDataset:
    """Return a run with counts of the models that belong to it."""
    return simulate(empty, truth.for_dataset(empty.name), seed)


def _source(name="source", *, spatial=None, spectral=None, lon=83.70, lat=21.96, index=2.2, amplitude=1e-9) -> SkyModel:
    if spectral is None:
        spectral = PowerLawSpectralModel(index=index, amplitude=f"{amplitude} {AMPLITUDE}")
    return SkyModel(spectral, PointSpatialModel(lon_0=lon, lat_0=lat) if spatial is None else spatial, name=name)


def _held() -> PointSpatialModel:
    """Return a point whose position is known."""
    lon, lat = (Parameter(name, value, "deg", frozen=True) for name, value in (("lon_0", 83.70), ("lat_0", 21.96)))
    return PointSpatialModel(lon_0=lon, lat_0=lat)


def _background(dataset: str = "toy", *, tilt: bool = True) -> FoVBackgroundModel:
    spectral = PowerLawNormSpectralModel(norm=1.1, tilt=Parameter("tilt", 0.05, frozen=False) if tilt else 0.0)
    return FoVBackgroundModel(dataset, spectral_model=spectral)


def _response(*, name: str = "toy", n_energy: int = 3, n_true: int = 5, npix: int = 16, psf_sigma: float = 0.15):
    """Return a map without events, 0.1 deg a pixel: the toy's exposure and background, in more bins of energy."""
    energy = MapAxis.from_energy_bounds(0.5, 20.0, n_energy)
    energy_true = MapAxis.from_energy_bounds(0.3, 30.0, n_true, name="energy_true")
    image = WcsGeom.create(skydir=CENTER, npix=(npix, npix), binsz=0.1, frame="icrs", proj="TAN")
    geom, geom_true = image.with_axes((energy,)), image.with_axes((energy_true,))
    y, x = np.indices((npix, npix)) - (npix - 1) / 2
    falling = np.exp(-(x**2 + y**2) / (2.0 * 20.0**2))
    exposure = 3e11 * (energy_true.center / (1.0 + energy_true.center))[:, None, None] * falling
    level = 1.5 / n_energy * (energy.center / energy.center[0])[:, None, None] ** -1.0 * falling
    return MapDataset(
        name=name,
        counts=WcsNDMap(geom, np.zeros(geom.shape)),
        exposure=WcsNDMap(geom_true, exposure, "cm2 s"),
        background=WcsNDMap(geom, level),
        psf=gaussian_psf(energy_true, psf_sigma),
        edisp=EnergyDispersion.from_diagonal(energy_true, energy),
    )


def _spectrum(models: Models, seed: int) -> SpectrumDatasetOnOff:
    toy = toy_response(npix=12)
    empty = SpectrumDatasetOnOff(
        name="spectrum",
        axis=toy.axis,
        counts=0.0,
        counts_off=0.0,
        acceptance=1.0,
        acceptance_off=5.0,
        axis_true=toy.axis_true,
        exposure=toy.exposure.data[:, 6, 6],
        edisp=toy.edisp,
    )
    return simulate(empty, models, seed, background=[15.0, 5.0, 2.0])
