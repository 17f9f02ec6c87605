"""OGIP spectra: files of Gammapy, and files made here with every scaling."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from bayesmap.errors import BayesmapIOError
from bayesmap.io.ogip import read_ogip
from bayesmap.irf import EnergyDispersion
from bayesmap.maps import MapAxis

RECO = MapAxis.from_edges([1, 2, 4, 8])
TRUE = MapAxis.from_edges([0.5, 1, 2, 4, 16], name="energy_true")
MATRIX = np.array([[0.2, 0.0, 0.0], [0.7, 0.2, 0.0], [0.1, 0.8, 0.1], [0.0, 0.1, 0.8]])


def pha(path, counts, *, more=(), **cards):
    columns = [
        fits.Column("CHANNEL", "I", array=np.arange(len(counts))),
        fits.Column("COUNTS", "J", array=np.asarray(counts)),
        *(fits.Column(name, "D", array=np.asarray(values)) for name, values in more),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
    table.header.update(cards)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


@pytest.fixture
def folder(tmp_path):
    names = {"BACKFILE": "off.fits", "ANCRFILE": "arf.fits", "RESPFILE": "rmf.fits"}
    pha(tmp_path / "on.fits", [3, 2, 1], EXPOSURE=100.0, BACKSCAL=0.5, AREASCAL=0.9, OBS_ID="17", **names)
    quality = ("QUALITY", [0, 0, 2])
    scale = ("BACKSCAL", [2.0, 3.0, 4.0])
    pha(tmp_path / "off.fits", [30, 20, 10], EXPOSURE=200.0, more=(quality, scale))
    edges = TRUE.edges * 1e9
    arf = fits.BinTableHDU.from_columns(
        [
            fits.Column("ENERG_LO", "D", unit="keV", array=edges[:-1]),
            fits.Column("ENERG_HI", "D", unit="keV", array=edges[1:]),
            fits.Column("SPECRESP", "D", unit="m2", array=np.array([1.0, 2.0, 3.0, 4.0])),
        ],
        name="SPECRESP",
    )
    fits.HDUList([fits.PrimaryHDU(), arf]).writeto(tmp_path / "arf.fits")
    EnergyDispersion(TRUE, RECO, MATRIX).write(tmp_path / "rmf.fits")
    return tmp_path


def test_every_scaling(folder):
    spectrum = read_ogip(folder / "on.fits")
    assert spectrum.problems() == ()
    assert spectrum.name == "17"
    np.testing.assert_array_equal(spectrum.counts, [3, 2, 1])
    np.testing.assert_array_equal(spectrum.counts_off, [30, 20, 10])
    np.testing.assert_allclose(spectrum.acceptance, 0.45)
    np.testing.assert_allclose(spectrum.acceptance_off, [4, 6, 8])
    np.testing.assert_allclose(spectrum.exposure, np.array([1, 2, 3, 4]) * 1e4 * 0.9 * 100)
    np.testing.assert_array_equal(spectrum.mask, [True, True, False])
    np.testing.assert_allclose(spectrum.edisp.data, MATRIX)
    assert spectrum.axis == RECO
    assert spectrum.axis_true == TRUE
    assert read_ogip(folder / "on.fits", name="run").name == "run"


def test_what_is_missing(folder):
    pha(folder / "bare.fits", [3, 2, 1], EXPOSURE=100.0, BACKFILE="NONE")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-045: bare\.fits names no background file \(BACKFILE\)"):
        read_ogip(folder / "bare.fits")
    off, arf, rmf = (folder / name for name in ("off.fits", "arf.fits", "rmf.fits"))
    with pytest.raises(BayesmapIOError, match="BM-IO-045: .*names no arf file"):
        read_ogip(folder / "bare.fits", background=off)
    with pytest.raises(BayesmapIOError, match="BM-IO-006: .*no HDU EBOUNDS"):
        read_ogip(folder / "bare.fits", background=off, arf=arf)
    assert read_ogip(folder / "bare.fits", background=off, arf=arf, rmf=rmf).name == "bare"
    pha(folder / "timeless.fits", [3, 2, 1])
    with pytest.raises(BayesmapIOError, match=r"BM-IO-046: timeless\.fits\[SPECTRUM\] has EXPOSURE 0 s"):
        read_ogip(folder / "timeless.fits")
    pha(folder / "area.fits", [3, 2, 1], EXPOSURE=1.0, more=(("AREASCAL", [1, 1, 2]),))
    with pytest.raises(BayesmapIOError, match="BM-IO-046: .*AREASCAL 1 to 2"):
        read_ogip(folder / "area.fits")
    pha(folder / "away.fits", [3, 2, 1], EXPOSURE=1.0, BACKFILE="../off.fits")
    with pytest.raises(BayesmapIOError, match="BM-IO-012: away.fits BACKFILE names the file"):
        read_ogip(folder / "away.fits")


def test_files_that_do_not_belong_together(folder):
    pha(folder / "two.fits", [3, 2], EXPOSURE=100.0)
    parts = {"arf": folder / "arf.fits", "rmf": folder / "rmf.fits"}
    with pytest.raises(BayesmapIOError, match=r"BM-IO-046: two\.fits has 2 counts, 3 counts_off, 3 energies"):
        read_ogip(folder / "two.fits", background=folder / "off.fits", **parts)
    other = MapAxis.from_edges([0.5, 1, 2, 4, 17], name="energy_true")
    EnergyDispersion(other, RECO, MATRIX).write(folder / "other.fits")
    with pytest.raises(BayesmapIOError, match="BM-IO-046: .*ARF energy_true: 4 bins, 0.5-16 TeV, RMF .*0.5-17 TeV"):
        read_ogip(folder / "on.fits", rmf=folder / "other.fits")


@pytest.mark.parametrize("with_rmf", [True, False])
def test_files_of_gammapy(tmp_path, with_rmf):
    datasets = pytest.importorskip("gammapy.datasets")
    from gammapy.irf import EDispKernelMap
    from gammapy.maps import MapAxis as PeerAxis
    from gammapy.maps import RegionGeom, RegionNDMap

    energy = PeerAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=4)
    true = PeerAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=6, name="energy_true")
    geom, geom_true = (RegionGeom.create("icrs;circle(83.6, 22, 0.1)", axes=[axis]) for axis in (energy, true))

    def spectrum(values, **more):
        return RegionNDMap.from_geom(geom, data=np.asarray(values), **more)

    exposure = RegionNDMap.from_geom(geom_true, data=np.geomspace(1e12, 1e14, 6), unit="cm2 s")
    exposure.meta = {"livetime": 1800 * u.s}
    theirs = datasets.SpectrumDatasetOnOff(
        counts=spectrum([5.0, 3.0, 2.0, 0.0]),
        counts_off=spectrum([31.0, 20.0, 9.0, 4.0]),
        acceptance=spectrum([1.0, 1.0, 1.0, 1.0]),
        acceptance_off=spectrum([7.0, 7.5, 8.0, 8.0]),
        exposure=exposure,
        edisp=EDispKernelMap.from_gauss(energy, true, 0.2, 0.05, geom=geom_true.to_image()) if with_rmf else None,
        mask_safe=spectrum([False, True, True, True]),
        name="crab",
    )
    theirs.write(tmp_path / "pha.fits", format="ogip")
    again = datasets.SpectrumDatasetOnOff.read(tmp_path / "pha.fits", format="ogip")
    ours = read_ogip(tmp_path / "pha.fits")
    assert ours.name == "crab"
    assert ours.problems() == ()
    for name in ("counts", "counts_off", "acceptance", "acceptance_off"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(again, name).data[:, 0, 0], err_msg=name)
    np.testing.assert_allclose(ours.exposure, again.exposure.data[:, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(ours.axis.edges, energy.edges.to_value("TeV"), rtol=1e-12)
    np.testing.assert_allclose(ours.axis_true.edges, true.edges.to_value("TeV"), rtol=1e-12)
    np.testing.assert_array_equal(ours.mask, [False, True, True, True])
    if with_rmf:
        np.testing.assert_allclose(ours.edisp.data, again.edisp.get_edisp_kernel().pdf_matrix, atol=1e-7)
    else:
        assert ours.edisp is None
