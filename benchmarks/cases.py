"""Data sets and models: fits of the reference data by name, and cubes of any size that bayesmap simulates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bayesmap.dataset import MapDataset
from bayesmap.fit import simulate
from bayesmap.io.gammapy import read_dataset
from bayesmap.io.yaml import read_models
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models import (
    FoVBackgroundModel,
    GaussianSpatialModel,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)
from bayesmap.testing import gaussian_psf

CENTER = (83.63, 22.01)
PIXEL = 0.02
N_RECO, N_TRUE = 10, 20


def reference(folder: Path, case: str) -> tuple[MapDataset, Models, dict[str, Any]]:
    """Return data set, models at the start values, and record of a fit of the reference data."""
    record = json.loads((folder / "fits" / f"{case}.json").read_text())
    name = record["dataset"]
    dataset = read_dataset(folder / f"{name}.mapdataset.fits.gz", name=name)
    return dataset, read_models(record["models_start"]), record


def response(n_lat: int, n_lon: int) -> MapDataset:
    """Return a data set without events: 10 reconstructed and 20 true energies, pixels of 0.02 deg, PSF of 0.05 deg."""
    energy = MapAxis.from_energy_bounds(0.5, 50.0, N_RECO)
    energy_true = MapAxis.from_energy_bounds(0.3, 80.0, N_TRUE, name="energy_true")
    image = WcsGeom.create(skydir=CENTER, npix=(n_lon, n_lat), binsz=PIXEL, frame="icrs", proj="TAN")
    geom, geom_true = image.with_axes((energy,)), image.with_axes((energy_true,))
    lat, lon = np.indices((n_lat, n_lon))
    place = np.hypot(lat - 0.5 * (n_lat - 1), lon - 0.5 * (n_lon - 1))
    falling = np.exp(-0.5 * (place * PIXEL / 4.0) ** 2)
    area = 2e13 * energy_true.center / (1.0 + energy_true.center)
    level = 2.0 * (energy.center / energy.center[0]) ** -1.7
    spread = np.log(energy_true.center)[:, None] - np.log(energy.center)[None, :]
    migration = np.exp(-0.5 * (spread / 0.2) ** 2)
    return MapDataset(
        name="simulated",
        counts=WcsNDMap(geom, np.zeros(geom.shape)),
        exposure=WcsNDMap(geom_true, area[:, None, None] * falling, "cm2 s"),
        background=WcsNDMap(geom, level[:, None, None] * falling),
        psf=gaussian_psf(energy_true, 0.05),
        edisp=EnergyDispersion(energy_true, energy, migration / migration.sum(axis=1, keepdims=True).max()),
    )


def sources(n_points: int, n_gauss: int, radius: float) -> Models:
    """Return sources with free position, spectrum and size, spread over a circle of a radius in degrees."""
    rng = np.random.default_rng(5)
    models: list[Any] = []
    for k in range(n_points + n_gauss):
        angle, distance = 2.4 * k, radius * np.sqrt((k + 0.3) / (n_points + n_gauss))
        lon = CENTER[0] + distance * np.cos(angle) / np.cos(np.deg2rad(CENTER[1]))
        lat = CENTER[1] + distance * np.sin(angle)
        place = {"lon_0": float(lon), "lat_0": float(lat)}
        shape = GaussianSpatialModel(**place, sigma=0.2) if k < n_gauss else PointSpatialModel(**place)
        amplitude = 4e-12 * rng.uniform(0.5, 2.0) * (5.0 if k < n_gauss else 1.0)
        spectrum = PowerLawSpectralModel(index=2.2, amplitude=f"{amplitude:.3e} cm-2 s-1 TeV-1")
        models.append(SkyModel(spectrum, shape, name=f"s{k}"))
    return Models((*models, FoVBackgroundModel("simulated")))


def frozen_shapes(models: Models) -> Models:
    """Return the models with position and size of each source frozen."""
    names = [name for name in models.parameters.free_names if ".spatial." in name]
    return models.with_frozen(dict.fromkeys(names, True))


def noise(n_lat: int, n_lon: int) -> MapDataset:
    """Return a data set with counts of the background alone: no model is built for it, which would take memory."""
    empty = response(n_lat, n_lon)
    assert empty.background is not None
    counts = np.random.default_rng(3).poisson(empty.background.data).astype(np.float64)
    return empty.with_counts(WcsNDMap(empty.counts.geom, counts))


def simulated(n_lat: int, n_lon: int, models: Models) -> MapDataset:
    """Return a data set with counts drawn from the models."""
    return simulate(response(n_lat, n_lon), models, seed=3)
