"""Quasi-Newton descent that keeps its path: BFGS with a dense inverse Hessian, and steps halved until they descend.

References
----------
Nocedal & Wright 2006, Numerical Optimization, chapters 3.1 and 6.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

ARMIJO = 1e-4
"""Part of the decrease promised by the slope that a step must give."""
HALVINGS = 40
CURVED = 1e-8
"""Cosine of step and change of the gradient below which the pair says nothing on the curvature."""

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Point -> value and gradient; the value is infinite where there is no support."""


@dataclass(frozen=True)
class Place:
    """A point of the path.

    Parameters
    ----------
    point, value, gradient : ndarray, float, ndarray
        Where, and the function there.
    inverse : ndarray
        Estimate of the inverse Hessian; positive definite.
    """

    point: np.ndarray
    value: float
    gradient: np.ndarray
    inverse: np.ndarray

    @property
    def decrement(self) -> float:
        r"""Estimated distance to the minimum, :math:`\sqrt{g^T H g}` with H the inverse Hessian."""
        return float(np.sqrt(self.gradient @ self.inverse @ self.gradient))


def descend(function: Function, start: np.ndarray, *, tolerance: float, max_iterations: int) -> Iterator[Place]:
    """Yield the start and each point of the path down.

    Parameters
    ----------
    function : callable
        See `Function`.
    start : ndarray
        A point with support.
    tolerance : float
        Decrement at which to stop.
    max_iterations : int
        Largest number of steps.
    """
    value, gradient = function(start)
    size = max(float(np.linalg.norm(gradient)), 1.0)
    place = Place(start, value, gradient, np.eye(len(start)) / size)
    yield place
    for iteration in range(max_iterations):
        lower = _lower(function, place)
        if lower is None:
            return
        point, value, gradient = lower
        inverse = _updated(place.inverse, point - place.point, gradient - place.gradient, first=iteration == 0)
        place = Place(point, value, gradient, inverse)
        yield place
        if place.decrement < tolerance:
            return


def _lower(function: Function, place: Place) -> tuple[np.ndarray, float, np.ndarray] | None:
    direction = -place.inverse @ place.gradient
    slope, length = float(place.gradient @ direction), 1.0
    for _ in range(HALVINGS):
        point = place.point + length * direction
        value, gradient = function(point)
        if value <= place.value + ARMIJO * length * slope and np.all(np.isfinite(gradient)):
            return point, value, gradient
        length *= 0.5
    return None


def _updated(inverse: np.ndarray, step: np.ndarray, change: np.ndarray, *, first: bool) -> np.ndarray:
    """Return the inverse Hessian that knows of one more step; the first one sets its size."""
    product = float(step @ change)
    if not product > CURVED * np.linalg.norm(step) * np.linalg.norm(change):
        return inverse
    if first:
        inverse = np.eye(len(step)) * product / float(change @ change)
    left = np.eye(len(step)) - np.outer(step, change) / product
    return left @ inverse @ left.T + np.outer(step, step) / product
