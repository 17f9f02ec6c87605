"""Transforms of counts: uniform where the law is right; with a bin left out, those of an exact refit."""

import numpy as np
import pytest
import scipy.stats as st

from bayesmap.checks.pit import FRACTIONS, ecdf_envelope, ecdf_p_value, start_pit
from bayesmap.checks.tails import Tails

A, B = 2.0, 1.0


def poisson_tails(counts, mu):
    return Tails(st.poisson.cdf(counts - 1, mu), st.poisson.sf(counts, mu), st.poisson.logpmf(counts, mu))


@pytest.fixture(scope="module")
def conjugate():
    """Counts of one mean with a Gamma prior, and exact draws of it: (counts, mean draws, Pit)."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(rng.gamma(A, 1.0 / B), 40).astype(float)
    draws = rng.gamma(A + counts.sum(), 1.0 / (B + counts.size), 3000)
    sums = start_pit(counts.size)
    for mu in draws:
        sums.add(poisson_tails(counts, np.full(counts.size, mu)))
    return counts, draws, sums.result(poisson_tails(counts, np.full(40, draws[0])), len(draws), rng)


def test_posterior_transform_is_the_mean_over_draws(conjugate):
    counts, draws, pit = conjugate
    mu = draws[:, None]
    low, high = st.poisson.cdf(counts - 1, mu).mean(axis=0), st.poisson.cdf(counts, mu).mean(axis=0)
    assert np.all((pit.posterior >= low - 1e-9) & (pit.posterior <= high + 1e-9))


@pytest.mark.statistical
def test_left_out_transform_is_that_of_an_exact_refit(conjugate):
    counts, draws, pit = conjugate
    shape, rate = A + counts.sum() - counts, B + counts.size - 1.0
    law = st.nbinom(shape, rate / (rate + 1.0))
    v = (pit.posterior - st.poisson.cdf(counts - 1, draws[:, None]).mean(axis=0)) / st.poisson.pmf(
        counts, draws[:, None]
    ).mean(axis=0)
    exact = law.cdf(counts - 1) + v * law.pmf(counts)
    assert pit.left_out == pytest.approx(exact, abs=0.02)
    assert np.all(pit.share > 0.5)
    assert pit.unreliable == 0


@pytest.mark.statistical
def test_p_values_of_uniform_transforms_are_uniform():
    rng = np.random.default_rng(8)
    values = [ecdf_p_value(rng.random(60)) for _ in range(300)]
    assert st.kstest(values, "uniform").pvalue > 1e-3


def test_wrong_scatter_is_seen():
    rng, mu = np.random.default_rng(9), 0.8
    counts = rng.negative_binomial(0.5, 0.5 / (0.5 + mu), 2000).astype(float)
    tails = poisson_tails(counts, np.full(2000, mu))
    u = tails.below + rng.random(2000) * np.exp(tails.log_equal)
    assert ecdf_p_value(u) < 1e-3


@pytest.mark.statistical
def test_envelope_holds_its_share():
    rng, n = np.random.default_rng(5), 80
    low, high = ecdf_envelope(n, 0.95)
    inside = 0
    for _ in range(500):
        below = np.searchsorted(np.sort(rng.random(n)), FRACTIONS, side="right") / n
        inside += bool(np.all((below >= low) & (below <= high)))
    assert 0.92 < inside / 500 < 0.99
