"""Small simulated data sets and models, for examples and for the tests of those who extend the package."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmap.dataset import MapDataset
from bayesmap.fit import simulate
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.base import SpatialModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel

EXPOSURE = 3e11
BACKGROUND = 0.5


def toy_response(
    *,
    center: tuple[float, float] = (83.63, 22.01),
    frame: str = "icrs",
    proj: str = "TAN",
    npix: int = 20,
    binsz: float = 0.1,
    psf_sigma: float = 0.15,
    background: float = BACKGROUND,
) -> MapDataset:
    """Return a data set without events: 3 reconstructed and 5 true-energy bins, Gaussian PSF, falling exposure.

    Parameters
    ----------
    center : (lon, lat)
        Centre of the map in degrees of `frame`.
    frame, proj : str
        Frame and projection of the map.
    npix : int
        Pixels along each side.
    binsz : float
        Pixel size in degrees.
    psf_sigma : float
        PSF width at 1 TeV in degrees.
    background : float
        Expected background counts in each bin of the lowest energy.
    """
    energy = MapAxis.from_energy_bounds(0.5, 20.0, 3)
    energy_true = MapAxis.from_energy_bounds(0.3, 30.0, 5, name="energy_true")
    image = WcsGeom.create(skydir=center, npix=(npix, npix), binsz=binsz, frame=frame, proj=proj)
    geom, geom_true = image.with_axes((energy,)), image.with_axes((energy_true,))
    y, x = np.indices((npix, npix)) - (npix - 1) / 2
    falling = np.exp(-(x**2 + y**2) / (2.0 * (1.2 * npix) ** 2))
    exposure = EXPOSURE * (energy_true.center / (1.0 + energy_true.center))[:, None, None] * falling
    level = background * np.array([1.0, 0.3, 0.1])[:, None, None] * falling
    return MapDataset(
        name="toy",
        counts=WcsNDMap(geom, np.zeros(geom.shape)),
        exposure=WcsNDMap(geom_true, exposure, "cm2 s"),
        background=WcsNDMap(geom, level),
        psf=gaussian_psf(energy_true, psf_sigma),
        edisp=EnergyDispersion(energy_true, energy, _migration(energy_true, energy)),
    )


def gaussian_psf(axis: MapAxis, sigma: float) -> RadialPSF:
    """Return a Gaussian table, `sigma` degrees wide at 1 TeV and narrower above, out to six standard deviations."""
    width = np.deg2rad(sigma) * axis.center[:, None] ** -0.1
    rad = np.linspace(0.0, 6.0 * np.rad2deg(width.max()), 400)
    data = np.exp(-0.5 * (np.deg2rad(rad) / width) ** 2) / (2.0 * np.pi * width**2)
    return RadialPSF(axis, rad, data).normalised()


def _migration(axis_true: MapAxis, axis: MapAxis) -> np.ndarray:
    """Return the overlap of bins, a tenth of it moved to the neighbours below."""
    sharp = EnergyDispersion.from_diagonal(axis_true, axis).data
    moved = np.zeros_like(sharp)
    moved[:, :-1] = sharp[:, 1:]
    return 0.9 * sharp + 0.1 * moved


def toy_models(spatial: SpatialModel | None = None, **spectral: Any) -> Models:
    """Return a source, by default a point source off the centre, and a free background norm.

    Parameters
    ----------
    spatial : SpatialModel, optional
        Shape of the source.
    **spectral
        Arguments of the `PowerLawSpectralModel`.
    """
    if spatial is None:
        spatial = PointSpatialModel(lon_0=83.70, lat_0=21.96)
    parameters = {"index": 2.2, "amplitude": "8e-10 cm-2 s-1 TeV-1"} | spectral
    source = SkyModel(PowerLawSpectralModel(**parameters), spatial, name="source")
    return Models((source, FoVBackgroundModel("toy")))


def toy_dataset(models: Models | None = None, seed: int = 1, **response: Any) -> MapDataset:
    """Return a simulated data set; see `toy_response` and `toy_models`."""
    return simulate(toy_response(**response), toy_models() if models is None else models, seed)
