"""The Poisson log-probability by mpmath, to fifty digits, and how far double precision may be from it."""

from __future__ import annotations

import math

import mpmath


def poisson_logp(n: float, mu: float) -> float:
    """Return n ln mu - mu - ln Gamma(n + 1), for real n."""
    return float(_exact(n, mu))


def poisson_error(found: float, n: float, mu: float) -> float:
    """Return how far a number is from it: from all fifty digits, since rounding the truth first is half a unit more."""
    with mpmath.workdps(50):
        return float(abs(mpmath.mpf(float(found)) - _exact(n, mu)))


def _exact(n: float, mu: float) -> mpmath.mpf:
    with mpmath.workdps(50):
        n, mu = mpmath.mpf(float(n)), mpmath.mpf(float(mu))
        first = n * mpmath.log(mu) if n else mpmath.mpf(0)
        return first - mu - mpmath.loggamma(n + 1)


def poisson_bound(n: float, mu: float) -> float:
    """Return the bound of the table: eight times a rounding of the largest of the terms, which cancel near the mode."""
    return 8.0 * 4e-16 * max(n * math.log(n) if n > 0 else 0.0, mu, 1.0)
