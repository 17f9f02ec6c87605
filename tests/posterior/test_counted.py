"""The fast likelihood, at the bins with counts alone, is that of the whole cube of predicted counts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesmap import GaussianSpatialModel, MapFit, PointSpatialModel, WcsNDMap
from bayesmap.fold.counted import BLOCK, blocks_of
from bayesmap.fold.exposed import TOLERANCE, separate
from bayesmap.testing import toy_dataset, toy_models

LON, LAT = 83.70, 21.96


def shape(kind):
    """Return a spatial model by name; of 0.1 deg pixels."""
    frozen = "frozen" in kind
    if "point" in kind:
        spatial = PointSpatialModel(lon_0=LON, lat_0=LAT)
    else:
        sigma = {"small": 0.05, "fine": 0.15, "wide": 0.35}[kind.split()[0]]
        spatial = GaussianSpatialModel(lon_0=LON, lat_0=LAT, sigma=sigma)
    return frozen_copy(spatial) if frozen else spatial


def frozen_copy(spatial):
    values = {item.name: dataclasses.replace(item, frozen=True) for item in spatial.parameters}
    return type(spatial)(**values)


KINDS = ("point", "small", "fine", "wide", "frozen point", "wide frozen")


@pytest.fixture(scope="module", params=KINDS)
def fit(request):
    models = toy_models(shape(request.param))
    return MapFit.from_dataset(toy_dataset(models, npix=24), models, priors="flat")


def points(posterior, n=4):
    rng = np.random.default_rng(3)
    start = posterior.coordinates.start
    spread = 1.0 / np.sqrt(np.diag(posterior.fisher(start)))
    return [start + spread * step for step in rng.normal(size=(n, len(start)))]


def test_the_sum_over_bins_is_the_likelihood(fit):
    posterior = fit._posterior
    for theta in points(posterior):
        assert posterior.log_likelihood(theta) == pytest.approx(posterior.pointwise(theta).sum(), rel=1e-10)


def test_a_negative_flux_is_looked_at(fit):
    """With a strong background a negative source has support, with none left it has not."""
    posterior = fit._posterior
    theta = posterior.coordinates.start.copy()
    place = posterior.coordinates.names.index("source.spectral.amplitude")
    theta[place] *= -0.02
    assert posterior.log_likelihood(theta) == pytest.approx(posterior.pointwise(theta).sum(), rel=1e-10)
    theta[place] *= 1e4
    assert posterior.npred(theta).min() < 0.0
    assert posterior.log_likelihood(theta) == -np.inf


def test_other_counts_are_as_a_new_fit(fit):
    posterior = fit._posterior
    (counts,) = posterior.counts.values()
    theta = points(posterior, 1)[0]
    drawn = np.random.default_rng(9).poisson(posterior.npred(theta)).astype(float)
    again = posterior.with_counts(counts.again(drawn))
    geom = counts.dataset.counts.geom
    fresh = MapFit.from_dataset(counts.dataset.with_counts(WcsNDMap(geom, drawn)), fit.model, priors="flat")._posterior
    assert again.log_likelihood(theta) == pytest.approx(fresh.log_likelihood(theta), rel=1e-12)
    assert_allclose(again.value_and_gradient(theta)[1], fresh.value_and_gradient(theta)[1], rtol=1e-9)


def test_blocks_hold_every_bin_once():
    selected = np.random.default_rng(1).random((3, 40, 50)) < 0.4
    blocks = blocks_of(selected)
    assert blocks.index.shape[1] == BLOCK
    assert np.array_equal(np.sort(blocks.index[blocks.used]), np.flatnonzero(selected))
    energies = np.broadcast_to(blocks.energy[:, None], blocks.index.shape)[blocks.used]
    assert np.array_equal(energies, blocks.index[blocks.used] // 2000)
    cube = np.arange(6000.0).reshape(3, 40, 50)
    assert np.array_equal(blocks.gather(cube)[blocks.used], blocks.index[blocks.used])
    assert not blocks.gather(cube + 1.0)[~blocks.used].any()


def test_numbers_of_blocks_are_shared():
    """Two Poisson draws of the same expectation have blocks of the same shape nearly always."""
    rng = np.random.default_rng(2)
    shapes = {blocks_of(rng.poisson(0.7, (10, 150, 200)) > 0).index.shape for _ in range(20)}
    assert len(shapes) == 1


def test_a_smooth_exposure_is_a_few_planes():
    y, x = np.indices((30, 40)) / 30.0
    energy = np.linspace(0.5, 2.0, 20)[:, None, None]
    exposure = 1e11 * energy * np.exp(-energy * (x**2 + y**2)) + 1e10 * x
    amplitudes, planes = separate(exposure)
    assert len(planes) <= 9
    error = np.abs(np.tensordot(amplitudes, planes, axes=1) - exposure) / exposure.max(axis=(1, 2))[:, None, None]
    assert error.max() <= TOLERANCE


def test_a_rough_exposure_stays_as_it_is():
    assert separate(1e11 * (1.0 + 1e-4 * np.random.default_rng(4).random((20, 30, 40)))) is None
