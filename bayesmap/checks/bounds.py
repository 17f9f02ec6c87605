"""How far shares and pulls of a right method scatter."""

from __future__ import annotations

import numpy as np
import scipy

ONE_AND_TWO_SIGMA = (0.6826894921, 0.9544997361)
"""Masses of intervals of one and of two standard deviations."""
FALSE_ALARM = 1e-3
"""Probability that a right method is outside the bounds."""


def share_bounds(simulations: int, mass: float, false_alarm: float = FALSE_ALARM) -> tuple[float, float]:
    """Return the shares between which a right method lies, but for a probability of half `false_alarm` on each side.

    Parameters
    ----------
    simulations : int
        K, independent.
    mass : float
        Probability that an interval holds the truth.
    false_alarm : float
        Probability of a share outside.

    Examples
    --------
    >>> share_bounds(200, 0.95)
    (0.895, 0.99)
    """
    law = scipy.stats.binom(simulations, mass)
    return float(law.ppf(0.5 * false_alarm)) / simulations, float(law.isf(0.5 * false_alarm)) / simulations


def pull_bounds(simulations: int, false_alarm: float = FALSE_ALARM) -> tuple[float, tuple[float, float]]:
    """Return the largest absolute mean of standard normal pulls, and the range of their standard deviation.

    Arguments as of `share_bounds`.

    Examples
    --------
    >>> mean, (low, high) = pull_bounds(400)
    >>> round(mean, 3), round(low, 3), round(high, 3)
    (0.165, 0.885, 1.118)
    """
    half = 0.5 * false_alarm
    law = scipy.stats.chi2(simulations - 1)
    spread = (float(np.sqrt(law.ppf(half) / (simulations - 1))), float(np.sqrt(law.isf(half) / (simulations - 1))))
    return float(scipy.stats.norm.isf(half) / np.sqrt(simulations)), spread
