"""What an optimiser gets and gives: minus two times the log-posterior in scaled coordinates, and where it ended.

Every optimiser moves in x, with theta = origin + scale x entry by entry: the origin is the start, the scale one
standard deviation of the expected information there, so that steps of one are sensible for every parameter.  A limit of
theta is a limit of x.  The function is -2 ln p, relative to the start, so that a rise of one is one sigma (errordef 1).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from bayesmap.inference.newton import NEAR, NewtonState, certified_at
from bayesmap.inference.whitening import inside
from bayesmap.posterior.compiled import CompiledPosterior

TOLERANCE = 1e-2
"""Sigma of all parameters together within which a point counts as the optimum: 2 delta ln p of 1e-4."""
MARGIN = 0.1
"""An optimiser's own criteria ask for this part of the tolerance: they are estimates."""
WALL = 1e3
"""Height of the function where there is no support, above that of the start."""


class Density(Protocol):
    """A log-density with gradient: `CompiledPosterior` in theta, `NamedPosterior` in named values."""

    def value_and_gradient(self, point: np.ndarray, /) -> tuple[float, np.ndarray]:
        """Return value and gradient."""

    def log_posterior(self, point: np.ndarray, /) -> float:
        """Return the value."""


@dataclass(frozen=True)
class Ended:
    """Where an optimiser ended.

    Parameters
    ----------
    state : NewtonState
        The point, with our own gradient and Hessian there.
    problem : str
        Why it is no optimum; empty if it may be one.
    method : str
        What was done.
    said : str
        The optimiser's own message.
    """

    state: NewtonState
    problem: str
    method: str
    said: str = ""


@dataclass
class Record:
    """What an objective remembers: number of calls, and the last one (Minuit asks for value and gradient apart)."""

    calls: int = 0
    point: bytes = b""
    found: tuple[float, np.ndarray] = field(default_factory=lambda: (np.nan, np.zeros(0)))


@dataclass(frozen=True)
class Objective:
    r"""The function :math:`-2 \ln p(\theta_0 + s x) + 2 \ln p(\theta_0)` of x.

    Without support it is a wall that rises away from the start: optimisers cannot use infinities, and as it stands
    above the start none ends there.

    Parameters
    ----------
    density : Density
        Log-density of theta.
    origin, scale : ndarray, shape (size,)
        See above.
    bounds : (lower, upper)
        Limits of theta.
    reference : float
        Log-density at the start.
    record : Record
        Calls.
    """

    density: Density
    origin: np.ndarray
    scale: np.ndarray
    bounds: tuple[np.ndarray, np.ndarray]
    reference: float
    record: Record = field(default_factory=Record)

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.origin)

    @property
    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Limits of x."""
        lower, upper = self.bounds
        return (lower - self.origin) / self.scale, (upper - self.origin) / self.scale

    def theta(self, x: np.ndarray) -> np.ndarray:
        """Return theta; a limit of x is exactly the limit of theta."""
        low, high = self.limits
        lower, upper = self.bounds
        return np.where(x == low, lower, np.where(x == high, upper, self.origin + self.scale * x))

    def value(self, x: np.ndarray) -> float:
        """Return the value: cheaper than with its gradient."""
        self.record.calls += 1
        value = self.density.log_posterior(self.theta(np.asarray(x)))
        return 2.0 * (self.reference - value) if np.isfinite(value) else self._wall(x)[0]

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient."""
        point = np.asarray(x, dtype=np.float64)
        if self.record.point != point.tobytes():
            self.record.calls += 1
            self.record.found = self._evaluate(point)
            self.record.point = point.tobytes()
        value, gradient = self.record.found
        return value, gradient.copy()

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Return the gradient."""
        return self.value_and_gradient(x)[1]

    def _evaluate(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = self.density.value_and_gradient(self.theta(x))
        if np.isfinite(value) and np.all(np.isfinite(gradient)):
            return 2.0 * (self.reference - value), -2.0 * self.scale * gradient
        return self._wall(x)

    @staticmethod
    def _wall(x: np.ndarray) -> tuple[float, np.ndarray]:
        return WALL + float(x @ x), 2.0 * np.asarray(x)


def objective(posterior: CompiledPosterior, start: np.ndarray) -> Objective:
    """Return the function that an optimiser minimises from a start; one at a limit is moved inside."""
    origin = inside(posterior, start)
    information = np.diag(posterior.fisher(origin))
    known = information > 0
    scale = np.where(known, 1.0 / np.sqrt(np.where(known, information, 1.0)), np.abs(origin) + (origin == 0))
    value, _ = posterior.value_and_gradient(origin)
    return Objective(posterior, origin, scale, posterior.variables.bounds(), value, Record(calls=2))


def ended(
    posterior: CompiledPosterior, function: Objective, x: np.ndarray, tolerance: float, method: str, said: str
) -> Ended:
    """Judge the point where an optimiser ended, by the exact gradient and Hessian there.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    function : Objective
        What was minimised.
    x : ndarray
        Where it ended.
    tolerance : float
        Sigma within which it must be the optimum.
    method, said : str
        What was done, and the optimiser's own message.
    """
    theta = function.theta(np.asarray(x, dtype=np.float64))
    supported = bool(np.all(np.isfinite(theta)) and np.isfinite(posterior.value_and_gradient(theta)[0]))
    state = certified_at(posterior, theta if supported else function.origin, function.bounds)
    state = _touching(posterior, state, function.bounds)
    state = replace(state, nfev=state.nfev + function.record.calls, matrices=state.matrices + 1)
    problem = ""
    if not supported:
        problem = f"{method} ended where there is no support: the start values are kept"
    elif state.exact and not state.decrement < tolerance:
        problem = f"{method} ended {state.decrement:.2g} sigma from the optimum, more than the tolerance {tolerance:g}"
    return Ended(state, problem, method, said)


def _touching(posterior: CompiledPosterior, state: NewtonState, bounds: tuple[np.ndarray, np.ndarray]) -> NewtonState:
    """Return the state at the limits that it all but reached, if it is better there.

    Optimisers that transform limits away can only come close to them.
    """
    lower, upper = bounds
    near = NEAR / np.sqrt(state.scale)
    low = (state.theta - lower < near) & (state.gradient > 0)
    high = (upper - state.theta < near) & (state.gradient < 0)
    theta = np.where(low, lower, np.where(high, upper, state.theta))
    if np.array_equal(theta, state.theta) or not -posterior.value_and_gradient(theta)[0] <= state.value:
        return state
    moved = certified_at(posterior, theta, bounds)
    return replace(moved, nfev=moved.nfev + state.nfev + 1, matrices=moved.matrices + state.matrices)
