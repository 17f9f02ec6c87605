"""Flux is conserved from below a pixel to several, counts are linear in amplitude, a tiny source is a point."""

import dataclasses

import numpy as np
import pytest

from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.disk import DiskSpatialModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel
from bayesmap.models.spatial.generalized_gaussian import GeneralizedGaussianSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spatial.shell import Shell2SpatialModel, ShellSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.testing import EXPOSURE, toy_response
from tests.fold.plain import plain_function, plain_npred

PIXEL = 0.1
SIZES = (0.05, 0.3, 1.0, 2.4, 3.2, 3.9, 5.0)  # pixels
FEWER = (0.05, 1.0, 5.0)
INDEX, AMPLITUDE = 2.2, 1e-10
POSITIONS = {"centre": (83.63, 22.01), "corner of pixels": (83.68, 22.06), "anywhere": (83.6123, 22.0377)}


@pytest.fixture(scope="module")
def flat():
    """A map so wide that nothing leaves it, with the same exposure everywhere."""
    response = toy_response(npix=56, binsz=PIXEL, psf_sigma=0.08)
    exposure = np.full(response.exposure.data.shape, EXPOSURE)
    return dataclasses.replace(response, background=None, exposure=response.exposure.copy_with(data=exposure))


def models_of(spatial, amplitude=AMPLITUDE):
    spectrum = PowerLawSpectralModel(index=INDEX, amplitude=f"{amplitude} cm-2 s-1 TeV-1")
    return Models(SkyModel(spectrum, spatial, name="source"))


def share_found(dataset, npred):
    """Predicted counts of each energy over the events that the power law, integrated by hand, has there."""
    power = 1.0 - INDEX
    events = EXPOSURE * AMPLITUDE * np.diff(dataset.axis_true.edges**power) / power
    return npred.sum(axis=(1, 2)) / (events @ dataset.edisp.data)


EXTENDED = {
    "gauss": lambda size: (GaussianSpatialModel, {"sigma": size}),
    "disk": lambda size: (DiskSpatialModel, {"r_0": size}),
    "soft disk": lambda size: (DiskSpatialModel, {"r_0": size, "edge_width": 0.7}),
    "shell": lambda size: (ShellSpatialModel, {"radius": 0.8 * size, "width": 0.2 * size}),
    "thin shell": lambda size: (ShellSpatialModel, {"radius": size, "width": 0.0}),
    "ball": lambda size: (ShellSpatialModel, {"radius": 0.0, "width": size}),
    "shell2": lambda size: (Shell2SpatialModel, {"r_0": size, "eta": 0.3}),
    "disk-like": lambda size: (GeneralizedGaussianSpatialModel, {"r_0": size, "eta": 0.01}),
    "laplace": lambda size: (GeneralizedGaussianSpatialModel, {"r_0": 0.25 * size, "eta": 1.0}),
}


def extended(shape, size, **values):
    lon, lat = POSITIONS["anywhere"]
    kind, sizes = EXTENDED[shape](size)
    return kind(**{"lon_0": lon, "lat_0": lat} | sizes | values)


@pytest.mark.parametrize("shape", EXTENDED)
def test_flux_at_every_size(flat, shape):
    """One fold for all sizes, as in a fit: through the blend of the two images of a Gaussian too."""
    npred = plain_function(flat, models_of(extended(shape, 2.5 * PIXEL)))
    sizes = SIZES if shape in ("gauss", "disk") else FEWER
    found = [share_found(flat, npred(models_of(extended(shape, n * PIXEL)))) for n in sizes]
    assert np.max(np.abs(np.array(found) - 1.0)) < 1e-3


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("order", ["true", "after_psf"])
def test_flux_of_a_point(flat, position, order):
    lon, lat = POSITIONS[position]
    npred = plain_npred(flat, models_of(PointSpatialModel(lon_0=lon, lat_0=lat)), order)
    assert np.max(np.abs(share_found(flat, npred) - 1.0)) < 1e-3


def test_flux_of_long_ellipses(flat):
    for shape in ("gauss", "disk", "disk-like", "laplace"):
        npred = plain_npred(flat, models_of(extended(shape, 4.0 * PIXEL, e=0.95, phi=35.0)))
        assert np.max(np.abs(share_found(flat, npred) - 1.0)) < 1e-3


@pytest.mark.parametrize("spatial", ["point", "gauss", "disk"])
def test_counts_are_linear_in_the_amplitude(spatial):
    lon, lat = POSITIONS["anywhere"]
    start = {
        "point": PointSpatialModel(lon_0=lon, lat_0=lat),
        "gauss": GaussianSpatialModel(lon_0=lon, lat_0=lat, sigma=3.2 * PIXEL),
        "disk": DiskSpatialModel(lon_0=lon, lat_0=lat, r_0=3.2 * PIXEL),
    }[spatial]
    models = models_of(start)
    npred = plain_function(dataclasses.replace(toy_response(), background=None), models)
    once = npred(models)
    for factor in (1e-6, 7.0):
        scaled = npred(models.with_values({"amplitude": factor * AMPLITUDE}))
        assert np.max(np.abs(scaled - factor * once)) < 1e-12 * factor * once.max()


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("shape", EXTENDED)
@pytest.mark.parametrize("psf_sigma", [0.15, 0.04])
def test_the_limit_of_a_small_source_is_the_point(shape, position, psf_sigma):
    lon, lat = POSITIONS[position]
    dataset = dataclasses.replace(toy_response(psf_sigma=psf_sigma), background=None)
    point = plain_npred(dataset, models_of(PointSpatialModel(lon_0=lon, lat_0=lat)))
    small = plain_npred(dataset, models_of(extended(shape, 1e-5, lon_0=lon, lat_0=lat)))
    assert relative_to_peak(small, point) < 1e-3


def test_the_way_to_the_point_is_smooth():
    """The peak falls with the square of a small size: halving sigma leaves a quarter of the difference."""
    lon, lat = POSITIONS["anywhere"]
    dataset = dataclasses.replace(toy_response(), background=None)
    models = models_of(GaussianSpatialModel(lon_0=lon, lat_0=lat, sigma=0.1 * PIXEL))
    npred = plain_function(dataset, models)
    limit = npred(models.with_values({"sigma": 1e-5}))
    steps = [relative_to_peak(npred(models.with_values({"sigma": size})), limit) for size in (0.02, 0.01, 0.005)]
    assert steps[0] / steps[1] == pytest.approx(4.0, rel=0.02)
    assert steps[1] / steps[2] == pytest.approx(4.0, rel=0.02)


def relative_to_peak(found, expected):
    return np.max(np.abs(found - expected) / expected.max(axis=(1, 2))[:, None, None])
