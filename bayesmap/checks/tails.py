r"""Where observed counts lie in their law: the probabilities of fewer, as many, and more counts.

Of Poisson and negative-binomial numbers of a map, and of On counts, whose background is what the Off counts leave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from bayesmap.posterior.likelihood import ObservedCounts
from bayesmap.posterior.on_off import SHAPE, ObservedOnOff


@dataclass(frozen=True)
class Tails:
    """Probabilities of counts relative to the observed ones, for each selected bin.

    Parameters
    ----------
    below, above : ndarray, shape (n_bin,)
        Probability of fewer and of more counts, each a sum of its own: far out neither loses its digits.
    log_equal : ndarray, shape (n_bin,)
        Logarithm of the probability of as many.
    """

    below: np.ndarray
    above: np.ndarray
    log_equal: np.ndarray


def tails_of(law: ObservedCounts | ObservedOnOff) -> Callable[[np.ndarray, float], Tails]:
    """Return the function (npred, overdispersion) -> tails of the observed counts; npred as of `CompiledPosterior`.

    Fractional (Asimov) counts are rounded for it.
    """
    if isinstance(law, ObservedOnOff):
        return _on_off(law)
    mask = law.dataset.mask_data
    counts = np.round(np.asarray(law.dataset.counts.data, dtype=np.float64)[mask])
    return _Counted(mask, counts, np.flatnonzero(counts), scipy.special.gammaln(counts + 1.0))


@dataclass(frozen=True)
class _Counted:
    """Tails of the counts of a map; bins without counts, of which there are many, need no special function."""

    mask: np.ndarray
    counts: np.ndarray
    filled: np.ndarray
    log_factorials: np.ndarray

    def __call__(self, npred: np.ndarray, spread: float) -> Tails:
        mu = npred[self.mask]
        if spread > 0.0:
            law = scipy.stats.nbinom(1.0 / spread, 1.0 / (1.0 + spread * mu))
            return Tails(law.cdf(self.counts - 1.0), law.sf(self.counts), law.logpmf(self.counts))
        n, some = self.counts[self.filled], mu[self.filled]
        below, above = np.zeros_like(mu), -np.expm1(-mu)
        below[self.filled] = scipy.special.gammaincc(n, some)
        above[self.filled] = scipy.special.gammainc(n + 1.0, some)
        log_equal = -mu - self.log_factorials
        log_equal[self.filled] += scipy.special.xlogy(n, some)
        return Tails(below, above, log_equal)


def _on_off(law: ObservedOnOff) -> Callable[[np.ndarray, float], Tails]:
    """Return the tails of On counts: a Poisson signal k, and a negative-binomial background for the rest.

    The background's probabilities do not depend on the signal and are worked out once, shape (n_bin, n_term).
    """
    dataset, used = law.dataset, law.dataset.mask_data
    n_on = dataset.counts[used]
    background = scipy.stats.nbinom(
        (dataset.counts_off[used] + SHAPE)[:, None], 1.0 / (1.0 + dataset.alpha[used, None])
    )
    k = np.arange(int(n_on.max(initial=0.0)) + 1.0)[None, :]
    rest = n_on[:, None] - k
    fewer, more = background.cdf(rest - 1.0), np.where(rest >= 0.0, background.sf(rest), 0.0)

    def tails(npred: np.ndarray, spread: float) -> Tails:
        signal = npred[used]
        share: Any = scipy.stats.poisson.pmf(k, signal[:, None])
        above = np.sum(share * more, axis=1) + scipy.stats.poisson.sf(n_on, signal)
        return Tails(np.sum(share * fewer, axis=1), above, law.pointwise(npred, spread))

    return tails


def two_sided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the normal deviate of the smaller tail: positive where counts are in excess."""
    return np.where(above < below, scipy.stats.norm.isf(above), -scipy.stats.norm.isf(below))
