"""Energy dispersion: matrices and their OGIP files."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest
from astropy.io import fits

from bayesmap.errors import BayesmapIOError, ResponseError
from bayesmap.irf import EnergyDispersion
from bayesmap.irf.migration import from_migration
from bayesmap.maps import MapAxis

TRUE = MapAxis.from_edges([1, 2, 4, 8], name="energy_true")
RECO = MapAxis.from_edges([1, 3, 8])


def test_diagonal_is_the_overlap_linear_in_energy():
    edisp = EnergyDispersion.from_diagonal(TRUE, RECO)
    np.testing.assert_allclose(edisp.data, [[1, 0], [0.5, 0.5], [0, 1]])
    assert edisp.is_diagonal
    assert not EnergyDispersion(TRUE, RECO, edisp.data * 0.99).is_diagonal


def test_diagonal_loses_what_lies_outside():
    wide = MapAxis.from_edges([0.5, 1.5, 16], name="energy_true")
    np.testing.assert_allclose(EnergyDispersion.from_diagonal(wide, RECO).data, [[0.5, 0], [1.5 / 14.5, 5 / 14.5]])


def test_shape():
    with pytest.raises(ResponseError, match=r"BM-IR-005: the energy dispersion has shape \(2, 3\)"):
        EnergyDispersion(TRUE, RECO, np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ([0.7, 0.6], "BM-IR-001"),
        ([1.2, -0.2], "BM-IR-001"),
        ([np.nan, 0.1], "BM-IR-001"),
        ([0.0, 0.0], "BM-IR-002"),
        ([0.7, 0.3005], None),
        ([0.1, 0.0], None),
    ],
)
def test_rows(row, code):
    data = EnergyDispersion.from_diagonal(TRUE, RECO).data.copy()
    data[1] = row
    problems = EnergyDispersion(TRUE, RECO, data).problems()
    assert [problem.code for problem in problems] == ([code] if code else [])
    if code:
        assert "in 1 of 3 true-energy rows (first: 1 (2.828 TeV" in str(problems[0])


def test_rows_of_zeros_outside_the_range_are_fine():
    wide = MapAxis.from_edges([0.1, 0.5, 2, 8, 20, 90], name="energy_true")
    edisp = EnergyDispersion.from_diagonal(wide, RECO)
    assert edisp.data.sum(axis=1)[0] == 0
    assert edisp.problems() == ()


def test_rows_of_zeros_without_exposure_are_fine():
    edisp = EnergyDispersion(TRUE, RECO, [[0, 0], [0.5, 0.5], [0, 1]])
    assert edisp.problems()[0].code == "BM-IR-002"
    assert edisp.problems(np.array([False, True, True])) == ()


@pytest.mark.parametrize("name", ["rmf.fits", "rmf.fits.gz"])
def test_write_and_read_are_identity(tmp_path, name):
    data = [[0.3, 0.6], [0.0, 0.0], [0.0, 0.25]]
    original = EnergyDispersion(TRUE, RECO, data)
    original.write(tmp_path / name)
    again = EnergyDispersion.read(tmp_path / name)
    assert np.array_equal(again.data, original.data)
    assert np.array_equal(again.axis_true.edges, TRUE.edges)
    assert np.array_equal(again.axis.edges, RECO.edges)
    with pytest.raises(BayesmapIOError, match="BM-IO-032"):
        original.write(tmp_path / name)


def test_gammapy_reads_what_we_write(tmp_path):
    gammapy_irf = pytest.importorskip("gammapy.irf")
    data = np.array([[0.3, 0.6], [0.0, 0.5], [0.0, 0.25]])
    EnergyDispersion(TRUE, RECO, data).write(tmp_path / "rmf.fits")
    kernel = gammapy_irf.EDispKernel.read(tmp_path / "rmf.fits")
    np.testing.assert_array_equal(kernel.pdf_matrix, data)
    np.testing.assert_allclose(kernel.axes["energy_true"].edges.to_value("TeV"), TRUE.edges)
    np.testing.assert_allclose(kernel.axes["energy"].edges.to_value("TeV"), RECO.edges)


@pytest.mark.parametrize("ogip", ["ogip", "ogip-sherpa"])
def test_we_read_what_gammapy_writes(tmp_path, ogip):
    gammapy_irf = pytest.importorskip("gammapy.irf")
    gammapy_maps = pytest.importorskip("gammapy.maps")
    energy = gammapy_maps.MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=5)
    true = gammapy_maps.MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=9, name="energy_true")
    kernel = gammapy_irf.EDispKernel.from_gauss(true, energy, sigma=0.2, bias=0.05)
    kernel.write(tmp_path / "rmf.fits", format=ogip)
    again = EnergyDispersion.read(tmp_path / "rmf.fits")
    np.testing.assert_allclose(again.data, kernel.pdf_matrix, atol=1e-6)  # written in single precision, thresholded
    np.testing.assert_allclose(again.axis_true.edges, true.edges.to_value("TeV"), rtol=1e-6)


def rmf_tables(first, *, keyword, channels):
    """A two-row matrix with groups, its channels counted from `first`; TLMIN only if `keyword`."""
    matrix = fits.BinTableHDU.from_columns(
        [
            fits.Column("ENERG_LO", "E", unit="keV", array=[1e9, 2e9]),
            fits.Column("ENERG_HI", "E", unit="keV", array=[2e9, 4e9]),
            fits.Column("N_GRP", "I", array=[2, 1]),
            fits.Column("F_CHAN", "2I", array=[[first, first + 3], [first + 1, 0]]),
            fits.Column("N_CHAN", "2I", array=[[2, 1], [2, 0]]),
            fits.Column("MATRIX", "3E", array=[[0.5, 0.25, 0.125], [0.5, 0.5, 0]]),
        ],
        name="SPECRESP MATRIX",
    )
    if keyword:
        matrix.header["TLMIN4"] = first
    bounds = fits.BinTableHDU.from_columns(
        [
            fits.Column("CHANNEL", "I", array=channels),
            fits.Column("E_MIN", "E", unit="GeV", array=[1e3, 2e3, 3e3, 4e3]),
            fits.Column("E_MAX", "E", unit="GeV", array=[2e3, 3e3, 4e3, 5e3]),
        ],
        name="EBOUNDS",
    )
    return fits.HDUList([fits.PrimaryHDU(), matrix, bounds])


@pytest.mark.parametrize(
    ("first", "keyword", "channels"), [(1, True, [0, 1, 2, 3]), (0, True, [1, 2, 3, 4]), (5, False, [5, 6, 7, 8])]
)
def test_channels_are_counted_from_tlmin(tmp_path, first, keyword, channels):
    rmf_tables(first, keyword=keyword, channels=channels).writeto(tmp_path / "rmf.fits")
    edisp = EnergyDispersion.read(tmp_path / "rmf.fits")
    np.testing.assert_array_equal(edisp.data, [[0.5, 0.25, 0, 0.125], [0, 0.5, 0.5, 0]])
    np.testing.assert_allclose(edisp.axis_true.edges, [1, 2, 4])
    np.testing.assert_allclose(edisp.axis.edges, [1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("column", "values", "what"),
    [
        ("N_GRP", [3, 1], "announces 3 groups and describes 2"),
        ("F_CHAN", [[1, 9], [2, 0]], "has a group of 1 channels from 9"),
        ("F_CHAN", [[0, 4], [2, 0]], "has a group of 2 channels from 0"),
        ("N_CHAN", [[2, 2], [2, 0]], "has a group of 2 channels from 4"),
        ("ENERG_LO", [1e9, 3e9], "has gaps or overlaps"),
    ],
)
def test_contradictions(tmp_path, column, values, what):
    hdus = rmf_tables(1, keyword=True, channels=[1, 2, 3, 4])
    hdus[1].data[column] = values
    hdus.writeto(tmp_path / "rmf.fits")
    with pytest.raises(BayesmapIOError, match=rf"BM-IO-011: rmf.fits\[SPECRESP MATRIX\] {what}"):
        EnergyDispersion.read(tmp_path / "rmf.fits")


@pytest.mark.parametrize(("count", "start"), [(2, 1 << 20), (1 << 30, 0), (-5, 0)])
def test_lists_that_point_out_of_the_file(tmp_path, count, start):
    """Descriptors of variable-length rows that a damaged or hostile file may hold."""
    EnergyDispersion.from_diagonal(TRUE, RECO).write(tmp_path / "rmf.fits")
    with fits.open(tmp_path / "rmf.fits") as hdus:
        begin, names = hdus["MATRIX"].fileinfo()["datLoc"], hdus["MATRIX"].columns
        offset = sum(column.dtype.itemsize for column in names[:5])  # MATRIX is the last column
    content = bytearray((tmp_path / "rmf.fits").read_bytes())
    content[begin + offset : begin + offset + 8] = struct.pack(">ii", count, start)
    for keyword in (b"CHECKSUM", b"DATASUM "):
        content = content.replace(keyword, b"X" + keyword[1:])
    (tmp_path / "bad.fits").write_bytes(content)
    with pytest.raises(BayesmapIOError, match="BM-IO-0(03|11)"):
        EnergyDispersion.read(tmp_path / "bad.fits")


@pytest.mark.parametrize("missing", ["ENERG_LO", "N_GRP", "F_CHAN", "MATRIX"])
def test_missing_column(tmp_path, missing):
    hdus = rmf_tables(1, keyword=True, channels=[1, 2, 3, 4])
    hdus[1].columns.del_col(missing)
    hdus.writeto(tmp_path / "rmf.fits")
    with pytest.raises(BayesmapIOError, match=rf"BM-IO-007: rmf.fits\[SPECRESP MATRIX\] has no column {missing}"):
        EnergyDispersion.read(tmp_path / "rmf.fits")


def test_file_without_matrix(tmp_path):
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "empty.fits")
    with pytest.raises(BayesmapIOError, match="BM-IO-006: empty.fits has no HDU MATRIX, EBOUNDS"):
        EnergyDispersion.read(tmp_path / "empty.fits")


def test_migration_of_a_box():
    """Migra evenly spread over 0.5 to 1.5: an event of 4 TeV ends between 2 and 6 TeV."""
    true = MapAxis.from_nodes([4.0, 40.0])
    migra = MapAxis.from_edges([0.5, 0.75, 1.5], name="migra", interp="lin")
    edisp = from_migration(true, migra, np.ones((2, 2)), MapAxis.from_edges([1, 3, 4, 10]))
    np.testing.assert_allclose(edisp.data, [[0.25, 0.25, 0.5], [0, 0, 0]])


def test_pickle():
    edisp = EnergyDispersion.from_diagonal(TRUE, RECO)
    assert np.array_equal(pickle.loads(pickle.dumps(edisp)).data, edisp.data)
