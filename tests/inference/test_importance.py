"""Importance check of the normal approximation: exact on a normal, small on a bright source, a warning at a limit."""

import numpy as np
import pytest

from bayesmap import summarise
from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.fit import MapFit
from bayesmap.inference.importance import WeightedDraws, smoothed, weighted_draws
from bayesmap.inference.whitening import Whitening
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models
from bayesmap.results.approximation import LaplaceCheck
from bayesmap.results.posterior import free_names, verdict_of
from bayesmap.testing import toy_dataset, toy_models


class Plain:
    """Posterior of unbounded theta = z with a given log-density."""

    def __init__(self, function):
        self.log_posterior = function

    def change(self, z):
        zeros = np.zeros_like(z)
        return z, zeros + 1.0, zeros, zeros, zeros, zeros

    def to_theta(self, z):
        return z


ROOT = np.array([[2.0, 0.0], [1.0, 0.5]])
NORMAL = Whitening(np.array([3.0, -1.0]), ROOT)


def normal(z):
    w = np.linalg.solve(ROOT, z - NORMAL.origin)
    return -0.5 * float(w @ w) + 7.0


def test_an_exact_normal_has_equal_weights():
    found = weighted_draws(Plain(normal), NORMAL, 500, seed=1)
    assert found.effective_size == pytest.approx(500.0, rel=1e-6)
    assert found.pareto_k < 0.1
    assert found.theta.mean(axis=0) == pytest.approx([3.0, -1.0], abs=0.5)
    assert len(set(found.resampled())) >= 499


def test_a_wider_posterior_is_found_out():
    wide = weighted_draws(Plain(lambda z: normal(NORMAL.origin + (z - NORMAL.origin) / 3.0)), NORMAL, 2000, seed=1)
    assert wide.pareto_k > 0.7


def test_a_shifted_posterior_is_weighed_right():
    shifted = weighted_draws(Plain(lambda z: normal(z - ROOT @ [0.5, 0.0])), NORMAL, 4000, seed=2)
    mean = shifted.weights @ shifted.theta
    assert mean == pytest.approx(NORMAL.origin + ROOT @ [0.5, 0.0], abs=0.15)
    assert shifted.pareto_k < 0.7
    resampled = shifted.theta[shifted.resampled()]
    assert len(resampled) == int(shifted.effective_size)
    assert resampled.mean(axis=0) == pytest.approx(mean, abs=0.1)


def test_draws_without_support_have_no_weight():
    half = weighted_draws(Plain(lambda z: normal(z) if z[0] > 3.0 else -np.inf), NORMAL, 500, seed=3)
    assert np.all(half.weights[half.theta[:, 0] <= 3.0] == 0.0)
    assert half.weights.sum() == pytest.approx(1.0)
    with pytest.raises(FitStateError, match="BM-FT-013.*none of 50 draws"):
        weighted_draws(Plain(lambda z: -np.inf), NORMAL, 50, seed=3)


def test_one_draw_with_all_the_weight_has_no_finite_k():
    weights, shape = smoothed(np.array([-np.inf, 3.0, -np.inf]))
    assert weights.tolist() == [0.0, 1.0, 0.0]
    assert shape == np.inf


def test_progress_is_told():
    calls = []
    weighted_draws(Plain(normal), NORMAL, 20, 1, lambda done, total: calls.append((done, total)))
    assert calls == [(n, 20) for n in range(1, 21)]


def record(**changes):
    values = {"pareto_k": 0.2, "effective_size": 800.0, "draws": 1000, "seed": 1, "names": ("a", "b"),
              "shifts": np.array([0.0, 0.1]), "changes": np.array([0.0, 0.05])}  # fmt: skip
    return LaplaceCheck(**(values | changes))


def test_thresholds_of_the_check():
    assert record().good_enough
    assert record().largest_k == pytest.approx(2.0 / 3.0)
    assert record(draws=10**6).largest_k == 0.7
    assert not record(pareto_k=0.68).draws_usable
    assert not record(effective_size=99.0).draws_usable
    off = record(shifts=np.array([0.0, -0.3]))
    assert off.draws_usable
    assert not off.good_enough
    assert "the mean of b lies -0.30 sigma off" in off.message
    without = record(changes=np.array([0.0, np.nan]))
    assert "b has no Laplace error" in without.message
    assert "b  mean +0.100 sigma  no Laplace error" in str(without)
    assert str(record()).startswith("Laplace approximation: good enough")


@pytest.mark.statistical
def test_a_bright_source_is_well_described(small_fit, small_tree):
    check = small_fit.laplace_check(draws=600, random_seed=4)
    assert check.draws_usable, check
    tree = small_fit.laplace_draws(draws=600, random_seed=4)
    assert tree["posterior"].sizes["draw"] == int(check.effective_size)
    assert tree["posterior"].attrs["inference_library"] == "bayesmap-laplace-psis"
    assert verdict_of(tree).ok == (int(check.effective_size) >= 400)
    for name in free_names(small_tree):
        mine, theirs = tree["posterior"][name].values.ravel(), small_tree["posterior"][name].values.ravel()
        error = theirs.std() * np.sqrt(1.0 / len(mine) + 1.0 / 600.0)
        assert abs(mine.mean() - theirs.mean()) < 4.5 * error, name
        assert mine.std() / theirs.std() == pytest.approx(1.0, abs=0.2), name
    assert "no chain was run" in str(summarise(tree))


def test_the_same_seed_gives_the_same_check(small_fit):
    first, again = (small_fit.laplace_check(draws=60, random_seed=4) for _ in range(2))
    assert (first.pareto_k, first.effective_size) == (again.pareto_k, again.effective_size)
    assert np.array_equal(first.shifts, again.shifts)


def test_a_source_at_zero_flux_is_not_good_enough():
    truth = Models(FoVBackgroundModel("toy"))
    models = toy_models(amplitude="1e-10 cm-2 s-1 TeV-1").with_frozen(
        dict.fromkeys(("source.spatial.lon_0", "source.spatial.lat_0", "source.spectral.index"), True)
    )
    amplitude = models.parameters["source.spectral.amplitude"].replace(min=0.0)
    models = models.with_parameters({"source.spectral.amplitude": amplitude})
    data = toy_dataset(truth, npix=12, seed=2)
    counts = np.where(np.hypot(*(np.indices((12, 12)) - 5.5)) < 3, 0.0, data.counts.data)
    fit = MapFit.from_dataset(data.with_counts(type(data.counts)(data.counts.geom, counts)), models, priors="flat")
    fit.optimize()
    check = fit.laplace_check(draws=400, random_seed=1)
    assert not check.good_enough
    assert "source.spectral.amplitude has no Laplace error" in check.message or not check.draws_usable


@pytest.mark.parametrize(
    ("options", "match"),
    [({"draws": 0}, "BM-FT-005.*draws is 0"), ({"random_seed": -1}, "BM-FT-005.*random_seed is -1")],
)
def test_numbers_that_make_no_sense_are_told(small_fit, options, match):
    with pytest.raises(BayesmapInputError, match=match):
        small_fit.laplace_check(**options)


def test_weights_that_miss_one_by_round_off_keep_the_last_draw():
    found = WeightedDraws(np.zeros((4, 1)), np.full(4, 0.25 - 1e-12), np.zeros(4), 0.0, 1)
    assert set(found.resampled()) <= {0, 1, 2, 3}
