"""Geometry: pixels on the sky, against Gammapy and against formulas."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesmap.errors import GeometryError
from bayesmap.maps import MapAxis, WcsGeom

ENERGY = MapAxis.from_edges([1, 3, 10])


def header(**cards):
    head = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 3.0, "CRPIX2": 2.0, "CDELT1": -0.1})
    head.update({"CDELT2": 0.1, "CRVAL1": 80.0, "CRVAL2": 20.0})
    head.update(cards)
    return head


@pytest.mark.parametrize("proj", ["CAR", "TAN", "AIT", "SIN"])
@pytest.mark.parametrize("frame", ["galactic", "icrs"])
def test_create_is_what_gammapy_makes(proj, frame):
    gammapy_maps = pytest.importorskip("gammapy.maps")
    theirs = gammapy_maps.WcsGeom.create(skydir=(83.6, 22.0), width=(3, 2), binsz=0.1, frame=frame, proj=proj)
    ours = WcsGeom.create(skydir=(83.6, 22.0), width=(3, 2), binsz=0.1, frame=frame, proj=proj)
    assert (ours.n_lat, ours.n_lon, ours.frame, ours.projection) == (20, 30, frame, proj)
    coord = theirs.get_coord(sparse=False)
    lon, lat = ours.pixel_centers()
    np.testing.assert_allclose(lon, coord.lon.to_value("deg"), atol=1e-9)
    np.testing.assert_allclose(lat, coord.lat.to_value("deg"), atol=1e-9)
    np.testing.assert_allclose(ours.solid_angle(), theirs.solid_angle().to_value("sr"), rtol=2e-5)


def test_solid_angle_of_car_is_the_exact_one():
    geom = WcsGeom.create(skydir=(0, 0), npix=(10, 400), binsz=0.1)
    lat = np.deg2rad(geom.pixel_centers()[1])
    exact = np.deg2rad(0.1) * 2 * np.cos(lat) * np.sin(np.deg2rad(0.05))
    np.testing.assert_allclose(geom.solid_angle(), exact, rtol=1e-6)


def test_solid_angles_of_the_whole_sky_add_up():
    assert WcsGeom.create(npix=(360, 180), binsz=1.0).solid_angle().sum() == pytest.approx(4 * np.pi, rel=1e-12)


def test_solid_angle_of_tiny_tan_pixels():
    size = 1e-4
    geom = WcsGeom.create(skydir=(10, -70), npix=3, binsz=size, proj="TAN")
    np.testing.assert_allclose(geom.solid_angle(), np.deg2rad(size) ** 2, rtol=1e-9)


def test_solid_angle_is_nan_off_the_sky():
    area = WcsGeom.create(npix=(36, 18), binsz=10, proj="AIT").solid_angle()
    assert np.isnan(area[0, 0])
    assert np.isfinite(area[9, 18])


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0, 359.9), st.floats(-80, 80), st.sampled_from(["CAR", "TAN", "ARC", "STG", "CEA", "MER", "AIT"]),
    st.sampled_from(["icrs", "galactic", "fk5"]),
)  # fmt: skip
def test_pixel_to_sky_and_back(lon, lat, proj, frame):
    geom = WcsGeom.create(skydir=(lon, lat), npix=(21, 11), binsz=0.3, proj=proj, frame=frame)
    y, x = np.indices((11, 21), dtype=float)
    there_x, there_y = geom.sky_to_pixel(*geom.pixel_to_sky(x, y))
    np.testing.assert_allclose(there_x, x, atol=1e-8)
    np.testing.assert_allclose(there_y, y, atol=1e-8)
    np.testing.assert_allclose(geom.sky_to_pixel(*geom.center), (10, 5), atol=1e-8)


def test_oblique_car():
    geom = WcsGeom.from_header(header(CTYPE1="GLON-CAR", CTYPE2="GLAT-CAR", LONPOLE=30.0, LATPOLE=50.0), 5, 6)
    wcs = WCS(header(CTYPE1="GLON-CAR", CTYPE2="GLAT-CAR", LONPOLE=30.0, LATPOLE=50.0))
    y, x = np.indices((5, 6))
    np.testing.assert_allclose(geom.pixel_centers(), wcs.wcs_pix2world(x.ravel(), y.ravel(), 0).__class__(
        part.reshape(5, 6) for part in wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    ))  # fmt: skip
    np.testing.assert_allclose(geom.sky_to_pixel(*geom.pixel_centers()), (x, y), atol=1e-8)


def test_car_map_that_leaves_the_half_turn_of_its_reference():
    """A cut of an all-sky map around lon = 180, whose reference is lon = 0, has all its pixels."""
    cut = header(CTYPE1="GLON-CAR", CTYPE2="GLAT-CAR", CRVAL1=0.0, CRVAL2=0.0, CDELT1=-1.0, CDELT2=1.0, CRPIX1=200.0)
    geom = WcsGeom.from_header(cut, 4, 40)
    lon, _ = geom.pixel_centers()
    np.testing.assert_allclose(lon[0, [0, 19, 39]], [199, 180, 160])
    x, _ = geom.sky_to_pixel(*geom.pixel_centers())
    np.testing.assert_allclose(x[0], np.arange(40), atol=1e-9)


def test_behind_a_tan_map_there_is_no_pixel():
    assert np.isnan(WcsGeom.create(skydir=(0, 0), npix=3, binsz=1, proj="TAN").sky_to_pixel(180, 0)).all()


def test_shape_axes_and_labels():
    geom = WcsGeom.create(skydir=(0, 0), npix=(4, 3), binsz=1, frame="galactic", axes=[ENERGY])
    assert geom.shape == (2, 3, 4)
    assert geom.axis("energy") is geom.axes[0]
    np.testing.assert_allclose(geom.coords["lon"], [1.5, 0.5, -0.5, -1.5])
    np.testing.assert_allclose(geom.coords["lat"], [-1, 0, 1], atol=1e-12)
    assert list(geom.coords) == ["energy", "lat", "lon"]
    assert geom.to_image().shape == (3, 4)
    with pytest.raises(GeometryError, match="BM-GE-010: the map has no axis 'rad'"):
        geom.axis("rad")


@pytest.mark.parametrize("proj", ["CAR", "TAN"])
def test_crop_pad_rebin_keep_the_sky(proj):
    geom = WcsGeom.create(skydir=(83, 22), npix=(12, 8), binsz=0.5, proj=proj, axes=[ENERGY])
    np.testing.assert_allclose(geom.crop(2, 6, 3, 9).pixel_to_sky(0, 0), geom.pixel_to_sky(3, 2))
    np.testing.assert_allclose(geom.pad(5).pixel_to_sky(5, 5), geom.pixel_to_sky(0, 0))
    assert geom.pad(5).crop(5, 13, 5, 17) == geom
    assert geom.pad(5).shape == (2, 18, 22)
    np.testing.assert_allclose(geom.rebin(2).pixel_to_sky(0, 0), geom.pixel_to_sky(0.5, 0.5))
    assert geom.rebin(4).shape == (2, 2, 3)


def test_rebin_with_a_cd_matrix():
    cards = header(CD1_1=-0.1, CD1_2=0.02, CD2_1=0.02, CD2_2=0.1)
    del cards["CDELT1"], cards["CDELT2"]
    geom = WcsGeom.from_header(cards, 6, 6)
    np.testing.assert_allclose(geom.rebin(3).pixel_to_sky(1, 1), geom.pixel_to_sky(4, 4))


def test_cuts_that_leave_nothing():
    geom = WcsGeom.create(npix=(6, 4))
    with pytest.raises(GeometryError, match="BM-GE-009: rows 0 to 5"):
        geom.crop(0, 5, 0, 6)
    with pytest.raises(GeometryError, match="BM-GE-009: 6 x 4 pixels cannot be merged by 3"):
        geom.rebin(3)


def test_offset_is_counted_in_pixels():
    geom = WcsGeom.create(skydir=(266, -29), npix=(20, 20), binsz=0.1, axes=[ENERGY])
    shifted = WcsGeom(geom.pad(6).wcs, 20, 20, geom.axes)
    assert geom.offset_in_pixels(shifted) == pytest.approx(6 * np.sqrt(2))
    assert not geom.same_sky(shifted)
    assert geom != shifted
    assert geom == WcsGeom(geom.wcs, 20, 20, geom.axes)
    assert geom != geom.to_image()
    assert geom != "a geometry"
    assert geom.offset_in_pixels(WcsGeom.create(npix=5, frame="galactic")) == np.inf


def test_wcs_is_copied():
    wcs = WCS(header())
    geom = WcsGeom(wcs, 3, 3)
    wcs.wcs.crval = [0, 0]
    assert geom.wcs.wcs.crval[0] == 80
    assert pickle.loads(pickle.dumps(geom)) == geom


@pytest.mark.parametrize(
    ("cards", "frame"),
    [
        ({}, "icrs"),
        ({"RADESYS": "ICRS"}, "icrs"),
        ({"EQUINOX": 2000.0}, "fk5"),
        ({"RADESYS": "FK5"}, "fk5"),
        ({"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}, "galactic"),
    ],
)
def test_frames(cards, frame):
    assert WcsGeom.from_header(header(**cards), 2, 2).frame == frame


@pytest.mark.parametrize(
    ("cards", "what"),
    [
        ({"RADESYS": "FK4", "EQUINOX": 1950.0}, "frame RA FK4"),
        ({"EQUINOX": 1975.0}, "FK5 equinox 1975|FK4 equinox 1975"),
        ({"CTYPE1": "ELON-TAN", "CTYPE2": "ELAT-TAN"}, "frame ELON"),
        ({"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN"}, "the WCS has the axes DEC--TAN, RA---TAN"),
        ({"CTYPE1": "", "CTYPE2": ""}, "the WCS has the axes without a name, without a name"),
        ({"CTYPE1": "ENERGY", "CTYPE2": "RATE"}, "the WCS has the axes"),
        ({"CTYPE1": "GLON-TAN", "CTYPE2": "DEC--TAN"}, "usable WCS"),
        ({"CTYPE1": "RA---XXX", "CTYPE2": "DEC--XXX"}, "usable WCS|the WCS has the axes"),
        ({"CDELT1": 0.0}, "usable WCS|singular"),
    ],
)
def test_unusable_wcs(cards, what):
    with pytest.raises(GeometryError, match=f"BM-GE-007: .*({what})"):
        WcsGeom.from_header(header(**cards), 2, 2)


def test_distortions_are_refused():
    sip = header(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", A_ORDER=2, B_ORDER=2, A_2_0=1e-4, B_0_2=1e-4)
    with pytest.raises(GeometryError, match="BM-GE-007: the WCS has distortions"):
        WcsGeom.from_header(sip, 2, 2)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"npix": 3, "frame": "altaz"}, "the frame is 'altaz'.*Write for example frame='icrs'"),
        ({}, "the size of the map is not clear.*exactly one of.*Pass for example width="),
        ({"npix": 3, "width": 3}, "the size of the map is not clear.*exactly one of.*Pass for example width="),
        ({"npix": 0}, "the map has 0 x 0 pixels"),
    ],
)
def test_bad_create(arguments, what):
    with pytest.raises(GeometryError, match=f"BM-GE-007: {what}"):
        WcsGeom.create(**arguments)
