r"""Minimum of a statistic over some parameters while the others are held: a point of a profile.

The statistic is :math:`\Delta(x) = -2\ln p(v_0 + s x) + 2\ln p(v_0)` of the named values v, each in units of its own
conditional standard deviation s.  The second derivatives B of all coordinates, the held ones too, begin as the exact
ones at the best fit, and each move teaches them (BFGS in Powell's damped form).  So the same matrix says where the
others go when a held one moves (the start of the next point), by how much a point can still fall (where to stop), and
which way.  Coordinates at a limit that press against it stay there: each step minimises the quadratic model inside the
limits.  Moves too small to teach anything are not learned from, and where steps fail the exact matrix is worked out
anew.

References
----------
Nocedal & Wright 2006, Numerical Optimization, chapters 3.1, 16.7 and 18.3; Murphy & van der Vaart 2000, JASA 95, 449
(the slope of a profile is the partial slope at the conditional optimum).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from bayesmap.inference.named import NamedPosterior

EDM = 1e-7
"""Estimated fall of the statistic at which a point is found."""
ARMIJO = 1e-4
"""Part of the decrease promised by the slope that a step must give."""
HALVINGS = 30
SMALL = 1e-10
"""Moves along which the quadratic model changes by less than this teach nothing: round-off would."""
FLAT = 1e-8
"""Smallest eigenvalue of B in units of its largest: below it a direction is as good as flat."""
ANEW = 15
"""Steps after which the exact matrix is worked out anew."""
STEPS = 90
HOP = 1.5
"""Held parameters move by so many sigma at a time at first."""
DROP = 0.3
"""Fall of the statistic from where the model sends the others above which they may have left the valley."""
SHORTEST = 0.02
"""A hop of so many sigma is the shortest: what happens in it is a jump of the profile."""


@dataclass
class Count:
    """Evaluations so far."""

    calls: int = 0


@dataclass(frozen=True)
class Surface:
    r"""The statistic in scaled coordinates.

    Parameters
    ----------
    named : NamedPosterior
        Log-density of the named values.
    origin, scale : ndarray, shape (size,)
        v_0 and s.
    bounds : (lower, upper)
        Limits of v.
    reference : float
        Log-density at the origin.
    count : Count
        Evaluations.
    """

    named: NamedPosterior
    origin: np.ndarray
    scale: np.ndarray
    bounds: tuple[np.ndarray, np.ndarray]
    reference: float
    count: Count = field(default_factory=Count)

    @cached_property
    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Limits of x."""
        lower, upper = self.bounds
        return (lower - self.origin) / self.scale, (upper - self.origin) / self.scale

    def values(self, x: np.ndarray) -> np.ndarray:
        """Return v; a limit of x is exactly the limit of v."""
        (low, high), (lower, upper) = self.limits, self.bounds
        return np.where(x == low, lower, np.where(x == high, upper, self.origin + self.scale * x))

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient; the value is infinite where there is no support."""
        self.count.calls += 1
        value, gradient = self.named.value_and_gradient(self.values(x))
        if np.isfinite(value) and np.all(np.isfinite(gradient)):
            return 2.0 * (self.reference - value), -2.0 * self.scale * gradient
        return np.inf, np.full_like(x, np.nan)

    def curvature(self, x: np.ndarray) -> np.ndarray:
        """Return the exact second derivatives, made positive definite."""
        self.count.calls += 1
        return positive(-2.0 * np.outer(self.scale, self.scale) * self.named.hessian(self.values(x)))


@dataclass(frozen=True)
class Place:
    """A point, and what is known of the statistic there.

    Parameters
    ----------
    x, value, gradient : ndarray, float, ndarray
        Coordinates, statistic and its gradient.
    curvature : ndarray
        Estimate of its second derivatives; positive definite.
    problem : str
        Why it is no conditional minimum; empty if it is one.
    """

    x: np.ndarray
    value: float
    gradient: np.ndarray
    curvature: np.ndarray
    problem: str = ""


def settle(surface: Surface, place: Place, held: np.ndarray, target: np.ndarray) -> Place:
    """Move held coordinates to a target, and find the best of the others; arguments as of `path`."""
    for found in path(surface, place, held, target):
        place = found
    return place


def path(surface: Surface, place: Place, held: np.ndarray, target: np.ndarray) -> Iterator[Place]:
    """Yield points on the way of held coordinates to a target, each with the best of the others, the target last.

    The valley of the first point is followed as long as it is one: where the others would fall by more than `DROP` from
    where the model sends them, they may have left it, and a shorter hop is tried first.

    Parameters
    ----------
    surface : Surface
        Statistic.
    place : Place
        A point nearby, as a rule an earlier one of the same profile.
    held : ndarray of bool, shape (size,)
        Coordinates that are held.
    target : ndarray, shape (size,)
        Where they go; other entries are not looked at. Must be within the limits.

    Yields
    ------
    Place
        Its value is infinite where there is no support; nothing comes after that, nor after a point with a problem.
    """
    step = model_step(surface, place, held, np.where(held, target - place.x, 0.0))
    length = float(np.sqrt(0.5 * step @ place.curvature @ step))
    begin, done, share = place.x, 0.0, HOP / max(length, HOP)
    while done < 1.0:
        last = done + share > 1.0 - 1e-9
        goal = target if last else begin + (target - begin) * (done + share)
        found, drop = _settled(surface, place, held, goal)
        lost = bool(found.problem) or drop > DROP
        if lost and share * length > SHORTEST:
            share *= 0.5
            continue
        yield found
        if found.problem or not np.isfinite(found.value):
            return
        place, done = found, 1.0 if last else done + share
        share = min(2.0 * share, 1.0 - done) if drop < 0.1 * DROP else share


def model_step(surface: Surface, place: Place, held: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the step to the minimum of the quadratic model inside the limits, with held coordinates moved by a shift.

    Parameters
    ----------
    surface, place, held
        As of `settle`.
    shift : ndarray
        Zero where nothing is held.
    """
    low, high = surface.limits[0] - place.x, surface.limits[1] - place.x
    step = np.where(held, shift, 0.0)
    ahead = place.gradient + place.curvature @ step
    fixed = held | ((low >= 0.0) & (ahead > 0.0)) | ((high <= 0.0) & (ahead < 0.0))
    while not fixed.all():
        free = ~fixed
        pull = place.gradient[free] + place.curvature[np.ix_(free, fixed)] @ step[fixed]
        step[free] = -np.linalg.solve(place.curvature[np.ix_(free, free)], pull)
        beyond = free & ((step < low) | (step > high))
        if not beyond.any():
            return step
        step = np.where(beyond, np.where(step < low, low, high), step)
        fixed |= beyond
    return step


def positive(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix with the absolute values of its eigenvalues, none smaller than `FLAT` of the largest."""
    symmetric = 0.5 * (matrix + matrix.T)
    values, vectors = np.linalg.eigh(symmetric)
    sizes = np.abs(values)
    floor = FLAT * sizes.max()
    return symmetric if values[0] > floor else (vectors * np.maximum(sizes, floor)) @ vectors.T


def _settled(surface: Surface, place: Place, held: np.ndarray, target: np.ndarray) -> tuple[Place, float]:
    """Return the conditional minimum, and by how much it lies below where the search began."""
    place = _arrive(surface, place, held, target)
    if not np.isfinite(place.value):
        return place, 0.0
    found = descend(surface, place, held)
    return found, place.value - found.value


def descend(surface: Surface, place: Place, held: np.ndarray) -> Place:
    """Return the lowest place that steps lead to, held coordinates where they are; arguments as of `path`."""
    exact = False
    for number in range(1, STEPS):
        step = model_step(surface, place, held, np.zeros_like(place.x))
        if -(place.gradient @ step + 0.5 * step @ place.curvature @ step) < EDM:
            return place
        lower = _lower(surface, place, step)
        if lower is None and exact:
            return replace(place, problem="no step lowers the statistic")
        exact = lower is None or number % ANEW == 0
        place = place if lower is None else lower
        if exact:
            place = replace(place, curvature=surface.curvature(place.x))
    return replace(place, problem=f"not converged after {STEPS} steps")


def _arrive(surface: Surface, place: Place, held: np.ndarray, target: np.ndarray) -> Place:
    """Return the place at the target: the others where the model sends them, or where they were if it is wrong."""
    shift = np.where(held, target - place.x, 0.0)
    plain = np.where(held, target, place.x)
    ways = [np.where(held, target, _moved(surface, place, model_step(surface, place, held, shift), 1.0)), plain]
    for x in ways:
        if np.array_equal(x, place.x):
            return replace(place, problem="")
        value, gradient = surface.at(x)
        if np.isfinite(value):
            break
    else:
        return replace(place, x=plain, value=value, gradient=gradient, problem="")
    return _learned(place, x, value, gradient)


def _lower(surface: Surface, place: Place, step: np.ndarray) -> Place | None:
    """Return a place along a step that is lower, the step shortened by the parabola through what was found."""
    slope, length = float(place.gradient @ step), 1.0
    if slope >= 0.0:
        return None
    for _ in range(HALVINGS):
        x = _moved(surface, place, step, length)
        value, gradient = surface.at(x)
        rise = value - place.value
        if rise <= ARMIJO * length * slope:
            return _learned(place, x, value, gradient)
        best = -0.5 * slope * length / (rise / length - slope) if np.isfinite(rise) else 0.0
        length = min(max(best, 0.1 * length), 0.5 * length)
    return None


def _moved(surface: Surface, place: Place, step: np.ndarray, length: float) -> np.ndarray:
    """Return the end of a step; one that goes to a limit ends exactly there."""
    low, high = surface.limits
    x = place.x + length * step
    whole = length == 1.0
    low_reached = whole & (step == low - place.x)
    high_reached = whole & (step == high - place.x)
    return np.where(low_reached | (x < low), low, np.where(high_reached | (x > high), high, x))


def _learned(place: Place, x: np.ndarray, value: float, gradient: np.ndarray) -> Place:
    """Return the place after a move, with what it taught about the curvature."""
    matrix, delta, change = place.curvature, x - place.x, gradient - place.gradient
    moved = matrix @ delta
    expected, found = float(delta @ moved), float(delta @ change)
    if not expected > SMALL:
        return Place(x, value, gradient, matrix)
    share = 1.0 if found >= 0.2 * expected else 0.8 * expected / (expected - found)
    mixed = share * change + (1.0 - share) * moved
    learned = matrix - np.outer(moved, moved) / expected + np.outer(mixed, mixed) / (delta @ mixed)
    return Place(x, value, gradient, learned)
