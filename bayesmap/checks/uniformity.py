r"""Whether ranks are uniform: p-value of their empirical distribution as a whole, and its simultaneous envelope.

With :math:`F_j` the share of the ranks below j, of N ranks among L draws, right draws give binomial numbers

.. math:: N F_j \sim \mathrm{Binomial}\!\left(N, \frac{j}{L + 1}\right), \qquad j = 1 \ldots L,

which are not independent. The statistic is the smallest pointwise tail probability; its distribution is simulated. The
envelope holds the whole curve with a stated probability: its pointwise bands are those of a tail that right draws
stay above with that probability.

References
----------
Sailynoja, Burkner & Vehtari 2022, Statistics and Computing 32, 32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy

REPLICAS = 20000
"""Simulated sets of uniform ranks."""
IN_TAIL = 20
"""Simulated sets beyond the level, at least."""


@dataclass(frozen=True)
class UniformRanks:
    """What uniform ranks look like.

    Parameters
    ----------
    simulations : int
        N, ranks.
    n_draws : int
        L: ranks are 0 ... L.
    level : float
        Probability that the whole curve of uniform ranks lies inside the envelope.
    random_seed, replicas : int
        Of the simulated uniform ranks; by default `REPLICAS`, or as many as the level needs.

    Examples
    --------
    >>> law = UniformRanks(200, 99)
    >>> evenly = np.arange(200) // 2
    >>> law.p_value(evenly), law.holds(evenly), law.holds(evenly // 2)
    (1.0, True, False)
    """

    simulations: int
    n_draws: int
    level: float = 0.999
    random_seed: int = 0
    replicas: int | None = None

    @property
    def fractions(self) -> np.ndarray:
        """Expected shares below each rank j = 1 ... L, shape (L,)."""
        return np.arange(1, self.n_draws + 1) / (self.n_draws + 1)

    def below(self, ranks: np.ndarray) -> np.ndarray:
        """Return how many ranks are below j = 1 ... L, shape (L,)."""
        return np.cumsum(np.bincount(np.asarray(ranks, dtype=int), minlength=self.n_draws + 1))[:-1]

    def p_value(self, ranks: np.ndarray) -> float:
        """Return the probability that uniform ranks have a point as far out as the farthest of these."""
        tail = self._tails[self.below(ranks), np.arange(self.n_draws)].min()
        return float(1 + np.searchsorted(self._null, tail, side="right")) / (1 + len(self._null))

    def holds(self, ranks: np.ndarray) -> bool:
        """Return True if the curve lies inside the envelope: the p-value is at least one minus the level."""
        return self.p_value(ranks) >= 1.0 - self.level

    @cached_property
    def envelope(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest share below each rank j = 1 ... L inside the envelope, two arrays of shape (L,)."""
        inside = self._tails >= self._edge
        low, high = inside.argmax(axis=0), self.simulations - inside[::-1].argmax(axis=0)
        return low / self.simulations, high / self.simulations

    @cached_property
    def _edge(self) -> float:
        """Smallest tail whose p-value is not below one minus the level."""
        fewest = int(np.ceil((1.0 - self.level) * (1 + len(self._null)) - 1.0 - 1e-9))
        return float(self._null[max(fewest, 1) - 1])

    @cached_property
    def _tails(self) -> np.ndarray:
        """Smaller tail probability of each number below each rank, shape (N + 1, L)."""
        return _tails(self.simulations, self.n_draws)

    @cached_property
    def _null(self) -> np.ndarray:
        """Sorted statistics of simulated uniform ranks."""
        wanted = max(REPLICAS, int(np.ceil(IN_TAIL / (1.0 - self.level)))) if self.replicas is None else self.replicas
        return _null(self.simulations, self.n_draws, self.random_seed, wanted)


@lru_cache(maxsize=8)
def _tails(simulations: int, n_draws: int) -> np.ndarray:
    table, fractions = np.arange(simulations + 1)[:, None], np.arange(1, n_draws + 1) / (n_draws + 1)
    law = scipy.stats.binom(simulations, fractions)
    return np.minimum(law.cdf(table), law.sf(table - 1))


@lru_cache(maxsize=8)
def _null(simulations: int, n_draws: int, random_seed: int, replicas: int) -> np.ndarray:
    rng, tails, columns = np.random.default_rng(random_seed), _tails(simulations, n_draws), np.arange(n_draws)
    shares, found = np.full(n_draws + 1, 1.0 / (n_draws + 1)), []
    for size in np.diff([*range(0, replicas, 5000), replicas]):  # in parts, for memory
        below = rng.multinomial(simulations, shares, size=size).cumsum(axis=1)[:, :-1]
        found.append(tails[below, columns].min(axis=1))
    return np.sort(np.concatenate(found))


def uniformity(ranks: np.ndarray, n_draws: int, random_seed: int = 0, replicas: int = REPLICAS) -> float:
    """Return the p-value of ranks being uniform on 0 ... L, from their empirical distribution as a whole.

    Parameters
    ----------
    ranks : ndarray of int
        Ranks.
    n_draws : int
        L.
    random_seed, replicas : int
        Of the simulated uniform ranks.
    """
    return UniformRanks(len(ranks), n_draws, random_seed=random_seed, replicas=replicas).p_value(np.asarray(ranks))
