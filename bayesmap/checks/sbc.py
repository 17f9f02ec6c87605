r"""Simulation-based calibration: whether draws are those of the posterior, over data sets drawn from the model itself.

For each simulation parameters are drawn from the prior, counts from the model, and the posterior is sampled from them.
If the draws are right, the rank of every true quantity among L draws of it is uniform on 0 ... L.

References
----------
Talts et al. 2018, arXiv:1804.06788.  Modrak et al. 2023, Bayesian Analysis (quantities that depend on the data).
Sailynoja, Burkner & Vehtari 2022, Statistics and Computing 32, 32 (simultaneous test of an empirical distribution).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from bayesmap.errors import BayesmapError, BayesmapInputError
from bayesmap.inference.optimize import optimize
from bayesmap.inference.sample import sample
from bayesmap.posterior.compiled import CompiledPosterior

RANK_DRAWS = 99
"""L: draws, nearly independent, that a truth is ranked among."""
ATTEMPTS = 20
"""Batches of prior draws before giving up on finding enough with support."""
OVERSAMPLING = 2
"""Draws made for each one that is kept."""


@dataclass(frozen=True)
class Calibration:
    """Ranks of a simulation-based calibration.

    Parameters
    ----------
    names : tuple of str
        Quantities: free parameters, ``log_likelihood``, ``log_prior``, ``total_npred`` and ``hottest_bin``.
    ranks : ndarray of int, shape (n_simulation, n_quantity)
        Rank of the truth among the draws, 0 ... `n_draws`.
    z_scores : ndarray, shape (n_simulation, n_parameter)
        (posterior mean - truth) / posterior standard deviation of the free parameters.
    n_draws : int
        L.
    failed : tuple of str
        Simulations without a posterior, with the reason.
    """

    names: tuple[str, ...]
    ranks: np.ndarray
    z_scores: np.ndarray
    n_draws: int
    failed: tuple[str, ...]

    def p_values(self, random_seed: int = 0) -> dict[str, float]:
        """Return the p-value of each quantity's ranks being uniform; see `uniformity`."""
        columns = zip(self.names, self.ranks.T, strict=True)
        return {name: uniformity(column, self.n_draws, random_seed) for name, column in columns}


def calibrate(
    posterior: CompiledPosterior,
    *,
    simulations: int,
    random_seed: int,
    tune: int = 100,
    mutate: Callable[[np.ndarray], np.ndarray] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Run a simulation-based calibration; one compilation serves all simulations.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of one or more datasets, whose counts are not used; all priors must be proper.
    simulations : int
        Data sets to simulate.
    random_seed : int
        Seed of everything.
    tune : int
        Warm-up of each chain.
    mutate : callable, optional
        Changes the predicted counts that (Poisson) data are drawn from, to see that an error is found.
    progress : callable, optional
        Called with (done, all).
    """
    truths = supported_draws(posterior, simulations, random_seed)
    streams = np.random.SeedSequence(random_seed).spawn(simulations)
    rows, scores, failed = [], [], []
    for i, (truth, stream) in enumerate(zip(truths, streams, strict=True)):
        rng = np.random.default_rng(stream)
        observed, counts = simulated(posterior, truth, rng, mutate)
        try:
            draws = posterior_draws(observed, int(rng.integers(2**31)), tune)
        except BayesmapError as error:
            failed.append(f"simulation {i}: {error}")
            continue
        kept = draws[:: len(draws) // RANK_DRAWS][:RANK_DRAWS]
        hottest = int(np.argmax(counts))
        values, true = _quantities(observed, kept, hottest), _quantities(observed, truth[None], hottest)
        ties = np.sum(values == true, axis=0)
        rows.append(np.sum(values < true, axis=0) + rng.integers(0, ties + 1))
        scores.append((draws.mean(axis=0) - truth) / draws.std(axis=0))
        if progress is not None:
            progress(i + 1, simulations)
    names = (*posterior.coordinates.names, "log_likelihood", "log_prior", "total_npred", "hottest_bin")
    return Calibration(names, np.array(rows), np.array(scores), RANK_DRAWS, tuple(failed))


def simulated(
    posterior: CompiledPosterior,
    truth: np.ndarray,
    rng: np.random.Generator,
    mutate: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[CompiledPosterior, np.ndarray]:
    """Return the posterior of counts drawn at a truth, and these counts of all datasets as one vector."""
    drawn = []
    for name in posterior.counts:
        one = posterior.of(name)
        drawn.append(one.draw(truth, rng) if mutate is None else rng.poisson(mutate(one.npred(truth))).astype(float))
    fresh = [item.again(counts) for item, counts in zip(posterior.counts.values(), drawn, strict=True)]
    return posterior.with_counts(*fresh), np.concatenate([counts.ravel() for counts in drawn])


def supported_draws(posterior: CompiledPosterior, draws: int, random_seed: int) -> np.ndarray:
    """Return draws of theta from the priors where the model has support: on the map, within declared limits.

    Raises
    ------
    BayesmapInputError
        BM-CK-006 if hardly any draw has support.
    """
    empty = posterior.with_counts(*(item.again(np.zeros(item.shape)) for item in posterior.counts.values()))
    kept: list[np.ndarray] = []
    for attempt in range(ATTEMPTS):
        found = posterior.variables.draw(draws, random_seed + attempt)
        kept += [theta for theta in found if np.isfinite(empty.log_posterior(theta))]
        if len(kept) >= draws:
            return np.array(kept[:draws])
    raise BayesmapInputError(
        "BM-CK-006",
        what=f"{len(kept)} of {ATTEMPTS * draws} draws from the priors have support",
        rule="Simulations start from draws of the priors where the model predicts counts",
        remedy="State narrower priors, on the map and inside the limits",
    )


def posterior_draws(posterior: CompiledPosterior, seed: int, tune: int) -> np.ndarray:
    """Return draws of one chain, shape (n, size)."""
    _, theta = optimize(posterior, lambda _: float("nan"))
    found = sample(
        posterior,
        theta,
        lambda: None,
        draws=RANK_DRAWS * OVERSAMPLING,
        tune=tune,
        chains=1,
        cores=1,
        random_seed=seed,
    )
    return found.theta[0]


def _quantities(posterior: CompiledPosterior, theta: np.ndarray, hottest: int) -> np.ndarray:
    """Return the ranked quantities of many theta, shape (n, n_quantity).

    They may depend on the data (the bin with most counts) but not on the truth, of which ranks would not be uniform.
    """
    rows = []
    for point in theta:
        npred = np.concatenate([posterior.of(name).npred(point).ravel() for name in posterior.counts])
        derived = (posterior.log_likelihood(point), posterior.log_prior(point), npred.sum(), npred[hottest])
        rows.append(np.concatenate([point, derived]))
    return np.array(rows)


def uniformity(ranks: np.ndarray, n_draws: int, random_seed: int = 0, replicas: int = 20000) -> float:
    r"""Return the p-value of ranks being uniform on 0 ... L, from their empirical distribution as a whole.

    The statistic is the smallest pointwise binomial tail probability of the empirical distribution at the L + 1
    fractions; its distribution is simulated.

    Parameters
    ----------
    ranks : ndarray of int
        Ranks.
    n_draws : int
        L.
    random_seed, replicas : int
        Of the simulated uniform ranks.
    """
    rng = np.random.default_rng(random_seed)
    observed = _smallest_tail(np.asarray(ranks)[None], n_draws)[0]
    simulated = _smallest_tail(rng.integers(0, n_draws + 1, size=(replicas, len(ranks))), n_draws)
    return float((1 + np.sum(simulated <= observed)) / (1 + replicas))


def _smallest_tail(ranks: np.ndarray, n_draws: int) -> np.ndarray:
    """Return the smallest two-sided binomial tail of each row's empirical distribution."""
    n = ranks.shape[1]
    edges = np.arange(1, n_draws + 1)
    below = np.stack([np.sum(ranks < edge, axis=1) for edge in edges], axis=1)
    fractions = edges / (n_draws + 1)
    table = np.arange(n + 1)[:, None]
    lower = scipy.stats.binom.cdf(table, n, fractions)
    upper = scipy.stats.binom.sf(table - 1, n, fractions)
    tails = np.minimum(lower, upper)
    return np.asarray(tails[below, np.arange(n_draws)[None, :]].min(axis=1))
