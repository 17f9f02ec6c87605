r"""Where a profile along a ray has risen to a level.

Held coordinates go along a ray from the best fit, the others follow.  With r the place on the ray, the root of
:math:`h(r) = \sqrt{\Delta(r)} = \sigma` is found by Newton's steps inside a bracket: h is nearly a straight line, and
its slope is exact, that of the statistic along the held coordinates at the conditional optimum, over 2 h.

References
----------
Venzon & Moolgavkar 1988, Applied Statistics 37, 87; Murphy & van der Vaart 2000, JASA 95, 449.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bayesmap.inference.conditional import Place, Surface, model_step, path

TOLERANCE = 2e-5
"""Distance from the level, in sigma, at which the crossing is found."""
BETTER = 0.01
"""Fall of the statistic below the best fit above which that was not the best."""
TRIALS = 60
GROWTH = 3.0
"""Without a bracket, r grows by this factor at most."""
FAR = 1e4
"""Where the parameter has no limit, the search ends at this many times its first step."""
NARROW = 1e-5
"""A bracket narrower than this part of r, without a crossing, is a jump or the end of the support."""


@dataclass(frozen=True)
class Crossing:
    """What was found on a ray.

    Parameters
    ----------
    place : Place
        The last point: the crossing, or where the search ended.
    r : float
        Where it is on the ray.
    open : bool
        True if the profile does not rise to the level.
    problem : str
        Why there is no crossing; empty if there is one.
    """

    place: Place
    r: float
    open: bool = False
    problem: str = ""

    @property
    def found(self) -> bool:
        """True if it is a crossing."""
        return not self.problem


@dataclass
class Bracket:
    """Nearest known points below and above the level.

    Parameters
    ----------
    below, place : float, Place
        r of the farthest point below the level, and the point.
    above : float
        r of the nearest point above; infinite if none is known.
    supported : bool
        False if there is no support at `above`.
    on_ray : bool
        False as long as the search stands on a ray nearby.
    """

    below: float
    place: Place
    above: float = math.inf
    supported: bool = True
    on_ray: bool = True


def cross(
    surface: Surface, best: Place, held: np.ndarray, ray: np.ndarray, sigma: float, near: Crossing | None = None
) -> Crossing:
    """Follow a profile along a ray from the best fit to where it has risen by sigma squared.

    Parameters
    ----------
    surface : Surface
        Statistic.
    best : Place
        Its minimum.
    held : ndarray of bool, shape (size,)
        Coordinates that go along the ray.
    ray : ndarray, shape (size,)
        Direction; zero for the others.
    sigma : float
        Square root of the rise.
    near : Crossing, optional
        That of a ray nearby, where to begin.
    """
    reach = reach_of(surface, best, held, ray)
    if reach <= 0.0:
        return Crossing(best, 0.0, open=True, problem="the best fit is at the limit")
    first = near.r if near is not None else first_step(surface, best, held, ray, sigma)
    r, place = min(first, reach), best if near is None else near.place
    bracket = Bracket(0.0, best, on_ray=near is None)
    for _ in range(TRIALS):
        goal = end_of(surface, best, held, ray, r, reach)
        place, r = _follow(surface, best, held, ray, place, (goal, r, sigma if bracket.on_ray else math.inf))
        bracket.on_ray = True
        rise, height = place.value - best.value, _height(place, best)
        stop = _stopped(place, rise, height, r, sigma, min(reach, FAR * first))
        if stop is not None:
            return stop
        if height < sigma:
            bracket.below, bracket.place = r, place
        else:
            bracket.above, bracket.supported = r, math.isfinite(height)
        if bracket.above - bracket.below < NARROW * bracket.above:
            return _ended(bracket, best)
        slope = float(place.gradient @ ray) / (2.0 * height) if 0.0 < height < math.inf else math.nan
        r = _next(bracket, r, (sigma - height) / slope if slope > 0.0 else math.nan, reach)
        place = place if math.isfinite(place.value) else bracket.place
    return Crossing(place, r, problem=f"the level was not found in {TRIALS} trials")


def _height(place: Place, best: Place) -> float:
    return math.sqrt(max(place.value - best.value, 0.0))


def _follow(
    surface: Surface,
    best: Place,
    held: np.ndarray,
    ray: np.ndarray,
    place: Place,
    goal: tuple[np.ndarray, float, float],
) -> tuple[Place, float]:
    """Return where the way to a goal ends and its r: outwards at the first point above the level.

    The valley may end before the goal, and the profile fall into another one: a crossing before that is one.
    """
    target, r, level = goal
    k = int(np.argmax(np.abs(ray)))
    outwards = abs(target[k] - best.x[k]) > abs(place.x[k] - best.x[k])
    for found in path(surface, place, held, target):
        place = found
        if outwards and _height(place, best) >= level:
            break
    reached = place.x[k] == target[k]
    return place, r if reached else float((place.x[k] - best.x[k]) / ray[k])


def _stopped(place: Place, rise: float, height: float, r: float, sigma: float, reach: float) -> Crossing | None:
    """Return what ends the search here, if anything does."""
    if place.problem:
        return Crossing(place, r, problem=f"the other parameters were not found again: {place.problem}")
    if rise < -BETTER:
        return Crossing(place, r, problem=f"a better optimum, by {-rise:.3g} in the statistic")
    if abs(height - sigma) < TOLERANCE:
        return Crossing(place, r)
    if height < sigma and r >= reach:
        return Crossing(place, r, open=True, problem=f"the profile has risen by {max(rise, 0.0):.3g} only")
    return None


def _ended(bracket: Bracket, best: Place) -> Crossing:
    """Return what a narrow bracket without a crossing is."""
    if bracket.supported:
        return Crossing(bracket.place, bracket.below, problem="the profile crosses the level in a jump")
    rise = max(bracket.place.value - best.value, 0.0)
    words = f"the profile has risen by {rise:.3g} only where its support ends"
    return Crossing(bracket.place, bracket.below, open=True, problem=words)


def _next(bracket: Bracket, r: float, newton: float, reach: float) -> float:
    """Return where to look next: Newton's point if it is inside the bracket, else its middle, or farther out."""
    wanted = r + newton
    if r >= reach and not bracket.supported:  # as a rule the limit alone has no support
        return reach * (1.0 - 0.9 * NARROW)
    if math.isinf(bracket.above):
        longest = min(GROWTH * r, reach)
        return longest if not wanted > r else min(wanted, longest)
    if not bracket.below < wanted < bracket.above:
        return 0.5 * (bracket.below + bracket.above)
    return wanted


def reach_of(surface: Surface, best: Place, held: np.ndarray, ray: np.ndarray) -> float:
    """Return the largest r within the limits of the held coordinates."""
    limit = np.where(ray > 0.0, surface.limits[1], surface.limits[0])
    moving = held & (ray != 0.0)
    return float(np.min((limit - best.x)[moving] / ray[moving]))


def end_of(surface: Surface, best: Place, held: np.ndarray, ray: np.ndarray, r: float, reach: float) -> np.ndarray:
    """Return the held coordinates at r, exactly at the limit where r is the reach."""
    target = best.x + r * ray
    if r < reach:
        return target
    limit = np.where(ray > 0.0, surface.limits[1], surface.limits[0])
    moving = held & (ray != 0.0)
    distance = np.full_like(ray, np.inf)
    distance[moving] = (limit - best.x)[moving] / ray[moving]
    return np.where(distance <= reach, limit, target)


def first_step(surface: Surface, best: Place, held: np.ndarray, ray: np.ndarray, sigma: float) -> float:
    """Return where the quadratic model has risen by sigma squared, the others at their best."""
    step = model_step(surface, best, held, ray)
    slope, curved = max(float(best.gradient @ step), 0.0), float(step @ best.curvature @ step)
    return 2.0 * sigma**2 / (slope + math.sqrt(slope**2 + 2.0 * curved * sigma**2))
