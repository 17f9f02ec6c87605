"""Ranks: p-value and envelope say the same, and cover what they claim."""

import numpy as np
import pytest
from scipy.stats import binom

from bayesmap.checks.uniformity import UniformRanks, uniformity

pytestmark = pytest.mark.statistical
L = 99


def inside(law, ranks):
    low, high = law.envelope
    share = law.below(ranks) / law.simulations
    return bool(np.all((low <= share) & (share <= high)))


@pytest.mark.parametrize(("simulations", "level"), [(50, 0.95), (200, 0.95), (200, 0.999)])
def test_the_envelope_holds_exactly_the_curves_that_the_p_value_lets_pass(rng, simulations, level):
    law = UniformRanks(simulations, L, level)
    for size in (1.0, 1.3, 1.6):  # uniform, and less and less so
        for _ in range(100):
            ranks = np.floor((L + 1) * rng.random(simulations) ** size).astype(int)
            assert inside(law, ranks) == law.holds(ranks)


def test_as_many_uniform_curves_leave_the_envelope_as_the_level_says(rng):
    law = UniformRanks(200, L, 0.95)
    left = sum(not inside(law, rng.integers(0, L + 1, size=200)) for _ in range(2000))
    assert binom.ppf(5e-4, 2000, 0.05) <= left <= binom.isf(5e-4, 2000, 0.05)


def test_the_envelope_is_the_pointwise_binomial_band_of_a_smaller_tail():
    law = UniformRanks(200, L, 0.95)
    low, high = law.envelope
    tail = law._edge
    assert tail < 0.025  # one point alone would have that
    expected = [np.argmax(binom.cdf(np.arange(201), 200, z) >= tail) for z in law.fractions]
    np.testing.assert_array_equal(np.round(200 * low), expected)
    assert np.all(high + low[::-1] == pytest.approx(1.0))


def test_the_p_value_is_uniform_under_the_null_and_small_off_it():
    rng = np.random.default_rng(8)
    null = [uniformity(rng.integers(0, L + 1, size=200), L, replicas=2000) for _ in range(400)]
    assert 0.45 < np.mean(null) < 0.55
    shifted = np.floor((L + 1) * rng.beta(1.4, 1.0, size=200)).astype(int)
    assert uniformity(shifted, L, replicas=2000) < 1e-2


def test_power_against_a_shift_and_a_wrong_width(rng):
    """Two hundred simulations find half a standard deviation, a thousand a tenth of the width."""
    from scipy.stats import norm

    def found(simulations, shift, width):
        draws = shift + width * rng.standard_normal((simulations, L))
        ranks = np.sum(draws < rng.standard_normal((simulations, 1)), axis=1)
        return not UniformRanks(simulations, L).holds(ranks)

    assert norm.cdf(0.5) > 0.69  # the median truth stands there
    assert sum(found(200, 0.5, 1.0) for _ in range(20)) >= 18
    assert sum(found(1000, 0.0, 0.8) for _ in range(10)) >= 9
