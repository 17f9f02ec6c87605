"""Responses that change over the field: bilinear in the cell of a position."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError, ResponseError
from bayesmap.io.gammapy import read_dataset, to_bayesmap_edisp, to_bayesmap_psf, write_dataset
from bayesmap.irf import EDispKernelMap, EnergyDispersion, PSFMap, RadialPSF
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap
from bayesmap.testing import toy_response

TRUE = MapAxis.from_edges([1, 3, 10], name="energy_true")
RECO = MapAxis.from_edges([1, 2, 4, 8])
RAD = MapAxis.from_nodes([0.0, 0.1, 0.3], name="rad", interp="lin")
IMAGE = WcsGeom.create(skydir=(10, 20), npix=(4, 3), binsz=0.5, frame="galactic", proj="TAN")


def psf_map(axis=TRUE, data=None):
    geom = IMAGE.with_axes((axis, RAD))
    return WcsNDMap(geom, np.random.default_rng(3).uniform(1, 2, geom.shape) if data is None else data, "sr-1")


def edisp_map():
    geom = IMAGE.with_axes((TRUE, RECO))
    return WcsNDMap(geom, np.random.default_rng(4).uniform(0.1, 0.3, geom.shape))


def at_pixel(x, y):
    return tuple(float(value) for value in IMAGE.pixel_to_sky(x, y))


def test_at_the_pixels_the_tables_are_those_of_the_map():
    tables, matrices = psf_map(), edisp_map()
    psf, edisp = PSFMap.from_map(tables), EDispKernelMap.from_map(matrices)
    for y in range(3):
        for x in range(4):
            np.testing.assert_allclose(psf.at(*at_pixel(x, y)).data, tables.data[:, :, y, x], rtol=1e-9)
            np.testing.assert_allclose(edisp.at(*at_pixel(x, y)).data, matrices.data[:, :, y, x], rtol=1e-9)


def test_between_the_pixels_it_is_bilinear():
    tables = psf_map()
    x, y = np.meshgrid(np.arange(4.0), np.arange(3.0))
    plane = 5.0 + 2.0 * x + 3.0 * y + 0.5 * x * y
    tables = tables.copy_with(data=np.broadcast_to(plane, tables.data.shape))
    psf = PSFMap.from_map(tables)
    for u, v in ((0.25, 0.5), (1.5, 1.9), (2.9, 0.1)):
        expected = 5.0 + 2.0 * u + 3.0 * v + 0.5 * u * v
        np.testing.assert_allclose(psf.at(*at_pixel(u, v)).data, expected, rtol=1e-9)
    # the weights of one cell are a polynomial: they go on beyond it
    corners, cell = psf.cell(*at_pixel(1.2, 0.4))
    for u, v in ((1.2, 0.4), (0.7, -0.3), (2.3, 1.4)):
        weights = cell.weights(u, v)
        assert sum(weights) == pytest.approx(1.0)
        mixed = sum(weight * corner.data for weight, corner in zip(weights, corners, strict=True))
        np.testing.assert_allclose(mixed, 5.0 + 2.0 * u + 3.0 * v + 0.5 * u * v, rtol=1e-9)


def test_beyond_the_outermost_pixels_nothing_changes():
    psf = PSFMap.from_map(psf_map())
    np.testing.assert_allclose(psf.at(*at_pixel(-0.4, 1)).data, psf.at(*at_pixel(0, 1)).data, rtol=1e-9)
    np.testing.assert_allclose(psf.at(*at_pixel(3.6, 2.8)).data, psf.at(*at_pixel(3, 2)).data, rtol=1e-9)
    _, cell = psf.cell(*at_pixel(3.6, 1.3))
    assert cell.weights(99.0, 1.3) == pytest.approx((0, 0.7, 0, 0.3))
    edisp = EDispKernelMap.from_map(edisp_map())
    np.testing.assert_allclose(edisp.at(*at_pixel(9, 9)).data, edisp.matrices.data[:, :, 2, 3])


def test_a_position_that_sees_nothing_takes_what_its_neighbours_see():
    tables = psf_map()
    data = tables.data.copy()
    data[0, :, 1, 2] = 0.0  # blind at the first energy
    psf = PSFMap.from_map(tables.copy_with(data=data))
    corners, _ = psf.cell(*at_pixel(1.5, 0.5))
    np.testing.assert_allclose(corners[3].data[1], data[1, :, 1, 2])
    np.testing.assert_allclose(corners[3].data[0], (data[0, :, 0, 1] + data[0, :, 0, 2] + data[0, :, 1, 1]) / 3)
    everywhere_blind = data.copy()
    everywhere_blind[0] = 0.0
    blind = PSFMap.from_map(tables.copy_with(data=everywhere_blind))
    np.testing.assert_array_equal(blind.at(*at_pixel(1.5, 0.5)).data[0], 0.0)


def test_its_own_table_is_an_ordinary_one():
    psf = PSFMap.from_map(psf_map(), position=at_pixel(0, 0), max_radius=0.2)
    np.testing.assert_allclose(psf.data, psf.tables.data[:, :, 0, 0], rtol=1e-9)
    assert type(psf.central) is RadialPSF
    np.testing.assert_allclose(psf.at(*at_pixel(1, 1)).max_radius, 0.2)
    assert type(psf.resample(MapAxis.from_edges([1.5, 2.5], name="energy_true"))) is RadialPSF
    assert type(EDispKernelMap.from_map(edisp_map()).central) is EnergyDispersion


@pytest.mark.parametrize(("value", "spelled"), [(-1.0, "1 of 72"), (np.nan, "1 of 72")])
def test_bad_numbers_anywhere_are_found(value, spelled):
    data = psf_map().data.copy()
    data[1, 2, 0, 3] = value
    found = PSFMap.from_map(psf_map(data=data)).problems()
    assert [problem.code for problem in found] == ["BM-IR-004"]
    assert spelled in found[0].what
    assert "energy 1, position x=3 y=0" in found[0].what


def test_what_is_no_such_map():
    with pytest.raises(ResponseError, match=r"BM-IR-005: the psf map has the axes \(energy_true, energy\)"):
        PSFMap.from_map(edisp_map())
    with pytest.raises(
        ResponseError, match=r"BM-IR-005: the edisp map has the axes \(energy_true, rad\).*\. Convert it"
    ):
        EDispKernelMap.from_map(psf_map())
    other_side = WcsGeom.create(skydir=(190, -20), npix=(2, 2), frame="galactic", proj="TAN").center
    with pytest.raises(BayesmapInputError, match="BM-IN-051: the response map has no pixel at"):
        PSFMap.from_map(psf_map()).at(*other_side)
    with pytest.raises(BayesmapInputError, match="BM-IN-050: irf is 'maps'"):
        to_bayesmap_psf(psf_map(), irf="maps")


def varying():
    toy = toy_response(npix=8)
    image = WcsGeom.create(skydir=(83.63, 22.01), npix=(3, 3), binsz=0.5, proj="TAN")
    psf_geom = image.with_axes((toy.psf.axis, MapAxis.from_nodes(toy.psf.rad, name="rad", interp="lin")))
    wider = 1.0 + 0.002 * np.arange(9.0).reshape(3, 3)
    tables = WcsNDMap(psf_geom, toy.psf.data[:, :, None, None] * wider, "sr-1")
    matrices = WcsNDMap(image.with_axes((toy.axis_true, toy.axis)), toy.edisp.data[:, :, None, None] / wider)
    maps = (toy.counts, toy.exposure, toy.background)
    return MapDataset("v", *maps, PSFMap.from_map(tables), EDispKernelMap.from_map(matrices))


def test_files_keep_them_where_that_is_asked_for(tmp_path):
    original = varying()
    assert original.problems() == ()
    write_dataset(original, tmp_path / "v.fits")
    with pytest.raises(ResponseError, match="BM-IR-008: psf changes with the position"):
        read_dataset(tmp_path / "v.fits")
    kept = read_dataset(tmp_path / "v.fits", irf="map")
    np.testing.assert_array_equal(kept.psf.tables.data, original.psf.tables.data)
    np.testing.assert_array_equal(kept.edisp.matrices.data, original.edisp.matrices.data)
    np.testing.assert_allclose(kept.psf.data, original.psf.tables.data[:, :, 1, 1], rtol=1e-9)
    assert "psf and edisp as a function of the position" in kept.notes
    central = read_dataset(tmp_path / "v.fits", irf="center")
    assert type(central.psf) is RadialPSF
    np.testing.assert_allclose(central.edisp.data, original.edisp.matrices.data[:, :, 1, 1], rtol=1e-9)
    assert "psf taken at the centre, (83.6300, 22.0100) deg icrs" in central.psf.notes
    cut = read_dataset(tmp_path / "v.fits", irf="map", psf_max_radius=0.2)
    np.testing.assert_allclose(cut.psf.at(83.63, 22.01).max_radius, 0.2)
    # one that is the same everywhere is a single one
    write_dataset(toy_response(npix=8), tmp_path / "single.fits")
    assert type(read_dataset(tmp_path / "single.fits", irf="map").psf) is RadialPSF


def test_gammapy_reads_them(tmp_path):
    datasets = pytest.importorskip("gammapy.datasets")
    write_dataset(varying(), tmp_path / "v.fits")
    live = datasets.MapDataset.read(tmp_path / "v.fits")
    np.testing.assert_array_equal(live.psf.psf_map.data, varying().psf.tables.data)
    again = read_dataset(live, irf="map")
    np.testing.assert_array_equal(again.edisp.matrices.data, varying().edisp.matrices.data)


@pytest.mark.parametrize("name", ["cta-gc", "hess-crab"])
def test_reference_maps_against_gammapy(reference_data, name):
    irf = pytest.importorskip("gammapy.irf")
    live = irf.PSFMap.read(reference_data / name / "psf_map.fits.gz", format="gadf").psf_map
    psf = to_bayesmap_psf(reference_data / name / "psf_map.fits.gz", irf="map")
    lon, lat = psf.geom.center
    for d_lon, d_lat in ((0.0, 0.0), (0.31, -0.22), (-0.4, 0.37)):
        place = SkyCoord(lon + d_lon, lat + d_lat, unit="deg", frame=psf.geom.frame)
        theirs = live.interp_by_coord(
            {
                "skycoord": place,
                "energy_true": live.geom.axes["energy_true"].center[:, None],
                "rad": live.geom.axes["rad"].center,
            },
            fill_value=None,
        )
        ours = psf.at(lon + d_lon, lat + d_lat).data[:, -theirs.shape[1] :]
        seen = np.all(live.data > 0, axis=(1, 2, 3)) if np.any(live.data == 0) else slice(None)
        np.testing.assert_allclose(ours[seen], np.asarray(theirs)[seen], rtol=1e-6, atol=1e-6 * ours.max())
    kernels = irf.EDispKernelMap.read(reference_data / name / "edisp_kernel_map.fits.gz", format="gadf")
    edisp = to_bayesmap_edisp(reference_data / name / "edisp_kernel_map.fits.gz", irf="map")
    energies = {name: axis.center for name, axis in zip(("energy_true", "energy"), edisp_axes(kernels), strict=True)}
    place = SkyCoord(lon + 0.2, lat + 0.1, unit="deg", frame=edisp.geom.frame)
    coords = {"skycoord": place, "energy_true": energies["energy_true"][:, None], "energy": energies["energy"]}
    theirs = kernels.edisp_map.interp_by_coord(coords, fill_value=None)
    np.testing.assert_allclose(edisp.at(lon + 0.2, lat + 0.1).data, theirs, atol=2e-6)


def edisp_axes(kernels):
    return [kernels.edisp_map.geom.axes[name] for name in ("energy_true", "energy")]
