r"""Evidence by sequential Monte Carlo: from the prior to the posterior by steps of the likelihood's power.

Particles of the prior are weighed by :math:`L^{\beta_{k+1} - \beta_k}`, where each step halves their effective number,
resampled, and moved by Metropolis steps that leave :math:`p(\theta) L^{\beta}` as it is;

.. math:: \hat Z = \prod_k \frac1N \sum_i L(\theta_i)^{\beta_{k+1} - \beta_k} .

A first run finds the powers, the laws of the steps and their number.  All others follow this plan, and none adapts
itself: each of them has the expectation Z whatever the number of particles, and their scatter tells the error.
Nothing is assumed of the posterior's shape, and other modes are found as far as particles of the prior fall into their
basins.

References
----------
Del Moral, Doucet & Jasra 2006, J. R. Stat. Soc. B 68, 411. Chopin & Papaspiliopoulos 2020, An Introduction to
Sequential Monte Carlo, Springer, chapter 17 (tempering; number of moves).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.special

from bayesmap.errors import FitStateError
from bayesmap.inference.batch import Pair, forward_many, prior_and_likelihood
from bayesmap.inference.evidence import FEWEST, FREEDOM, log_t
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.evidence import Evidence, coarse

RUNS = 8
SHARE = 0.5
"""Effective over actual number of particles after a step."""
FORGOTTEN = 0.15
"""Moves go on until no coordinate is correlated with itself at their start by more than this."""
MOST_SWEEPS = 200
SLOW = "in {} of {} stages particles hardly move: pass a larger draws, or use another method"
OVERSAMPLING = (2, 20)
"""Draws of the prior for each particle: at first, and where few have support."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Stage:
    """A step towards the posterior.

    Parameters
    ----------
    power : float
        Of the likelihood, after the step.
    mean : ndarray, shape (size,)
        Of the particles then.
    root : ndarray, shape (size, size)
        Root of their covariance.
    sweeps : int
        Metropolis steps.
    """

    power: float
    mean: np.ndarray
    root: np.ndarray
    sweeps: int


@dataclass(frozen=True)
class _Cloud:
    """Particles with their log-prior and log-likelihood."""

    z: np.ndarray
    prior: np.ndarray
    likelihood: np.ndarray

    def at(self, index: np.ndarray) -> _Cloud:
        """Return some of the particles."""
        return _Cloud(self.z[index], self.prior[index], self.likelihood[index])

    def replaced(self, accepted: np.ndarray, other: _Cloud) -> _Cloud:
        """Return the particles, the accepted ones replaced by those of another cloud."""
        return _Cloud(
            np.where(accepted[:, None], other.z, self.z),
            np.where(accepted, other.prior, self.prior),
            np.where(accepted, other.likelihood, self.likelihood),
        )


def smc_evidence(posterior: CompiledPosterior, particles: int, seed: int, progress: Progress | None = None) -> Evidence:
    """Return the evidence of a posterior with at least one free parameter, from independent runs.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions, with proper priors.
    particles : int
        Particles of each of the runs.
    seed : int
        Seed.
    progress : callable, optional
        Called with finished and all thousandths of the way from prior to posterior.

    Raises
    ------
    FitStateError
        BM-FT-067 if hardly any draw of the prior has support.
    """
    pair = prior_and_likelihood(posterior)
    start, share = _prior_particles(posterior, (RUNS + 1) * particles, seed)
    parts = start.reshape(RUNS + 1, particles, -1)

    def show(run: int, power: float) -> None:
        if progress is not None:
            progress(round(1000 * (run + power) / (RUNS + 1)), 1000)

    plan = _plan(pair, parts[0], np.random.default_rng([seed, 3, 0]), partial(show, 0))
    logs = np.array(
        [_run(pair, parts[run], plan, np.random.default_rng([seed, 3, run]), partial(show, run))
         for run in range(1, RUNS + 1)]
    )  # fmt: skip
    error = float(logs.std(ddof=1) / math.sqrt(RUNS))
    slow = sum(stage.sweeps >= MOST_SWEEPS for stage in plan)
    return Evidence(
        log_z=float(scipy.special.logsumexp(logs) - math.log(RUNS)),
        error=error,
        pareto_k=math.nan,
        effective_size=float(RUNS * particles),
        draws=(RUNS + 1) * particles * (1 + sum(stage.sweeps for stage in plan)),
        seed=seed,
        prior_share=share,
        reasons=(*coarse(error), *((SLOW.format(slow, len(plan)),) if slow else ())),
        method="smc",
    )


def _prior_particles(posterior: CompiledPosterior, number: int, seed: int) -> tuple[np.ndarray, float]:
    """Return draws of the prior with support, in z, and which share has it."""
    kept, drawn = np.empty((0, len(posterior.coordinates.names))), 0
    for k, factor in enumerate(OVERSAMPLING):
        theta = posterior.variables.draw(factor * number, np.random.default_rng([seed, 4, k]))
        fine = [math.isfinite(posterior.log_prior(one)) and posterior.supported(one) for one in theta]
        kept, drawn = np.concatenate([kept, theta[fine]]), drawn + len(theta)
        if len(kept) >= number:
            return forward_many(posterior, kept[:number]), len(kept) / drawn
    raise FitStateError(
        "BM-FT-067",
        what=f"{len(kept)} of {drawn} draws of the priors have support",
        rule=f"At least {max(number, FEWEST)} must, where particles begin",
        remedy="State priors and limits that keep the source on the map, and its size below the cut-out",
    )


def _plan(pair: Pair, z: np.ndarray, rng: np.random.Generator, show: Callable[[float], None]) -> tuple[_Stage, ...]:
    """Return the stages that suit particles of the prior."""
    cloud, power, stages = _Cloud(z, *pair(z)), 0.0, []
    while power < 1.0:
        step = _next_step(cloud.likelihood, 1.0 - power)
        weights = scipy.special.softmax(step * cloud.likelihood)
        mean = weights @ cloud.z
        root = _root((cloud.z - mean).T * weights @ (cloud.z - mean))
        stage = _Stage(1.0 if step == 1.0 - power else power + step, mean, root, MOST_SWEEPS)
        cloud, sweeps = _move(pair, cloud.at(_resampled(weights, rng)), stage, rng, until=FORGOTTEN)
        stages.append(dataclasses.replace(stage, sweeps=sweeps))
        power = stage.power
        show(power)
    return tuple(stages)


def _run(
    pair: Pair, z: np.ndarray, plan: tuple[_Stage, ...], rng: np.random.Generator, show: Callable[[float], None]
) -> float:
    """Return ln Z of particles that follow a plan."""
    cloud, power, log_z = _Cloud(z, *pair(z)), 0.0, 0.0
    for stage in plan:
        logs = (stage.power - power) * cloud.likelihood
        log_z += float(scipy.special.logsumexp(logs) - math.log(len(z)))
        if not math.isfinite(log_z):
            return -math.inf
        cloud = cloud.at(_resampled(scipy.special.softmax(logs), rng))
        cloud, _ = _move(pair, cloud, stage, rng)
        power = stage.power
        show(power)
    return log_z


def _next_step(likelihood: np.ndarray, most: float) -> float:
    """Return the step of the power that leaves a share of the particles effective, or what is left to go."""

    def effective(step: float) -> float:
        weights = scipy.special.softmax(step * likelihood)
        return float(1.0 / (len(weights) * np.sum(weights**2)))

    if effective(most) >= SHARE:
        return most
    # Particles that make the data impossible are lost with any step.
    goal = min(SHARE, 0.9 * float(np.mean(np.isfinite(likelihood))))
    low, high = 0.0, most
    for _ in range(60):
        middle = 0.5 * (low + high) if low > 0.0 else 1e-3 * high
        low, high = (middle, high) if effective(middle) >= goal else (low, middle)
        if low > 0.0 and high - low < 1e-3 * low:
            break
    return high


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return the Cholesky factor of a covariance; a little is added where particles lie in a plane."""
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0.0, scale, 1.0)
    matrix = covariance / np.outer(scale, scale) + 1e-9 * np.eye(len(scale))
    return np.asarray(np.linalg.cholesky(matrix) * scale[:, None])


def _resampled(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return indices by systematic resampling."""
    places = (np.arange(len(weights)) + rng.uniform()) / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)


def _move(
    pair: Pair, cloud: _Cloud, stage: _Stage, rng: np.random.Generator, until: float | None = None
) -> tuple[_Cloud, int]:
    """Return the particles after Metropolis steps, and how many each has made.

    Steps are in turn drawn from a Student t around the mean, which leads anywhere at once where the particles look
    like it, and from where the particle is, which always leads somewhere. With `until` they end where no coordinate
    remembers its start by more than this.
    """
    n, size = cloud.z.shape

    def whitened(z: np.ndarray) -> np.ndarray:
        return np.linalg.solve(stage.root, (z - stage.mean).T).T

    first = whitened(cloud.z)
    for sweep in range(1, stage.sweeps + 1):
        jump = rng.standard_normal((n, size)) @ stage.root.T
        if sweep % 2:
            z = stage.mean + jump * np.sqrt(FREEDOM / rng.chisquare(FREEDOM, n))[:, None]
            ratio = log_t(whitened(cloud.z)) - log_t(whitened(z))
        else:
            z, ratio = cloud.z + jump * 2.38 / math.sqrt(size), np.zeros(n)
        other = _Cloud(z, *pair(z))
        ratio += other.prior - cloud.prior + stage.power * (other.likelihood - cloud.likelihood)
        cloud = cloud.replaced(np.log(rng.uniform(size=n)) < ratio, other)
        if until is not None and sweep > 1 and _memory(first, whitened(cloud.z)) < until:
            return cloud, sweep
    return cloud, stage.sweeps


def _memory(first: np.ndarray, now: np.ndarray) -> float:
    """Return the largest correlation of a coordinate with itself before."""
    a, b = (values - values.mean(axis=0) for values in (first, now))
    scale = np.sqrt(np.sum(a * a, axis=0) * np.sum(b * b, axis=0))
    return float(np.max(np.sum(a * b, axis=0) / np.where(scale > 0.0, scale, 1.0)))
