r"""Coverage: how often intervals hold the truth, over data sets simulated at known truths.

With one truth for all data sets this is the coverage that frequentists ask for: the share of repeated observations
whose interval holds it. With truths drawn from the prior it is that of the posterior itself, which a right sampler
meets exactly whatever the counts: each credible interval of mass m holds the truth in a share m of all simulations.

A share of K simulations scatters as a binomial number, :math:`\sqrt{m (1 - m) / K}`; `share_bounds` says how far. A
pull, (best value - truth) / error, is a standard normal number where the likelihood is a parabola.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import xarray as xr

from bayesmap.checks.bounds import ONE_AND_TWO_SIGMA, share_bounds
from bayesmap.checks.sbc import simulated
from bayesmap.errors import BayesmapError
from bayesmap.inference.covariance import laplace
from bayesmap.inference.optimize import optimize
from bayesmap.inference.profile import begin, profile_interval
from bayesmap.inference.sample import sample
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.fit import FitResult
from bayesmap.results.limits import one_sided
from bayesmap.results.profile import ProfileInterval

Ends = Callable[[CompiledPosterior, FitResult, Sequence[float], int], np.ndarray]
"""Method: (posterior, best fit, masses, seed) -> ends of the intervals of the free parameters in their units, shape
(n_mass, n_parameter, 2). An open side is an infinite end, and NaN an end that was not found."""


@dataclass(frozen=True)
class Coverage:
    """Intervals of simulated data sets beside the truths.

    Parameters
    ----------
    names : tuple of str
        Free parameters.
    masses : tuple of float
        Probabilities that the intervals were asked to hold.
    truths, values, errors : ndarray, shape (n_simulation, n_parameter)
        Truth, best value, and error of the Laplace approximation (NaN at a limit).
    ends : ndarray, shape (n_simulation, n_mass, n_parameter, 2)
        Lower and upper ends.
    failed : tuple of str
        Simulations without intervals, with the reason; they have no row above.
    """

    names: tuple[str, ...]
    masses: tuple[float, ...]
    truths: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    ends: np.ndarray
    failed: tuple[str, ...]

    @property
    def simulations(self) -> int:
        """Number of simulations with intervals."""
        return len(self.truths)

    @property
    def shares(self) -> np.ndarray:
        """Share of the intervals that hold the truth, shape (n_mass, n_parameter)."""
        truth = self.truths[:, None, :]
        held = (self.ends[..., 0] <= truth) & (truth <= self.ends[..., 1])
        return np.asarray(held.mean(axis=0))

    @property
    def pulls(self) -> np.ndarray:
        """(Best value - truth) / error, shape (n_simulation, n_parameter)."""
        return (self.values - self.truths) / self.errors

    def __str__(self) -> str:
        """Show a line for each parameter and mass."""
        lines = [f"{self.simulations} simulations, {len(self.failed)} failed"]
        for mass, row in zip(self.masses, self.shares, strict=True):
            low, high = share_bounds(self.simulations, mass)
            shown = ", ".join(f"{name} {share:.4f}" for name, share in zip(self.names, row, strict=True))
            lines.append(f"  {mass:.4f} ({low:.4f} to {high:.4f}): {shown}")
        return "\n".join(lines)


def coverage(
    posterior: CompiledPosterior,
    truths: np.ndarray,
    method: Ends,
    *,
    random_seed: int,
    masses: Sequence[float] = ONE_AND_TWO_SIGMA,
    progress: Callable[[int, int], None] | None = None,
) -> Coverage:
    """Simulate a data set at each truth, and work out the intervals; one compilation serves all.

    The same seed gives the same data sets, whatever the method.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of one or more datasets, whose counts are not used.
    truths : ndarray, shape (n_simulation, size)
        Coordinates (theta) of each truth: of one truth ``np.tile(theta, (n, 1))``, or of truths from the prior
        `bayesmap.checks.sbc.supported_draws`.
    method : callable
        `nuts`, `nuts_limits`, `laplace_ends` or `profile_ends`, or one like them; see `Ends`.
    random_seed : int
        Seed of everything.
    masses : sequence of float
        Probabilities that the intervals are to hold.
    progress : callable, optional
        Called with (done, all).
    """
    rows: list[tuple[np.ndarray, ...]] = []
    failed = []
    for i, stream in enumerate(np.random.SeedSequence(random_seed).spawn(len(truths))):
        rng = np.random.default_rng(stream)
        observed, _ = simulated(posterior, truths[i], rng)
        try:
            row = _intervals(observed, method, masses, int(rng.integers(2**31)))
        except BayesmapError as error:
            failed.append((i, f"simulation {i}: {error}"))
        else:
            if np.isnan(row[2]).any():
                failed.append((i, f"simulation {i}: an interval has no end"))
            else:
                rows.append(row)
        if progress is not None:
            progress(i + 1, len(truths))
    kept = np.delete(posterior.coordinates.to_many_values(truths), [i for i, _ in failed], axis=0)
    size = posterior.coordinates.size
    shapes = ((size,), (size,), (len(masses), size, 2))
    columns = [np.reshape([row[k] for row in rows], (len(rows), *shape)) for k, shape in enumerate(shapes)]
    reasons = tuple(reason for _, reason in failed)
    return Coverage(posterior.coordinates.names, tuple(masses), kept, columns[0], columns[1], columns[2], reasons)


def _intervals(
    posterior: CompiledPosterior, method: Ends, masses: Sequence[float], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return best values, their errors, and the ends."""
    best, values, errors = best_and_errors(posterior)
    return values, errors, method(posterior, best, masses, seed)


def best_and_errors(posterior: CompiledPosterior) -> tuple[FitResult, np.ndarray, np.ndarray]:
    """Return the best fit, its values, and their errors by Laplace's approximation."""
    best, theta = optimize(posterior, lambda _: float("nan"))
    return best, _values(posterior, best), laplace(posterior, best.model, theta, best.hessian).errors


def _values(posterior: CompiledPosterior, best: FitResult) -> np.ndarray:
    return posterior.coordinates.to_many_values(best.theta)


def nuts(*, draws: int = 500, tune: int = 100, chains: int = 1) -> Ends:
    """Return the method of credible intervals with equal tails, from draws of each of some chains."""

    def ends(posterior: CompiledPosterior, best: FitResult, masses: Sequence[float], seed: int) -> np.ndarray:
        found = _draws(posterior, best, seed, draws, tune, chains)
        flat = found.reshape(-1, found.shape[-1])
        tails = 0.5 * (1.0 - np.array(masses))
        return np.stack([np.quantile(flat, tails, axis=0), np.quantile(flat, 1.0 - tails, axis=0)], axis=-1)

    return ends


def nuts_limits(*names: str, draws: int = 1200, tune: int = 100, chains: int = 1) -> Ends:
    """Return the method of one-sided upper limits of some parameters; see `bayesmap.results.limits.upper_limit`.

    The ends of the other parameters are infinite.
    """

    def ends(posterior: CompiledPosterior, best: FitResult, masses: Sequence[float], seed: int) -> np.ndarray:
        found = _draws(posterior, best, seed, draws, tune, chains)
        values = xr.DataArray(found, dims=("chain", "draw", "name"), attrs={"unit": ""})
        upper = np.full((len(masses), found.shape[-1]), np.inf)
        for name in names:
            k = posterior.coordinates.names.index(name)
            upper[:, k] = [one_sided(values[..., k], name, mass, "upper").value for mass in masses]
        return np.stack([np.full_like(upper, -np.inf), upper], axis=-1)

    return ends


def laplace_ends(posterior: CompiledPosterior, best: FitResult, masses: Sequence[float], seed: int) -> np.ndarray:
    """Return the ends of the symmetric intervals of the Laplace approximation; the method draws nothing."""
    errors = laplace(posterior, best.model, best.theta, best.hessian).errors
    reach = scipy.stats.norm.ppf(0.5 * (1.0 + np.array(masses)))[:, None] * errors
    values = _values(posterior, best)
    return np.stack([values - reach, values + reach], axis=-1)


def profile_ends(posterior: CompiledPosterior, best: FitResult, masses: Sequence[float], seed: int) -> np.ndarray:
    """Return the ends where the profile of the posterior has risen by as many sigma squared; it draws nothing."""
    hessian = -posterior.hessian(best.theta) if best.hessian is None else best.hessian
    valley = begin(posterior, best.theta, hessian, "posterior", 0.0)
    sigmas = scipy.stats.norm.ppf(0.5 * (1.0 + np.array(masses)))
    found = [[profile_interval(valley, name, sigma) for name in posterior.coordinates.names] for sigma in sigmas]
    return np.array([[_sides(item) for item in row] for row in found])


def _sides(found: ProfileInterval) -> tuple[float, float]:
    """Return both ends: infinite where a side is open, NaN where the search for it failed."""
    return (-np.inf if found.open_lower else found.lower, np.inf if found.open_upper else found.upper)


def _draws(posterior: CompiledPosterior, best: FitResult, seed: int, draws: int, tune: int, chains: int) -> np.ndarray:
    """Return values of the parameters, shape (chains, draws, n_parameter)."""
    found = sample(
        posterior, best.theta, lambda: None, draws=draws, tune=tune, chains=chains, cores=1, random_seed=seed,
        hessian=best.hessian,
    )  # fmt: skip
    return posterior.coordinates.to_many_values(found.theta)
