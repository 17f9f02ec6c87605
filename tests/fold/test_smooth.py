"""Predicted counts of every spatial model have the derivative that differences show, in every parameter, everywhere."""

import dataclasses

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


@pytest.fixture(scope="module", params=SHAPES)
def compiled(request):
    """Name, parameter names, and (counts, weighted sum and gradient) as functions of the parameters."""
    name, first = request.param, SHAPES[request.param][0]
    dataset = dataclasses.replace(toy_response(npix=10, psf_sigma=0.12), background=None)
    models = sky_model(name, first)
    models = models.with_frozen({key: False for key in models.parameters if key.split(".")[-1] in FREE})
    names = [key for key in models.parameters if ".spatial." in key]
    theta = pt.dvector("theta")
    values = {key: pt.constant(item.canonical_value) for key, item in models.parameters.items()}
    values |= {key: theta[i] for i, key in enumerate(names)}
    vectors = {"source": unit_vector(pt, theta[0], theta[1])}
    npred = build_fold(dataset, models).npred(ParameterGraph(values, vectors))
    weights = np.random.default_rng(2).standard_normal(dataset.counts.data.shape)
    total = pt.sum(weights * npred)
    value = pytensor.function([theta], total, mode=MODE)
    gradient = pytensor.function([theta], pt.grad(total, theta), mode=MODE)
    return name, [key.split(".")[-1] for key in names], value, gradient


def test_gradient_is_the_difference(compiled):
    name, names, value, gradient = compiled
    for shape in SHAPES[name]:
        at = np.array([(CENTRE | shape)[key] for key in names])
        slope = gradient(at)
        assert np.isfinite(value(at))
        assert np.all(np.isfinite(slope))
        if any(shape.get(key) == 0.0 for key in ("radius", "width")):
            continue  # one-sided; finite is what is asked for
        size = max(shape.get(key, 0.0) for key in ("sigma", "r_0", "radius"))
        for i, key in enumerate(names):
            step = {"lon_0": 1e-3, "lat_0": 1e-3, "phi": 1.0}.get(key, 0.02 * (size if key not in FREE else 1.0))
            step = {"eta": 0.003, "e": 0.01, "edge_width": 0.003}.get(key, step)
            found = richardson(lambda h, i=i, at=at: value(at + h * np.eye(len(at))[i]), step)
            scale = max(abs(slope[i]), 1e-3 * abs(value(at)) / step)
            assert abs(found - slope[i]) < 1e-4 * scale, (key, shape, found, slope[i])


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
