r"""Pareto-smoothed importance sampling of many groups of data at once, in one pass over the draws.

With log-likelihoods :math:`l_{sg}` of group g the weights are :math:`r_{sg} = e^{-l_{sg}}`, of which the largest M are
replaced by the quantiles of a generalised Pareto distribution fitted to them.  Of all others only their sum is needed,
since :math:`r\,e^{l} = 1`: memory grows with M, about three times the square root of the number of draws, instead of
with the number itself.

References
----------
Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25, 72 (the method; M; the number of draws). Zhang & Stephens 2009,
Technometrics 51, 316 (the fit of the Pareto distribution).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.special

from bayesmap.inference.importance import EQUAL

PRIOR_K, PRIOR_DRAWS = 0.5, 10
"""Weak prior on the Pareto shape, worth so many draws."""
SLAB = 512
"""Groups that are worked on together, so that their numbers stay in the processor's cache."""
SHARE = 2
"""The tail is cleared of smaller weights whenever half as many draws as it holds have come."""


def tail_length(draws: int, efficiency: float) -> int:
    """Return how many of the largest weights are smoothed.

    Parameters
    ----------
    draws : int
        Number of draws.
    efficiency : float
        Effective over actual number of draws.

    Examples
    --------
    >>> tail_length(4000, 1.0), tail_length(200, 1.0)
    (189, 40)
    """
    return int(3.0 * math.sqrt(draws / efficiency)) if draws * efficiency > 225 else draws // 5


@dataclass(frozen=True)
class Smoothed:
    """What smoothed importance sampling says of each group.

    Parameters
    ----------
    elpd, pareto_k, p : ndarray, shape (n_group,)
        Log predictive density of the group without itself, shape of the tail, and how much larger the density is with
        itself.
    """

    elpd: np.ndarray
    pareto_k: np.ndarray
    p: np.ndarray


class Tails:
    """Tails and sums of the weights of many groups, filled draw by draw.

    Parameters
    ----------
    groups, draws, tail : int
        Number of groups, of draws to come, and of the largest weights to keep.
    """

    def __init__(self, groups: int, draws: int, tail: int) -> None:
        self._tail, self._draws = tail, draws
        self._width = tail + 1  # the largest weight below the tail is where it begins
        self._kept = np.empty((groups, self._width + max(1, self._width // SHARE)))
        self._filled = 0
        self._log_weights = np.full(groups, -np.inf)
        self._log_likelihoods = np.full(groups, -np.inf)
        self._least, self._most = np.full(groups, np.inf), np.full(groups, -np.inf)

    @staticmethod
    def size(groups: int, tail: int) -> int:
        """Return the bytes that it holds."""
        return 8 * groups * (tail + 1 + max(1, (tail + 1) // SHARE) + 4)

    def add(self, log_likelihood: np.ndarray) -> None:
        """Add a draw, shape (n_group,)."""
        if self._filled == self._kept.shape[1]:
            self._clear()
        self._kept[:, self._filled] = log_likelihood
        self._filled += 1

    def finish(self) -> Smoothed:
        """Return the result after the last draw."""
        self._clear()
        with ThreadPoolExecutor() as pool:
            parts = list(pool.map(self._of_slab, self._slabs()))
        return Smoothed(*(np.concatenate([part[i] for part in parts]) for i in range(3)))

    def _slabs(self) -> Iterator[slice]:
        for first in range(0, len(self._kept), SLAB):
            yield slice(first, first + SLAB)

    def _clear(self) -> None:
        """Move all but the smallest log-likelihoods into the sums."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._clear_slab, self._slabs()))
        self._filled = min(self._filled, self._width)

    def _clear_slab(self, slab: slice) -> None:
        kept = self._kept[slab, : self._filled]
        if self._filled > self._width:
            kept.partition(self._width - 1, axis=1)
        left = kept[:, self._width :]
        if left.shape[1]:
            self._log_weights[slab] = np.logaddexp(self._log_weights[slab], _log_sum(-left))
            self._log_likelihoods[slab] = np.logaddexp(self._log_likelihoods[slab], _log_sum(left))
            self._most[slab] = np.maximum(self._most[slab], left.max(axis=1))

    def _of_slab(self, slab: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        kept = np.sort(self._kept[slab, : self._filled], axis=1)
        tail, edge = kept[:, : self._tail], kept[:, self._tail]
        base = tail[:, 0]
        weights, shape = _smooth(np.exp(base[:, None] - tail), np.exp(base - edge))
        equal = np.maximum(self._most[slab], edge) - base < EQUAL
        weights[equal], shape[equal] = np.exp(base[:, None] - tail)[equal], 0.0
        # All in units of the largest weight, exp(-base).
        others = np.exp(np.logaddexp(self._log_weights[slab], -edge) + base)
        number = self._draws - self._tail
        inside = np.sum(weights * np.exp(tail - base[:, None]), axis=1)
        elpd = base + np.log((number + inside) / (others + weights.sum(axis=1)))
        every = np.logaddexp(self._log_likelihoods[slab], _log_sum(kept))
        return elpd, shape, every - math.log(self._draws) - elpd


def _log_sum(values: np.ndarray) -> np.ndarray:
    """Return ln sum exp along the last axis."""
    top = values.max(axis=1)
    return np.asarray(top + np.log(np.sum(np.exp(values - top[:, None]), axis=1)))


def _smooth(weights: np.ndarray, edge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return smoothed weights, the largest first, and Pareto k; as they are, with an infinite k, where none is found.

    Parameters
    ----------
    weights : ndarray, shape (n_group, n_tail)
        Weights of the tail in units of the largest, in falling order.
    edge : ndarray, shape (n_group,)
        The largest weight below the tail.
    """
    with np.errstate(all="ignore"):
        shape, scale = pareto(weights[:, ::-1] - edge[:, None])
        p = (np.arange(weights.shape[1]) + 0.5) / weights.shape[1]
        logs = -np.log1p(-p)
        curve = np.where(shape[:, None] == 0.0, logs, np.expm1(shape[:, None] * logs) / shape[:, None])
        found = np.minimum(edge[:, None] + scale[:, None] * curve, 1.0)[:, ::-1]
    usable = np.isfinite(shape) & (scale > 0.0)
    return np.where(usable[:, None], found, weights), np.where(usable, shape, np.inf)


def pareto(excess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shape and scale of generalised Pareto distributions fitted to many samples; NaN where there is no fit.

    Parameters
    ----------
    excess : ndarray, shape (n_sample, n)
        Sorted samples above zero.
    """
    n = excess.shape[1]
    number = 30 + int(math.sqrt(n))
    quartile = excess[:, int(n / 4 + 0.5) - 1]
    steps = 1.0 - np.sqrt(number / (np.arange(1, number + 1) - 0.5))
    b = steps[None, :] / (3.0 * quartile[:, None]) + 1.0 / excess[:, -1:]
    k = np.stack([np.log1p(-column[:, None] * excess).mean(axis=1) for column in b.T], axis=1)
    fit = n * (np.log(-b / k) - k - 1.0)
    share = scipy.special.softmax(fit, axis=1)
    share = np.where(share >= 10.0 * np.finfo(np.float64).eps, share, 0.0)
    mean = np.sum(b * share, axis=1) / share.sum(axis=1)
    shape = np.log1p(-mean[:, None] * excess).mean(axis=1)
    scale = -shape / mean
    shape = (n * shape + PRIOR_DRAWS * PRIOR_K) / (n + PRIOR_DRAWS)
    none = quartile <= excess[:, 0]
    return np.where(none, np.nan, shape), np.where(none, np.nan, scale)
