"""Pareto-smoothed importance sampling in one pass gives the numbers of ArviZ, which holds all draws."""

from __future__ import annotations

import numpy as np
import pytest
from arviz_stats.base.array import array_stats
from numpy.testing import assert_allclose

from bayesmap.checks.psis import size, smooth, tail_length


def run(values, efficiency=1.0):
    return smooth(values, values.shape[1], len(values), tail_length(len(values), efficiency))


@pytest.mark.parametrize(("draws", "efficiency"), [(100, 1.0), (215, 0.6), (800, 1.3)])
def test_it_agrees_with_arviz(rng, draws, efficiency):
    """Light and heavy tails, in more groups than one slab holds."""
    values = rng.standard_normal((draws, 600)) * np.geomspace(1e-3, 8.0, 600) - 3.0
    found = run(values, efficiency)
    elpd, shape, p = array_stats.loo(values.T[:, None, :], r_eff=efficiency)
    assert_allclose(found.elpd, elpd, rtol=0.0, atol=1e-11)
    assert_allclose(found.pareto_k, shape, rtol=0.0, atol=1e-9)
    assert_allclose(found.p, p, rtol=0.0, atol=1e-11)
    assert found.pareto_k.max() > 1.0


def test_the_order_of_the_draws_does_not_matter(rng):
    values = rng.standard_normal((400, 5)) - 1e4
    first, second = run(values), run(values[rng.permutation(400)])
    assert_allclose(first.elpd, second.elpd, rtol=0.0, atol=1e-9)
    assert_allclose(first.pareto_k, second.pareto_k, rtol=0.0, atol=1e-9)


def test_where_draws_make_no_difference_there_is_no_tail():
    found = run(np.full((200, 1), -7.25))
    assert found.elpd[0] == pytest.approx(-7.25, abs=1e-12)
    assert found.pareto_k[0] == 0.0
    assert found.p[0] == pytest.approx(0.0, abs=1e-12)


def test_memory_grows_with_the_root_of_the_draws():
    small, large = (size(1000, tail_length(n, 1.0)) for n in (1000, 100_000))
    assert large / small == pytest.approx(10.0, rel=0.05)
    assert large < 0.02 * 8 * 1000 * 100_000
