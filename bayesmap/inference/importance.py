r"""How far the posterior is from its normal approximation: importance sampling in the whitened coordinates.

Draws w of a standard normal, z = z_0 + L w, get the weights

.. math:: r = p(z \mid n) / q(z), \qquad \ln q = -\tfrac12 |w|^2 + const,

whose largest ones are smoothed by a generalised Pareto distribution (PSIS); its shape k says whether they can be
trusted at all.  Limits are respected, since z is unbounded.

References
----------
Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25, 72 (Pareto-smoothed importance sampling; largest k for a number
of draws). Yao, Vehtari, Simpson & Gelman 2018, ICML, PMLR 80, 5581 (the same as a test of an approximation).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from bayesmap.errors import FitStateError
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.inference.whitening import Whitening
from bayesmap.posterior.compiled import CompiledPosterior

EQUAL = 1e-6
"""Log-weights that differ by less are equal: there is no tail to fit."""


@dataclass(frozen=True)
class WeightedDraws:
    """Draws of the normal approximation with importance weights.

    Parameters
    ----------
    theta : ndarray, shape (n_draw, size)
        Draws.
    weights : ndarray, shape (n_draw,)
        Smoothed weights, normalised to one.
    log_densities : ndarray, shape (n_draw,)
        Log-density of z of each.
    pareto_k : float
        Shape of the tail of the weights.
    seed : int
        Seed.
    """

    theta: np.ndarray
    weights: np.ndarray
    log_densities: np.ndarray
    pareto_k: float
    seed: int

    @property
    def effective_size(self) -> float:
        r"""Effective number of draws, :math:`1 / \sum_s r_s^2`."""
        return float(1.0 / np.sum(self.weights**2))

    def resampled(self) -> np.ndarray:
        """Return the index of as many draws as the effective size: nearly independent draws of the posterior.

        Systematic resampling, in random order; a draw is repeated where its weight asks for it.
        """
        rng = np.random.default_rng([self.seed, 1])
        number = max(int(self.effective_size), 1)
        places = (np.arange(number) + rng.uniform()) / number
        # The sum of the weights may fall short of one by round-off.
        chosen = np.minimum(np.searchsorted(np.cumsum(self.weights), places), len(self.weights) - 1)
        return rng.permutation(chosen)


def weighted_draws(
    posterior: CompiledPosterior,
    whitening: Whitening,
    draws: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> WeightedDraws:
    """Draw from the normal approximation, and weigh.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    whitening : Whitening
        Mean and root of the covariance of z.
    draws, seed : int
        Number of draws; seed.
    progress : callable, optional
        Called with finished and all draws.

    Raises
    ------
    FitStateError
        BM-FT-013 if no draw has support.
    """
    w = np.random.default_rng(seed).standard_normal((draws, len(whitening.origin)))
    z = whitening.origin + w @ whitening.root.T
    values = log_densities(UnboundedPosterior(posterior), z, progress)
    ratios = values + 0.5 * np.sum(w * w, axis=1)
    if not np.any(np.isfinite(ratios)):
        raise FitStateError(
            "BM-FT-013",
            what=f"none of {draws} draws of the Laplace approximation has support",
            rule="Where posterior and approximation share no point nothing can be said of their distance",
            remedy="Look at the best fit (optimize() and its reasons); sample() needs no such approximation",
        )
    weights, pareto_k = smoothed(ratios)
    return WeightedDraws(posterior.to_theta(z), weights, values, pareto_k, seed)


def smoothed(log_ratios: np.ndarray) -> tuple[np.ndarray, float]:
    """Return normalised smoothed weights, and Pareto k; infinite where a few draws hold all the weight."""
    from arviz_stats.base.array import array_stats

    supported = np.isfinite(log_ratios)
    weights, shape = np.zeros(len(log_ratios)), float("nan")
    if supported.sum() > 1 and np.ptp(log_ratios[supported]) < EQUAL:
        weights[supported], shape = 1.0, 0.0
    elif supported.sum() > 1:
        logs, found = array_stats.psislw(-log_ratios[supported])  # it is made for log-likelihoods, left out
        weights[supported], shape = np.exp(logs - logs.max()), float(found)
    else:
        weights[supported] = 1.0
    return weights / weights.sum(), shape if np.isfinite(shape) else float("inf")


def log_densities(
    unbounded: UnboundedPosterior, z: np.ndarray, progress: Callable[[int, int], None] | None
) -> np.ndarray:
    """Return the log-density of many z, one at a time in each thread: no cube is held for more than one draw."""
    values = np.empty(len(z))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, value in enumerate(pool.map(unbounded.value, z)):
            values[done] = value if np.isfinite(value) else -np.inf
            if progress is not None:
                progress(done + 1, len(z))
    return values
