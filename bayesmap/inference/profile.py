r"""Profiles of the posterior or the likelihood: interval, curve and contour.

All begin at the best fit (of the likelihood: at its own maximum, found from there) with its exact second derivatives,
and go outwards point by point, each from the one before (`conditional`, `crossing`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesmap.errors import FitStateError
from bayesmap.inference.conditional import Place, Surface, descend, positive, settle
from bayesmap.inference.crossing import BETTER, Crossing, cross
from bayesmap.inference.named import NamedPosterior
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.profile import Profile, ProfileContour, ProfileInterval

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Valley:
    """The statistic around its minimum, where every profile begins.

    Parameters
    ----------
    surface : Surface
        Statistic.
    best : Place
        Its minimum.
    statistic : str
        ``"posterior"`` or ``"likelihood"``.
    stat_best : float
        The statistic at the minimum, without the terms ln n!.
    problem : str
        Why it is none; empty if it is.
    """

    surface: Surface
    best: Place
    statistic: str
    stat_best: float
    problem: str = ""

    @property
    def values(self) -> np.ndarray:
        """Named values of the minimum."""
        return self.surface.values(self.best.x)

    def index(self, name: str) -> int:
        """Return the place of a parameter."""
        return self.surface.named.posterior.coordinates.names.index(name)

    def unit(self, name: str) -> str:
        """Return the unit of a parameter."""
        return self.surface.named.posterior.coordinates.models.parameters[name].unit

    def limits(self, name: str) -> tuple[float, float]:
        """Return the limits of a parameter."""
        k = self.index(name)
        return float(self.surface.bounds[0][k]), float(self.surface.bounds[1][k])

    def held(self, names: tuple[str, ...], kind: str) -> np.ndarray:
        """Return which coordinates are held: some, or for a slice all."""
        held = np.full(len(self.best.x), kind == "slice")
        held[[self.index(name) for name in names]] = True
        return held

    def stat(self, place: Place) -> float:
        """Return the statistic at a place; NaN where it has no support."""
        return self.stat_best + place.value - self.best.value if np.isfinite(place.value) else float("nan")

    def likelihood(self, place: Place) -> float:
        """Return the Cash statistic at a place."""
        named = self.surface.named
        if not named.with_prior or not np.isfinite(place.value):
            return self.stat(place)
        return self.stat(place) + 2.0 * named.posterior.log_prior(named.theta(self.surface.values(place.x)))


def begin(
    posterior: CompiledPosterior, theta: np.ndarray, hessian: np.ndarray, statistic: str, log_factorials: float
) -> Valley:
    """Return the statistic around its minimum.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    theta : ndarray
        Best fit.
    hessian : ndarray
        Second derivatives of minus the log-posterior there.
    statistic : str
        ``"posterior"`` or ``"likelihood"``.
    log_factorials : float
        Sum of ln n!, which the statistic leaves out.

    Raises
    ------
    FitStateError
        BM-FT-034 where the values do not tell the coordinates: members of a pool whose spread is zero.
    """
    jacobian = posterior.coordinates.jacobian(theta)
    if np.linalg.matrix_rank(jacobian) < len(theta):
        raise FitStateError(
            "BM-FT-034",
            what="the best fit lies where several coordinates give the same values: a pool without spread",
            rule="A profile is of the values of parameters, of which each must be free to move",
            remedy="Freeze the pool's spread above zero, or take intervals from draws (backend='nuts')",
        )
    named = NamedPosterior(posterior, with_prior=statistic == "posterior")
    curvature = hessian if named.with_prior else hessian + posterior.prior_hessian(theta)
    surface, matrix = _surface(named, theta, named.by_values(curvature, theta))
    value, gradient = surface.at(np.zeros_like(theta))
    start = Place(np.zeros_like(theta), value, gradient, matrix)
    best = descend(surface, start, np.zeros(len(theta), dtype=bool))
    if not named.with_prior and not best.problem:
        best = replace(best, curvature=surface.curvature(best.x))
    problem = f"the best fit is no optimum: {best.problem}" if best.problem else ""
    if named.with_prior and best.value < -BETTER:
        problem = f"a better optimum than the best fit, by {-best.value:.3g} in the statistic: optimize again"
    return Valley(surface, best, statistic, -2.0 * (surface.reference + log_factorials) + best.value, problem)


def _surface(named: NamedPosterior, theta: np.ndarray, curvature: np.ndarray) -> tuple[Surface, np.ndarray]:
    """Return the statistic in units of the conditional standard deviations, and its second derivatives there."""
    values = named.values(theta)
    diagonal = np.diag(curvature)
    curved = diagonal > 0.0
    plain = np.abs(values) + (values == 0.0)
    scale = np.where(curved, 1.0 / np.sqrt(np.where(curved, diagonal, 1.0)), plain)
    reference, _ = named.value_and_gradient(values)
    surface = Surface(named, values, scale, named.bounds(), reference)
    return surface, positive(2.0 * np.outer(scale, scale) * curvature)


def profile_interval(
    valley: Valley, name: str, sigma: float, *, kind: str = "profile", progress: Progress | None = None
) -> ProfileInterval:
    """Return the interval of a parameter.

    Parameters
    ----------
    valley : Valley
        Statistic, see `begin`.
    name : str
        Qualified name of a free parameter.
    sigma : float
        Square root of the rise at the ends.
    kind : str
        ``"profile"``, or ``"slice"``: others held at the best fit.
    progress : callable, optional
        Called with the number of sides done, and all.
    """
    k, before = valley.index(name), valley.surface.count.calls
    held = valley.held((name,), kind)
    sides: list[Crossing] = []
    for sign in (-1.0, 1.0):
        ray = np.zeros(len(held))
        ray[k] = sign
        if not valley.problem:
            sides.append(cross(valley.surface, valley.best, held, ray, sigma))
        if progress is not None:
            progress(len(sides), 2)
    ends = [valley.surface.values(side.place.x)[k] if side.found else np.nan for side in sides] or [np.nan, np.nan]
    words = [valley.problem] if valley.problem else []
    for side, where, limit in zip(sides, ("below", "above"), valley.limits(name), strict=False):
        if side.problem:
            words.append(f"{where}: {_words(valley, name, side, sigma, limit)}")
    opened = [side.open for side in sides] or [False, False]
    return ProfileInterval(
        name=name,
        unit=valley.unit(name),
        value=float(valley.values[k]),
        lower=float(ends[0]),
        upper=float(ends[1]),
        sigma=sigma,
        open_lower=opened[0],
        open_upper=opened[1],
        success=not valley.problem and all(side.found or side.open for side in sides),
        kind=kind,
        statistic=valley.statistic,
        nfev=valley.surface.count.calls - before,
        message="; ".join(words),
    )


def _words(valley: Valley, name: str, side: Crossing, sigma: float, limit: float) -> str:
    """Return what happened on a side without an end."""
    value = valley.surface.values(side.place.x)[valley.index(name)]
    unit = f" {valley.unit(name)}" if valley.unit(name) else ""
    where = f" (limit {limit:g}{unit})" if np.isfinite(limit) else ""
    level = f", the level is {sigma**2:g}: an open side, no number" if side.open else ""
    return f"{side.problem} at {name} = {value:.6g}{unit}{where}{level}"


def profile_curve(
    valley: Valley, name: str, values: np.ndarray, *, kind: str = "profile", progress: Progress | None = None
) -> Profile:
    """Return the statistic at some values of a parameter.

    Parameters
    ----------
    valley, name, kind
        As of `profile_interval`.
    values : ndarray, shape (n,)
        Within the limits.
    progress : callable, optional
        Called with the number of points done, and all.
    """
    k, before = valley.index(name), valley.surface.count.calls
    held, target = valley.held((name,), kind), valley.best.x.copy()
    x = _scaled(valley.surface, k, values)
    places: dict[int, Place] = {}
    for side in (x >= target[k], x < target[k]):
        place = valley.best
        for number in sorted(np.flatnonzero(side), key=lambda i: abs(x[i] - valley.best.x[k])):
            target[k] = x[number]
            found = settle(valley.surface, place, held, target)
            places[int(number)] = found
            place = found if np.isfinite(found.value) else place
            if progress is not None:
                progress(len(places), len(x))
    ordered = [places[i] for i in range(len(x))]
    return Profile(
        name=name,
        unit=valley.unit(name),
        values=np.asarray(values, dtype=np.float64),
        stat=np.array([valley.stat(place) for place in ordered]),
        likelihood=np.array([valley.likelihood(place) for place in ordered]),
        best=float(valley.values[k]),
        stat_best=valley.stat_best,
        kind=kind,
        statistic=valley.statistic,
        success=np.array([not place.problem and bool(np.isfinite(place.value)) for place in ordered]),
        nfev=valley.surface.count.calls - before,
        message="; ".join(_remarks(valley, ordered)),
    )


def _scaled(surface: Surface, k: int, values: np.ndarray) -> np.ndarray:
    """Return coordinate k of values; a limit of v is exactly the limit of x."""
    lower, upper = surface.bounds[0][k], surface.bounds[1][k]
    low, high = surface.limits[0][k], surface.limits[1][k]
    inside = (values - surface.origin[k]) / surface.scale[k]
    return np.where(values == lower, low, np.where(values == upper, high, inside))


def _remarks(valley: Valley, places: list[Place]) -> list[str]:
    """Return what should be known of points of a curve."""
    words = [valley.problem] if valley.problem else []
    lowest = min(place.value for place in places) - valley.best.value
    if lowest < -BETTER:
        words.append(f"a better optimum than the best fit, by {-lowest:.3g} in the statistic: optimize from there")
    words += sorted({place.problem for place in places if place.problem})
    lost = sum(not np.isfinite(place.value) for place in places)
    return [*words, f"no support at {lost} points"] if lost else words


def profile_contour(
    valley: Valley,
    names: tuple[str, str],
    sigma: float,
    numpoints: int,
    *,
    kind: str = "profile",
    progress: Progress | None = None,
) -> ProfileContour:
    """Return points of the contour of two parameters.

    Parameters
    ----------
    valley, kind
        As of `profile_interval`.
    names : (str, str)
        Qualified names of two free parameters.
    sigma : float
        Square root of the rise.
    numpoints : int
        Directions.
    progress : callable, optional
        Called with the number of directions done, and all.
    """
    pair, before = [valley.index(name) for name in names], valley.surface.count.calls
    held = valley.held(names, kind)
    root = _root(valley.best.curvature, pair, held)
    found: list[Crossing] = []
    for number in range(0 if valley.problem else numpoints):
        angle = 2.0 * np.pi * number / numpoints
        ray = np.zeros(len(held))
        ray[pair] = root @ [np.cos(angle), np.sin(angle)]
        near = found[-1] if found and found[-1].found else None
        found.append(cross(valley.surface, valley.best, held, ray, sigma, near))
        if progress is not None:
            progress(number + 1, numpoints)
    found += [Crossing(valley.best, 0.0, problem=valley.problem)] * (numpoints - len(found))
    points = np.array([valley.surface.values(item.place.x)[pair] if item.found else [np.nan] * 2 for item in found])
    plane = in_plane(valley.surface.named.posterior, names, points, valley.values)
    return ProfileContour(
        **plane,
        sigma=sigma,
        delta=np.array([item.place.value - valley.best.value if item.found else np.nan for item in found]),
        open=np.array([item.open for item in found]),
        success=not valley.problem and all(item.found or item.open for item in found),
        kind=kind,
        statistic=valley.statistic,
        nfev=valley.surface.count.calls - before,
        message="; ".join(_counted(found)),
    )


def in_plane(
    posterior: CompiledPosterior, names: tuple[str, str], points: np.ndarray, best: np.ndarray
) -> dict[str, Any]:
    """Return the fields of a contour that say where it is.

    Parameters
    ----------
    posterior : CompiledPosterior
        Meaning of the values.
    names : (str, str)
        Parameters.
    points : ndarray, shape (n, 2)
        Values of these.
    best : ndarray, shape (size,)
        Best values of all.
    """
    coordinates = posterior.coordinates
    found: dict[str, Any] = {}
    for axis, name, column in zip("xy", names, points.T, strict=True):
        place = float(best[coordinates.names.index(name)])
        unit = coordinates.models.parameters[name].unit
        found |= {axis: column, f"{axis}_name": name, f"{axis}_unit": unit, f"{axis}_best": place}
    return found


def _counted(found: list[Crossing]) -> list[str]:
    """Return why directions have no point, with the number of each."""
    words: dict[str, int] = {}
    for item in found:
        if not item.found:
            text = "open: the limit was reached below the level" if item.open else item.problem
            words[text] = words.get(text, 0) + 1
    return [f"{number} of {len(found)} directions: {text}" for text, number in words.items()]


def _root(curvature: np.ndarray, pair: list[int], held: np.ndarray) -> np.ndarray:
    """Return a root of the covariance of two coordinates in sigma, the others free or held, shape (2, 2)."""
    moving = ~held
    moving[pair] = True
    kept = np.flatnonzero(moving)
    covariance = 2.0 * np.linalg.inv(curvature[np.ix_(kept, kept)])
    rows = [int(np.flatnonzero(kept == k)[0]) for k in pair]
    return np.linalg.cholesky(covariance[np.ix_(rows, rows)])
