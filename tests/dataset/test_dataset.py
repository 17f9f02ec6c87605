"""An observation lists all that is wrong with it, each problem with its code, its place and the way out."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError, GeometryError, ProblemList
from bayesmap.irf import EnergyDispersion, PSFKernel, RadialPSF
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap

RECO = MapAxis.from_edges([1, 2, 4, 8])
TRUE = MapAxis.from_edges([0.5, 1, 2, 4, 8, 16], name="energy_true")
GEOM = WcsGeom.create(skydir=(83, 22), npix=(20, 20), binsz=0.1, proj="TAN", axes=[RECO])
GEOM_TRUE = GEOM.with_axes([TRUE])
SIGMA = np.deg2rad(0.1)
RAD = np.linspace(0, 0.6, 601)
TABLE = np.tile(np.exp(-0.5 * (np.deg2rad(RAD) / SIGMA) ** 2) / (2 * np.pi * SIGMA**2), (5, 1))
ONES = np.ones(GEOM.shape)


def with_values(geom, unit, *changes, base=1.0):
    """A map of `base`, but for some bins: ((e, y, x), value)."""
    data = np.full(geom.shape, base)
    for place, value in changes:
        data[place] = value
    return WcsNDMap(geom, data, unit)


def counts(*changes):
    return with_values(GEOM, "", *changes)


def exposure(*changes, base=1e10):
    return with_values(GEOM_TRUE, "cm2 s", *changes, base=base)


@pytest.fixture
def good():
    return MapDataset(
        "toy",
        counts(),
        exposure(),
        with_values(GEOM, "", base=0.5),
        RadialPSF(TRUE, RAD, TABLE),
        EnergyDispersion.from_diagonal(TRUE, RECO),
        WcsNDMap(GEOM, ONES > 0),
    )


def test_good_one(good):
    assert good.problems() == ()
    good.check()
    assert good.remarks == ()
    assert good.mask_data.all()
    assert replace(good, mask=None).mask_data.shape == GEOM.shape
    assert (good.axis, good.axis_true) == (RECO, TRUE)
    assert "bins used   1,200 of 1,200" in str(good)


def test_bare_one():
    bare = MapDataset("bare", counts(), exposure())
    assert bare.problems() == ()
    assert "none (perfect)" in str(bare)


BAD = [
    ("BM-IN-001", {"counts": counts(((1, 3, 4), np.nan))}, "1 of 1,200 counts bins are NaN .first: energy=1 y=3 x=4."),
    ("BM-IN-002", {"counts": counts(((0, 0, 0), np.inf))}, "1 of 1,200 counts bins are infinite"),
    (
        "BM-IN-004",
        {"counts": counts(((0, 3, 3), -5), ((1, 3, 3), -5), ((2, 3, 3), -5))},
        "3 of 1,200 counts bins are negative .min -5; first: energy=0 y=3 x=3, energy=1 y=3 x=3",
    ),
    ("BM-IN-005", {"counts": counts(((2, 5, 6), 0.37))}, "1 of 1,200 counts bins are not integers .min 0.37"),
    ("BM-IN-010", {"background": counts(((0, 1, 2), np.nan))}, "1 of 1,200 background bins are not finite"),
    ("BM-IN-010", {"background": counts(((0, 1, 2), np.inf))}, "1 of 1,200 background bins are not finite"),
    ("BM-IN-011", {"background": counts(((0, 1, 2), -3))}, "1 of 1,200 background bins are negative .min -3"),
    ("BM-IN-012", {"exposure": exposure(((4, 1, 2), np.nan))}, "1 of 2,000 exposure bins are NaN, infinite or"),
    ("BM-IN-012", {"exposure": exposure(((4, 1, 2), np.inf))}, "1 of 2,000 exposure bins are NaN, infinite or"),
    ("BM-IN-012", {"exposure": exposure(((4, 1, 2), -1))}, "1 of 2,000 exposure bins are NaN, infinite or negative"),
    ("BM-IN-013", {"exposure": exposure(base=0.0)}, "exposure is 0 in all 2,000 bins: no bin can see any source"),
    ("BM-IN-020", {"mask": WcsNDMap(GEOM, ONES < 0)}, "0 of 1,200 bins selected by mask"),
    ("BM-IN-021", {"mask": WcsNDMap(GEOM, ONES)}, "mask has the type float64"),
    ("BM-GE-005", {"exposure": with_values(GEOM_TRUE, "cm2")}, "exposure has the unit 'cm2'"),
    ("BM-GE-005", {"exposure": with_values(GEOM_TRUE, "")}, "exposure has the unit ''"),
    ("BM-GE-005", {"counts": with_values(GEOM, "s-1")}, "counts has the unit '1 / s'"),
    ("BM-GE-005", {"background": with_values(GEOM, "sr-1")}, "background has the unit '1 / sr'"),
    ("BM-IR-001", {"edisp": EnergyDispersion(TRUE, RECO, np.full((5, 3), 1.3 / 3))}, "is not a probability in 5 of 5"),
    (
        "BM-IR-002",
        {"edisp": EnergyDispersion(TRUE, RECO, np.eye(5)[:, 1:4] * [[1], [1], [0], [1], [1]])},
        "is all zero in 1 of 5 true-energy rows .first: 2",
    ),
    ("BM-IR-003", {"psf": RadialPSF(TRUE, RAD, 3 * TABLE)}, "the psf is not normalised in 5 of 5"),
    ("BM-IR-004", {"psf": RadialPSF(TRUE, RAD, 0 * TABLE)}, "the psf is all zero in 5 of 5"),
    ("BM-IR-004", {"psf": RadialPSF(TRUE, RAD, np.nan * TABLE)}, "the psf is NaN or infinite"),
    ("BM-IR-003", {"psf": PSFKernel(TRUE, np.full((5, 3, 3), 1 / 3))}, "worst: the sum is 3 at index 0"),
    ("BM-IR-004", {"psf": PSFKernel(TRUE, np.zeros((5, 3, 3)))}, "the psf is all zero"),
    ("BM-IR-006", {"psf": PSFKernel(TRUE, np.full((5, 4, 4), 1 / 16))}, "the psf kernel has 4 x 4 pixels"),
]


@pytest.mark.parametrize(("code", "change", "what"), BAD, ids=[f"{n}-{row[0]}" for n, row in enumerate(BAD)])
def test_bad_inputs(good, code, change, what):
    problems = replace(good, **change).problems()
    assert [problem.code for problem in problems] == [code]
    with pytest.raises(BayesmapInputError, match=f"{code}: .*{what}"):
        replace(good, **change).check()


def test_all_problems_come_in_one_pass(good):
    bad = replace(
        good, counts=counts(((0, 0, 0), -1)), background=counts(((0, 0, 1), -1)), psf=RadialPSF(TRUE, RAD, 3 * TABLE)
    )
    with pytest.raises(ProblemList, match="3 problems found") as caught:
        bad.check()
    assert [problem.code for problem in caught.value.problems] == ["BM-IN-004", "BM-IN-011", "BM-IR-003"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -3.0, 0.5])
def test_counts_outside_the_mask_do_not_matter(good, value):
    mask = ONES > 0
    mask[1, 2, 3] = False
    masked = replace(good, counts=counts(((1, 2, 3), value)), mask=WcsNDMap(GEOM, mask))
    assert masked.problems() == ()
    told = masked.remarks == ("1 counts bins outside the mask hold no number (energy=1 y=2 x=3)",)
    assert told is not np.isfinite(value)


def test_asimov_counts(good):
    expected = replace(good, counts=counts(((0, 0, 0), 0.37)))
    assert expected.problems(allow_asimov=True) == ()
    expected.check(allow_asimov=True)


def test_huge_counts_are_accepted(good):
    huge = replace(good, counts=counts(((0, 0, 0), 3e9)))
    assert huge.problems() == ()
    assert huge.remarks == ("counts above 16,777,216 in a bin: rounded if they were stored in single precision",)


def test_exposure_units(good):
    square_metres = replace(good, exposure=with_values(GEOM_TRUE, "m2 s", base=1e6))
    assert square_metres.problems() == ()
    np.testing.assert_allclose(square_metres.exposure.data, 1e10)
    assert str(square_metres.exposure.unit) == "cm2 s"
    assert replace(good, counts=with_values(GEOM, "ct")).problems() == ()


def test_exposure_axis_called_energy_is_true_energy(good):
    old = with_values(GEOM.with_axes([TRUE.rename("energy")]), "cm2 s", base=1e10)
    assert replace(good, exposure=old).exposure.geom.axes[0].name == "energy_true"


def test_zero_exposure_inside_the_mask_is_told(good):
    blind = np.full(GEOM_TRUE.shape, 1e10)
    blind[:, :2, :2] = 0
    dark = replace(good, exposure=WcsNDMap(GEOM_TRUE, blind, "cm2 s"))
    assert dark.problems() == ()
    assert dark.remarks == ("4 pixels inside the mask have no exposure at any energy",)


@pytest.mark.parametrize("name", ["background", "mask"])
def test_shifted_map(good, name):
    wcs = GEOM.wcs.deepcopy()
    wcs.wcs.crpix = wcs.wcs.crpix + np.array([6, 0])
    shifted = WcsNDMap(WcsGeom(wcs, 20, 20, [RECO]), ONES > 0 if name == "mask" else ONES)
    (problem,) = replace(good, **{name: shifted}).problems()
    assert problem.code == "BM-GE-001"
    assert f"{name} and counts have different geometries (offset 6 px)" in problem.what


@pytest.mark.parametrize("name", ["background", "mask"])
@pytest.mark.parametrize(
    ("geom", "what"),
    [
        (GEOM.crop(0, 10, 0, 20), r"\(lat, lon\) \(10, 20\) and \(20, 20\)"),
        (GEOM.with_axes([MapAxis.from_edges([1, 2, 4, 9])]), "different energy bins"),
        (GEOM.to_image(), "different energy bins"),
        (WcsGeom.create(npix=20, frame="galactic", axes=[RECO]), "frames galactic and icrs"),
    ],
)
def test_other_geometries(good, name, geom, what):
    other = WcsNDMap(geom, np.ones(geom.shape) > 0 if name == "mask" else np.ones(geom.shape))
    problems = replace(good, **{name: other}).problems()
    assert [problem.code for problem in problems] == ["BM-GE-001"]
    with pytest.raises(GeometryError, match=rf"BM-GE-001: {name} and counts have different geometries \({what}"):
        replace(good, **{name: other}).check()


def test_exposure_on_another_sky(good):
    wide = with_values(GEOM_TRUE.pad(5), "cm2 s", base=1e10)
    (problem,) = replace(good, exposure=wide).problems()
    assert problem.code == "BM-GE-002"
    assert "(lat, lon) (30, 30) and (20, 20)" in problem.what
    assert "interp_to_geom" in problem.remedy


@pytest.mark.parametrize(
    "change",
    [
        {
            "edisp": EnergyDispersion(
                MapAxis.from_edges(TRUE.edges * 10, name="energy_true"), RECO, np.full((5, 3), 0.3)
            )
        },
        {"edisp": EnergyDispersion.from_diagonal(MapAxis.from_edges([0.5, 1, 8], name="energy_true"), RECO)},
        {"psf": PSFKernel(MapAxis.from_edges(TRUE.edges * 10, name="energy_true"), np.full((5, 3, 3), 1 / 9))},
        {"psf": RadialPSF(MapAxis.from_edges(TRUE.edges * 10, name="energy_true"), RAD, TABLE)},
        {"psf": RadialPSF(MapAxis.from_nodes([1.0, 2, 4]), RAD, TABLE[:3])},
    ],
)
def test_other_true_energies(good, change):
    (label,) = change
    with pytest.raises(GeometryError, match=rf"BM-GE-003: {label} and exposure have different true energies: {label}"):
        replace(good, **change).check()


def test_radial_psf_may_cover_the_energies(good):
    nodes = MapAxis.from_nodes(np.geomspace(0.1, 100, 7))
    assert replace(good, psf=RadialPSF(nodes, RAD, np.tile(TABLE[0], (7, 1)))).problems() == ()


def test_nodes_may_be_read_as_bins(good):
    nodes = MapAxis.from_nodes([0.5, 1, 2, 4, 8])
    edisp = EnergyDispersion.from_diagonal(MapAxis.from_edges(nodes.edges, name="energy_true"), RECO)
    dataset = replace(good, exposure=with_values(GEOM.with_axes([nodes]), "cm2 s", base=1e10), edisp=edisp, psf=None)
    as_bins = dataset.nodes_as_bins()
    assert as_bins.axis_true.node_type == "edges"
    np.testing.assert_allclose(as_bins.axis_true.edges, nodes.edges)
    np.testing.assert_allclose(as_bins.axis_true.center, nodes.center)
    assert as_bins.problems() == ()
    assert as_bins.remarks == ("exposure nodes read as bins, as Gammapy does",)
    assert good.nodes_as_bins() is good


def test_other_reconstructed_energies(good):
    other = EnergyDispersion.from_diagonal(TRUE, MapAxis.from_edges([1, 2, 4, 9]))
    with pytest.raises(GeometryError, match="BM-GE-004: edisp and counts have different reconstructed energies"):
        replace(good, edisp=other).check()


def test_node_exposure_and_the_edisp_of_its_mid_points(good):
    nodes = MapAxis.from_nodes([0.5, 1, 2, 4, 8])
    edisp = EnergyDispersion.from_diagonal(MapAxis.from_edges(nodes.edges, name="energy_true"), RECO)
    at_nodes = with_values(GEOM.with_axes([nodes]), "cm2 s", base=1e10)
    psf = RadialPSF(MapAxis.from_edges(nodes.edges, name="energy_true"), RAD, TABLE)
    assert replace(good, exposure=at_nodes, edisp=edisp, psf=psf).problems() == ()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"counts": WcsNDMap(GEOM.to_image(), ONES[0])}, r"counts has the axes \(none\)"),
        ({"counts": WcsNDMap(GEOM_TRUE, np.ones(GEOM_TRUE.shape))}, "counts has the axes .energy_true: 5 bins"),
        ({"exposure": WcsNDMap(GEOM.to_image(), ONES[0], "cm2 s")}, r"exposure has the axes \(none\)"),
        ({"counts": with_values(GEOM.with_axes([MapAxis.from_nodes([1, 2], name="energy")]), "")}, "energy: 2 nodes"),
        ({"exposure": with_values(GEOM.with_axes([MapAxis.from_nodes([1.0])]), "cm2 s")}, "at a single energy node"),
    ],
)
def test_axes(good, change, what):
    with pytest.raises(GeometryError, match=f"BM-GE-010: .*{what}"):
        replace(good, **change).check()


def test_counts_that_nothing_can_produce(good):
    """Two events in a corner without exposure within the psf's reach and without background."""
    dark = np.full(GEOM_TRUE.shape, 1e10)
    dark[:, :, :12] = 0
    background = np.full(GEOM.shape, 0.5)
    background[:, :3, :3] = 0
    observed = np.ones(GEOM.shape)
    observed[:, :3, :3] = 0
    quiet = replace(
        good,
        counts=WcsNDMap(GEOM, observed),
        background=WcsNDMap(GEOM, background),
        exposure=WcsNDMap(GEOM_TRUE, dark, "cm2 s"),
    )
    assert quiet.problems() == ()
    observed[1, 1, 2] = 2
    lonely = replace(quiet, counts=WcsNDMap(GEOM, observed))
    with pytest.raises(BayesmapInputError, match=r"BM-IN-014: 1 of 1,200 counts bins .*energy=1 y=1 x=2.* 2 events"):
        lonely.check()
    assert replace(lonely, background=None).problems() == (), "a background model may bring its own map"
    masked = ONES > 0
    masked[1, 1, 2] = False
    assert replace(lonely, mask=WcsNDMap(GEOM, masked)).problems() == ()


def test_zero_planes_without_exposure_are_fine(good):
    blind = np.full(GEOM_TRUE.shape, 1e10)
    blind[1] = 0
    data = good.edisp.data.copy()
    data[1] = 0
    table = TABLE.copy()
    table[1] = 0
    dataset = replace(
        good,
        exposure=WcsNDMap(GEOM_TRUE, blind, "cm2 s"),
        edisp=EnergyDispersion(TRUE, RECO, data),
        psf=RadialPSF(TRUE, RAD, table),
    )
    assert dataset.problems() == ()


def test_problems_name_the_file(good):
    from_file = WcsNDMap(GEOM, -ONES, source="run.fits[COUNTS]")
    (problem,) = replace(good, counts=from_file).problems()
    assert problem.what.endswith("in run.fits[COUNTS]")


def test_pickle(good):
    again = pickle.loads(pickle.dumps(good))
    assert again.problems() == ()
    assert np.array_equal(again.psf.data, good.psf.data)
