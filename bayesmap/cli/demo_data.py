"""What `bayesmap demo` simulates: a small field like the Galactic centre, seen by an imagined Cherenkov telescope.

Nothing here is taken from an instrument or a catalogue: formulas and numbers are chosen to look alike.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from bayesmap.dataset import MapDataset
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models import (
    ExpCutoffPowerLawSpectralModel,
    FoVBackgroundModel,
    Models,
    Parameter,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
)
from bayesmap.models.spatial.disk import DiskSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel

NAME = "demo"
SEED = 20260101
LIVETIME = 25 * 3600.0  # s
ENERGY = MapAxis.from_energy_bounds(0.1, 10.0, 6)
ENERGY_TRUE = MapAxis.from_energy_bounds(0.05, 20.0, 10, name="energy_true")
ENERGY_RESOLUTION = 0.15  # standard deviation of ln(E / E_true)
VIGNETTING = 1.8  # deg, standard deviation of the acceptance
BACKGROUND_COUNTS = 25_000.0

# The fit starts here and has to find the truth.
START = {
    "center.spectral.index": 2.3,
    "center.spectral.amplitude": 1.5e-12,
    "center.spectral.lambda_": 0.05,
    "center.spatial.lon_0": 0.02,
    "center.spatial.lat_0": -0.02,
    "remnant.spectral.index": 2.3,
    "remnant.spectral.amplitude": 1.0e-12,
    "remnant.spatial.lon_0": -0.8,
    "remnant.spatial.lat_0": -0.45,
    "remnant.spatial.r_0": 0.15,
    "nebula.spectral.index": 2.2,
    "nebula.spectral.amplitude": 8.0e-13,
    "nebula.spatial.lon_0": 0.9,
    "nebula.spatial.lat_0": 0.05,
    "demo-bkg.spectral.tilt": 0.0,
    "demo-bkg.spectral.norm": 1.0,
}


def true_models() -> Models:
    """Return the models that the demo is simulated with: two point sources, a disk, a scaled background."""
    center = SkyModel(
        ExpCutoffPowerLawSpectralModel(index=2.1, amplitude="2.4e-12 cm-2 s-1 TeV-1", lambda_="0.12 TeV-1"),
        PointSpatialModel(lon_0="0.0 deg", lat_0="-0.05 deg", frame="galactic"),
        name="center",
    )
    remnant = SkyModel(
        PowerLawSpectralModel(index=2.5, amplitude="1.6e-12 cm-2 s-1 TeV-1"),
        DiskSpatialModel(
            lon_0="-0.85 deg", lat_0="-0.4 deg", r_0=Parameter("r_0", 0.22, "deg", min=0.0, max=0.35), frame="galactic"
        ),
        name="remnant",
    )
    nebula = SkyModel(
        PowerLawSpectralModel(index=2.35, amplitude="9e-13 cm-2 s-1 TeV-1"),
        PointSpatialModel(lon_0="0.87 deg", lat_0="0.08 deg", frame="galactic"),
        name="nebula",
    )
    norm = PowerLawNormSpectralModel(norm=1.08, tilt=Parameter("tilt", 0.04))  # as a Parameter the tilt is free
    background = FoVBackgroundModel(NAME, spectral_model=norm)
    return Models((center, remnant, nebula, background))


def start_models() -> Models:
    """Return the same models at the values where the fit starts."""
    return true_models().with_values(START)


def empty_dataset() -> MapDataset:
    """Return the data set without events: its response and background, all counts zero."""
    image = WcsGeom.create(skydir=(0.0, 0.0), npix=(58, 42), binsz=0.07, frame="galactic", proj="CAR")
    geom, geom_true = image.with_axes((ENERGY,)), image.with_axes((ENERGY_TRUE,))
    acceptance = _acceptance(image)
    return MapDataset(
        name=NAME,
        counts=WcsNDMap(geom, np.zeros(geom.shape)),
        exposure=WcsNDMap(
            geom_true, _effective_area(ENERGY_TRUE.center)[:, None, None] * LIVETIME * acceptance, "cm2 s"
        ),
        background=WcsNDMap(geom, _background(acceptance)),
        psf=_psf(),
        edisp=_energy_dispersion(),
        mask=WcsNDMap(geom, np.ones(geom.shape, dtype=bool)),
    )


def _acceptance(image: WcsGeom) -> np.ndarray:
    """Relative acceptance exp(-(r / width)^2 / 2) at each pixel; flat sky is enough within 3 degrees."""
    lon, lat = image.pixel_centers()
    lon = (lon + 180.0) % 360.0 - 180.0
    return np.exp(-0.5 * (lon**2 + lat**2) / VIGNETTING**2)


def _effective_area(energy: np.ndarray) -> np.ndarray:
    """Effective area in cm2: steep above the threshold, flat at high energies."""
    return 3e9 * energy**1.2 / (0.3 + energy**1.2)


def _background(acceptance: np.ndarray) -> np.ndarray:
    """Return counts per bin: power law of index 2.7 times effective area, acceptance on the sky."""
    width = np.diff(ENERGY.edges)
    spectrum = width * ENERGY.center**-2.7 * _effective_area(ENERGY.center)
    cube = spectrum[:, None, None] * acceptance
    return cube * (BACKGROUND_COUNTS / cube.sum())


def _psf() -> RadialPSF:
    """Core and halo, two Gaussians, the core 0.10 deg wide at 0.1 TeV and 0.05 deg at 10 TeV."""
    rad = np.linspace(0.0, 0.5, 126)
    core = 0.07 * ENERGY_TRUE.center.reshape(-1, 1) ** -0.15
    profile = np.exp(-0.5 * (rad / core) ** 2) + 0.05 * np.exp(-0.5 * (rad / (2.0 * core)) ** 2)
    radians = np.deg2rad(rad)
    integral = 2 * np.pi * np.trapezoid(profile * np.sin(radians), radians, axis=1)
    return RadialPSF(ENERGY_TRUE, rad, profile / np.reshape(integral, (-1, 1)))


def _energy_dispersion() -> EnergyDispersion:
    """Return a normal distribution of ln(E / E_true), at the centre of each true-energy bin."""
    position = np.log(ENERGY.edges[None, :] / ENERGY_TRUE.center[:, None]) / ENERGY_RESOLUTION
    return EnergyDispersion(ENERGY_TRUE, ENERGY, np.diff(ndtr(position), axis=1))
