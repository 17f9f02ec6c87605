r"""The density of one parameter without draws: Laplace's approximation of its marginal.

.. math:: p(t \mid n) \propto p(t, \hat\nu_t \mid n)\; |H_{\nu\nu}(t, \hat\nu_t)|^{-1/2}

with the other parameters at their best values for each t, and H the Hessian of minus the log-posterior by those of them
that lie far from their limits: the share of the others is taken not to depend on t.  Unlike the
normal approximation it knows skewness and limits, so that an upper limit stays physical where the best value is zero.

References
----------
Tierney & Kadane 1986, J. Am. Stat. Assoc. 81, 82.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.integrate
import scipy.interpolate

from bayesmap.errors import FitStateError
from bayesmap.inference.pinned import profile_point
from bayesmap.posterior.compiled import CompiledPosterior

DEPTH = 10.0
"""The density is followed until its logarithm has fallen by this much, to 5e-5 of its peak."""
NEAR_ENOUGH = 1.5
"""And by no more than this many times as much."""
POINTS = 25
"""Points from end to end, at equal distances in the square root of the distance from a lower limit (of counts that has
a constant variance); the logarithm is interpolated by a cubic spline in that."""
FINE = 2001
MOST_TRIALS = 60
FAR = 3.0
"""Standard deviations from a limit that a parameter keeps whose curvature is taken to account."""


@dataclass(frozen=True)
class Marginal:
    """Density of one parameter on a fine grid.

    Parameters
    ----------
    grid : ndarray, shape (n,)
        Values in the parameter's unit.
    density : ndarray, shape (n,)
        Normalised to one.
    cumulative : ndarray, shape (n,)
        Probability below each.
    """

    grid: np.ndarray
    density: np.ndarray
    cumulative: np.ndarray

    @property
    def mean(self) -> float:
        """Mean."""
        return float(scipy.integrate.simpson(self.grid * self.density, x=self.grid))

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(scipy.integrate.simpson((self.grid - self.mean) ** 2 * self.density, x=self.grid)))

    def quantile(self, prob: float) -> float:
        """Return the value below which a probability lies."""
        return float(np.interp(prob, self.cumulative, self.grid))

    def around(self, best: float, mass: float) -> tuple[float, float]:
        """Return the ends of an interval with equal tails, or of the one that begins or ends at a best value beyond."""
        low, high = self.quantile(0.5 - 0.5 * mass), self.quantile(0.5 + 0.5 * mass)
        if low <= best <= high:
            return low, high
        below = float(np.interp(best, self.grid, self.cumulative))
        return (best, self.quantile(below + mass)) if best < low else (self.quantile(below - mass), best)


def marginal(posterior: CompiledPosterior, theta: np.ndarray, index: int, step: float) -> Marginal:
    """Return the density of a coordinate.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    theta : ndarray, shape (size,)
        Best fit.
    index : int
        Coordinate, which is the value of its parameter.
    step : float
        About its standard deviation, the first step away from the best value.

    Raises
    ------
    FitStateError
        BM-FT-063 if the other parameters are not found, or the density does not fall.
    """
    bounds = posterior.variables.bounds()
    lower, upper = float(bounds[0][index]), float(bounds[1][index])
    place = np.array(theta, dtype=np.float64)
    inner = far_from_limits(posterior, theta, index)

    def height(value: float) -> float:
        nonlocal place
        found = profile_point(posterior, place, index, value)
        if np.isneginf(found.log_posterior):
            return -np.inf
        place = found.theta
        return found.log_posterior - 0.5 * float(np.linalg.slogdet(found.hessian[np.ix_(inner, inner)])[1])

    best = float(theta[index])
    top = height(best)
    name = posterior.coordinates.names[index]
    low = _end(name, height, best, top, -step, lower)
    place = np.array(theta, dtype=np.float64)
    high = _end(name, height, best, top, step, upper)
    values = spaced(low, high, POINTS, lower)
    return normalised(values, np.array([height(value) for value in values[::-1]])[::-1], lower)


def spaced(low: float, high: float, number: int, lower: float) -> np.ndarray:
    """Return values between two ends, at equal distances of the square root above a lower limit where there is one."""
    if not np.isfinite(lower):
        return np.linspace(low, high, number)
    inside: np.ndarray = lower + np.linspace(np.sqrt(low - lower), np.sqrt(high - lower), number) ** 2
    inside[[0, -1]] = low, high
    return inside


def normalised(values: np.ndarray, heights: np.ndarray, lower: float = -np.inf) -> Marginal:
    """Return the density whose logarithm, up to a constant, is known at some values.

    Parameters
    ----------
    values : ndarray, shape (n,)
        As `spaced` gives them.
    heights : ndarray, shape (n,)
        Logarithm of the density.
    lower : float
        Lower limit of the parameter.
    """
    grid = spaced(values[0], values[-1], FINE, lower)
    place = np.linspace(0.0, 1.0, len(values))
    logs = scipy.interpolate.CubicSpline(place, heights)(np.linspace(0.0, 1.0, FINE))
    density = np.exp(logs - logs.max())
    cumulative = scipy.integrate.cumulative_simpson(density, x=grid, initial=0.0)
    return Marginal(grid, density / cumulative[-1], cumulative / cumulative[-1])


def far_from_limits(posterior: CompiledPosterior, theta: np.ndarray, index: int) -> np.ndarray:
    """Return the other coordinates that are far from their limits at the best fit, as indices."""
    lower, upper = posterior.variables.bounds()
    information = -np.diag(posterior.hessian(theta))
    sigma = 1.0 / np.sqrt(np.where(information > 0, information, np.inf))
    far = (theta - lower > FAR * sigma) & (upper - theta > FAR * sigma)
    far[index] = False
    return np.flatnonzero(far)


def _end(name: str, height: Callable[[float], float], best: float, top: float, step: float, limit: float) -> float:
    """Return a value beyond which there is next to nothing, or the limit where that comes first."""
    inner, outer = best, np.nan
    for _ in range(MOST_TRIALS):
        value = best + step if np.isnan(outer) else 0.5 * (inner + outer)
        if (limit - value) * np.sign(step) <= 0.0:
            value = limit
        fall = top - height(value)
        if value == limit and fall <= NEAR_ENOUGH * DEPTH:
            return limit
        if DEPTH <= fall <= NEAR_ENOUGH * DEPTH:
            return value
        if fall < DEPTH:
            inner = value
            step *= 2.0
        else:
            outer = value
    raise FitStateError(
        "BM-FT-063",
        what=f"the density of {name} was followed to {value:g} and did not fall as it should",
        rule="A parameter that the data constrain has a density that falls on both sides",
        remedy="Give it a prior or limits, or leave the band out",
    )
