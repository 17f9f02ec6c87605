r"""Negative-binomial counts: mean :math:`\mu`, variance :math:`\mu + \alpha\mu^2`, Poisson at :math:`\alpha = 0`.

.. math:: \ln p = n\ln\mu - \ln n! + \sum_{k=0}^{n-1}\ln(1 + \alpha k)
          - \left(n + \tfrac1\alpha\right)\ln(1 + \alpha\mu)

which is finite, with its derivatives, down to :math:`\alpha = 0` in the form used here.

References
----------
Hilbe 2011, Negative Binomial Regression, eq. 8.8 (NB2).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import scipy.special

SERIES_BELOW = 1e-2
"""Value of alpha n (or alpha mu) below which series are used; their first left-out term is then below 1e-17."""
TERMS = 8


def log_rising(xp: ModuleType, n: Any, alpha: Any) -> Any:
    r"""Return :math:`\sum_{k=0}^{n-1}\ln(1 + \alpha k)`, smooth through alpha = 0.

    For small alpha n the series :math:`\sum_p (-1)^{p+1} \alpha^p S_p / p` with the sums of powers
    :math:`S_p = \sum_{k<n} k^p = \frac{B_{p+1}(n) - B_{p+1}}{p+1}`; else
    :math:`\ln\Gamma(n + 1/\alpha) - \ln\Gamma(1/\alpha) + n\ln\alpha`.
    """
    gammaln = scipy.special.gammaln if xp is np else xp.gammaln
    small = alpha * n < SERIES_BELOW
    series = 0.0 * n * alpha
    for p in range(1, TERMS + 1):
        series = series + (-1.0) ** (p + 1) * (alpha**p) * _power_sum(p, n) / p
    safe = xp.where(small, 1.0, alpha + 0.0 * n)
    exact = gammaln(n + 1.0 / safe) - gammaln(1.0 / safe) + n * xp.log(safe)
    return xp.where(small, series, exact)


def _power_sum(p: int, n: Any) -> Any:
    """Return sum of k^p for k below n, by Faulhaber's formula."""
    numbers = scipy.special.bernoulli(p)
    total = 0.0
    for k in range(p + 1):
        total = total + scipy.special.comb(p + 1, k) * numbers[k] * n ** (p + 1 - k)
    return total / (p + 1)


def log1p_over(xp: ModuleType, x: Any) -> Any:
    r"""Return :math:`\ln(1 + x)/x` for x >= 0, by its series near zero."""
    small = x < SERIES_BELOW
    safe = xp.where(small, 1.0, x)
    series = 0.0 * x
    for p in range(TERMS + 1):
        series = series + (-x) ** p / (p + 1)
    return xp.where(small, series, xp.log1p(safe) / safe)


def log_probability(xp: ModuleType, n: Any, mu: Any, alpha: Any) -> Any:
    r"""Return :math:`\ln p(n \mid \mu, \alpha)` without :math:`n\ln\mu - \ln n!`, the part that the Poisson law shares.

    Parameters
    ----------
    xp : module
        `numpy` or `pytensor.tensor`.
    n : array or tensor
        Counts.
    mu : array or tensor
        Means, >= 0.
    alpha : scalar
        Overdispersion, >= 0; at zero this is -mu.
    """
    return log_rising(xp, n, alpha) - n * xp.log1p(alpha * mu) - mu * log1p_over(xp, alpha * mu)


def draw(rng: np.random.Generator, mu: np.ndarray, alpha: float) -> np.ndarray:
    """Return random counts: Poisson with a Gamma-distributed mean."""
    if alpha <= 0.0:
        return rng.poisson(mu).astype(np.float64)
    return rng.poisson(mu * rng.gamma(1.0 / alpha, alpha, size=mu.shape)).astype(np.float64)
