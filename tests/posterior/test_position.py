"""Priors on positions: densities on the sphere, draws, limits, the seam at 0/360 degrees, and near a pole."""

import math

import jax
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import scipy.stats as st

from bayesmap.errors import PriorError
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.jaxify import jaxify
from bayesmap.posterior.position import PositionPrior, Scaled
from bayesmap.posterior.priors import build_variables, map_radius
from bayesmap.testing import toy_response

STARTS = {"crab": (83.63, 22.01), "seam": (0.02, -30.0), "other side of the seam": (359.99, 5.0), "pole": (40.0, 89.6)}
N_DRAWS = 2000


def jaxed(expression_of):
    """Return a function of many offsets, shape (n, 2)."""
    offsets = pt.vector("offsets", shape=(2,))
    function, constants, _ = jaxify([offsets], list(expression_of(offsets)))
    many = jax.jit(jax.vmap(lambda point: function(point, *constants)))
    return lambda points: tuple(np.asarray(item) for item in many(np.asarray(points, dtype=np.float64)))


def density(prior):
    distribution = prior.build()
    logp = jaxed(lambda offsets: [pm.logp(distribution, offsets)])
    return lambda points: np.exp(logp(points)[0])


def parameters(lon, lat, unit="deg", **limits):
    factor = {"deg": 1.0, "arcmin": 60.0}[unit]
    ends = {key: limits.get(key, math.nan) for key in ("lon_min", "lon_max", "lat_min", "lat_max")}
    return (
        Parameter("lon_0", lon * factor, unit, min=ends["lon_min"], max=ends["lon_max"]),
        Parameter("lat_0", lat * factor, unit, min=ends["lat_min"], max=ends["lat_max"]),
    )


def polar_nodes(radius, n_radius=400, n_angle=512):
    """Return nodes and weights for an integral over a disk of offsets, periodic in angle."""
    nodes, weights = np.polynomial.legendre.leggauss(n_radius)
    lengths, angles = 0.5 * radius * (nodes + 1.0), 2.0 * math.pi * np.arange(n_angle) / n_angle
    r, a = np.meshgrid(lengths, angles, indexing="ij")
    area = (0.5 * radius * weights * lengths)[:, None] * np.full(n_angle, 2.0 * math.pi / n_angle)
    return np.stack([r * np.sin(a), r * np.cos(a)], axis=-1).reshape(-1, 2), area.ravel()


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("radius", [0.5, 5.0, 60.0])
def test_cap_prior_integrates_to_one(start, radius):
    prior = PositionPrior(*parameters(*start), radius=radius)
    points, area = polar_nodes(math.degrees(math.tan(math.radians(radius))))
    assert np.sum(density(prior)(points) * area) == pytest.approx(1.0, abs=1e-9)


def test_cap_ends_at_its_radius():
    values = density(PositionPrior(*parameters(83.63, 22.01), radius=5.0))
    edge = math.degrees(math.tan(math.radians(5.0)))
    inside, outside = values([[0.0, 0.9999 * edge], [1.0001 * edge, 0.0]])
    assert inside > 0
    assert outside == 0.0


@pytest.mark.statistical
@pytest.mark.parametrize("start", [STARTS["seam"], STARTS["pole"]], ids=["seam", "pole"])
def test_draws_are_uniform_on_the_cap(start):
    lon, lat = parameters(*start)
    prior = PositionPrior(lon, lat, radius=30.0)
    x, y = np.deg2rad(pm.draw(prior.build(), draws=N_DRAWS, random_seed=11)).T
    distance = 1.0 - 1.0 / np.sqrt(1.0 + x**2 + y**2)
    whole = 1.0 - math.cos(math.radians(30.0))
    assert st.kstest(distance / whole, "uniform").pvalue > 1e-3
    assert st.kstest(np.arctan2(x, y) / (2.0 * math.pi) + 0.5, "uniform").pvalue > 1e-3
    assert abs(st.spearmanr(distance, np.arctan2(x, y)).statistic) < 4.0 / math.sqrt(N_DRAWS)


GIVEN = {
    "normal": (83.60, 22.10, "deg", pm.Normal.dist(83.5, 0.3), pm.Normal.dist(22.2, 0.2)),
    "high latitude": (40.0, 75.0, "deg", pm.Normal.dist(40.3, 1.0), pm.Normal.dist(75.3, 0.25)),
    "seam": (0.02, -30.0, "deg", pm.Normal.dist(-0.2, 0.3), pm.Normal.dist(-30.1, 0.3)),
    "in arcmin": (5.0, 10.0, "arcmin", pm.Normal.dist(301.0, 15.0), pm.Normal.dist(602.0, 12.0)),
}


@pytest.mark.parametrize("case", GIVEN)
def test_stated_priors_integrate_to_one_over_the_offsets(case):
    lon, lat, unit, *given = GIVEN[case]
    prior = PositionPrior(*parameters(lon, lat, unit), radius=5.0, given=tuple(given))
    points, area = polar_nodes(4.0)
    assert np.sum(density(prior)(points) * area) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.statistical
@pytest.mark.parametrize("case", ["seam", "in arcmin"])
def test_draws_of_stated_priors_follow_them(case):
    lon, lat, unit, *given = GIVEN[case]
    prior = PositionPrior(*parameters(lon, lat, unit), radius=5.0, given=tuple(given))
    offsets = pm.draw(prior.build(), draws=400, random_seed=3)
    found = jaxed(prior.lon_lat)(offsets)
    for values, distribution in zip(found, given, strict=True):
        mean, sd = (float(item.eval()) for item in distribution.owner.op.dist_params(distribution.owner))
        assert st.kstest((values - mean) / sd, "norm").pvalue > 1e-3


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_lon_lat_are_those_of_the_coordinates_and_continuous(start):
    lon, lat = parameters(*start)
    spatial = PointSpatialModel(lon_0=start[0], lat_0=start[1])
    models = Models(SkyModel(PowerLawSpectralModel(), spatial, name="source"))
    coordinates = Coordinates(models, ("source.spatial.lon_0", "source.spatial.lat_0"))
    steps = np.linspace(-0.5, 0.5, 101)
    points = np.concatenate([np.stack([steps, 0.1 * steps], 1), np.stack([0.2 * steps, steps], 1)])
    ours = np.stack(jaxed(PositionPrior(lon, lat, radius=5.0).lon_lat)(points), axis=-1)
    assert np.abs(ours - coordinates.to_many_values(points)).max() < 1e-10
    # Where the pole is not crossed the longitude has no step, and it is the start's at no offset.
    assert np.abs(np.diff(ours[:101, 0])).max() < (0.1 if start[1] < 80 else 5.0)
    assert ours[50] == pytest.approx(start, abs=1e-12)
    back = np.array([coordinates.to_theta(dict(zip(coordinates.names, row, strict=True))) for row in ours])
    assert np.abs(back - points).max() < 1e-9


def test_limits_are_support_on_both_sides_of_the_seam():
    limits = {"lon_min": -0.1, "lon_max": 0.2, "lat_min": -30.3}
    prior = PositionPrior(*parameters(0.02, -30.0, **limits), radius=5.0)
    values = density(prior)
    cosine = math.cos(math.radians(30.0))
    inside = [[-0.1 * cosine, 0.0], [0.15 * cosine, 0.0], [0.0, -0.29], [0.0, 4.0]]
    outside = [[-0.13 * cosine, 0.0], [0.2 * cosine, 0.0], [0.0, -0.31], [0.0, 5.1]]
    assert np.all(values(inside) > 0)
    assert np.all(values(outside) == 0)


def test_flat_prior_is_flat_within_the_limits():
    prior = PositionPrior(*parameters(83.63, 22.01, lat_max=22.5), radius=math.inf)
    logp = jaxed(lambda offsets: [pm.logp(prior.build(), offsets)])([[0.0, 0.0], [30.0, -20.0], [0.0, 0.6]])[0]
    assert logp.tolist() == [0.0, 0.0, -math.inf]


def test_scale_is_a_transform():
    scaled, x = Scaled(0.1), np.array([0.3, -0.2])
    assert scaled.backward(scaled.forward(x)) == pytest.approx(x)
    assert float(scaled.log_jac_det(pt.constant(x)).eval()) == pytest.approx(2.0 * math.log(0.1))


def source_at(lon, lat, **frozen):
    models = Models(SkyModel(PowerLawSpectralModel(), PointSpatialModel(lon_0=lon, lat_0=lat), name="source"))
    return models.with_frozen({f"source.spatial.{name}": True for name in frozen})


def variables_at(lon, lat, priors, **frozen):
    geom = toy_response(center=(lon, lat), npix=20).counts.geom
    return build_variables(source_at(lon, lat, **frozen), priors, (geom,)), geom


def test_default_is_the_cap_that_holds_the_map():
    variables, geom = variables_at(83.63, 22.01, "default")
    (position,) = [item for item in variables.items if item.position is not None]
    assert position.position.radius == pytest.approx(map_radius(geom), rel=1e-6)
    assert position.text.startswith("uniform on the sphere within 1.3")
    assert math.isinf(
        next(item for item in variables_at(83.63, 22.01, "flat")[0].items if item.position).position.radius
    )


@pytest.mark.parametrize(("lat", "half"), [(0.0, 1.0), (60.0, 2.0), (89.5, 180.0)])
def test_a_prior_on_one_coordinate_leaves_the_other_the_whole_map(lat, half):
    prior = {"source.spatial.lat_0": Prior("Normal", mu=lat, sigma=0.1)}
    variables, geom = variables_at(40.0, lat, prior)
    (position,) = [item for item in variables.items if item.position is not None]
    low, high = (float(end.eval()) for end in position.position.given[0].owner.inputs[2:])
    expected = 180.0 if half == 180.0 else half * map_radius(geom)
    assert 0.5 * (high - low) == pytest.approx(expected, rel=2e-3)
    assert low + high == pytest.approx(80.0)


@pytest.mark.parametrize(("frozen", "free"), [("lon_0", "lat_0"), ("lat_0", "lon_0")])
def test_a_coordinate_that_is_free_alone_has_a_proper_prior(frozen, free):
    variables, geom = variables_at(83.63, 60.0, "default", **{frozen: True})
    lower, upper = variables.bounds()
    index = variables.coordinates.names.index(f"source.spatial.{free}")
    reach = map_radius(geom) * (2.0 if free == "lon_0" else 1.0)
    assert 0.5 * (upper - lower)[index] == pytest.approx(reach, rel=2e-3)
    assert variables.table()[f"source.spatial.{free}"].startswith("Uniform(")


def test_priors_on_names_that_are_frozen_or_unknown_are_told():
    with pytest.raises(PriorError, match=r"BM-PR-006.*source\.spatial\.lon_0"):
        variables_at(83.63, 22.0, {"source.spatial.lon_0": Prior("Normal", mu=83.0, sigma=1.0)}, lon_0=True)
