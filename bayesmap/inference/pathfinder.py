r"""Whitening from the paths of several descents: the normal on the way that is nearest to the posterior.

Along a descent from a random point the inverse-Hessian estimate H and gradient g of minus the log-density give at each
point x a normal with mean x - H g and covariance H.  The one with the largest evidence bound,

.. math:: \mathrm{ELBO} = \mathrm{E}_q[\ln p(w)] + \tfrac12\ln\det H + const ,

estimated from a few fixed draws, is taken.  It need not lie at a mode: where the mode is a cusp, or no more than a
corner of the mass, it lies where most of the mass is.

References
----------
Zhang, Carpenter, Gelman & Vehtari 2022, JMLR 23, 306.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesmap.errors import FitStateError
from bayesmap.inference.descent import Function, Place, descend
from bayesmap.inference.whitening import Whitening
from bayesmap.posterior.compiled import CompiledPosterior

PATHS = 4
SPREAD = 2.0
"""Standard deviation of the points where the paths begin, in the first coordinates."""
DRAWS = 12
"""Draws for the evidence bound of each normal."""
TOLERANCE, LONGEST = 0.05, 60


@dataclass(frozen=True)
class Normal:
    """A normal approximation in the coordinates w, with its evidence bound."""

    mean: np.ndarray
    root: np.ndarray
    bound: float


def pathfinder(
    posterior: CompiledPosterior, base: Whitening, seed: int, progress: Callable[[int], None] | None = None
) -> Whitening:
    """Return the whitening of the best normal on several paths.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    base : Whitening
        Coordinates to begin with, which set the scale.
    seed : int
        Seed of the beginnings and draws.
    progress : callable, optional
        Called with the number of the path at each of its points.

    Raises
    ------
    FitStateError
        BM-FT-014 if no normal lies inside the support.
    """
    function = minus(posterior.whitened(base.origin, base.root))
    rng = np.random.default_rng([seed, 2])
    draws = rng.standard_normal((DRAWS, len(base.origin)))
    found = []
    for number in range(PATHS):
        start = supported(function, SPREAD * rng.standard_normal(len(base.origin)))
        for place in descend(function, start, tolerance=TOLERANCE, max_iterations=LONGEST):
            if progress is not None:
                progress(number)
            found.append(normal_at(place, function, draws))
    best = max(found, key=lambda normal: normal.bound)
    if not np.isfinite(best.bound):
        raise FitStateError(
            "BM-FT-014",
            what="Pathfinder found no normal whose draws all have support",
            rule="Sampling begins around a normal inside the support",
            remedy="Use start='laplace', give the parameters other start values, or limits that hold the support",
        )
    note = f"whitened by Pathfinder: best of {len(found)} normals on {PATHS} paths"
    return Whitening(base.origin + base.root @ best.mean, base.root @ best.root, (note,))


def normal_at(place: Place, function: Function, draws: np.ndarray) -> Normal:
    """Return the normal of a point of a path."""
    root = np.linalg.cholesky(place.inverse)
    mean = place.point - place.inverse @ place.gradient
    values = [function(mean + root @ draw)[0] for draw in draws]
    return Normal(mean, root, float(-np.mean(values) + np.log(np.diag(root)).sum()))


def minus(density: Function) -> Function:
    """Return minus a log-density with its gradient; infinite where there is no support or no finite gradient."""

    def function(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = density(point)
        finite = np.isfinite(value) and np.all(np.isfinite(gradient))
        return (-value, -gradient) if finite else (np.inf, np.zeros_like(point))

    return function


def supported(function: Function, start: np.ndarray) -> np.ndarray:
    """Return a point, halved until it has support.

    Raises
    ------
    FitStateError
        BM-FT-008 if the origin has none.
    """
    if not np.isfinite(function(np.zeros_like(start))[0]):
        raise FitStateError(
            "BM-FT-008",
            what="the point around which sampling is to start has no support, or no finite gradient",
            rule="Chains start around the best fit",
            remedy="Look at the best fit (optimize() and its reasons); give the parameters other start values",
        )
    while not np.isfinite(function(start)[0]):
        start = 0.5 * start
    return start
