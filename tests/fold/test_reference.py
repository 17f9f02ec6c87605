"""The fast fold against the slow one of `fold.reference`: the linear part to round-off, whole images on real data."""

import dataclasses

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from bayesmap.dataset import MapDataset
from bayesmap.fold.reference import fold_source_map, reference_npred
from bayesmap.fold.setup import TAPER, build_setup
from bayesmap.fold.wide import build_sky_grid, build_transfer
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.disk import DiskSpatialModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.testing import toy_models, toy_response
from tests.fold.plain import MODE, plain_npred
from tests.fold.test_truth import models_of

REACH = 4
FLUX = np.array([1e-9, 4e-10, 1e-10])


def kernel_dataset(rng, npix):
    """A data set with a kernel without symmetry in any direction, an exposure that varies, and a full edisp."""
    energy = MapAxis.from_energy_bounds(0.5, 20.0, 2)
    energy_true = MapAxis.from_energy_bounds(0.3, 30.0, 3, name="energy_true")
    geom = WcsGeom.create(skydir=(83.6, 22.0), npix=npix, binsz=0.1, proj="TAN", axes=(energy,))
    geom_true = geom.with_axes((energy_true,))
    kernel = rng.uniform(0.0, 1.0, (3, 2 * REACH + 1, 2 * REACH + 1))
    edisp = rng.uniform(0.1, 0.5, (3, 2))
    return MapDataset(
        name="kernel",
        counts=WcsNDMap(geom, np.zeros(geom.shape)),
        exposure=WcsNDMap(geom_true, rng.uniform(1e11, 3e11, geom_true.shape), "cm2 s"),
        psf=PSFKernel(energy_true, kernel / kernel.sum(axis=(1, 2))[:, None, None]),
        edisp=EnergyDispersion(energy_true, energy, edisp),
    )


@pytest.mark.parametrize("npix", [(12, 12), (13, 10), (11, 15)])
@pytest.mark.parametrize("order", ["true", "after_psf"])
def test_linear_fold_of_the_same_source_map(order, npix, rng):
    setup = build_setup(kernel_dataset(rng, npix), order)
    grid = build_sky_grid(setup)
    assert setup.reach == REACH
    seen = rng.uniform(0.0, 1e4, tuple(n + 2 * REACH for n in setup.shape))
    # Zero where the fast fold tapers the sky, beyond the reach of the PSF: no light from there arrives on the map.
    mixing = pt.as_tensor(setup.edisp.T * FLUX)
    npred = grid.npred(mixing, pt.as_tensor(np.pad(seen, TAPER)), transfer_of(setup, grid))
    fast = pytensor.function([], npred, mode=MODE)()
    source = FLUX[:, None, None] * seen * setup.geom.pad(REACH).solid_angle()
    if order == "true":
        slow = fold_source_map(source * setup.exposure_plane(REACH), setup.psf.data, setup.edisp)
    else:
        apart = fold_source_map(source, setup.psf.data, np.eye(3)) * setup.exposure_plane(0)
        slow = np.tensordot(setup.edisp.T, apart, axes=1)
    assert relative_to_peak(fast, slow) < 1e-10


def transfer_of(setup, grid):
    return build_transfer(setup, grid.size, np.eye(2), "source")


def test_the_slow_fold_is_a_convolution():
    """One bright pixel gives the kernel around it, unturned; energies mix by the dispersion."""
    kernels = np.arange(18.0).reshape(2, 3, 3)
    source = np.zeros((2, 7, 8))
    source[:, 3, 4] = [1.0, 10.0]
    npred = fold_source_map(source, kernels, np.array([[1.0, 0.0], [0.5, 0.25]]))
    assert npred.shape == (2, 5, 6)
    assert np.array_equal(npred[0, 1:4, 2:5], kernels[0] + 5.0 * kernels[1])
    assert np.array_equal(npred[1, 1:4, 2:5], 2.5 * kernels[1])
    assert npred.sum() == kernels[0].sum() + 7.5 * kernels[1].sum()


SHAPES = {
    "point between pixels": lambda lon, lat, pixel: PointSpatialModel(lon_0=lon, lat_0=lat),
    "point near the edge": lambda lon, lat, pixel: PointSpatialModel(lon_0=lon, lat_0=lat - 11.3 * pixel),
    "gauss, sub-pixel to pixels": lambda lon, lat, pixel: GaussianSpatialModel(lon_0=lon, lat_0=lat, sigma=0.7 * pixel),
    "gauss, several pixels": lambda lon, lat, pixel: GaussianSpatialModel(
        lon_0=lon, lat_0=lat, sigma=4.0 * pixel, e=0.85, phi=35.0
    ),
    "disk": lambda lon, lat, pixel: DiskSpatialModel(lon_0=lon, lat_0=lat, r_0=4.3 * pixel, e=0.7, phi=120.0),
}


@pytest.mark.parametrize("arena", ["cta-gc", "hess-crab"], indirect=True)
@pytest.mark.parametrize("shape", SHAPES)
def test_exposure_before_the_psf_on_a_finer_grid(arena, shape):
    dataset = dataclasses.replace(arena.dataset, background=None)
    geom = dataset.counts.geom.to_image()
    pixel = float(np.rad2deg(np.sqrt(np.median(geom.solid_angle()))))
    lon, lat = (float(np.squeeze(v)) for v in geom.pixel_to_sky(np.array([13.87]), np.array([13.29])))
    spatial = SHAPES[shape](lon, lat, pixel)
    spatial = type(spatial)(**{item.name: item for item in spatial.parameters}, frame=geom.frame)
    models = Models(SkyModel(PowerLawSpectralModel(index=2.3, amplitude="1e-11 cm-2 s-1 TeV-1"), spatial))
    fast = plain_npred(dataset, models)
    assert relative_to_peak(fast, reference_npred(dataset, models, oversample=5)) < 1e-3


@pytest.mark.parametrize("arena", ["cta-gc", "hess-crab"], indirect=True)
@pytest.mark.parametrize("shape", ["template_map", "constant"])
def test_frozen_skies_on_a_finer_grid(arena, shape):
    dataset, models = dataclasses.replace(arena.dataset, background=None), models_of(arena, shape)
    fast = plain_npred(dataset, models)
    assert relative_to_peak(fast, reference_npred(dataset, models, oversample=5)) < 1e-3


def test_the_orders_differ_by_more_than_the_agreement():
    """On a map whose exposure falls by a third over the PSF both orders hold, and neither passes for the other."""
    dataset = steep()
    models = toy_models()[:1]
    npred = {order: reference_npred(dataset, models, exposure_order=order) for order in ("true", "after_psf")}
    for order, slow in npred.items():
        fast = plain_npred(dataset, models, order)
        assert relative_to_peak(fast, slow) < 1e-3
    assert relative_to_peak(npred["true"], npred["after_psf"]) > 2e-2


def steep():
    response = dataclasses.replace(toy_response(), background=None)
    fall = np.exp(-0.2 * np.arange(20.0))
    return dataclasses.replace(response, exposure=response.exposure.copy_with(data=response.exposure.data * fall))


def test_backgrounds_of_the_slow_fold():
    dataset, models = toy_response(), toy_models()
    norm = "toy-bkg.spectral.norm"
    source = reference_npred(dataclasses.replace(dataset, background=None), models[:1])
    doubled = reference_npred(dataset, models.with_values({norm: 2.0}))
    assert np.allclose(doubled - source, 2.0 * dataset.background.data, rtol=1e-12, atol=0)
    assert np.allclose(reference_npred(dataset, models[:1]) - source, dataset.background.data, rtol=1e-12, atol=0)


def test_the_slow_fold_refuses_a_kernel(rng):
    with pytest.raises(TypeError, match="fold_source_map folds with kernels"):
        reference_npred(kernel_dataset(rng, (12, 12)), toy_models()[:1])


def relative_to_peak(found, expected):
    return np.max(np.abs(found - expected) / expected.max(axis=(1, 2))[:, None, None])
