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
from collections.abc import Iterable, Iterator
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


def smooth(rows: Iterable[np.ndarray], groups: int, draws: int, tail: int) -> Smoothed:
    """Smooth the weights of many groups in one pass over the draws.

    Parameters
    ----------
    rows : iterable of ndarray, shape (n_group,)
        Log-likelihoods of each draw.
    groups, draws, tail : int
        Number of groups, of draws, and of the largest weights to smooth.
    """
    tails, filled = _Tails.empty(groups, draws, tail), 0
    for row in rows:
        if filled == tails.kept.shape[1]:
            filled = tails.clear(filled)
        tails.kept[:, filled] = row
        filled += 1
    return tails.smoothed(tails.clear(filled))


def size(groups: int, tail: int) -> int:
    """Return the bytes that `smooth` holds."""
    return 8 * groups * (tail + 1 + _spare(tail) + 3)


def _spare(tail: int) -> int:
    return max(1, (tail + 1) // SHARE)


@dataclass(frozen=True)
class _Tails:
    """Smallest log-likelihoods of many groups, and sums over all others; the arrays are filled in place.

    Parameters
    ----------
    draws, tail : int
        Number of draws, and of the largest weights to smooth.
    kept : ndarray, shape (n_group, tail + 1 + spare)
        The tail, the largest weight below it, and places for new draws.
    log_weights, log_likelihoods, most : ndarray, shape (n_group,)
        Of the others: logarithms of the sums of weights and likelihoods, and the largest log-likelihood.
    """

    draws: int
    tail: int
    kept: np.ndarray
    log_weights: np.ndarray
    log_likelihoods: np.ndarray
    most: np.ndarray

    @classmethod
    def empty(cls, groups: int, draws: int, tail: int) -> _Tails:
        """Return the state before the first draw."""
        nothing = (np.full(groups, -np.inf) for _ in range(3))
        return cls(draws, tail, np.empty((groups, tail + 1 + _spare(tail))), *nothing)

    def clear(self, filled: int) -> int:
        """Move all but the smallest of the first `filled` columns into the sums; return how many columns are left."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda slab: self._clear_slab(slab, filled), self._slabs()))
        return min(filled, self.tail + 1)

    def smoothed(self, filled: int) -> Smoothed:
        """Return the result after the last draw."""
        with ThreadPoolExecutor() as pool:
            parts = list(pool.map(lambda slab: self._of_slab(slab, filled), self._slabs()))
        return Smoothed(*(np.concatenate([part[i] for part in parts]) for i in range(3)))

    def _slabs(self) -> Iterator[slice]:
        for first in range(0, len(self.kept), SLAB):
            yield slice(first, first + SLAB)

    def _clear_slab(self, slab: slice, filled: int) -> None:
        kept = self.kept[slab, :filled]
        if filled <= self.tail + 1:
            return
        kept.partition(self.tail, axis=1)
        left = kept[:, self.tail + 1 :]
        self.log_weights[slab] = np.logaddexp(self.log_weights[slab], _log_sum(-left))
        self.log_likelihoods[slab] = np.logaddexp(self.log_likelihoods[slab], _log_sum(left))
        self.most[slab] = np.maximum(self.most[slab], left.max(axis=1))

    def _of_slab(self, slab: slice, filled: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        kept = np.sort(self.kept[slab, :filled], axis=1)
        tail, edge = kept[:, : self.tail], kept[:, self.tail]
        base = tail[:, 0]
        raw = np.exp(base[:, None] - tail)
        weights, shape = _smooth(raw, np.exp(base - edge))
        equal = np.maximum(self.most[slab], edge) - base < EQUAL
        weights[equal], shape[equal] = raw[equal], 0.0
        # All in units of the largest weight, exp(-base).
        others = np.exp(np.logaddexp(self.log_weights[slab], -edge) + base)
        inside = np.sum(weights * np.exp(tail - base[:, None]), axis=1)
        elpd = base + np.log((self.draws - self.tail + inside) / (others + weights.sum(axis=1)))
        every = np.logaddexp(self.log_likelihoods[slab], _log_sum(kept))
        return elpd, shape, every - math.log(self.draws) - elpd


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
