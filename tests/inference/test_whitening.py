"""Whitened coordinates: at an interior optimum, at a limit, and where the Hessian is not positive definite."""

import numpy as np
import pytest

from bayesmap.errors import FitStateError
from bayesmap.fit import MapFit
from bayesmap.inference import whitening as module
from bayesmap.inference.samplers.base import Settings, Target
from bayesmap.inference.samplers.nutpie_nuts import run
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.inference.whitening import Whitening, whiten
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models
from bayesmap.testing import toy_dataset, toy_models

SEEDS = list(range(40))


@pytest.fixture(scope="module")
def interior(small_fit):
    return whiten(small_fit._posterior, small_fit._theta)


@pytest.fixture(scope="module")
def absent():
    """Fit of a source that is not there, its position fixed: the best amplitude under a flat prior is zero."""
    truth = Models(FoVBackgroundModel("toy"))
    models = toy_models(amplitude="1e-10 cm-2 s-1 TeV-1").with_frozen(
        dict.fromkeys(("source.spatial.lon_0", "source.spatial.lat_0", "source.spectral.index"), True)
    )
    data = toy_dataset(truth, npix=12, seed=2)
    counts = np.where(np.hypot(*(np.indices((12, 12)) - 5.5)) < 3, 0.0, data.counts.data)
    return MapFit.from_dataset(data.with_counts(type(data.counts)(data.counts.geom, counts)), models)


def test_root_is_that_of_the_inverse_hessian(small_fit, interior):
    curvature = -UnboundedPosterior(small_fit._posterior).hessian(interior.origin)
    scale = np.sqrt(np.diag(curvature))
    product = curvature @ interior.root @ interior.root.T
    assert product / scale[:, None] * scale[None, :] == pytest.approx(np.eye(len(scale)), abs=1e-8)
    assert np.array_equal(interior.root, np.tril(interior.root))
    assert interior.notes == ()


def test_z_is_that_of_the_product(interior):
    w = np.random.default_rng(3).standard_normal((4, 50, len(interior.origin)))
    expected = interior.origin + w @ interior.root.T
    assert interior.to_z(w) == pytest.approx(expected, rel=1e-13, abs=1e-15)


def test_parameters_of_a_draw_do_not_depend_on_the_others(small_fit, interior):
    """To the last bit: draws are written in blocks of whatever length, and read as one."""
    w = np.random.default_rng(4).standard_normal((1, 601, len(interior.origin)))
    whole = small_fit._posterior.to_theta(interior.to_z(w))
    for size in (1, 2, 3, 5, 7, 16, 100, 250):
        for first in range(0, 601, size if size > 7 else 37):
            part = slice(first, first + size)
            assert np.array_equal(small_fit._posterior.to_theta(interior.to_z(w[:, part])), whole[:, part]), (
                size,
                first,
            )


def test_origin_is_the_mode(small_fit, interior):
    _, gradient = UnboundedPosterior(small_fit._posterior).value_and_gradient(interior.origin)
    assert np.linalg.norm(interior.root.T @ gradient) < module.TOLERANCE


def test_whitened_density_is_nearly_standard_normal(small_fit, interior):
    function = small_fit._posterior.whitened(interior.origin, interior.root)
    top = function(np.zeros(len(interior.origin)))[0]
    for w in 0.5 * np.eye(len(interior.origin)):
        assert top - function(w)[0] == pytest.approx(0.125, rel=0.3)


def test_a_best_fit_at_its_limit_is_whitened_from_inside(absent):
    best = absent.optimize()
    assert absent.model.parameters["source.spectral.amplitude"].value < 1e-11
    found = whiten(absent._posterior, absent._theta)
    assert np.all(np.isfinite(found.origin))
    assert np.all(np.isfinite(found.root))
    lower, upper = absent._posterior.variables.bounds()
    at_limit = np.any((absent._theta <= lower) | (absent._theta >= upper))
    assert at_limit == bool(best.at_bound)
    theta = absent._posterior.to_theta(found.origin)
    assert np.all((theta > lower) & (theta < upper))
    tree = absent.sample(draws=300, tune=200, chains=4, cores=2, random_seed=5)
    amplitude = tree["posterior"]["source.spectral.amplitude"].values
    assert np.all(amplitude > 0)
    assert np.all(np.isfinite(amplitude))


def test_it_starts_at_a_limit_with_a_start_at_the_limit(absent):
    models = absent.model.with_values({"source.spectral.amplitude": 0.0})
    fit = MapFit.from_dataset(absent.dataset, models)
    found = whiten(fit._posterior, fit._posterior.coordinates.start)
    assert np.all(np.isfinite(found.origin))
    assert found.notes == ()


def test_a_hessian_that_is_not_positive_definite_is_told(small_fit, monkeypatch, interior):
    original = UnboundedPosterior.hessian

    def bent(self, z):
        hessian = original(self, z)
        hessian[0, 0] = abs(hessian[0, 0])
        return hessian

    monkeypatch.setattr(UnboundedPosterior, "hessian", bent)
    found = whiten(small_fit._posterior, small_fit._theta)
    assert any("not positive definite" in note for note in found.notes)
    assert np.linalg.matrix_rank(found.root) == len(found.origin)
    # The coordinate that is turned over keeps its scale.
    sizes = np.sqrt(np.diag(found.root @ found.root.T)) / np.sqrt(np.diag(interior.root @ interior.root.T))
    assert np.all((sizes > 0.2) & (sizes < 5.0))
    assert np.all(np.isfinite(draws_with(small_fit, found)))


def draws_with(fit, whitening):
    settings = Settings(draws=50, tune=100, chains=2, cores=2, seed=1, target_accept=0.8, max_treedepth=10)
    return run(Target(fit._posterior, whitening, lambda: None), settings).w


def test_absolute_root_inverts_absolute_curvatures():
    values, vectors = np.array([4.0, -9.0, 1e-9]), np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    curvature = vectors * values @ vectors.T
    root = module._absolute_root(curvature, np.ones(3))
    expected = vectors / np.array([4.0, 9.0, module.SMALLEST_CURVATURE]) @ vectors.T
    assert root @ root.T == pytest.approx(expected, rel=1e-9, abs=1e-9 * np.abs(expected).max())


@pytest.mark.statistical
def test_starts_are_over_dispersed_and_have_support(small_fit, interior):
    target = Target(small_fit._posterior, interior, lambda: None)
    starts = target.starts(SEEDS, 1.5)
    function = target.evaluate()
    assert starts.shape == (len(SEEDS), len(interior.origin))
    assert all(np.isfinite(function(w)[0]) for w in starts)
    spread = np.sqrt(np.mean(starts**2))
    assert abs(spread - 1.5) < 4.0 * 1.5 / np.sqrt(2.0 * starts.size)
    assert len(np.unique(starts[:, 0])) == len(SEEDS)


def test_a_start_without_support_is_pulled_in(small_fit, interior):
    target = Target(small_fit._posterior, interior, lambda: None)
    far = target.starts([3], 1e4)[0]
    assert np.isfinite(target.evaluate()(far)[0])
    direction = np.random.default_rng(3).standard_normal(len(far))
    assert far / np.linalg.norm(far) == pytest.approx(direction / np.linalg.norm(direction), rel=1e-9)
    halvings = np.log2(1e4 * np.linalg.norm(direction) / np.linalg.norm(far))
    assert halvings == pytest.approx(round(halvings), abs=1e-9)


def test_an_origin_without_support_is_told(small_fit, interior):
    lost = Whitening(np.full(len(interior.origin), np.nan), interior.root)
    with pytest.raises(FitStateError, match="BM-FT-008.*no support"):
        Target(small_fit._posterior, lost, lambda: None).starts([1], 1.5)
