"""On/Off spectra of a region in Gammapy's files, and in lists beside maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u

from bayesmap.dataset import SpectrumDatasetOnOff
from bayesmap.errors import BayesmapInputError, BayesmapIOError
from bayesmap.io.datasets import read_datasets, write_datasets
from bayesmap.io.gammapy import write_dataset
from bayesmap.io.spectrum import read_spectrum, write_spectrum
from bayesmap.irf import EnergyDispersion
from bayesmap.maps import MapAxis
from bayesmap.testing import toy_response

RECO = MapAxis.from_edges([1, 2, 4, 8])
TRUE = MapAxis.from_edges([0.5, 1, 2, 4, 16], name="energy_true")
MATRIX = np.array([[0.2, 0.0, 0.0], [0.7, 0.2, 0.0], [0.1, 0.8, 0.1], [0.0, 0.1, 0.8]])
FIELDS = ("counts", "counts_off", "acceptance", "acceptance_off", "exposure", "mask_data")


@pytest.fixture
def spectrum():
    return SpectrumDatasetOnOff(
        name="run 1",
        axis=RECO,
        counts=[5, 3, 2],
        counts_off=[31, 20, 9],
        acceptance=1.0,
        acceptance_off=[7.0, 7.5, 8.0],
        axis_true=TRUE,
        exposure=[1e12, 2e12, 5e12, 9e12] * u.Unit("cm2 s"),
        edisp=EnergyDispersion(TRUE, RECO, MATRIX),
        mask=[False, True, True],
    )


def assert_same(one, other):
    assert one.name == other.name
    for name in FIELDS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-12, err_msg=name)
    assert one.axis == other.axis
    assert one.axis_true == other.axis_true
    np.testing.assert_array_equal(one.edisp.data, other.edisp.data)


def test_write_and_read_is_the_identity(spectrum, tmp_path):
    write_spectrum(spectrum, tmp_path / "s.fits.gz")
    again = read_spectrum(tmp_path / "s.fits.gz")
    assert again.problems() == ()
    assert_same(again, spectrum)
    assert read_spectrum(spectrum) is spectrum
    assert read_spectrum(tmp_path / "s.fits.gz", name="x").name == "x"
    with pytest.raises(BayesmapIOError, match="BM-IO-032"):
        write_spectrum(spectrum, tmp_path / "s.fits.gz")
    bare = replace(spectrum, edisp=None, mask=None)
    write_spectrum(bare, tmp_path / "bare.fits")
    again = read_spectrum(tmp_path / "bare.fits")
    assert (again.edisp, again.mask) == (None, None)


def test_one_energy_bin(spectrum, tmp_path):
    one = MapAxis.from_edges([1, 8])
    wide = SpectrumDatasetOnOff(
        "w", one, [10], [60], 1, 7, TRUE, [1, 2, 3, 4], EnergyDispersion(TRUE, one, MATRIX.sum(axis=1)[:, None])
    )
    write_spectrum(wide, tmp_path / "w.fits")
    assert_same(read_spectrum(tmp_path / "w.fits"), wide)


def test_both_ways_with_gammapy(spectrum, tmp_path):
    datasets = pytest.importorskip("gammapy.datasets")
    write_spectrum(spectrum, tmp_path / "ours.fits")
    theirs = datasets.SpectrumDatasetOnOff.read(tmp_path / "ours.fits")
    for name in FIELDS[:-1]:
        np.testing.assert_array_equal(getattr(theirs, name).data[:, 0, 0], getattr(spectrum, name), err_msg=name)
    np.testing.assert_array_equal(theirs.mask_safe.data[:, 0, 0], spectrum.mask)
    np.testing.assert_allclose(theirs.edisp.get_edisp_kernel().pdf_matrix, MATRIX, rtol=1e-12)
    assert theirs.exposure.unit == "cm2 s"
    theirs.write(tmp_path / "theirs.fits")
    assert_same(read_spectrum(tmp_path / "theirs.fits", name="run 1"), spectrum)
    assert_same(read_spectrum(theirs, name="run 1"), spectrum)


def test_in_a_list_beside_a_map(spectrum, tmp_path):
    datasets = pytest.importorskip("gammapy.datasets")
    sky = replace(toy_response(npix=8), name="sky")
    write_datasets(tmp_path / "list.yaml", (sky, spectrum))
    again = read_datasets(tmp_path / "list.yaml")
    assert [type(item).__name__ for item in again] == ["MapDataset", "SpectrumDatasetOnOff"]
    assert_same(again[1], spectrum)
    theirs = datasets.Datasets.read(tmp_path / "list.yaml", lazy=False)
    assert theirs.names == ["sky", "run 1"]
    (tmp_path / "theirs").mkdir()
    theirs.write(tmp_path / "theirs" / "list.yaml")
    assert_same(read_datasets(tmp_path / "theirs" / "list.yaml")[1], spectrum)
    assert_same(read_datasets(theirs)[1], spectrum)


def test_what_is_no_on_off_spectrum(tmp_path):
    write_dataset(toy_response(npix=8), tmp_path / "map.fits")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-047: map\.fits has no COUNTS_OFF"):
        read_spectrum(tmp_path / "map.fits")
    with pytest.raises(BayesmapInputError, match="BM-IN-030: .*int cannot be used as an On/Off spectrum"):
        read_spectrum(3)
