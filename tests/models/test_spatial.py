"""Spatial models: Gammapy's values, flux of one on the sphere, values and slopes at singular points."""

import itertools

import astropy.units as u
import gammapy.modeling.models as peer
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsGeom as PeerGeom
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesmap.errors import ModelError
from bayesmap.maps.geometry import WcsGeom
from bayesmap.models.registry import class_names, find_model, spatial_models
from bayesmap.models.spatial.disk import DiskSpatialModel, edge_norm
from bayesmap.models.spatial.generalized_gaussian import GeneralizedGaussianSpatialModel
from bayesmap.models.spatial.shell import Shell2SpatialModel, ShellSpatialModel

SHAPES = {
    "GaussianSpatialModel": {"sigma": 0.2, "e": 0.6, "phi": 35.0},
    "DiskSpatialModel": {"r_0": 0.3, "e": 0.5, "phi": -70.0, "edge_width": 0.4},
    "GeneralizedGaussianSpatialModel": {"r_0": 0.2, "eta": 0.3, "e": 0.7, "phi": 100.0},
    "ShellSpatialModel": {"radius": 0.25, "width": 0.1},
    "Shell2SpatialModel": {"r_0": 0.35, "eta": 0.4},
}
ROUND = {"e": 0.0, "phi": 0.0}
CENTRES = [(83.63, 22.01), (0.003, -0.01), (359.999, 41.0), (210.0, 89.95), (12.0, -89.99)]


def test_every_shape_is_here():
    extended = {name for name in class_names(spatial_models()) if find_model("spatial", name).size_names}
    assert extended == set(SHAPES)


def around(centre, rng, size=0.6):
    """Positions around a centre, also across lon 0 and the poles; never nearer than 1e-3 of the size."""
    place = SkyCoord(*centre, unit="deg").directional_offset_by(
        rng.uniform(0, 360, 200) * u.deg, size * rng.uniform(1e-3, 1, 200) * u.deg
    )
    return place.ra, place.dec


def known_factor(name, values):
    """Gammapy's flux: it normalises neither a soft edge nor, on the sphere, an elongated Gaussian."""
    if name == "DiskSpatialModel":
        return edge_norm(np, values["edge_width"])
    if name == "GaussianSpatialModel" and values["e"] > 0.0:
        sigma, minor = np.deg2rad(values["sigma"]), np.deg2rad(values["sigma"]) * np.sqrt(1.0 - values["e"] ** 2)
        mean = 2.0 * np.sin(0.5 * sigma) * np.sin(0.5 * minor)
        return 2.0 * mean * -np.expm1(-1.0 / mean) / (sigma * minor)
    return 1.0


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("round", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_values_are_gammapys(name, round, centre, rng):
    lon, lat = around(centre, rng)
    shape = SHAPES[name] | (ROUND if round and "e" in SHAPES[name] else {})
    values = dict(zip(("lon_0", "lat_0"), centre, strict=True)) | shape
    units = {"e": 1, "eta": 1, "edge_width": 1}
    theirs = getattr(peer, name)(
        frame="galactic", **{key: value * u.Unit(units.get(key, "deg")) for key, value in values.items()}
    )
    ours = find_model("spatial", name)(frame="galactic", **values)
    expected = theirs(lon, lat).to_value("sr-1")
    found = ours(lon, lat)
    assert found.unit == "sr-1"
    assert np.max(np.abs(found.value * known_factor(name, shape) - expected)) < 1e-9 * expected.max()


@pytest.mark.parametrize("name", [*SHAPES, "ConstantSpatialModel"])
def test_maps_are_gammapys(name):
    values = {"lon_0": 83.7, "lat_0": 21.9} | SHAPES[name] if name in SHAPES else {}
    pars = {key: value if key in ("e", "eta", "edge_width") else value * u.deg for key, value in values.items()}
    arguments = {"skydir": (83.63, 22.01), "npix": (30, 20), "binsz": 0.04, "proj": "TAN", "frame": "icrs"}
    theirs = u.Quantity(getattr(peer, name)(**pars).evaluate_geom(PeerGeom.create(**arguments))).to_value("sr-1")
    found = find_model("spatial", name)(**values).evaluate_geom(WcsGeom.create(**arguments))
    assert found.shape == (20, 30)
    assert np.max(np.abs(found.value * known_factor(name, values) - theirs)) < 1e-9 * np.max(theirs)


@given(st.sampled_from(sorted(SHAPES)), st.data())
@settings(max_examples=20, deadline=None)
def test_flux_on_the_sphere_is_one(name, data):
    """Small enough, 0.05 deg, that the sphere is the tangent plane within 1e-7."""
    scale = {"e": 1.0, "phi": 1.0, "eta": 1.0, "edge_width": 1.0}
    values = {key: value * scale.get(key, 0.1) for key, value in SHAPES[name].items()}
    if "e" in values:
        values |= {"e": data.draw(st.floats(0.0, 0.9)), "phi": data.draw(st.floats(-180.0, 180.0))}
    if "eta" in values:
        values["eta"] = data.draw(st.floats(0.05, 1.0))
    if "edge_width" in values:
        values["edge_width"] = data.draw(st.floats(0.05, 1.0))
    model = find_model("spatial", name)(lon_0=0.0, lat_0=0.0, **values)
    assert integral(model) == pytest.approx(1.0, abs=1e-6)


def integral(model):
    """Integrate over the sphere in polar coordinates around the model's centre."""
    reach = np.deg2rad(model.extent(np, **model.shape_values)) * 1.6
    knots = np.concatenate([[0.0], np.deg2rad(model.ellipse(np, **model.shape_values)[0]) * np.geomspace(1e-3, 1, 9)])
    if "radius" in model.shape_values:
        knots = np.append(knots, np.deg2rad(model.radius.value))
    if "eta" in model.shape_values and "width" not in model.shape_values and "e" not in model.shape_values:
        knots = np.append(knots, np.deg2rad(model.r_0.value * (1 - model.eta.value)))
    knots = np.unique(np.append(knots, np.linspace(knots.max(), reach, 9)))
    total = 0.0
    angle = np.arange(96) * 2.0 * np.pi / 96
    nodes, weights = np.polynomial.legendre.leggauss(60)
    nodes, weights = 0.5 * (1.0 + nodes), 0.5 * weights
    # t^2 (3 - 2 t) squeezes the nodes to both ends, where shells have square roots.
    place, slope = nodes**2 * (3.0 - 2.0 * nodes), 6.0 * nodes * (1.0 - nodes)
    e = model.ellipse(np, **model.shape_values)[1]
    phi = np.deg2rad(model.shape_values.get("phi", 0.0))
    for low, high in itertools.pairwise(knots):
        rho = (low + (high - low) * place)[:, None]
        along = np.sqrt((1 - e**2) / (1 - (e * np.cos(angle - phi)) ** 2))
        theta = rho * along
        x, y = np.rad2deg(theta) * np.sin(angle), np.rad2deg(theta) * np.cos(angle)
        values = model.evaluate(np, x, y, **model.shape_values) * np.sin(theta) * along
        total += (high - low) * np.sum((weights * slope)[:, None] * values) * 2.0 * np.pi / 96
    return total


def test_a_negative_size_is_refused():
    with pytest.raises(ModelError, match=r"BM-MO-004.*width = -0.1 deg"):
        ShellSpatialModel(radius=0.1, width=Shell2SpatialModel().r_0.replace(name="width", value=-0.1, min=np.nan))
    with pytest.raises(ModelError, match=r"BM-MO-004.*r_0 = 0 deg"):
        GeneralizedGaussianSpatialModel(r_0=0.0)
    with pytest.raises(ModelError, match=r"radius \+ width must be above zero"):
        ShellSpatialModel(radius=0.0, width=0.0)
    assert DiskSpatialModel(r_0=1e-6).r_0.value == 1e-6


def test_a_shell_is_the_difference_of_two_balls():
    """Shell of 0.3 and 0.1 deg = (0.4^3 ball(0.4) - 0.3^3 ball(0.3)) / (0.4^3 - 0.3^3), written out at the centre."""
    radian = np.pi / 180.0
    at_centre = 3.0 / (2.0 * np.pi * radian**2) * 0.1 / (0.4**3 - 0.3**3)
    assert ShellSpatialModel(radius=0.3, width=0.1)(0.0, 0.0).value == pytest.approx(at_centre, rel=1e-12)
