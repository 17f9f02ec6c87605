"""Position regions hold their mass and are true angles on the sky, everywhere on the sphere."""

from __future__ import annotations

import math
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import SkyCoord

from bayesmap.errors import BayesmapInputError
from bayesmap.models import (
    ConstantSpatialModel,
    GaussianSpatialModel,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)
from bayesmap.models.sky import Models
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.results.fit import CovarianceResult
from bayesmap.results.position import (
    ONE_SIGMA,
    TWO_SIGMA,
    extension_region,
    position_contour,
    position_ellipse,
    profile_region,
    region_table,
)
from bayesmap.results.profile import ProfileContour
from bayesmap.results.regions import ContourRegion, EllipseRegion, from_offsets

CENTRES = [(83.6, 22.0), (359.9995, -75.0), (0.0, 0.0), (120.0, 89.995), (10.0, -89.9)]
SIGMAS, ANGLE = (0.02, 0.008), 130.0
N = 4000


def covariance(angle=ANGLE, sigmas=SIGMAS):
    """Covariance of (East, North) of an ellipse with the major axis at a position angle."""
    along = np.array([math.sin(math.radians(angle)), math.cos(math.radians(angle))])
    across = np.array([along[1], -along[0]])
    return sigmas[0] ** 2 * np.outer(along, along) + sigmas[1] ** 2 * np.outer(across, across)


def scattered(rng, centre, n=N):
    """Positions around a centre, placed by astropy: an independent way on the sphere."""
    x, y = rng.multivariate_normal([0.0, 0.0], covariance(), n).T
    start = SkyCoord(*centre, unit="deg")
    return start.directional_offset_by(np.arctan2(x, y) * u.rad, np.hypot(x, y) * u.deg)


def models_at(*centre, frame="icrs", **others):
    source = SkyModel(PowerLawSpectralModel(), PointSpatialModel(lon_0=centre[0], lat_0=centre[1], frame=frame),
                      name="crab")  # fmt: skip
    return Models((source, *others.values()))


def tree_of(lon, lat, name="crab"):
    """Longitudes continuous around their middle, as a posterior has them."""
    lon = np.asarray(lon)
    middle = lon.ravel()[0]
    lon = middle + (lon - middle + 180.0) % 360.0 - 180.0
    values = {f"{name}.spatial.lon_0": lon, f"{name}.spatial.lat_0": np.asarray(lat)}
    named = {key: (("chain", "draw"), item.reshape(4, -1), {"unit": "deg"}) for key, item in values.items()}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(named)})


@pytest.mark.statistical
@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("mass", [ONE_SIGMA, TWO_SIGMA])
def test_ellipse_of_draws_is_that_of_their_distribution(rng, centre, mass):
    sky = scattered(rng, centre)
    region = position_ellipse(tree_of(sky.ra.deg, sky.dec.deg), models_at(*centre), "crab", mass)
    scale = math.sqrt(-2.0 * math.log(1.0 - mass))
    # A standard deviation of n draws is known to 1 / sqrt(2 n); the angle of the axis from the ratio of the axes.
    error = 1.0 / math.sqrt(2 * N)
    assert region.semi_major == pytest.approx(scale * SIGMAS[0], rel=4 * error)
    assert region.semi_minor == pytest.approx(scale * SIGMAS[1], rel=4 * error)
    ratio = SIGMAS[0] * SIGMAS[1] / (SIGMAS[0] ** 2 - SIGMAS[1] ** 2)
    # North at the mean of the draws is another direction than at the centre: meridians converge.
    turned = ANGLE + ((region.lon - centre[0] + 180.0) % 360.0 - 180.0) * math.sin(math.radians(centre[1]))
    assert abs((region.position_angle - turned + 90.0) % 180.0 - 90.0) < 4 * math.degrees(ratio / math.sqrt(N))
    assert SkyCoord(region.lon, region.lat, unit="deg").separation(SkyCoord(*centre, unit="deg")).deg < 1.5e-3
    assert region.area == pytest.approx(math.pi * region.semi_major * region.semi_minor, rel=1e-6)
    again = scattered(rng, centre)
    inside = region.contains(again.ra.deg, again.dec.deg).mean()
    for share in (inside, region.share):
        assert abs(share - mass) < 4.0 * math.sqrt(2.0 * mass * (1.0 - mass) / N)


@pytest.mark.statistical
@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("mass", [ONE_SIGMA, 0.95])
def test_contour_holds_its_mass_and_the_area_of_the_ellipse(rng, centre, mass):
    sky = scattered(rng, centre)
    region = position_contour(tree_of(sky.ra.deg, sky.dec.deg), models_at(*centre), "crab", mass)
    again = scattered(rng, centre)
    inside = region.contains(again.ra.deg, again.dec.deg).mean()
    error = math.sqrt(mass * (1.0 - mass) / N)
    assert abs(inside - mass) < 4.0 * math.sqrt(2.0) * error
    assert abs(region.share - mass) < error  # the level is the quantile of these very draws
    expected = -2.0 * math.log(1.0 - mass) * math.pi * SIGMAS[0] * SIGMAS[1]
    slope = -2.0 * (1.0 - mass) * math.log(1.0 - mass) / 2.0  # d(mass) / d(ln area)
    assert region.area == pytest.approx(expected, rel=4.0 * error / slope + 0.04)  # the kernel widens it a little
    assert all(0.0 <= piece[:, 0].min() <= piece[:, 0].max() < 360.0 for piece in region.pieces)


@pytest.mark.parametrize("centre", CENTRES)
def test_laplace_ellipse_turns_the_errors_of_lon_and_lat_back_into_angles(centre):
    models = models_at(*centre)
    names = ("crab.spatial.lon_0", "crab.spatial.lat_0")
    # At the start offsets are zero, so that the derivative of (lon, lat) is that of the tangent plane there.
    slope = Coordinates(models, names).jacobian(np.zeros(2))
    found = CovarianceResult(models, True, names, slope @ covariance() @ slope.T, "")
    region = position_ellipse(found, models, "crab", 0.95)
    assert region.semi_major == pytest.approx(2.4477468 * SIGMAS[0], rel=1e-6)
    assert region.semi_minor == pytest.approx(2.4477468 * SIGMAS[1], rel=1e-6)
    assert region.position_angle == pytest.approx(ANGLE, abs=1e-6)
    assert (region.lon, region.lat) == centre
    assert math.isnan(region.share)


def test_another_mass_of_an_ellipse():
    found = EllipseRegion("crab", "position (Laplace)", "icrs", 83.6, 22.0, 0.2, 0.1, 30.0, 0.95, 0.94)
    half = found.at(0.5)
    assert half.semi_major == pytest.approx(0.2 * math.sqrt(math.log(0.5) / math.log(0.05)))
    assert half.radius == pytest.approx(half.semi_major / math.sqrt(2.0))
    assert math.isnan(half.share)


@pytest.mark.parametrize("centre", CENTRES)
def test_outline_lies_on_the_border(centre):
    found = EllipseRegion("crab", "extension, sigma", "icrs", *centre, 2.0, 1.0, 30.0)
    start = SkyCoord(*centre, unit="deg")
    border = SkyCoord(*found.outline(721), unit="deg")
    distance = start.separation(border).deg
    assert distance.max() == pytest.approx(2.0)
    assert distance.min() == pytest.approx(1.0)
    angle = start.position_angle(border[np.argmax(distance)]).deg % 180.0
    assert angle == pytest.approx(30.0, abs=1e-6)
    for shrink, inside in ((0.999, True), (1.001, False)):
        points = start.directional_offset_by(start.position_angle(border), shrink * distance * u.deg)
        assert (found.contains(points.ra.deg, points.dec.deg) == inside).all()


def test_area_of_a_large_circle_is_that_of_the_cap():
    found = EllipseRegion("crab", "extension, r_0", "icrs", 20.0, 80.0, 30.0, 30.0, 0.0)
    assert found.area == pytest.approx(2.0 * math.pi * (1.0 - math.cos(math.radians(30.0))) * math.degrees(1.0) ** 2)
    border = np.stack(found.outline(2001), axis=1)
    polygon = ContourRegion("crab", "", "icrs", 20.0, 80.0, (border,))
    assert polygon.area == pytest.approx(found.area, rel=1e-5)


def test_a_ring_has_a_hole(rng):
    angle, radius = rng.uniform(0.0, 2.0 * np.pi, N), 0.1 + 0.015 * rng.standard_normal(N)
    lon, lat = from_offsets(radius * np.sin(angle), radius * np.cos(angle), 0.0, 40.0)
    region = position_contour(tree_of(lon, lat), models_at(0.0, 40.0), "crab", 0.9)
    assert sorted(region.holes) == [False, True]
    assert not region.contains(0.0, 40.0)
    # 90 % of a normal radius lie within 1.645 standard deviations on either side.
    assert region.area == pytest.approx(2.0 * math.pi * 0.1 * 2.0 * 1.645 * 0.015, rel=0.1)
    assert region.share == pytest.approx(0.9, abs=0.01)


def test_two_modes_are_two_pieces(rng):
    sky = [scattered(rng, centre, N // 2) for centre in ((359.9, 10.0), (0.1, 10.0))]
    mixed = np.stack([np.concatenate([item.ra.deg for item in sky]), np.concatenate([item.dec.deg for item in sky])])
    mixed = rng.permutation(mixed, axis=1)  # every chain sees both
    region = position_contour(tree_of(*mixed), models_at(0.0, 10.0), "crab", 0.9)
    assert region.holes == (False, False)
    sides = sorted(float((piece[:, 0].mean() + 180.0) % 360.0 - 180.0) for piece in region.pieces)
    assert sides == pytest.approx([-0.1, 0.1], abs=0.02)


def test_a_linked_position_moves_with_its_master(rng):
    master = models_at(83.6, 22.0)
    halo = SkyModel(PowerLawSpectralModel(), GaussianSpatialModel(lon_0=83.6, lat_0=22.0, sigma=0.3), name="halo")
    models = Models((*master, halo))
    models = models.with_links(
        {"halo.spatial.lon_0": "crab.spatial.lon_0", "halo.spatial.lat_0": "{crab.spatial.lat_0} + 1.0"}
    )
    sky = scattered(rng, (83.6, 22.0))
    regions = [position_ellipse(tree_of(sky.ra.deg, sky.dec.deg), models, name) for name in ("crab", "halo")]
    assert regions[1].lat == pytest.approx(regions[0].lat + 1.0, abs=1e-5)
    names = ("crab.spatial.lon_0", "crab.spatial.lat_0")
    matrix = np.diag([0.02**2, 0.01**2])
    found = CovarianceResult(models, True, names, matrix, "")
    own = position_ellipse(found, models, "crab")
    linked = position_ellipse(found, models, "halo")
    assert linked.semi_minor == pytest.approx(own.semi_minor)
    assert linked.semi_major / own.semi_major == pytest.approx(
        math.cos(math.radians(23.0)) / math.cos(math.radians(22.0))
    )


def test_laplace_and_draws_of_a_fit_agree(small_fit, small_tree):
    models = small_fit.model
    draws = position_ellipse(small_tree, models, "source", 0.95)
    laplace = position_ellipse(small_fit.covariance(), models, "source", 0.95)
    assert draws.semi_major == pytest.approx(laplace.semi_major, rel=0.15)
    assert draws.semi_minor == pytest.approx(laplace.semi_minor, rel=0.15)
    assert laplace.contains(draws.lon, draws.lat)
    assert draws.share == pytest.approx(0.95, abs=0.02)
    contour = position_contour(small_tree, models, "source", 0.95)
    assert contour.area == pytest.approx(draws.area, rel=0.15)
    table = region_table([draws, contour, laplace])
    assert list(table["name"]) == ["source"] * 3
    assert table["semi_major"].unit == u.deg
    assert math.isnan(table["semi_major"][1].value)
    assert table["area"][1].to_value("deg2") == contour.area
    assert "95 %" in str(draws)
    assert "of the draws inside" in str(contour)


@pytest.mark.parametrize("lon", [83.6, 0.001])
def test_the_region_of_a_profile(lon):
    models = models_at(lon, 60.0)
    turn = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    x, y = lon + 0.02 * np.cos(turn) / math.cos(math.radians(60.0)), 60.0 + 0.01 * np.sin(turn)
    names = ("crab.spatial.lon_0", "crab.spatial.lat_0")
    missing = np.zeros(200, dtype=bool)
    contour = ProfileContour(*names, "deg", "deg", x, y, lon, 60.0, 2.0, np.full(200, 4.0), missing, True, "profile",
                             "posterior", 9)  # fmt: skip
    region = profile_region(contour, models, "crab")
    assert region.area == pytest.approx(math.pi * 0.02 * 0.01, rel=1e-3)
    assert region.mass == pytest.approx(1.0 - math.exp(-2.0))
    assert region.contains(lon, 60.0)
    assert not region.contains(lon, 60.011)
    swapped = replace(contour, x_name=names[1], y_name=names[0], x=y, y=x, x_best=60.0, y_best=lon)
    np.testing.assert_array_equal(profile_region(swapped, models, "crab").pieces[0], region.pieces[0])
    gap = replace(contour, x=np.append(x[:-1], np.nan))
    for bad in (gap, replace(contour, x_name="crab.spectral.index")):
        with pytest.raises(BayesmapInputError, match=r"BM-FT-077.*closed contour of crab\.spatial\.lon_0"):
            profile_region(bad, models, "crab")


def test_sizes_of_shapes_are_their_ellipses():
    gauss = SkyModel(PowerLawSpectralModel(), GaussianSpatialModel(lon_0=10.0, lat_0=5.0, sigma=0.4, e=0.6, phi=-30.0,
                     frame="galactic"), name="snr")  # fmt: skip
    region = extension_region(Models((gauss,)), "snr")
    assert (region.semi_major, region.semi_minor, region.position_angle) == pytest.approx((0.4, 0.32, 150.0))
    assert region.frame == "galactic"
    with pytest.raises(BayesmapInputError, match=r"BM-FT-074.*PointSpatialModel.*snr"):
        extension_region(Models((*models_at(0.0, 0.0), gauss)), "crab")


def test_refusals(rng, small_fit, small_tree):
    sky = scattered(rng, (83.6, 22.0))
    tree, models = tree_of(sky.ra.deg, sky.dec.deg), models_at(83.6, 22.0)
    other = Models((*models, SkyModel(PowerLawSpectralModel(), PointSpatialModel(), name="still")))
    flat = SkyModel(PowerLawSpectralModel(), ConstantSpatialModel(), name="flat")
    for call in (position_ellipse, position_contour):
        with pytest.raises(BayesmapInputError, match=r"BM-FT-070.*still.*Sources with such a position: crab"):
            call(tree, other, "still")
        with pytest.raises(BayesmapInputError, match=r"BM-FT-070: 'flat' is a ConstantSpatialModel, which has no pos"):
            call(tree, Models((*models, flat)), "flat")
        with pytest.raises(BayesmapInputError, match="BM-FT-071"):
            call(tree, models, "crab", 1.0)
        few = tree.isel(draw=slice(0, 5))
        with pytest.raises(BayesmapInputError, match="BM-FT-072"):
            call(few, models, "crab")
        stuck = tree.copy(deep=True)
        stuck["posterior"]["crab.spatial.lon_0"][:] = 83.0
        stuck["posterior"]["crab.spatial.lat_0"][:] = 22.0
        with pytest.raises(BayesmapInputError, match="BM-FT-072.*0 independent"):
            call(stuck, models, "crab")
    with pytest.raises(BayesmapInputError, match=r"BM-FT-072.*Draw at least \d{5}"):
        position_contour(tree, models, "crab", 0.9999)
    with pytest.raises(BayesmapInputError, match=r"BM-FT-070"):
        position_ellipse(small_fit.covariance(), other, "still")
    names = ("crab.spatial.lon_0", "crab.spatial.lat_0")
    at_limit = CovarianceResult(models, True, names, np.array([[1e-4, np.nan], [np.nan, np.nan]]), "",
                                reasons=("crab.spatial.lat_0 is at its limit: no symmetric error",))  # fmt: skip
    with pytest.raises(BayesmapInputError, match=r"BM-FT-073.*lat_0 is at its limit"):
        position_ellipse(at_limit, models, "crab")
