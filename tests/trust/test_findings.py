"""What fuzzing found, each as the smallest file that shows it."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from astropy.io import fits

from bayesmap.cli.paths import output_path
from bayesmap.errors import (
    BayesmapError,
    BayesmapInputError,
    BayesmapIOError,
    ConfigError,
    GeometryError,
    ResponseError,
    printable,
)
from bayesmap.fits.hdu import column, read_fits
from bayesmap.io.fermi import read_fermi, read_fermi_isotropic, read_fermi_psf
from bayesmap.io.gammapy import read_dataset
from bayesmap.io.ogip import read_ogip
from bayesmap.io.parameter_schema import read_number
from bayesmap.io.safe_xml import load_xml
from bayesmap.io.safe_yaml import load_yaml
from bayesmap.io.spectrum import read_spectrum
from bayesmap.io.template_path import resolve_input
from bayesmap.irf.psf import RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap


@pytest.fixture
def changed(corpus, tmp_path):
    """Copy a file of the corpus, and what belongs to it, with other header cards; return its path."""

    def change(name, hdu, **cards):
        for file in corpus.glob("*.fits"):
            shutil.copy(file, tmp_path)
        with fits.open(corpus / name) as hdus:
            for key, value in cards.items():
                if value is None:
                    hdus[hdu].header.remove(key)
                else:
                    hdus[hdu].header[key] = value
            hdus.writeto(tmp_path / name, overwrite=True, output_verify="ignore")
        return tmp_path / name

    return change


def test_a_column_without_a_format(changed):
    path = changed("gtpsf.fits", "THETA", TFORM1="?")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-003: gtpsf\.fits is truncated or damaged: a header or table"):
        read_fermi_psf(path)


def test_a_column_of_complex_numbers(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("X", "C", array=np.ones(2, complex))], name="T")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "x.fits")
    file = read_fits(tmp_path / "x.fits")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-003: .*column X is not a list of numbers \(its type is .*c8\)"):
        column(file, file.get("T"), "X")


def test_two_hdus_of_one_name(changed, tmp_path):
    path = changed("dataset.fits", "EXPOSURE", EXTNAME="COUNTS")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-006|BM-IO-008"):
        read_dataset(path)
    with fits.open(path.with_name("spectrum.fits")) as hdus:
        hdus.append(hdus["COUNTS"].copy())
        hdus.writeto(tmp_path / "double.fits")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-008: double\.fits has 2 HDUs COUNTS"):
        read_spectrum(tmp_path / "double.fits")


@pytest.mark.parametrize("value", [3, True, 1e300, "RA---XYZ"])
def test_an_axis_that_is_no_word(changed, value):
    with pytest.raises(GeometryError, match="BM-GE-007"):
        read_dataset(changed("dataset.fits", "COUNTS", CTYPE1=value))


@pytest.mark.parametrize("cards", [{"CDELT2": 1e300}, {"CDELT1": 0.0}, {"PC1_1": 0.0}, {"CRVAL2": 1e300}])
def test_pixels_without_sense(changed, cards):
    with pytest.raises((GeometryError, BayesmapInputError), match="BM-GE-00"):
        read_dataset(changed("dataset.fits", "WEIGHTS", **cards)).check()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("argument", ["skydir", "binsz"])
def test_geometries_that_are_not_finite(argument, value):
    given = {"skydir": (0.0, 0.0), "binsz": 0.1} | {argument: (value, 0.0) if argument == "skydir" else value}
    with pytest.raises(GeometryError, match="BM-GE-007"):
        WcsGeom.create(npix=3, proj="TAN", **given)


def test_maps_that_do_not_show_the_same_sky():
    """Points that only one of two maps shows make them differ: they were left out of the comparison."""
    small = WcsGeom.create(skydir=(0.0, 0.0), npix=5, binsz=20.0, proj="AIT")
    other = WcsGeom.create(skydir=(0.0, 0.0), npix=5, binsz=100.0, proj="AIT")
    assert other.offset_in_pixels(small) == np.inf
    assert small.offset_in_pixels(small) < 1e-9
    whole = WcsGeom.create(skydir=(0.0, 0.0), npix=(36, 18), binsz=10.0, proj="AIT")  # its corners show no sky
    assert whole.same_sky(whole)


def test_bands_that_are_no_table(changed):
    with pytest.raises(BayesmapIOError, match="BM-IO-010: .* is no table"):
        WcsNDMap.read(changed("dataset.fits", "COUNTS", BANDSHDU="EXPOSURE"), "COUNTS")
    with pytest.raises(BayesmapIOError, match="BM-IO-010: "):
        read_dataset(changed("dataset.fits", "COUNTS", BANDSHDU="PSF"))
    assert read_dataset(changed("dataset.fits", "COUNTS", BANDSHDU=-64)).problems() == ()


@pytest.mark.parametrize("key", ["EXPOSURE", "BACKSCAL", "AREASCAL"])
@pytest.mark.parametrize("value", ["PRIMARY", True])
def test_a_card_that_is_no_number(changed, key, value):
    with pytest.raises(BayesmapIOError, match=rf"BM-IO-003: pha\.fits\[SPECTRUM\] .*{key} is '{value}', no number"):
        read_ogip(changed("pha.fits", "SPECTRUM", **{key: value}))


def test_other_cards_that_are_no_numbers(changed):
    with pytest.raises(BayesmapIOError, match="BM-IO-003: .*RMAX1 is 'x', no number"):
        read_dataset(changed("dataset.fits", "PSF", RMAX1="x"))
    with pytest.raises(BayesmapIOError, match="BM-IO-003: .*TLMIN4 is 'x', no number"):
        read_ogip(changed("rmf.fits", "MATRIX", TLMIN4="x").with_name("pha.fits"))


@pytest.mark.parametrize(
    ("name", "hdu", "key"),
    [("rmf.fits", "MATRIX", "TUNIT1"), ("rmf.fits", "EBOUNDS", "TUNIT2"), ("arf.fits", 1, "TUNIT1")],
)
def test_lower_and_upper_energies_in_two_units(changed, name, hdu, key):
    with pytest.raises(BayesmapIOError, match="BM-IO-011|BM-IO-046"):
        read_ogip(changed(name, hdu, **{key: "MeV"}).with_name("pha.fits"))


@pytest.mark.parametrize(("name", "hdu", "key"), [("arf.fits", 1, "TUNIT3"), ("arf.fits", 1, "TUNIT1")])
def test_units_that_are_none(changed, name, hdu, key):
    with pytest.raises(BayesmapError, match="BM-GE-005|BM-IO-046"):
        read_ogip(changed(name, hdu, **{key: "GLON-CAR"}).with_name("pha.fits"))
    with pytest.raises(BayesmapError, match="BM-GE-005"):
        read_fermi_psf(changed("gtpsf.fits", "PSF", TUNIT1="GLON-CAR"))


def test_a_psf_of_huge_numbers_is_not_normalised():
    """Its integral is not a number, and a comparison with that is never true."""
    axis = MapAxis.from_nodes([1.0, 2.0])
    with pytest.raises(ResponseError, match="BM-IR-003"):
        RadialPSF(axis, np.linspace(0, 1, 5), np.full((2, 5), 1.7e308)).normalised()
    with pytest.raises(ResponseError, match=r"BM-IR-005: .*at least 1e-09 deg apart"):
        RadialPSF(axis, [0.0, 5e-324, 1.0], np.ones((2, 3)))


@pytest.mark.parametrize("value", [-1.0, np.inf, -np.inf])
def test_a_bad_exposure_is_not_interpolated_away(changed, value):
    path = changed("bexp.fits", 0)
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[5, 4, 8] = value
    with pytest.raises(BayesmapInputError, match=r"BM-IN-012: 1 of 1,344 exposure bins in bexp\.fits\[PRIMARY\]"):
        read_fermi(path.with_name("ccube.fits"), path)


def test_names_that_no_file_can_have(tmp_path):
    with pytest.raises(BayesmapIOError, match="BM-IO-016"):
        resolve_input("x" * 5000, where="here", root=tmp_path)
    with pytest.raises(BayesmapIOError, match="BM-IO-001"):
        read_fits("a\0b.fits")


@pytest.mark.parametrize("read", [read_fits, read_dataset])
def test_pipes_are_not_waited_for(read, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BayesmapIOError, match="BM-IO-001: .*no regular file"):
        read(tmp_path / "pipe")


def test_whole_numbers_have_a_limit(tmp_path):
    with pytest.raises(ConfigError, match=r"BM-CF-002: .*a whole number of 401 digits.*such as 1\.0e\+20"):
        load_yaml(f"a: 1{'0' * 400}\n")
    with pytest.raises(ConfigError, match="BM-CF-002"):
        read_number(10**400, "a.value", infinite=True)
    assert load_yaml("a: -9223372036854775807\n") == {"a": -9223372036854775807}


@pytest.mark.parametrize("name", ["x" * 300, "a/" + "µ" * 150])
def test_outputs_of_names_that_no_file_can_have(name, tmp_path):
    with pytest.raises(BayesmapIOError, match=r"BM-IO-018: .*a name of 300 bytes"):
        output_path(name, folder=tmp_path)


def test_large_texts_are_not_read_whole(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(BayesmapError, match="BM-CF-013"):
        load_xml(tmp_path / "large")
    with pytest.raises(BayesmapIOError, match="BM-IO-042: .*more than 20,000,000 bytes"):
        read_fermi_isotropic(tmp_path / "large")


def test_messages_are_short_and_harmless():
    error = BayesmapInputError("BM-CF-001", what=f"the key {'y' * 10**6}\x1b[2J\u202e\udcff", rule="a\nb", remedy="c")
    assert len(str(error)) < 2000
    assert str(error).endswith(r"y\x1b[2J\u202e\udcff. a\x0ab. c.")
    str(error).encode("utf-8")
    assert printable("± 1 µm, 5\N{NO-BREAK SPACE}TeV") == "± 1 µm, 5\N{NO-BREAK SPACE}TeV"
