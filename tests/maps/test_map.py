"""Maps: values on a geometry, in and out of files."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from astropy.io import fits

from bayesmap.errors import BayesmapInputError, BayesmapIOError, GeometryError, UnitsError
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap

GEOM = WcsGeom.create(skydir=(83.6, 22), npix=(6, 4), binsz=0.1, proj="TAN", axes=[MapAxis.from_edges([1, 2, 5, 9])])


@pytest.fixture
def ramp():
    return WcsNDMap(GEOM, np.arange(72.0).reshape(3, 4, 6), "cm2 s")


def test_data_are_frozen_copies():
    original = np.ones((3, 4, 6), dtype=">f4")
    sky_map = WcsNDMap(GEOM, original)
    original[...] = 7
    assert sky_map.data.dtype == np.float64
    assert sky_map.data[0, 0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        sky_map.data[0, 0, 0] = 3
    assert WcsNDMap(GEOM, original > 0).is_mask


def test_wrong_shape():
    with pytest.raises(GeometryError, match=r"BM-GE-008: the data have shape \(4, 6\), the geometry \(3, 4, 6\)"):
        WcsNDMap(GEOM, np.zeros((4, 6)))


def test_wrong_unit():
    with pytest.raises(UnitsError, match="BM-GE-005: the map has the unit 'blob'"):
        WcsNDMap(GEOM, np.zeros(GEOM.shape), "blob")


def test_units(ramp):
    assert ramp.quantity.unit == "cm2 s"
    np.testing.assert_allclose(ramp.to_unit("m2 s").data * 1e4, ramp.data)
    assert ramp.to_unit("cm2 s") is ramp
    with pytest.raises(UnitsError, match="BM-GE-005: exposure is in 'cm2 s'"):
        ramp.to_unit("TeV", "exposure")


def test_crop_keeps_values_with_their_sky(ramp):
    cut = ramp.crop(1, 3, 2, 5)
    np.testing.assert_array_equal(cut.data, ramp.data[:, 1:3, 2:5])
    np.testing.assert_allclose(cut.geom.pixel_to_sky(0, 0), GEOM.pixel_to_sky(2, 1))


def test_rebin_sums(ramp):
    coarse = ramp.rebin(2, energy_factor=3)
    assert coarse.data.shape == (1, 2, 3)
    assert coarse.data.sum() == ramp.data.sum()
    assert coarse.data[0, 0, 0] == ramp.data[:, :2, :2].sum()
    mask = ramp.copy_with(data=ramp.data == 0, unit="").rebin(2)
    assert mask.is_mask
    assert mask.data.sum() == 1


def test_sum_and_slice_by_energy(ramp):
    image = ramp.sum_over_energy()
    assert image.geom.shape == (4, 6)
    np.testing.assert_array_equal(image.data, ramp.data.sum(axis=0))
    np.testing.assert_array_equal(ramp.slice_by_energy("2 TeV", 9).data, ramp.data[1:])
    np.testing.assert_array_equal(ramp.slice_by_energy(energy_max=5).data, ramp.data[:2])
    with pytest.raises(GeometryError, match="BM-GE-009"):
        ramp.slice_by_energy(3, 4)
    with pytest.raises(GeometryError, match="BM-GE-010: the map has no axis 'energy'"):
        image.slice_by_energy(3, 4)


@pytest.mark.parametrize("name", ["map.fits", "map.fits.gz"])
@pytest.mark.parametrize("axis", [MapAxis.from_edges([1, 2, 5, 9], name="energy_true"), MapAxis.from_nodes([1, 2, 5])])
def test_write_and_read_are_identity(tmp_path, ramp, name, axis):
    values = np.random.default_rng(3).random(GEOM.shape)
    original = WcsNDMap(GEOM.with_axes([axis]), values, "cm2 s")
    original.write(tmp_path / name)
    again = WcsNDMap.read(tmp_path / name)
    assert np.array_equal(again.data, original.data)
    assert np.array_equal(again.geom.axes[0].nodes, original.geom.axes[0].nodes)
    assert again.geom == original.geom
    assert again.unit == original.unit
    assert again.source == f"{name}[PRIMARY]"


def test_images_and_two_axes(tmp_path):
    image = WcsNDMap(GEOM.to_image(), np.ones((4, 6)))
    image.write(tmp_path / "image.fits")
    assert WcsNDMap.read(tmp_path / "image.fits").geom == image.geom
    rad = MapAxis.from_edges([0, 0.1, 0.3], name="rad", unit="deg", interp="lin")
    table = WcsNDMap(GEOM.with_axes([GEOM.axes[0], rad]), np.arange(144.0).reshape(3, 2, 4, 6), "sr-1")
    table.write(tmp_path / "table.fits")
    again = WcsNDMap.read(tmp_path / "table.fits", hdu="PRIMARY")
    assert np.array_equal(again.data, table.data)
    assert again.geom == table.geom
    bands = fits.getdata(tmp_path / "table.fits", "PRIMARY_BANDS")
    np.testing.assert_allclose(bands["RAD_MIN"][:3], [0, 0.1, 0], err_msg="the first axis of FITS runs fastest")


def test_existing_file_is_kept(tmp_path, ramp):
    path = tmp_path / "map.fits"
    ramp.write(path)
    before = path.read_bytes()
    with pytest.raises(BayesmapIOError, match=r"BM-IO-032: .*map.fits exists"):
        ramp.copy_with(data=ramp.data + 1).write(path)
    assert path.read_bytes() == before
    ramp.copy_with(data=ramp.data + 1).write(path, overwrite=True)
    assert WcsNDMap.read(path).data[0, 0, 0] == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["map.fits"]


def test_folder_that_does_not_exist(tmp_path, ramp):
    with pytest.raises(BayesmapIOError, match="BM-IO-009"):
        ramp.write(tmp_path / "nowhere" / "map.fits")


def test_masks_of_files_are_numbers_until_asked(tmp_path, ramp):
    mask = ramp.copy_with(data=ramp.data > 10, unit="")
    mask.write(tmp_path / "mask.fits")
    assert fits.getheader(tmp_path / "mask.fits")["BITPIX"] == 16
    again = WcsNDMap.read(tmp_path / "mask.fits")
    assert not again.is_mask
    assert np.array_equal(again.to_mask().data, mask.data)
    assert mask.to_mask() is mask
    with pytest.raises(BayesmapInputError, match="BM-IN-021: mask holds numbers that are neither 0 nor 1: 70"):
        ramp.to_mask()


def test_pickle(ramp):
    again = pickle.loads(pickle.dumps(ramp))
    assert np.array_equal(again.data, ramp.data)
    assert again.geom == ramp.geom
    assert "cm2 s" in str(again)


def test_lambda_of_scaled_integers(tmp_path):
    """BSCALE and BZERO are applied, big-endian or not."""
    hdu = fits.PrimaryHDU(np.arange(24.0, dtype=">f4").reshape(4, 6), header=GEOM.wcs.to_header())
    hdu.scale("int16", bscale=0.5, bzero=3)
    hdu.writeto(tmp_path / "scaled.fits")
    np.testing.assert_allclose(WcsNDMap.read(tmp_path / "scaled.fits").data, np.arange(24.0).reshape(4, 6), atol=0.26)
