"""A long run of another sampler: the affine-invariant ensemble of emcee, on the same log-posterior.

It shares the likelihood with NUTS, and nothing else: neither gradients, whitening, nor adaptation.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
from scipy.special import erf

MASSES = erf(np.array([1.0, 2.0]) / np.sqrt(2.0))
TAILS = np.sort(np.concatenate([0.5 * (1.0 - MASSES), 0.5 * (1.0 + MASSES)]))
"""Ends of the equal-tailed intervals of 68.27 and 95.45 %, as probabilities."""
BATCHES = 50


@dataclass(frozen=True)
class LongRun:
    """Draws of an ensemble.

    Parameters
    ----------
    values : ndarray, shape (n_step, n_walker, n_parameter)
        In the units of the parameters.
    times : float
        Length in autocorrelation times of the slowest coordinate.
    """

    values: np.ndarray
    times: float

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Return quantiles at `TAILS` and their standard errors, shape (4, n_parameter).

        The error is sqrt(p (1 - p) / ESS) / density, with p (1 - p) / ESS the variance of the share of draws below
        the quantile, measured by the scatter of its mean over long batches.
        """
        flat = self.values.reshape(-1, self.values.shape[-1])
        ends = np.quantile(flat, TAILS, axis=0)
        below = np.stack([np.mean(self.values <= end, axis=1) for end in ends])
        batches = np.stack([part.mean(axis=1) for part in np.array_split(below, BATCHES, axis=1)])
        spread = batches.std(axis=0, ddof=1) / np.sqrt(BATCHES)
        return ends, spread / density(flat, ends)


def density(flat: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the density at the ends, from the share of draws near them, shape of `ends`."""
    half = 0.1 * flat.std(axis=0)
    near = [np.mean(np.abs(flat - end) < half, axis=0) for end in ends]
    return np.array(near) / (2.0 * half)


def long_run(posterior, theta, hessian, *, steps, walkers=40, seed):
    """Run the ensemble from a cloud around the optimum; the first tenth is left out."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(np.linalg.inv(hessian))
    lower, upper = posterior.variables.bounds()
    function = posterior.functions["log_posterior"]
    many = jax.jit(lambda points, constants: jax.lax.map(lambda one: function(one, constants), points))

    def log_density(points):
        inside = np.all((points >= lower) & (points <= upper), axis=1)
        values = np.asarray(many(points, posterior.constants))
        return np.where(inside & ~np.isnan(values), values, -np.inf)

    import emcee  # of the extra "bench": the tests that come here skip without it

    start = theta + 0.3 * rng.normal(size=(walkers, len(theta))) @ root.T
    start = np.where(start <= lower, 2.0 * lower - start, np.where(start >= upper, 2.0 * upper - start, start))
    sampler = emcee.EnsembleSampler(walkers, len(theta), log_density, vectorize=True, moves=moves())
    sampler.random_state = np.random.RandomState(seed).get_state()
    sampler.run_mcmc(start, steps)
    kept = sampler.get_chain(discard=steps // 10)
    times = len(kept) / np.max(emcee.autocorr.integrated_time(kept, quiet=True))
    return LongRun(posterior.coordinates.to_many_values(kept), float(times))


def moves():
    """Differential evolution: its autocorrelation time is a third of the stretch move's in six dimensions.

    Not with emcee's snooker move: of a standard normal in six dimensions that finds a standard deviation of 0.82.
    """
    import emcee

    return emcee.moves.DEMove()
