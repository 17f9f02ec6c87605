r"""Probability integral transform of sparse counts, randomised: uniform where the law is right, however few counts.

.. math:: u_q = P(n < n_q) + v_q\, P(n = n_q),\qquad v_q \sim U(0, 1)

Three laws are taken in turn: that of one draw from the posterior, under which the u of all bins are exactly independent
and uniform if the model is true; the mean over all draws, which has seen the bin itself and is too near one half; and
the mean over draws weighted by :math:`1 / P(n = n_q)`, which leaves the bin out.

References
----------
Czado, Gneiting & Held 2009, Biometrics 65, 1254.  Sailynoja, Burkner & Vehtari 2022, Statistics and Computing 32, 32
(simultaneous envelope of an empirical distribution).  Gelfand, Dey & Chang 1992, Bayesian Statistics 4, 147 (weights
that leave an observation out).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy

from bayesmap.checks.tails import Tails

FRACTIONS = np.arange(1, 100) / 100.0
"""Where empirical distributions are compared."""
REPLICAS = 4000
"""Simulated uniform samples that the envelope comes from."""
FEW = 0.1
"""Effective share of the draws below which the weights that leave a bin out are not to be trusted."""


@dataclass(frozen=True)
class Pit:
    """Randomised probability integral transforms.

    Parameters
    ----------
    sampled : ndarray, shape (n_bin,)
        Under one draw from the posterior.
    posterior : ndarray, shape (n_bin,)
        Under the mean over all draws.
    left_out : ndarray, shape (n_bin,)
        The same with each bin left out.
    share : ndarray, shape (n_bin,)
        Effective share of the draws in `left_out`.
    """

    sampled: np.ndarray
    posterior: np.ndarray
    left_out: np.ndarray
    share: np.ndarray

    @cached_property
    def p_value(self) -> float:
        """Probability of an empirical distribution as uneven as that of `sampled`; exact where the model is true."""
        return ecdf_p_value(self.sampled)

    @cached_property
    def p_value_left_out(self) -> float:
        """The same of `left_out`, which is nearly uniform where the posterior does not hang on single bins."""
        return ecdf_p_value(self.left_out)

    @property
    def unreliable(self) -> int:
        """Number of bins that hold so much of the information that they cannot be left out by weights."""
        return int(np.sum(self.share < FEW))


@dataclass(frozen=True)
class PitSums:
    """What is added up over draws, shape (n_bin,) each; see `start_pit`."""

    below: np.ndarray
    equal: np.ndarray
    reference: np.ndarray
    weight: np.ndarray
    weight_below: np.ndarray
    weight_squared: np.ndarray

    def add(self, tails: Tails) -> None:
        """Add one draw."""
        self.below[:] += tails.below
        self.equal[:] += np.exp(tails.log_equal)
        # Weights 1 / P(n), relative to the largest so far.
        largest = np.maximum(self.reference, -tails.log_equal)
        scale, fresh = np.exp(self.reference - largest), np.exp(-tails.log_equal - largest)
        self.reference[:] = largest
        for total, factor, value in (
            (self.weight, scale, fresh),
            (self.weight_below, scale, fresh * tails.below),
            (self.weight_squared, scale**2, fresh**2),
        ):
            total[:] = total * factor + value

    def result(self, sampled: Tails, draws: int, rng: np.random.Generator) -> Pit:
        """Return the transforms.

        Parameters
        ----------
        sampled : Tails
            Of one draw.
        draws : int
            Draws that were added.
        rng : Generator
            Of v, one for each bin.
        """
        v = rng.random(len(self.below))
        one_draw = sampled.below + v * np.exp(sampled.log_equal)
        all_draws = (self.below + v * self.equal) / draws
        # Of the bin left out, P(n = n_q) is the harmonic mean.
        equal = draws * np.exp(-self.reference) / self.weight
        left_out = self.weight_below / self.weight + v * equal
        return Pit(one_draw, all_draws, left_out, self.weight**2 / (self.weight_squared * draws))


def start_pit(n_bin: int) -> PitSums:
    """Return sums that hold nothing yet."""
    sums = [np.zeros(n_bin) for _ in range(6)]
    sums[2] -= np.inf
    return PitSums(*sums)


def ecdf_p_value(values: np.ndarray) -> float:
    """Return the p-value of values being independent and uniform, from their empirical distribution as a whole.

    The statistic is the smallest binomial tail probability of the distribution at 99 fractions; what uniform values
    give is simulated.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Between 0 and 1.

    Examples
    --------
    >>> ecdf_p_value(np.linspace(0.0, 1.0, 200) ** 2) < 1e-3
    True
    """
    found = _smallest_tail(np.searchsorted(np.sort(values), FRACTIONS, side="right")[None], len(values))[0]
    simulated = _simulated(len(values))
    return float((1 + np.sum(simulated <= found)) / (1 + len(simulated)))


def ecdf_envelope(n: int, probability: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper ends, at `FRACTIONS`, that the distribution of n uniform values lies between as a whole.

    Parameters
    ----------
    n : int
        Number of values.
    probability : float
        Of the whole distribution lying inside.
    """
    tail = float(np.quantile(_simulated(n), 1.0 - probability))
    law = scipy.stats.binom(n, FRACTIONS)
    return law.ppf(tail) / n, law.isf(tail) / n


@lru_cache(maxsize=32)
def _simulated(n: int) -> np.ndarray:
    """Return the statistic of simulated uniform values."""
    cells = np.diff([0.0, *FRACTIONS, 1.0])
    below = np.cumsum(np.random.default_rng(0).multinomial(n, cells, size=REPLICAS), axis=1)[:, :-1]
    return _smallest_tail(below, n)


def _smallest_tail(below: np.ndarray, n: int) -> np.ndarray:
    """Return the smallest two-sided binomial tail of each row of numbers below `FRACTIONS`."""
    law = scipy.stats.binom(n, FRACTIONS)
    return np.asarray(np.minimum(law.cdf(below), law.sf(below - 1)).min(axis=1))
