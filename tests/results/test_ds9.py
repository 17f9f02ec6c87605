"""DS9 files hold the same regions for another reader, and the draws that it counts inside are the mass."""

from __future__ import annotations

import math

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import Regions

from bayesmap.errors import BayesmapInputError, BayesmapIOError
from bayesmap.maps.geometry import WcsGeom
from bayesmap.results.contours import credible_contour
from bayesmap.results.ds9 import write_regions
from bayesmap.results.regions import ContourRegion, EllipseRegion, from_offsets

CENTRES = [("icrs", 83.6, 22.0), ("galactic", 359.999, -0.05), ("fk5", 0.0, -60.0), ("icrs", 200.0, 89.99)]
N = 4000
MICRODEGREE = 1e-6


def draws(rng, lon, lat):
    """Return positions around a centre, elongated towards position angle 30 degrees."""
    along, across = 0.02 * rng.standard_normal(N), 0.008 * rng.standard_normal(N)
    sin, cos = 0.5, math.sqrt(0.75)
    return from_offsets(along * sin + across * cos, along * cos - across * sin, lon, lat)


def ellipse(frame, lon, lat, mass):
    scale = math.sqrt(-2.0 * math.log(1.0 - mass))
    return EllipseRegion("crab", "position (draws)", frame, lon, lat, 0.02 * scale, 0.008 * scale, 30.0, mass)


def contour(rng, frame, lon, lat, mass):
    from bayesmap.models.spatial.offsets import offsets

    flat = credible_contour(*offsets(*draws(rng, lon, lat), lon, lat), mass, 2).pieces
    pieces = tuple(np.stack(from_offsets(*piece.T, lon, lat), axis=1) for piece in flat)
    return ContourRegion("crab", "position (highest density)", frame, lon, lat, pieces, mass)


@pytest.mark.parametrize(("frame", "lon", "lat"), CENTRES)
def test_the_regions_package_reads_the_same_region(rng, tmp_path, frame, lon, lat):
    mine = [ellipse(frame, lon, lat, 0.6827), contour(rng, frame, lon, lat, 0.95)]
    write_regions(tmp_path / "a.reg", mine)
    first, *polygons = Regions.read(tmp_path / "a.reg", format="ds9")
    centre = SkyCoord(lon, lat, unit="deg", frame=frame)
    assert first.center.frame.name == frame
    assert first.center.separation(centre).deg < MICRODEGREE
    semi = np.array([first.width.to_value("deg"), first.height.to_value("deg")]) / 2.0
    np.testing.assert_allclose(semi, [mine[0].semi_major, mine[0].semi_minor], rtol=0, atol=MICRODEGREE)
    # Its angle runs from the longitude axis, against the clock, so that 90 degrees are North.
    assert (first.angle.to_value("deg") - 90.0) % 180.0 == pytest.approx(30.0, abs=1e-5)
    assert first.meta["text"] == "crab, position (draws), 68.27 %"
    assert len(polygons) == len(mine[1].pieces)
    for polygon, piece in zip(polygons, mine[1].pieces, strict=True):
        corners = SkyCoord(*piece[:-1].T, unit="deg", frame=frame)
        assert polygon.vertices.separation(corners).deg.max() < MICRODEGREE


@pytest.mark.statistical
@pytest.mark.parametrize(("frame", "lon", "lat"), CENTRES)
@pytest.mark.parametrize("mass", [0.6827, 0.9545])
def test_draws_counted_by_the_regions_package_are_the_mass(rng, tmp_path, frame, lon, lat, mass):
    write_regions(tmp_path / "a.reg", [ellipse(frame, lon, lat, mass), contour(rng, frame, lon, lat, mass)])
    read = Regions.read(tmp_path / "a.reg", format="ds9")
    geom = WcsGeom.create(skydir=(lon, lat), npix=200, binsz=0.001, frame=frame, proj="TAN")
    again = SkyCoord(*draws(rng, lon, lat), unit="deg", frame=frame)
    error = math.sqrt(mass * (1.0 - mass) / N)
    shares = [float(item.contains(again, geom.wcs).mean()) for item in read]
    assert abs(shares[0] - mass) < 4.0 * error  # the ellipse is the true one: only these draws scatter
    assert abs(sum(shares[1:]) - mass) < 4.0 * math.sqrt(2.0) * error


def test_a_hole_is_excluded(tmp_path):
    rings = [np.stack(EllipseRegion("", "", "icrs", 10.0, 20.0, r, r, 0.0).outline(61), axis=1) for r in (0.1, 0.3)]
    write_regions(tmp_path / "a.reg", [ContourRegion("crab", "position", "icrs", 10.0, 20.0, tuple(rings), 0.9)])
    outer, hole = Regions.read(tmp_path / "a.reg", format="ds9")
    assert (outer.meta["include"], hole.meta["include"]) == (1, 0)
    assert outer.vertices.separation(SkyCoord(10.0, 20.0, unit="deg")).deg.mean() == pytest.approx(0.3)
    assert "text" not in hole.meta


def test_an_extension_is_dashed_and_frames_may_change(tmp_path):
    regions = [
        EllipseRegion("a", "extension, sigma", "icrs", 10.0, 20.0, 0.3, 0.2, 0.0),
        EllipseRegion("b", "position (Laplace)", "galactic", 10.0, 1.0, 0.3, 0.2, 90.0, 0.95),
    ]
    write_regions(tmp_path / "a.reg", regions)
    first, second = Regions.read(tmp_path / "a.reg", format="ds9")
    assert (first.center.frame.name, second.center.frame.name) == ("icrs", "galactic")
    assert first.visual["linestyle"] == "dashed"
    assert first.meta["text"] == "a, extension, sigma"
    assert second.angle % (180 * u.deg) == 0 * u.deg


@pytest.mark.parametrize("name", ["4FGL J0534.5+2201", "a # b; c = {d}", 'say "x"', "ü'x"])
def test_names_come_back(tmp_path, name):
    write_regions(tmp_path / "a.reg", [EllipseRegion(name, "extension", "icrs", 10.0, 20.0, 0.3, 0.2, 0.0)])
    assert Regions.read(tmp_path / "a.reg", format="ds9")[0].meta["text"] == f"{name}, extension"


def test_no_file_is_replaced_unasked(tmp_path):
    path = tmp_path / "a.reg"
    region = EllipseRegion("crab", "extension", "icrs", 10.0, 20.0, 0.3, 0.2, 0.0)
    write_regions(path, [region])
    before = path.read_text()
    with pytest.raises(BayesmapIOError, match="BM-IO-032"):
        write_regions(path, [])
    assert path.read_text() == before
    write_regions(path, [], overwrite=True)
    assert "ellipse" not in path.read_text()
    with pytest.raises(BayesmapIOError, match="BM-IO-009"):
        write_regions(tmp_path / "missing" / "a.reg", [region])


@pytest.mark.parametrize("name", ["a{\"'", "a\nb"])
def test_a_label_that_cannot_be_written(tmp_path, name):
    region = EllipseRegion(name, "extension", "icrs", 10.0, 20.0, 0.3, 0.2, 0.0)
    with pytest.raises(BayesmapInputError, match="BM-FT-075"):
        write_regions(tmp_path / "a.reg", [region])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("phi", [20.0, -75.0])
def test_an_extension_is_the_region_that_gammapy_draws(tmp_path, phi):
    from gammapy.modeling.models import GaussianSpatialModel as Peer

    from bayesmap.models import GaussianSpatialModel
    from bayesmap.results.position import extension_region
    from bayesmap.testing import toy_models

    shape = {"lon_0": "83.6 deg", "lat_0": "22 deg", "sigma": "0.3 deg", "e": 0.8, "phi": f"{phi} deg"}
    write_regions(tmp_path / "a.reg", [extension_region(toy_models(GaussianSpatialModel(**shape)), "source")])
    mine, peer = Regions.read(tmp_path / "a.reg", format="ds9")[0], Peer(**shape, frame="icrs").to_region()
    geom = WcsGeom.create(skydir=(83.6, 22.0), npix=101, binsz=0.01, proj="TAN")
    masks = [item.to_pixel(geom.wcs).to_mask().to_image((101, 101)) for item in (mine, peer)]
    np.testing.assert_array_equal(*masks)
