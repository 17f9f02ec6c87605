r"""Minimum of minus the log-posterior, with few Hessians: quasi-Newton steps, certified by an exact Hessian.

A Hessian of n parameters costs about 2 n gradients.  So the method begins with the expected information of the counts,
learns from each step how the gradient changes (BFGS, Powell's damped form, which keeps the matrix positive definite),
and works out the exact Hessian only where the promised and the actual gain disagree, where a step is refused, and at
the end: an optimum is one where the exact Hessian is positive definite and puts the point within the tolerance.  A best
fit then takes one last full step of that Hessian, which squares the distance.

Each step solves :math:`(B + \lambda D)\,\delta = -g` with D the diagonal of the expected information, which makes the
damping independent of units.  A step off the support, or one that does not lower the function, is refused and the
damping raised (Levenberg-Marquardt).  A limit is touched only from close by, so that one bold step does not put out a
source; parameters at a limit whose gradient points outwards are held.  A saddle is left along its falling direction.

References
----------
Nocedal & Wright 2006, Numerical Optimization, chapters 4, 10.3, 16.7 and 18.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

FIRST_DAMPING = 1e-3
DAMPING_UP, DAMPING_DOWN = 8.0, 0.1
LARGEST_DAMPING = 1e12
SUFFICIENT, POOR, GOOD = 1e-4, 0.1, 0.25
"""Fractions of the promised gain: below the first a step is refused, below the second the matrix is worked out anew,
above the third the damping falls."""
NEAR = 0.1
"""A limit is touched from within this many standard deviations; else a step goes nine tenths of the way at most."""
CERTIFY = 0.5
"""The exact Hessian is worked out where the learned matrix puts the point within this part of the tolerance."""
POLISH = 1e-3
"""An optimum found to this part of the tolerance needs no last step."""
ROUND_OFF = 1e-15
"""Gains below this part of the function's value cannot be seen."""
ESCAPES = (1.0, -1.0, 0.1, -0.1)
"""Steps off a saddle, in units of one over the square root of the expected information."""


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
    nfev : int
        Evaluations so far: of value with gradient, and of matrices, each counted as one.
    matrices : int
        How many of them were Hessians or expected informations.
    hessian : ndarray, optional
        Exact Hessian of minus the log-posterior at `theta`, where it was worked out there.
    exact : bool
        True if `curvature` is that Hessian: it is positive definite.
    learned : bool
        True if `curvature` was changed by steps since it was worked out.
    """

    theta: np.ndarray
    value: float
    gradient: np.ndarray
    curvature: np.ndarray
    scale: np.ndarray
    free: np.ndarray
    nfev: int
    matrices: int
    hessian: np.ndarray | None = None
    exact: bool = False
    learned: bool = False

    @property
    def decrement(self) -> float:
        r"""Newton decrement :math:`\sqrt{g^T B^{-1} g}`: distance to the optimum in sigma.

        Infinite where the matrix is not positive definite.
        """
        if not self.free.any():
            return 0.0
        matrix, gradient, _ = self.scaled()
        try:
            root = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            return float("inf")
        return float(np.linalg.norm(np.linalg.solve(root, gradient)))

    def scaled(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return matrix and gradient of the free parameters in units of the scale, and its square root."""
        root = np.sqrt(self.scale[self.free])
        matrix = self.curvature[np.ix_(self.free, self.free)]
        return matrix / np.outer(root, root), self.gradient[self.free] / root, root


@dataclass(frozen=True)
class Step:
    """A trial step.

    Parameters
    ----------
    theta : ndarray
        Where it leads.
    value, gradient : float, ndarray
        Minus log-posterior and gradient there.
    promised : float
        Decrease that the quadratic model promises.
    """

    theta: np.ndarray
    value: float
    gradient: np.ndarray
    promised: float


def minimise(
    posterior: Smooth,
    start: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
    *,
    tolerance: float,
    max_iterations: int,
    progress: Callable[[int, NewtonState], None] | None = None,
    hessian: np.ndarray | None = None,
    polish: bool = False,
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
        Steps, refused ones not counted.
    progress : callable, optional
        Called with (iteration, state).
    hessian : ndarray, optional
        Exact Hessian of minus the log-posterior at the start, where it is known.
    polish : bool
        True for a last full step, which squares the distance that is left. The Hessian is then that of the point
        before it, within the tolerance.

    Returns
    -------
    state : NewtonState
        The last state.
    message : str
        Empty if converged, else why it stopped.
    """
    state, damping = _begin(posterior, start, bounds, hessian), FIRST_DAMPING
    for iteration in range(max_iterations):
        if progress is not None:
            progress(iteration, state)
        step = None
        if state.decrement < (tolerance if state.exact else CERTIFY * tolerance):
            state = _certified(posterior, state)
        if not state.decrement < tolerance or state.hessian is None:
            step, state, damping = _step(posterior, state, bounds, damping)
        if step is None:
            state = _certified(posterior, state)
            if state.exact and state.decrement < 1e3 * tolerance:
                last = polish and state.decrement > POLISH * tolerance
                return (_polished(posterior, state, bounds) if last else state), ""
            if state.exact:
                return state, "no step lowers the function"
            step, state = _escape(posterior, state, bounds)
        if step is None:
            return state, ""
        state = _moved(posterior, state, step, bounds)
    return _certified(posterior, state), f"not converged after {max_iterations} steps"


def certified_at(posterior: Smooth, point: np.ndarray, bounds: tuple[np.ndarray, np.ndarray]) -> NewtonState:
    """Return the state at a point that was found elsewhere, with the exact Hessian."""
    return _certified(posterior, _begin(posterior, point, bounds, None))


def is_positive_definite(matrix: np.ndarray, scale: np.ndarray) -> bool:
    """Return True if the matrix, in units of `scale`, has a Cholesky factor."""
    root = np.sqrt(scale)
    try:
        np.linalg.cholesky(matrix / np.outer(root, root))
    except np.linalg.LinAlgError:
        return False
    return True


def _begin(
    posterior: Smooth, start: np.ndarray, bounds: tuple[np.ndarray, np.ndarray], hessian: np.ndarray | None
) -> NewtonState:
    """Return the first state, with the Hessian where it is known and helps, else the expected information."""
    value, gradient = posterior.value_and_gradient(start)
    free = _free(start, -gradient, bounds)
    if hessian is not None:
        scale = np.diag(hessian)
        if np.all(scale > 0) and is_positive_definite(hessian, scale):
            return NewtonState(start, -value, -gradient, hessian, scale, free, 1, 0, hessian, exact=True)
    information = posterior.fisher(start)
    return NewtonState(start, -value, -gradient, information, _diagonal(information), free, 2, 1)


def _free(theta: np.ndarray, gradient: np.ndarray, bounds: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return which parameters are not held: at a limit, with the function falling outwards."""
    lower, upper = bounds
    return ~(((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0)))


def _diagonal(information: np.ndarray) -> np.ndarray:
    diagonal = np.diag(information)
    return np.where(diagonal > 0, diagonal, 1.0)


def _certified(posterior: Smooth, state: NewtonState) -> NewtonState:
    """Return the state with the exact Hessian; the expected information takes its place where it has a falling side."""
    if state.hessian is not None:
        return state
    hessian, free = -posterior.hessian(state.theta), state.free
    counted = replace(state, nfev=state.nfev + 1, matrices=state.matrices + 1, hessian=hessian, learned=False)
    if is_positive_definite(hessian[np.ix_(free, free)], state.scale[free]):
        return replace(counted, curvature=hessian, exact=True)
    information = posterior.fisher(state.theta)
    return replace(
        counted,
        curvature=information,
        scale=_diagonal(information),
        nfev=counted.nfev + 1,
        matrices=counted.matrices + 1,
    )


def _polished(posterior: Smooth, state: NewtonState, bounds: tuple[np.ndarray, np.ndarray]) -> NewtonState:
    """Return the state one full step of the exact Hessian further, if that is nearer.

    The Hessian was worked out anyway, and the step squares the distance that is left; the Hessian stays.
    """
    theta = _within(state, state.theta + _solve(state, 0.0), bounds)
    step = _evaluate(posterior, state, theta)
    free = _free(theta, step.gradient, bounds)
    counted = replace(state, nfev=state.nfev + 1)
    moved = replace(counted, theta=theta, value=step.value, gradient=step.gradient, free=free)
    nearer = np.isfinite(step.value) and np.array_equal(free, state.free) and moved.decrement < state.decrement
    return moved if nearer else counted


def _step(
    posterior: Smooth, state: NewtonState, bounds: tuple[np.ndarray, np.ndarray], damping: float
) -> tuple[Step | None, NewtonState, float]:
    """Try steps until one lowers the function: first with a better matrix, then with rising damping."""
    while damping < LARGEST_DAMPING:
        theta = _within(state, state.theta + _solve(state, damping), bounds)
        step = _evaluate(posterior, state, theta)
        state = replace(state, nfev=state.nfev + 1)
        gain = state.value - step.value
        if gain > max(SUFFICIENT * step.promised, 0.0) and step.promised > 0 and np.all(np.isfinite(step.gradient)):
            return step, state, _after(damping, gain / step.promised)
        if state.learned:
            state = _certified(posterior, state)
            continue
        if abs(step.promised) < ROUND_OFF * (1.0 + abs(state.value)):
            break
        damping = _after(damping, 0.0)
    return None, state, damping


def _after(damping: float, share: float) -> float:
    """Return the damping after a step that gained a share of what was promised."""
    if share < POOR:
        return max(damping, 1e-6) * DAMPING_UP
    return damping * (DAMPING_DOWN if share > GOOD else 1.0)


def _evaluate(posterior: Smooth, state: NewtonState, theta: np.ndarray) -> Step:
    value, gradient = posterior.value_and_gradient(theta)
    delta = theta - state.theta
    promised = -(state.gradient @ delta) - 0.5 * delta @ state.curvature @ delta
    return Step(theta, -value if np.isfinite(value) else float("inf"), -gradient, float(promised))


def _solve(state: NewtonState, damping: float) -> np.ndarray:
    """Return the damped step, zero for held parameters."""
    matrix, gradient, root = state.scaled()
    step = np.zeros_like(state.theta)
    step[state.free] = -np.linalg.solve(matrix + damping * np.eye(len(root)), gradient) / root
    return step


def _within(state: NewtonState, theta: np.ndarray, bounds: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return where a step ends that would pass a limit: at it from close by, else a tenth of the distance before it."""
    lower, upper = bounds
    near = NEAR / np.sqrt(state.scale)
    with np.errstate(invalid="ignore"):  # infinite limits, which are not passed
        low = np.where(state.theta - lower <= near, lower, lower + 0.1 * (state.theta - lower))
        high = np.where(upper - state.theta <= near, upper, upper - 0.1 * (upper - state.theta))
    return np.where(theta < lower, low, np.where(theta > upper, high, theta))


def _moved(posterior: Smooth, state: NewtonState, step: Step, bounds: tuple[np.ndarray, np.ndarray]) -> NewtonState:
    """Return the state after a step, with what it taught about the curvature."""
    moved = replace(
        state,
        theta=step.theta,
        value=step.value,
        gradient=step.gradient,
        free=_free(step.theta, step.gradient, bounds),
        hessian=None,
        exact=False,
    )
    delta, change = step.theta - state.theta, step.gradient - state.gradient
    if state.value - step.value < POOR * step.promised or step.promised <= 0:
        moved = _certified(posterior, moved)
        if moved.exact:
            return moved
    return replace(moved, curvature=_learned(moved.curvature, delta, change), learned=moved.hessian is None)


def _learned(matrix: np.ndarray, delta: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Return the matrix after Powell's damped BFGS update: it stays positive definite."""
    moved = matrix @ delta
    expected, found = delta @ moved, delta @ change
    if not expected > 0.0:  # a direction of which the matrix knows nothing
        return matrix
    share = 1.0 if found >= 0.2 * expected else 0.8 * expected / (expected - found)
    mixed = share * change + (1.0 - share) * moved
    return matrix - np.outer(moved, moved) / expected + np.outer(mixed, mixed) / (delta @ mixed)


def _escape(
    posterior: Smooth, state: NewtonState, bounds: tuple[np.ndarray, np.ndarray]
) -> tuple[Step | None, NewtonState]:
    """Return a step off a saddle, along the direction in which the Hessian bends down most; None if none falls."""
    free = state.free
    if state.hessian is None or not free.any():
        return None, state
    root = np.sqrt(state.scale[free])
    _, vectors = np.linalg.eigh(state.hessian[np.ix_(free, free)] / np.outer(root, root))
    direction = np.zeros_like(state.theta)
    direction[free] = vectors[:, 0] / root
    for size in ESCAPES:
        step = _evaluate(posterior, state, _within(state, state.theta + size * direction, bounds))
        state = replace(state, nfev=state.nfev + 1)
        seen = state.value - step.value > ROUND_OFF * (1.0 + abs(state.value))
        if seen and np.all(np.isfinite(step.gradient)):
            return replace(step, promised=0.0), state
    return None, state
