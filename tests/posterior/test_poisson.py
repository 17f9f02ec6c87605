"""The Poisson log-probability against decimal arithmetic, and at the ends of its support."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytensor.tensor as pt
import pytest

from bayesmap.posterior.distributions import evaluate
from bayesmap.posterior.jaxify import jaxify
from bayesmap.posterior.likelihood import cash
from bayesmap.posterior.observed import poisson_logp

COUNTS = [0.0, 1.0, 2.0, 3.0, 10.0, 150.0, 1e4, 3e9, 123456789012.0, 1e12, 0.3, 2.5, 1234.75, 3e9 + 0.5]
MEANS = [1e-12, 3.3e-5, 0.1, 0.999, 1.0, 7.7, 150.0, 1e4 + 0.1, 3e9, 123456789013.0, 1e12]
BERNOULLI = ["1/6", "-1/30", "1/42", "-1/30", "5/66", "-691/2730", "7/6", "-3617/510"]
TWO_PI = Decimal("6.283185307179586476925286766559005768394338798750")


def log_gamma(x):
    """ln Gamma of a Decimal: recurrence up to 60, then Stirling's series (next term below 1e-27)."""
    result = Decimal(0)
    while x < 60:
        result -= x.ln()
        x += 1
    result += (x - Decimal("0.5")) * x.ln() - x + TWO_PI.ln() / 2
    for k, text in enumerate(BERNOULLI, start=1):
        top, bottom = map(Decimal, text.split("/"))
        result += top / bottom / (2 * k * (2 * k - 1)) / x ** (2 * k - 1)
    return result


def reference(n, mu):
    with localcontext() as context:
        context.prec = 50
        n, mu = Decimal(n), Decimal(mu)
        return float(n * mu.ln() - mu - log_gamma(n + 1))


def by_jax(n, mu):
    n_, mu_ = pt.vector("n"), pt.vector("mu")
    value = poisson_logp(n_, mu_)
    function, constants, _ = jaxify([n_, mu_], [value, pt.grad(value.sum(), mu_)])
    return tuple(np.asarray(item) for item in function(np.asarray(n), np.asarray(mu), *constants))


def by_python(n, mu):
    n_, mu_ = (pt.constant(np.asarray(item, dtype=np.float64)) for item in (n, mu))
    value = poisson_logp(n_, mu_)
    return evaluate(value), evaluate(pt.grad(value.sum(), mu_))


BOTH = pytest.mark.parametrize("compute", [by_jax, by_python])


def test_reference_is_right():
    assert reference(3.0, 2.0) == pytest.approx(math.log(8.0 * math.exp(-2.0) / 6.0), rel=1e-15)
    assert float(log_gamma(Decimal("0.5"))) == pytest.approx(0.5 * math.log(math.pi), rel=1e-15)


@BOTH
def test_value_is_that_of_decimal_arithmetic(compute):
    n, mu = (grid.ravel() for grid in np.meshgrid(COUNTS, MEANS))
    value, gradient = compute(n, mu)
    expected = np.array([reference(*pair) for pair in zip(n, mu, strict=True)])
    terms = np.maximum(np.maximum(n * np.log(np.maximum(n, 1.0)), np.abs(n * np.log(mu))), np.maximum(mu, 1.0))
    assert np.all(np.abs(value - expected) < 8 * 4e-16 * terms)
    assert gradient == pytest.approx(n / mu - 1.0, rel=1e-13, abs=1e-15)


@BOTH
def test_ends_of_the_support(compute):
    n, mu = np.array([0.0, 1.0, 0.5, 0.0, 3.0]), np.array([0.0, 0.0, 0.0, -1e-300, -2.0])
    value, gradient = compute(n, mu)
    assert value.tolist() == [0.0, -math.inf, -math.inf, -math.inf, -math.inf]
    assert not np.any(np.isnan(gradient))


@BOTH
def test_smallest_means_have_finite_gradients(compute):
    value, gradient = compute(np.array([0.0, 1.0]), np.array([5e-324, 1e-300]))
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(gradient))


def test_cash_is_minus_two_logp_without_factorials():
    n, mu = np.array([0.0, 2.0, 7.5, 0.0, 1.0, 1.0]), np.array([0.4, 3.0, 2.0, 0.0, 0.0, -1.0])
    logp = by_python(n, mu)[0] + [math.lgamma(item + 1.0) for item in n]
    assert cash(n, mu) == pytest.approx(-2.0 * logp, rel=1e-14)
