"""BANDS tables: one row per plane."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from bayesmap.errors import BayesmapIOError
from bayesmap.fits.bands import AxisRecord, axis_cards, bands_hdu, read_axes
from bayesmap.fits.hdu import read_fits

ENERGY = AxisRecord("energy", np.array([1.0, 3.0, 10.0]), "GeV", "log", "edges")
TRUE = AxisRecord("energy_true", np.array([2.0, 4.0, 8.0]), "keV", "log", "center")


def write(path, axes, change=lambda bands, image: None, *, name="MAP_BANDS"):
    shape = [len(axis.nodes) - (axis.node_type == "edges") for axis in axes]
    image = fits.ImageHDU(np.zeros((*shape, 2, 2)), name="MAP")
    image.header["BANDSHDU"] = name
    bands = bands_hdu(axes, name)
    change(bands, image)
    fits.HDUList([fits.PrimaryHDU(), image, bands]).writeto(path)
    file = read_fits(path)
    return read_axes(file, file.get("MAP"))


@pytest.mark.parametrize("axes", [[ENERGY], [TRUE], [TRUE, ENERGY], [ENERGY, TRUE]])
def test_round_trip(tmp_path, axes):
    again = write(tmp_path / "x.fits", axes)
    for one, other in zip(again, axes, strict=True):
        assert np.array_equal(one.nodes, other.nodes)
        assert (one.name, one.unit, one.interp, one.node_type) == (
            other.name, other.unit, other.interp, other.node_type,
        )  # fmt: skip


def test_first_axis_runs_fastest():
    table = bands_hdu([TRUE, ENERGY], "B")
    assert table.header["AXCOLS1"] == "E_MIN,E_MAX"
    assert table.header["AXCOLS2"] == "ENERGY_TRUE"
    np.testing.assert_allclose(table.data["E_MIN"], [1, 3, 1, 3, 1, 3])
    np.testing.assert_allclose(table.data["ENERGY_TRUE"], [2, 2, 4, 4, 8, 8])
    np.testing.assert_allclose(table.data["ENERGY_TRUE_MAX"][:3], [2**1.5, 2**1.5, 2**2.5])
    assert axis_cards([ENERGY]) == {"AXCOLS1": "E_MIN,E_MAX", "INTERP1": "log"}


def test_table_without_axcols_is_guessed(tmp_path):
    """As the Fermi tools and old files leave it: edges if there are E_MIN and E_MAX, otherwise nodes."""

    def strip(bands, image):
        del bands.header["AXCOLS1"], bands.header["INTERP1"], image.header["BANDSHDU"]

    (axis,) = write(tmp_path / "a.fits", [ENERGY], strip, name="EBOUNDS")
    assert (axis.name, axis.node_type, axis.interp) == ("energy", "edges", "log")

    image = fits.ImageHDU(np.zeros((3, 2, 2)), name="MAP")
    table = fits.BinTableHDU.from_columns([fits.Column("Energy", "D", array=[10.0, 20.0, 40.0])], name="ENERGIES")
    fits.HDUList([fits.PrimaryHDU(), image, table]).writeto(tmp_path / "b.fits")
    file = read_fits(tmp_path / "b.fits")
    (axis,) = read_axes(file, file.get("MAP"))
    assert (axis.name, axis.node_type, axis.unit, axis.nodes.tolist()) == ("energy_true", "center", "MeV", [10, 20, 40])


def cut_rows(bands, image):
    bands.data = bands.data[:-1]


def make_gap(bands, image):
    bands.data["E_MIN"][1] = 4.0


def shuffle(bands, image):
    bands.data["E_MIN"][2] = 2.0


def drop_names(bands, image):
    del bands.header["AXCOLS2"]


def own_pixels(bands, image):
    bands.columns.change_name("CHANNEL", "NPIX")


@pytest.mark.parametrize(
    ("axes", "change", "what"),
    [
        ([ENERGY], cut_rows, "has 1 rows, the image has 2 planes"),
        ([ENERGY], make_gap, "has gaps or overlaps between E_MIN and E_MAX"),
        ([TRUE, ENERGY], shuffle, "gives different values of E_MIN to the same bin"),
        ([TRUE, ENERGY], drop_names, "does not say which columns axis 2 has"),
        ([ENERGY], own_pixels, "gives each plane its own pixels"),
    ],
)
def test_contradictions(tmp_path, axes, change, what):
    with pytest.raises(BayesmapIOError, match=rf"BM-IO-010: x.fits\[MAP_BANDS\] {what}"):
        write(tmp_path / "x.fits", axes, change)


def test_missing_table(tmp_path):
    image = fits.ImageHDU(np.zeros((3, 2, 2)), name="MAP")
    image.header["BANDSHDU"] = "ELSEWHERE"
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "x.fits")
    file = read_fits(tmp_path / "x.fits")
    with pytest.raises(
        BayesmapIOError, match=r"BM-IO-010: x.fits\[MAP\] has 3 axes and no table .*ELSEWHERE, MAP_BANDS"
    ):
        read_axes(file, file.get("MAP"))
