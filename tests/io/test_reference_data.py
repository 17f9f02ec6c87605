"""The four reference data sets, in both layouts."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from bayesmap.dataset import MapDataset
from bayesmap.errors import ResponseError
from bayesmap.io.gammapy import (
    read_dataset,
    to_bayesmap_edisp,
    to_bayesmap_map,
    to_bayesmap_mask,
    to_bayesmap_psf,
    write_dataset,
)
from bayesmap.irf import PSFKernel, RadialPSF

# name: shape of the counts, true energies and their kind, bins inside the mask
DATASETS = {
    "fermi-gc": ((11, 60, 80), 12, "center", 38_500),
    "fermi-crab": ((5, 40, 50), 5, "edges", 8_280),
    "cta-gc": ((10, 150, 200), 26, "edges", 234_000),
    "hess-crab": ((12, 120, 120), 24, "edges", 110_000),
}

each_dataset = pytest.mark.parametrize("name", DATASETS)


def whole(reference_data, name, **options):
    return read_dataset(reference_data / f"{name}.mapdataset.fits.gz", **options)


def in_pieces(reference_data, name):
    folder = reference_data / name
    return MapDataset(
        name,
        to_bayesmap_map(folder / "counts.fits.gz"),
        to_bayesmap_map(folder / "exposure.fits.gz"),
        to_bayesmap_map(folder / "background.fits.gz"),
        to_bayesmap_psf(folder / "psf.fits.gz"),
        to_bayesmap_edisp(folder / "edisp.fits.gz"),
        to_bayesmap_mask(folder / "mask.fits.gz"),
    )


@each_dataset
def test_can_be_analysed(reference_data, name):
    shape, n_true, node_type, n_used = DATASETS[name]
    dataset = whole(reference_data, name)
    assert dataset.problems() == ()
    assert dataset.remarks == ()
    assert dataset.counts.data.shape == shape
    assert (dataset.axis_true.nbin, dataset.axis_true.node_type) == (n_true, node_type)
    assert dataset.mask_data.sum() == n_used


@each_dataset
def test_both_layouts_are_bit_identical(reference_data, name):
    one, other = whole(reference_data, name), in_pieces(reference_data, name)
    assert other.problems() == ()
    for part in ("counts", "exposure", "background", "mask"):
        first, second = getattr(one, part), getattr(other, part)
        assert np.array_equal(first.data, second.data), part
        assert first.geom == second.geom, part
        assert np.array_equal(first.geom.axes[0].nodes, second.geom.axes[0].nodes), part
    np.testing.assert_allclose(one.edisp.data, other.edisp.data, atol=2e-6)  # the matrix file leaves out tiny entries
    assert isinstance(one.psf, RadialPSF)
    assert isinstance(other.psf, PSFKernel)


@each_dataset
def test_numbers_are_those_of_the_file(reference_data, name):
    dataset = whole(reference_data, name)
    with fits.open(reference_data / f"{name}.mapdataset.fits.gz") as hdus:
        for part in ("counts", "exposure", "background"):
            assert np.array_equal(getattr(dataset, part).data, hdus[part].data), part
        np.testing.assert_array_equal(dataset.edisp.data, hdus["EDISP"].data[:, :, 0, 0])
        np.testing.assert_array_equal(dataset.psf.data[:, -5:], hdus["PSF"].data[:, -5:, 0, 0])


@each_dataset
def test_psf(reference_data, name):
    psf = whole(reference_data, name).psf
    assert np.abs(psf.integral() - 1).max() < 0.01
    np.testing.assert_allclose(psf.normalised().integral(), 1, rtol=1e-13)
    cut = whole(reference_data, name, psf_max_radius="0.3 deg").psf
    np.testing.assert_allclose(cut.max_radius, 0.3)
    np.testing.assert_allclose(cut.normalised().integral(), 1, rtol=1e-13)
    assert np.all(cut.normalised().data >= psf.normalised().data * (1 - 1e-12))


@each_dataset
def test_kernel_is_the_table_on_pixels(reference_data, name):
    """Containment of the pixel kernel and of the radial table agree: the units of both tables were read right."""
    kernel = to_bayesmap_psf(reference_data / name / "psf.fits.gz").normalised()
    dataset = whole(reference_data, name)
    psf, pixel = dataset.psf, abs(dataset.counts.geom.wcs.wcs.cdelt[1])
    half = kernel.data.shape[1] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1] * pixel
    radius = 3.5 * pixel if name != "fermi-crab" else 2.5 * pixel
    inside = np.where(np.hypot(x, y) <= radius, kernel.data, 0).sum(axis=(1, 2))
    assert np.abs(inside - psf.integral(radius) / psf.integral()).max() < 0.06


@each_dataset
def test_write_and_read_are_identity(reference_data, name, tmp_path):
    original = whole(reference_data, name)
    write_dataset(original, tmp_path / "again.fits.gz")
    again = read_dataset(tmp_path / "again.fits.gz")
    assert again.problems() == ()
    for part in ("counts", "exposure", "background", "mask"):
        assert np.array_equal(getattr(again, part).data, getattr(original, part).data), part
        assert getattr(again, part).geom == getattr(original, part).geom, part
    assert np.array_equal(again.psf.data, original.psf.data)
    assert np.array_equal(again.edisp.data, original.edisp.data)


def test_node_exposure_of_fermi_gc(reference_data):
    dataset = whole(reference_data, "fermi-gc")
    np.testing.assert_allclose(dataset.axis_true.center[[0, -1]], [0.01, 0.5])
    np.testing.assert_allclose(dataset.axis_true.edges[:2] * 1e3, [8.37093731, 11.94609352])
    np.testing.assert_allclose(dataset.axis.edges, dataset.axis_true.center, rtol=1e-6)
    np.testing.assert_allclose(dataset.edisp.axis_true.edges, dataset.axis_true.edges, rtol=1e-6)
    assert dataset.edisp.is_diagonal


@pytest.mark.parametrize("name", ["cta-gc", "hess-crab"])
def test_position_dependent_maps_are_refused(reference_data, name):
    with pytest.raises(ResponseError, match="BM-IR-008: psf changes with the position"):
        to_bayesmap_psf(reference_data / name / "psf_map.fits.gz")
    with pytest.raises(ResponseError, match="BM-IR-008: edisp changes with the position"):
        to_bayesmap_edisp(reference_data / name / "edisp_kernel_map.fits.gz")


@pytest.mark.parametrize(
    ("path", "shape", "node_type"),
    [
        ("fermi-gc/gll_iem_v06_cutout.fits.gz", (16, 63, 81), "center"),
        ("fermi-crab/gll_iem_v06_crab.fits.gz", None, "center"),
    ],
)
def test_diffuse_cubes(reference_data, path, shape, node_type):
    cube = to_bayesmap_map(reference_data / path)
    assert shape in (None, cube.data.shape)
    assert cube.geom.axes[0].node_type == node_type
    assert cube.unit.is_equivalent("cm-2 s-1 TeV-1 sr-1")
    assert np.isfinite(cube.data).all()


@pytest.mark.parametrize("name", list(DATASETS))
def test_live_objects(reference_data, name):
    """Gammapy's own reading of the file gives the same data set as ours."""
    datasets = pytest.importorskip("gammapy.datasets")
    live = datasets.MapDataset.read(reference_data / f"{name}.mapdataset.fits.gz")
    one, other = read_dataset(live), whole(reference_data, name)
    for part in ("counts", "exposure", "background", "mask"):
        assert np.array_equal(getattr(one, part).data, getattr(other, part).data), part
        assert getattr(one, part).geom == getattr(other, part).geom, part
    assert np.array_equal(one.psf.data, other.psf.data)
    assert np.array_equal(one.edisp.data, other.edisp.data)
    np.testing.assert_allclose(one.psf.rad, other.psf.rad, rtol=1e-13)
