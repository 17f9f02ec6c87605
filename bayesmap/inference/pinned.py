"""The best values of all parameters but some that are held: a point of a profile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmap.errors import FitStateError
from bayesmap.inference.newton import minimise
from bayesmap.posterior.compiled import CompiledPosterior

TOLERANCE = 1e-3
"""Sigma within which the others are found: -2 ln p is then 1e-6 off."""
MOST_STEPS = 100


@dataclass(frozen=True)
class Pinned:
    """A log-posterior as a function of some of its coordinates, the others held.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    theta : ndarray, shape (size,)
        Gives the held coordinates.
    moving : ndarray of int, shape (n,)
        Which move.
    """

    posterior: CompiledPosterior
    theta: np.ndarray
    moving: np.ndarray

    def whole(self, point: np.ndarray) -> np.ndarray:
        """Return all coordinates of a point, shape (size,)."""
        theta = np.array(self.theta, dtype=np.float64)
        theta[self.moving] = point
        return theta

    def value_and_gradient(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient."""
        value, gradient = self.posterior.value_and_gradient(self.whole(point))
        return value, gradient[self.moving]

    def hessian(self, point: np.ndarray) -> np.ndarray:
        """Return the Hessian."""
        return self.posterior.hessian(self.whole(point))[np.ix_(self.moving, self.moving)]

    def fisher(self, point: np.ndarray) -> np.ndarray:
        """Return the expected information of the counts."""
        return self.posterior.fisher(self.whole(point))[np.ix_(self.moving, self.moving)]


@dataclass(frozen=True)
class ProfilePoint:
    """Best values with some coordinates held.

    Parameters
    ----------
    theta : ndarray, shape (size,)
        All coordinates.
    log_posterior : float
        There; minus infinity where the held value has no support.
    hessian : ndarray, shape (size, size)
        Of minus the log-posterior; zero in the rows and columns of what is held.
    """

    theta: np.ndarray
    log_posterior: float
    hessian: np.ndarray


def profile_point(posterior: CompiledPosterior, theta: np.ndarray, index: int, value: float) -> ProfilePoint:
    """Return the best values with one coordinate held.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    theta : ndarray, shape (size,)
        Where the search begins.
    index : int
        Coordinate that is held, at
    value : float
        this value.

    Raises
    ------
    FitStateError
        BM-FT-063 if the others were not found.
    """
    held = np.array(theta, dtype=np.float64)
    held[index] = value
    moving = np.delete(np.arange(len(held)), index)
    nothing = np.zeros((len(held), len(held)))
    start, _ = posterior.value_and_gradient(held)
    if len(moving) == 0 or not np.isfinite(start):
        return ProfilePoint(held, start if np.isfinite(start) else -np.inf, nothing)
    pinned = Pinned(posterior, held, moving)
    lower, upper = posterior.variables.bounds()
    # From the exact Hessian: the expected information of a source at zero may be infinite.
    state, message = minimise(
        pinned,
        held[moving],
        (lower[moving], upper[moving]),
        tolerance=TOLERANCE,
        max_iterations=MOST_STEPS,
        hessian=-pinned.hessian(held[moving]),
    )
    if message or not state.exact or not np.isfinite(state.value):
        raise FitStateError(
            "BM-FT-063",
            what=f"with {posterior.coordinates.names[index]} held at {value:g} the other parameters were not found "
            f"({message or 'their Hessian is not positive definite'})",
            rule="Every point of a profile is an optimum of the other parameters",
            remedy="Freeze parameters that the data do not constrain, or give them priors",
        )
    hessian = nothing
    hessian[np.ix_(moving, moving)] = state.curvature
    return ProfilePoint(pinned.whole(state.theta), -state.value, hessian)
