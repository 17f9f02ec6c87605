"""Predicted counts of every spatial model have the derivative that differences show, in every parameter, everywhere."""

import dataclasses
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from astropy.coordinates import SkyCoord

from bayesmap.fold.forward import ParameterGraph, build_fold
from bayesmap.fold.pixelmap import unit_vector
from bayesmap.models.registry import find_model
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.testing import toy_response
from tests.fold.plain import MODE, plain_npred
from tests.posterior.test_gradient import richardson

CENTRE = {"lon_0": 83.6123, "lat_0": 22.0377}
SIZES = ("sigma", "r_0", "radius")
BRIGHTNESS = 40.0
FREE = {"e": False, "phi": False, "edge_width": False}
SHAPES = {
    "GaussianSpatialModel": [
        {"sigma": 0.2, "e": 0.5, "phi": 30.0},
        {"sigma": 0.25, "e": 0.0, "phi": 0.0},
        {"sigma": 1e-4, "e": 0.3, "phi": 100.0},
        {"sigma": 0.45, "e": 0.8, "phi": -170.0},
    ],
    "DiskSpatialModel": [
        {"r_0": 0.3, "e": 0.5, "phi": 30.0, "edge_width": 0.3},
        {"r_0": 0.2, "e": 0.0, "phi": 0.0, "edge_width": 0.01},
        {"r_0": 1e-4, "e": 0.3, "phi": 100.0, "edge_width": 1.0},
    ],
    "GeneralizedGaussianSpatialModel": [
        {"r_0": 0.15, "eta": 0.4, "e": 0.5, "phi": 30.0},
        {"r_0": 0.2, "eta": 0.01, "e": 0.0, "phi": 0.0},
        {"r_0": 1e-4, "eta": 1.0, "e": 0.3, "phi": 100.0},
    ],
    "ShellSpatialModel": [
        {"radius": 0.3, "width": 0.1},
        {"radius": 0.3, "width": 0.0},
        {"radius": 0.0, "width": 0.2},
        {"radius": 1e-4, "width": 1e-4},
    ],
    "Shell2SpatialModel": [{"r_0": 0.3, "eta": 0.3}, {"r_0": 0.3, "eta": 0.02}, {"r_0": 1e-4, "eta": 1.0}],
}


def sky_model(name, values, **settings):
    spatial = find_model("spatial", name)(**CENTRE | values, **settings)
    return Models(SkyModel(PowerLawSpectralModel(amplitude="1e-10 cm-2 s-1 TeV-1"), spatial, name="source"))


RANGES = {
    "sigma": (0.02, 0.45), "r_0": (0.02, 0.4), "radius": (0.02, 0.35), "width": (0.01, 0.2), "e": (0.05, 0.9),
    "phi": (-170.0, 170.0), "eta": (0.05, 0.95), "edge_width": (0.02, 0.9),
}  # fmt: skip
SCALES = {"lon_0": 0.1, "lat_0": 0.1, "phi": 20.0, "e": 0.1, "edge_width": 0.1, "eta": 0.05}
N_VARIED = 10
STEP = 5e-3  # standard deviations


@dataclasses.dataclass(frozen=True)
class Likelihood:
    """Counts, log-likelihood and gradient as functions of the spatial parameters (and counts)."""

    names: list[str]
    counts: Any
    value: Any
    gradient: Any

    def point(self, values):
        return np.array([(CENTRE | values)[name] for name in self.names])

    def root(self, at):
        """Return the inverse root of the information, with the parameters' scales as priors: whitened coordinates."""
        size = max([value for name, value in zip(self.names, at, strict=True) if name in SIZES])
        scale = np.array([SCALES.get(name, 0.1 * size) for name in self.names])
        counts = self.counts(at)
        slopes = np.stack([(self.counts(at + step) - counts).ravel() / np.max(step) for step in np.diag(1e-2 * scale)])
        information = slopes / counts.ravel() @ slopes.T + np.diag(scale**-2.0)
        deviation = 1.0 / np.sqrt(np.diag(information))
        values, vectors = np.linalg.eigh(information * np.outer(deviation, deviation))
        return deviation[:, None] * vectors / np.sqrt(values)


@pytest.fixture(scope="module", params=SHAPES)
def compiled(request):
    """Name of the shape, and its likelihood on a small map with a background."""
    name, first = request.param, SHAPES[request.param][0]
    response = toy_response(npix=10, psf_sigma=0.12)
    background = response.background.data
    models = sky_model(name, first)
    models = models.with_frozen({key: False for key in models.parameters if key.split(".")[-1] in FREE})
    names = [key for key in models.parameters if ".spatial." in key]
    theta, data = pt.dvector("theta"), pt.dtensor3("data")
    values = {key: pt.constant(item.canonical_value) for key, item in models.parameters.items()}
    values |= {key: theta[i] for i, key in enumerate(names)}
    vectors = {"source": unit_vector(pt, theta[0], theta[1])}
    fold = build_fold(dataclasses.replace(response, background=None), models)
    npred = BRIGHTNESS * fold.npred(ParameterGraph(values, vectors)) + background
    total = pt.sum(data * pt.log(npred) - npred)
    counts = pytensor.function([theta], npred, mode=MODE)
    value = pytensor.function([theta, data], total, mode=MODE)
    gradient = pytensor.function([theta, data], pt.grad(total, theta), mode=MODE)
    return name, Likelihood([key.split(".")[-1] for key in names], counts, value, gradient)


def varied(name, rng):
    """Return a shape at random, its place within a few pixels of the centre."""
    values = {key: CENTRE[key] + rng.uniform(-0.25, 0.25) for key in CENTRE}
    return values | {key: rng.uniform(*RANGES[key]) for key in SHAPES[name][0]}


def assert_gradient(likelihood, at, rng):
    """The design's rule: 1e-6 of each component, or of a thousandth of the largest, in whitened coordinates."""
    root, data = likelihood.root(at), rng.poisson(likelihood.counts(at)).astype(float)
    found = root.T @ likelihood.gradient(at, data)
    expected = [richardson(lambda h, along=column: likelihood.value(at + h * along, data), STEP) for column in root.T]
    tolerance = 1e-6 * np.maximum(np.abs(found), 1e-3 * np.max(np.abs(found)))
    # The difference itself carries the round-off of the value, 1e-16 of it over the step.
    round_off = 16 * np.finfo(float).eps * abs(likelihood.value(at, data)) / STEP
    assert np.all(np.abs(found - expected) <= tolerance + round_off), (at, found, expected)


def test_gradient_is_the_difference(compiled):
    name, likelihood = compiled
    rng = np.random.default_rng(5)
    given = [shape for shape in SHAPES[name] if not any(shape.get(key) == 0.0 for key in ("radius", "width"))]
    for shape in [*given, varied(name, rng)]:
        assert_gradient(likelihood, likelihood.point(shape), rng)


@pytest.mark.slow
def test_gradient_is_the_difference_at_many_places(compiled):
    name, likelihood = compiled
    rng = np.random.default_rng(6)
    for _ in range(N_VARIED):
        assert_gradient(likelihood, likelihood.point(varied(name, rng)), rng)


def test_gradient_is_finite_at_a_bound(compiled):
    """Where differences have one side only."""
    name, likelihood = compiled
    for shape in SHAPES[name]:
        at = likelihood.point(shape)
        counts = likelihood.counts(at)
        assert np.all(np.isfinite(counts))
        assert np.all(np.isfinite(likelihood.gradient(at, np.ones(counts.shape))))


@pytest.mark.parametrize("name", SHAPES)
def test_the_frame_does_not_matter(name):
    """The same source given in two frames: the same counts."""
    dataset = dataclasses.replace(toy_response(), background=None)
    values = SHAPES[name][0]
    there = SkyCoord(CENTRE["lon_0"], CENTRE["lat_0"], unit="deg").galactic
    turned = dict(values)
    if "phi" in values:
        turned["phi"] = (values["phi"] + there.position_angle(north(there)).deg + 180.0) % 360.0 - 180.0
    moved = turned | {"lon_0": there.l.deg, "lat_0": there.b.deg}
    one = plain_npred(dataset, sky_model(name, values))
    two = plain_npred(dataset, sky_model(name, moved, frame="galactic"))
    assert np.max(np.abs(one - two)) < 1e-9 * one.max()


def north(place):
    """The celestial pole in galactic coordinates."""
    return SkyCoord(0.0, 90.0, unit="deg", frame="icrs").transform_to(place.frame)


@pytest.mark.parametrize("name", SHAPES)
def test_the_unit_does_not_matter(name):
    dataset = dataclasses.replace(toy_response(), background=None)
    values = SHAPES[name][0]
    in_minutes = {
        key: value if key in ("e", "eta", "edge_width") else f"{60.0 * value!r} arcmin" for key, value in values.items()
    }
    one, two = (plain_npred(dataset, sky_model(name, given)) for given in (values, in_minutes))
    assert np.max(np.abs(one - two)) < 1e-9 * one.max()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("centre", [(0.0, 10.0), (130.0, 89.6)])
def test_zero_longitude_and_the_pole_are_like_anywhere(name, centre):
    """A map turned to another centre, its source at the same offset: the same counts."""
    values = SHAPES[name][0]
    round_values = values | ({"e": 0.0} if "e" in values else {})

    def counts(place):
        response = dataclasses.replace(toy_response(center=place), background=None)
        lon, lat = response.counts.geom.to_image().pixel_to_sky(np.array([10.3]), np.array([8.9]))
        return plain_npred(response, sky_model(name, round_values | {"lon_0": lon[0], "lat_0": lat[0]}))

    here, there = counts((83.63, 22.01)), counts(centre)
    assert np.max(np.abs(here - there)) < 1e-6 * here.max()
