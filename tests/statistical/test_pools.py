"""Partial pooling: norms of simulated runs are recovered, their intervals cover the truth, small runs learn most."""

import dataclasses

import numpy as np
import pytest

from bayesmap import FoVBackgroundModel, MapFit, PoolModel
from bayesmap.checks.sbc import calibrate, posterior_draws, simulated, supported_draws
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.testing import toy_response

pytestmark = pytest.mark.statistical
SCALES = (1.0, 0.5, 0.1, 0.05, 1.0, 0.02)
"""Expected events of a run's lowest energy, per bin: from 36 to less than one event a run."""


def runs():
    for k, scale in enumerate(SCALES):
        yield dataclasses.replace(toy_response(npix=6, binsz=0.3, background=scale), name=f"run-{k}")


@pytest.fixture(scope="module")
def fit():
    """Six runs of background alone, whose norms share a log-normal distribution."""
    norms = [FoVBackgroundModel(f"run-{k}") for k in range(len(SCALES))]
    pool = PoolModel(
        [f"{model.name}.spectral.norm" for model in norms],
        mean=Parameter("mean", 1.0, prior=Prior("LogNormal", mu=0.0, sigma=0.3)),
        spread=Parameter("spread", 0.2, min=0.0, prior=Prior("HalfNormal", sigma=0.3)),
    )
    return MapFit.from_datasets(runs(), [*norms, pool])


def coverage(posterior, simulations, seed):
    """Return the share of norms whose central 68.27 and 95.45 % intervals hold the truth."""
    held = []
    truths = supported_draws(posterior, simulations, seed)
    for truth, stream in zip(truths, np.random.SeedSequence(seed).spawn(simulations), strict=True):
        rng = np.random.default_rng(stream)
        observed, _ = simulated(posterior, truth, rng)
        draws = posterior.coordinates.to_many_values(posterior_draws(observed, int(rng.integers(2**31)), 100))
        ends = np.quantile(draws[:, : len(SCALES)], [0.15866, 0.84134, 0.02275, 0.97725], axis=0)
        true = posterior.coordinates.to_many_values(truth)[: len(SCALES)]
        held.append([(ends[0] < true) & (true < ends[1]), (ends[2] < true) & (true < ends[3])])
    return np.mean(held, axis=(0, 2))


def test_intervals_of_the_norms_cover_the_truth(fit):
    """Bounds at 1e-3 for 144 norms."""
    one, two = coverage(fit._posterior, 24, 5)
    assert 0.55 < one < 0.81
    assert 0.89 < two < 1.0


@pytest.mark.slow
def test_intervals_of_the_norms_cover_the_truth_in_many_simulations(fit):
    """Bounds at 1e-3 for 1200 norms, those of one simulation counted as independent, and uniform ranks."""
    one, two = coverage(fit._posterior, 200, 7)
    assert 0.637 < one < 0.727
    assert 0.933 < two < 0.973
    found = calibrate(fit._posterior, simulations=200, random_seed=11)
    assert min(found.p_values().values()) > 1e-3


def test_a_small_run_learns_from_the_others(fit):
    """The norm of the run with hardly an event is known better in the pool than alone."""
    rng = np.random.default_rng(4)
    posterior = fit._posterior
    truth = posterior.coordinates.to_theta(
        dict.fromkeys(posterior.coordinates.names, 1.1) | {"pool.pool.mean": 1.1, "pool.pool.spread": 0.1}
    )
    observed, _ = simulated(posterior, truth, rng)
    pooled = posterior.coordinates.to_many_values(posterior_draws(observed, 1, 100))[:, -3]
    smallest = observed.counts["run-5"].dataset
    alone = MapFit.from_dataset(smallest, FoVBackgroundModel("run-5"))
    draws = posterior_draws(alone._posterior, 1, 100)[:, 0]
    assert posterior.coordinates.names[-3] == "run-5-bkg.spectral.norm"
    assert pooled.std() < 0.6 * draws.std()
    assert abs(pooled.mean() - 1.1) < 3.0 * pooled.std()
