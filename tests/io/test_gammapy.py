"""MapDataset files and live objects: what Gammapy writes we read, what we write it reads."""

from __future__ import annotations

import types
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapError, BayesmapInputError, BayesmapIOError, GeometryError, ResponseError, UnitsError
from bayesmap.io.gammapy import (
    read_dataset,
    to_bayesmap_edisp,
    to_bayesmap_map,
    to_bayesmap_mask,
    to_bayesmap_psf,
    write_dataset,
)
from bayesmap.irf import EnergyDispersion, PSFKernel, RadialPSF
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap, circle_mask

RECO = MapAxis.from_edges([1, 2, 4, 8])
TRUE = MapAxis.from_edges([0.5, 1, 2, 4, 8, 16], name="energy_true")
NODES = MapAxis.from_nodes([0.5, 1, 2, 4, 8])


def toy(axis_true=TRUE):
    """A small data set with irregular numbers everywhere."""
    rng = np.random.default_rng(7)
    geom = WcsGeom.create(skydir=(83, 22), npix=(12, 10), binsz=0.2, frame="galactic", axes=[RECO])
    geom_true = geom.with_axes([axis_true])
    edges = MapAxis.from_edges(axis_true.edges, name="energy_true")
    rad, sigma = np.linspace(0, 1, 201), np.deg2rad(np.linspace(0.2, 0.1, 5))[:, np.newaxis]
    table = np.exp(-0.5 * (np.deg2rad(rad) / sigma) ** 2) / (2 * np.pi * sigma**2)
    return MapDataset(
        "toy",
        WcsNDMap(geom, rng.poisson(2.0, geom.shape).astype(float)),
        WcsNDMap(geom_true, rng.uniform(1e10, 2e10, geom_true.shape), "cm2 s"),
        WcsNDMap(geom, rng.uniform(0.5, 1.5, geom.shape)),
        RadialPSF(edges, rad, table),
        EnergyDispersion(edges, RECO, rng.dirichlet(np.ones(4), 5)[:, :3]),
        circle_mask(geom, 83, 22, 0.8),
    )


def assert_same(one, other):
    """Every array of two data sets is bit-identical; Gammapy itself moves energies by a rounding error."""
    for name in ("counts", "exposure", "background", "mask"):
        first, second = getattr(one, name), getattr(other, name)
        assert np.array_equal(first.data, second.data), name
        assert first.geom == second.geom, name
        np.testing.assert_allclose(first.geom.axes[0].nodes, second.geom.axes[0].nodes, rtol=1e-14)
        assert first.unit == second.unit, name
    assert np.array_equal(one.edisp.data, other.edisp.data)
    assert np.array_equal(one.psf.data, other.psf.data)
    assert np.array_equal(one.psf.max_radius, other.psf.max_radius)
    np.testing.assert_allclose(one.psf.rad, other.psf.rad, rtol=1e-15)
    assert one.psf.axis == other.psf.axis
    assert one.edisp.axis_true == other.edisp.axis_true


@pytest.mark.parametrize("name", ["toy.fits", "toy.fits.gz"])
@pytest.mark.parametrize("axis_true", [TRUE, NODES], ids=["bins", "nodes"])
def test_write_and_read_are_identity(tmp_path, name, axis_true):
    original = toy(axis_true)
    assert original.problems() == ()
    write_dataset(original, tmp_path / name)
    again = read_dataset(tmp_path / name)
    assert_same(again, original)
    assert again.problems() == ()
    assert again.name == "toy"
    assert again.counts.source == f"{name}[COUNTS]"


def test_cut_of_the_psf_is_kept(tmp_path):
    original = read_dataset(toy(), psf_max_radius=[0.5, 0.4, 0.4, 0.3, 0.3], name="cut")
    write_dataset(original, tmp_path / "x.fits")
    again = read_dataset(tmp_path / "x.fits")
    assert_same(again, original)
    np.testing.assert_allclose(again.psf.max_radius, [0.5, 0.4, 0.4, 0.3, 0.3])
    np.testing.assert_allclose(read_dataset(tmp_path / "x.fits", psf_max_radius="12 arcmin").psf.max_radius, 0.2)
    assert again.name == "cut"
    assert read_dataset(tmp_path / "x.fits", name="other").name == "other"


def test_weights_are_kept(tmp_path):
    weighted = replace(toy(), weights=WcsNDMap(toy().counts.geom, np.full(toy().counts.data.shape, 0.25)))
    write_dataset(weighted, tmp_path / "w.fits")
    np.testing.assert_array_equal(read_dataset(tmp_path / "w.fits").weights.data, 0.25)


def test_least_data_set(tmp_path):
    least = MapDataset("least", toy().counts, toy().exposure)
    write_dataset(least, tmp_path / "least.fits")
    again = read_dataset(tmp_path / "least.fits")
    assert (again.background, again.psf, again.edisp, again.mask) == (None, None, None, None)
    with pytest.raises(ResponseError, match="BM-IR-009: the psf is missing"):
        read_dataset(tmp_path / "least.fits", psf_max_radius=0.3)


def test_kernel_has_no_place_in_the_file(tmp_path):
    kernel = PSFKernel(TRUE, np.full((5, 3, 3), 1 / 9))
    dataset = MapDataset("kernel", toy().counts, toy().exposure, psf=kernel)
    with pytest.raises(ResponseError, match="BM-IR-009: the psf is a kernel on pixels"):
        write_dataset(dataset, tmp_path / "x.fits")
    with pytest.raises(ResponseError, match="BM-IR-009: the psf is a kernel on pixels"):
        read_dataset(dataset, psf_max_radius=0.3)
    assert list(tmp_path.iterdir()) == []


def test_existing_file_is_kept(tmp_path):
    write_dataset(toy(), tmp_path / "x.fits")
    with pytest.raises(BayesmapIOError, match="BM-IO-032"):
        write_dataset(toy(), tmp_path / "x.fits")
    write_dataset(toy(), tmp_path / "x.fits", overwrite=True)


@pytest.mark.parametrize("missing", ["COUNTS", "EXPOSURE"])
def test_missing_hdu(tmp_path, missing):
    write_dataset(toy(), tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits") as hdus:
        del hdus[missing]
        hdus.writeto(tmp_path / "y.fits")
    with pytest.raises(
        BayesmapIOError,
        match=f"BM-IO-006: y.fits has no HDU {missing}. Required are COUNTS, EXPOSURE; the file has PRI",
    ):
        read_dataset(tmp_path / "y.fits")


def rewrite(path, hdu, change):
    with fits.open(path, mode="update") as hdus:
        change(hdus[hdu])
        for card in ("CHECKSUM", "DATASUM"):
            hdus[hdu].header.remove(card, ignore_missing=True)


def set_card(name, value):
    return lambda hdu: hdu.header.set(name, value)


def set_units(value):
    return lambda hdu: [hdu.header.set(name, value) for name in ("TUNIT3", "TUNIT4")]


def spread_over_positions(hdu):
    hdu.data = np.concatenate([hdu.data, 2 * hdu.data], axis=-1)


def repeat_over_positions(hdu):
    hdu.data = np.concatenate([hdu.data, hdu.data], axis=-1)


@pytest.mark.parametrize(
    ("hdu", "change", "error", "what"),
    [
        ("PSF", spread_over_positions, ResponseError, "BM-IR-008: psf changes with the position: 2 x 1 positions in x"),
        ("EDISP", spread_over_positions, ResponseError, "BM-IR-008: edisp changes with the position"),
        ("COUNTS", set_card("BUNIT", "furlong"), UnitsError, r"BM-GE-005: x.fits\[COUNTS\] has the unit 'furlong'"),
        ("PSF", set_card("BUNIT", "m"), UnitsError, "BM-GE-005: psf is in 'm'"),
        ("COUNTS_BANDS", set_units("s"), UnitsError, "BM-GE-005: axis energy is in 's'"),
        ("COUNTS_BANDS", set_units(""), UnitsError, "BM-GE-005: the columns of axis energy have no TUNIT"),
        ("COUNTS_BANDS", set_card("TUNIT3", "GeV"), BayesmapIOError, "BM-IO-010: .* in 'GeV' and 'TeV'"),
        ("COUNTS_BANDS", set_card("INTERP1", "banana"), BayesmapIOError, "BM-IO-010: .* neither log nor lin"),
        ("COUNTS_BANDS", set_card("AXCOLS1", "E_MIN,E_MAX,X"), BayesmapIOError, "BM-IO-010: .* more than two columns"),
        ("COUNTS", set_card("CTYPE1", "ELON-CAR"), GeometryError, "BM-GE-007"),
        ("COUNTS", set_card("BANDSHDU", "PSF_BANDS"), BayesmapIOError, "BM-IO-010"),
        (
            "MASK_FIT",
            lambda hdu: hdu.data.__setitem__((0, 0, 0), 3),
            BayesmapInputError,
            "BM-IN-021: mask holds numbers .*: 1 ",
        ),
        ("PSF_BANDS", set_card("AXCOLS1", "ENERGY"), BayesmapIOError, "BM-IO-007: .* has no column ENERGY"),
    ],
)
def test_trouble_inside(tmp_path, hdu, change, error, what):
    write_dataset(toy(), tmp_path / "x.fits")
    rewrite(tmp_path / "x.fits", hdu, change)
    with pytest.raises(error, match=what):
        read_dataset(tmp_path / "x.fits")


def test_equal_positions_are_one(tmp_path):
    write_dataset(toy(), tmp_path / "x.fits")
    for hdu in ("PSF", "EDISP"):
        rewrite(tmp_path / "x.fits", hdu, repeat_over_positions)
    assert_same(read_dataset(tmp_path / "x.fits"), toy())


def test_energies_in_any_unit(tmp_path):
    """TUNIT is read for every table, not taken from the first."""
    write_dataset(toy(), tmp_path / "x.fits")

    def to_gev(hdu):
        for column in hdu.columns:
            if column.unit == "TeV":
                hdu.data[column.name][:] = 1e3 * hdu.data[column.name]
                column.unit = "GeV"

    for hdu in ("EXPOSURE_BANDS", "EDISP_BANDS"):
        rewrite(tmp_path / "x.fits", hdu, to_gev)
    again = read_dataset(tmp_path / "x.fits")
    assert again.problems() == ()
    np.testing.assert_allclose(again.axis_true.edges, TRUE.edges, rtol=1e-15)


def test_masks_are_combined(tmp_path):
    write_dataset(toy(), tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits") as hdus:
        safe = np.array(hdus["COUNTS"].data > 1, dtype=int)
        header = hdus["MASK_FIT"].header.copy()
        del header["CHECKSUM"], header["DATASUM"]
        hdus.append(fits.ImageHDU(safe, header=header, name="MASK_SAFE"))
        hdus.writeto(tmp_path / "y.fits")
    expected = toy().mask.data & (toy().counts.data > 1)
    assert np.array_equal(read_dataset(tmp_path / "y.fits").mask.data, expected)


def test_files_of_single_maps(tmp_path):
    dataset = toy()
    dataset.mask.write(tmp_path / "mask.fits")
    assert to_bayesmap_mask(tmp_path / "mask.fits").is_mask
    assert to_bayesmap_mask(None) is None
    assert to_bayesmap_mask(dataset.mask) is dataset.mask
    assert to_bayesmap_map(dataset.counts) is dataset.counts
    dataset.edisp.write(tmp_path / "rmf.fits")
    assert np.array_equal(to_bayesmap_edisp(tmp_path / "rmf.fits").data, dataset.edisp.data)
    write_dataset(dataset, tmp_path / "all.fits")
    assert np.array_equal(to_bayesmap_edisp(str(tmp_path / "all.fits")).data, dataset.edisp.data)
    assert to_bayesmap_psf(tmp_path / "all.fits", max_radius=0.4).max_radius[0] == 0.4
    assert to_bayesmap_psf(None) is None
    assert to_bayesmap_edisp(None) is None
    assert to_bayesmap_psf(dataset.psf) is dataset.psf


@pytest.mark.parametrize("convert", [to_bayesmap_map, to_bayesmap_psf, to_bayesmap_edisp, read_dataset])
def test_what_is_nothing_of_the_kind(convert):
    with pytest.raises(BayesmapInputError, match="BM-IN-030: builtins.int cannot be used as"):
        convert(3)


def old_map(data, axis, unit):
    """A map as Gammapy 0.10 has it: axes in plain numbers, with a unit beside them."""
    geom = WcsGeom.create(skydir=(0, 0), npix=(4, 3), binsz=0.1, frame="galactic")
    return types.SimpleNamespace(geom=types.SimpleNamespace(wcs=geom.wcs, axes=[axis]), data=data, unit=unit)


def old_axis(name, edges, interp="lin"):
    return types.SimpleNamespace(name=name, edges=np.array(edges), unit=u.Unit("GeV"), node_type="edges", interp=interp)


def test_objects_of_gammapy_010():
    counts = to_bayesmap_map(old_map(np.ones((2, 3, 4), dtype="f4"), old_axis("energy", [100, 300, 500]), ""))
    np.testing.assert_allclose(counts.geom.axes[0].edges, [0.1, 0.3, 0.5])
    np.testing.assert_allclose(counts.geom.axes[0].center, [0.2, 0.4])
    kernel = types.SimpleNamespace(
        psf_kernel_map=old_map(np.full((2, 3, 4), 1 / 12), old_axis("energy", [1, 2, 4]), "")
    )
    assert to_bayesmap_psf(kernel).axis.name == "energy_true"
    bins = types.SimpleNamespace(lo=[1, 2] * u.TeV, hi=[2000, 4000] * u.GeV)
    edisp = to_bayesmap_edisp(types.SimpleNamespace(e_true=bins, e_reco=bins, pdf_matrix=np.eye(2)))
    np.testing.assert_allclose(edisp.axis_true.edges, [1, 2, 4])
    assert edisp.is_diagonal


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
@pytest.mark.filterwarnings("ignore:The following header keyword is invalid")
def test_random_damage_ends_in_a_coded_error(tmp_path):
    """Without checksums damage may go unseen, but whatever stops the reading is told with a code."""
    write_dataset(toy(), tmp_path / "x.fits")
    content = (tmp_path / "x.fits").read_bytes()
    for keyword in (b"CHECKSUM=", b"DATASUM ="):
        content = content.replace(keyword, b"X" + keyword[1:])
    with fits.open(tmp_path / "x.fits") as hdus:
        headers = [(hdu.fileinfo()["hdrLoc"], hdu.fileinfo()["datLoc"]) for hdu in hdus]
    rng = np.random.default_rng(11)
    codes = set()
    for _ in range(200):
        damaged = bytearray(content)
        for _ in range(3):
            start, stop = headers[rng.integers(len(headers))]
            damaged[rng.integers(start, stop)] = rng.integers(32, 127)
        (tmp_path / "y.fits").write_bytes(damaged)
        try:
            codes.update(problem.code for problem in read_dataset(tmp_path / "y.fits").problems())
        except BayesmapError as error:
            codes.add(error.code)
    assert "BM-IO-003" in codes
    assert len(codes) > 3


# --- live Gammapy -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gammapy():
    pytest.importorskip("gammapy")
    from gammapy import datasets, irf, maps

    return types.SimpleNamespace(datasets=datasets, irf=irf, maps=maps)


@pytest.fixture
def live(gammapy, tmp_path):
    """The toy as Gammapy reads it from our file."""
    write_dataset(toy(), tmp_path / "toy.fits.gz")
    return gammapy.datasets.MapDataset.read(tmp_path / "toy.fits.gz", name="live")


def test_gammapy_reads_what_we_write(live):
    original = toy()
    np.testing.assert_array_equal(live.counts.data, original.counts.data)
    np.testing.assert_array_equal(live.exposure.data, original.exposure.data)
    np.testing.assert_array_equal(live.background.data, original.background.data)
    np.testing.assert_array_equal(live.mask_fit.data, original.mask.data)
    assert live.exposure.unit == "cm2 s"
    np.testing.assert_allclose(live.counts.geom.axes["energy"].edges.to_value("TeV"), RECO.edges)
    position = live.counts.geom.center_skydir
    kernel = live.edisp.get_edisp_kernel(position=position)
    np.testing.assert_allclose(kernel.pdf_matrix, original.edisp.data, rtol=1e-12)
    values = live.psf.psf_map.interp_by_coord(
        {"skycoord": position, "energy_true": 1.4142135623730951 * u.TeV, "rad": [0.1, 0.3] * u.deg}
    )
    np.testing.assert_allclose(values, original.psf.evaluate([0.1, 0.3])[1], rtol=1e-3)
    assert live.geoms["geom"].wcs.wcs.compare(original.counts.geom.wcs.wcs, tolerance=1e-6)


def test_live_object_is_read_as_the_file(live, tmp_path):
    from_object = read_dataset(live)
    assert from_object.name == "live"
    assert_same(from_object, toy())
    live.write(tmp_path / "theirs.fits.gz")
    assert_same(read_dataset(tmp_path / "theirs.fits.gz"), toy())


def test_node_exposure_through_gammapy(gammapy, tmp_path):
    write_dataset(toy(NODES), tmp_path / "ours.fits")
    live = gammapy.datasets.MapDataset.read(tmp_path / "ours.fits")
    assert live.exposure.geom.axes[0].node_type == "center"
    live.write(tmp_path / "theirs.fits")
    again = read_dataset(tmp_path / "theirs.fits")
    assert again.axis_true.node_type == "center"
    assert_same(again, toy(NODES))
    assert_same(read_dataset(live), toy(NODES))


@pytest.mark.parametrize("axis", [RECO, NODES.rename("energy"), NODES])
def test_single_maps_both_ways(gammapy, tmp_path, axis):
    geom = WcsGeom.create(skydir=(266, -29), npix=(8, 5), binsz=0.1, frame="icrs", proj="TAN", axes=[axis])
    ours = WcsNDMap(geom, np.random.default_rng(1).random(geom.shape), "cm2 s")
    ours.write(tmp_path / "ours.fits")
    theirs = gammapy.maps.Map.read(tmp_path / "ours.fits")
    np.testing.assert_array_equal(theirs.data, ours.data)
    theirs.write(tmp_path / "theirs.fits.gz")
    for again in (to_bayesmap_map(tmp_path / "theirs.fits.gz"), to_bayesmap_map(theirs)):
        assert np.array_equal(again.data, ours.data)
        assert again.geom == geom
        assert again.unit == ours.unit


@pytest.mark.parametrize("layout", ["fgst-ccube", "fgst-template"])
def test_layouts_of_the_fermi_tools(gammapy, tmp_path, layout):
    axis = RECO if layout == "fgst-ccube" else NODES.rename("energy")
    geom = WcsGeom.create(skydir=(0, 0), npix=(8, 5), binsz=0.1, frame="galactic", axes=[axis])
    WcsNDMap(geom, np.random.default_rng(1).random(geom.shape)).write(tmp_path / "ours.fits")
    theirs = gammapy.maps.Map.read(tmp_path / "ours.fits")
    theirs.write(tmp_path / "fermi.fits", format=layout)
    again = WcsNDMap.read(tmp_path / "fermi.fits")
    assert np.array_equal(again.data, theirs.data)
    assert again.geom.axes[0].node_type == axis.node_type
    np.testing.assert_allclose(again.geom.axes[0].center, axis.center, rtol=1e-6)
    assert again.geom.same_sky(geom)


def test_migra_map_becomes_the_matrix_of_gammapy(gammapy):
    from gammapy.makers.utils import make_edisp_map

    axes = gammapy.maps.MapAxis
    energy = axes.from_energy_bounds("1 TeV", "10 TeV", nbin=5)
    true = axes.from_energy_bounds("0.5 TeV", "20 TeV", nbin=9, name="energy_true")
    migra = axes.from_bounds(0.2, 5, nbin=160, node_type="edges", name="migra")
    offset = axes.from_bounds(0, 4, nbin=3, unit="deg", node_type="edges", name="offset")
    table = gammapy.irf.EnergyDispersion2D.from_gauss(true, migra, offset, bias=0.05, sigma=0.2)
    geom = gammapy.maps.WcsGeom.create(npix=1, binsz=20, axes=[migra, true])
    edisp_map = make_edisp_map(table, geom.center_skydir, geom)
    ours = to_bayesmap_edisp(edisp_map, axis=MapAxis.from_edges(energy.edges))
    np.testing.assert_allclose(ours.data, edisp_map.get_edisp_kernel(energy_axis=energy).pdf_matrix, atol=1e-14)
    with pytest.raises(
        ResponseError, match=r"BM-IR-005: the edisp map has the axes \(energy_true, migra\).*Pass axis="
    ):
        to_bayesmap_edisp(edisp_map)


def test_live_kernels(gammapy):
    true = gammapy.maps.MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=3, name="energy_true")
    energy = gammapy.maps.MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=5)
    edisp = gammapy.irf.EDispKernel.from_gauss(true, energy, sigma=0.2, bias=0.05)
    assert np.array_equal(to_bayesmap_edisp(edisp).data, edisp.pdf_matrix)
    geom = gammapy.maps.WcsGeom.create(npix=(20, 20), binsz=0.05, axes=[true])
    kernel = gammapy.irf.PSFKernel.from_gauss(geom, sigma=0.1 * u.deg, max_radius=0.4 * u.deg)
    ours = to_bayesmap_psf(kernel)
    assert ours.problems() == ()
    np.testing.assert_array_equal(ours.data, kernel.psf_kernel_map.data)
    psf_map = gammapy.irf.PSFMap.from_gauss(true, sigma=0.1 * u.deg)
    table = to_bayesmap_psf(psf_map)
    assert isinstance(table, RadialPSF)
    np.testing.assert_allclose(table.normalised().integral(), 1)
    reco = gammapy.irf.RecoPSFMap.from_gauss(energy, sigma=0.1 * u.deg)
    in_reco = to_bayesmap_psf(reco)
    assert in_reco.axis.name == "energy"
    np.testing.assert_allclose(in_reco.normalised().integral(), 1)


def test_objects_of_other_kinds(gammapy, live):
    region = gammapy.maps.RegionNDMap.create("icrs;circle(83, 22, 1)", axes=[live.counts.geom.axes[0]])
    with pytest.raises(BayesmapInputError, match="BM-IN-030: .*RegionNDMap cannot be used as a map"):
        to_bayesmap_map(region)
    with pytest.raises(BayesmapInputError, match="BM-IN-030: .*MapDataset cannot be used as a data set"):
        read_dataset(gammapy.datasets.MapDataset(counts=live.counts))
    on_off = gammapy.datasets.MapDatasetOnOff(counts=live.counts, exposure=live.exposure)
    with pytest.raises(BayesmapInputError, match="BM-IN-030: .*MapDatasetOnOff cannot be used as a data set"):
        read_dataset(on_off)
    healpix = types.SimpleNamespace(geom=types.SimpleNamespace(is_hpx=True))
    with pytest.raises(BayesmapInputError, match="BM-IN-030: .*SimpleNamespace cannot be used as a map"):
        to_bayesmap_map(healpix)


def test_sparse_maps_are_refused(gammapy, live, tmp_path):
    live.counts.write(tmp_path / "sparse.fits", sparse=True)
    with pytest.raises(BayesmapIOError, match="BM-IO-007: .* holds no image"):
        WcsNDMap.read(tmp_path / "sparse.fits", hdu="SKYMAP")
