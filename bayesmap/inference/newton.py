r"""Damped Newton method in scaled coordinates, with limits.

Each step solves :math:`(H + \lambda D)\,\delta = -g` for minus the log-posterior, with the exact Hessian H where it is
positive definite (else the expected information of the counts) and D the diagonal of the expected information, which
makes the damping independent of units.  A step off the support, or one that does not lower the function, is refused
and the damping raised (Levenberg-Marquardt).  Parameters at a limit whose gradient points outwards are held.

References
----------
Nocedal & Wright 2006, Numerical Optimization, chapters 3, 4 and 16.7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

FIRST_DAMPING = 1e-3
DAMPING_UP, DAMPING_DOWN = 8.0, 0.1
LARGEST_DAMPING = 1e12


class Smooth(Protocol):
    """A log-density with derivatives: `CompiledPosterior` in theta, `UnboundedPosterior` in z."""

    def value_and_gradient(self, point: np.ndarray, /) -> tuple[float, np.ndarray]:
        """Return value and gradient."""

    def hessian(self, point: np.ndarray, /) -> np.ndarray:
        """Return the Hessian."""

    def fisher(self, point: np.ndarray, /) -> np.ndarray:
        """Return the expected information of the counts."""


@dataclass(frozen=True)
class NewtonState:
    """Where the method stands.

    Parameters
    ----------
    theta, value, gradient : ndarray, float, ndarray
        Coordinates, minus log-posterior and its gradient.
    curvature : ndarray
        Matrix used for the step.
    scale : ndarray
        Diagonal of the expected information, where it was last worked out.
    free : ndarray of bool
        Parameters not held at a limit.
    exact : bool
        True if `curvature` is the exact Hessian.
    nfev : int
        Evaluations so far.
    """

    theta: np.ndarray
    value: float
    gradient: np.ndarray
    curvature: np.ndarray
    scale: np.ndarray
    free: np.ndarray
    exact: bool
    nfev: int

    @property
    def decrement(self) -> float:
        r"""Newton decrement :math:`\sqrt{g^T H^{-1} g}`: distance to the optimum in sigma."""
        gradient = self.gradient[self.free]
        if not len(gradient):
            return 0.0
        root = np.sqrt(self.scale[self.free])
        matrix = self.curvature[np.ix_(self.free, self.free)] / np.outer(root, root)
        return float(np.sqrt(max(gradient / root @ np.linalg.solve(matrix, gradient / root), 0.0)))


def minimise(
    posterior: Smooth,
    start: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
    *,
    tolerance: float,
    max_iterations: int,
    progress: Callable[[int, NewtonState], None] | None = None,
) -> tuple[NewtonState, str]:
    """Find the maximum of the log-posterior.

    Parameters
    ----------
    posterior : Smooth
        Functions.
    start : ndarray
        First coordinates; must have support.
    bounds : (lower, upper)
        Limits.
    tolerance : float
        Newton decrement, in sigma, below which the optimum is found.
    max_iterations : int
        Newton steps, refused ones not counted.
    progress : callable, optional
        Called with (iteration, state).

    Returns
    -------
    state : NewtonState
        The last state.
    message : str
        Empty if converged, else why it stopped.
    """
    value, gradient = posterior.value_and_gradient(start)
    state = _state(posterior, start, -value, -gradient, bounds, 1)
    damping = FIRST_DAMPING
    for iteration in range(max_iterations):
        if progress is not None:
            progress(iteration, state)
        if state.exact and state.decrement < tolerance:
            return state, ""
        accepted, damping, nfev = _step(posterior, state, bounds, damping)
        if accepted is None:
            flat = state.decrement < 1e3 * tolerance
            return replace(state, nfev=nfev), "" if flat else "no step lowers the function"
        state = _state(posterior, *accepted, bounds, nfev, state.scale)
    return state, f"not converged after {max_iterations} Newton steps"


def _state(
    posterior: Smooth,
    theta: np.ndarray,
    value: float,
    gradient: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
    nfev: int,
    scale: np.ndarray | None = None,
) -> NewtonState:
    """Work out the curvature; the expected information only where it is needed, at the start and off convexity."""
    lower, upper = bounds
    free = ~(((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0)))
    curvature = -posterior.hessian(theta)
    reference = np.abs(np.diag(curvature)) if scale is None else scale
    exact = bool(np.all(reference[free] > 0)) and is_positive_definite(curvature[np.ix_(free, free)], reference[free])
    nfev += 1
    if scale is None or not exact:
        fisher = posterior.fisher(theta)
        scale = np.where(np.diag(fisher) > 0, np.diag(fisher), 1.0)
        curvature = curvature if exact else fisher
        nfev += 1
    return NewtonState(theta, value, gradient, curvature, scale, free, exact, nfev)


def is_positive_definite(matrix: np.ndarray, scale: np.ndarray) -> bool:
    """Return True if the matrix, in units of `scale`, has a Cholesky factor."""
    root = np.sqrt(scale)
    try:
        np.linalg.cholesky(matrix / np.outer(root, root))
    except np.linalg.LinAlgError:
        return False
    return True


def _step(
    posterior: Smooth, state: NewtonState, bounds: tuple[np.ndarray, np.ndarray], damping: float
) -> tuple[tuple[np.ndarray, float, np.ndarray] | None, float, int]:
    """Try steps with rising damping until one lowers the function; return (theta, value, gradient), damping, nfev."""
    nfev = state.nfev
    while damping < LARGEST_DAMPING:
        step, predicted = _solve(state, damping)
        theta = np.minimum(np.maximum(state.theta + step, bounds[0]), bounds[1])
        value, gradient = posterior.value_and_gradient(theta)
        nfev += 1
        gain = state.value + value
        if np.isfinite(value) and np.all(np.isfinite(gradient)) and gain > 1e-4 * predicted and gain > 0:
            return (theta, -value, -gradient), damping * (DAMPING_DOWN if gain > 0.25 * predicted else 1.0), nfev
        damping = max(damping, 1e-6) * DAMPING_UP
    return None, damping, nfev


def _solve(state: NewtonState, damping: float) -> tuple[np.ndarray, float]:
    """Return the damped Newton step, zero for held parameters, and the decrease that the quadratic model promises."""
    free = state.free
    root = np.sqrt(state.scale[free])
    matrix = state.curvature[np.ix_(free, free)] / np.outer(root, root)
    gradient = state.gradient[free] / root
    scaled = -np.linalg.solve(matrix + damping * np.eye(len(root)), gradient)
    step = np.zeros_like(state.theta)
    step[free] = scaled / root
    return step, float(-(gradient @ scaled) - 0.5 * scaled @ matrix @ scaled)
