"""Covariance by Minuit's HESSE: numerical second derivatives, beside the exact ones of `laplace`.

HESSE takes its steps for a function that is exact to machine precision of its value, and keeps the first ones that give
a second derivative to a few percent. Of -2 ln p relative to the optimum, which is zero there but a sum over all bins,
they are so small that the rounding shows: errors were seen to be ten percent off, and to be called accurate. So
(1) a constant is added that makes the rounding of the sum that of the value, and (2) the coordinates are those in which
the exact Hessian is one, where nothing cancels. What HESSE finds does not depend on either: were the exact Hessian
wrong, HESSE's would not be one there.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesmap.inference.backends.base import Objective, objective
from bayesmap.inference.backends.minuit import build, report
from bayesmap.inference.covariance import covariance_of, free_of_limits
from bayesmap.inference.newton import is_positive_definite
from bayesmap.models.sky import Models
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.fit import CovarianceResult

STRATEGY = 2
CLEAR = 1.0
"""Standard deviations to the nearest limit from which on HESSE's steps cannot reach it."""
REPEATS, NEARBY = 16, 1e-9
"""Values whose scatter is the rounding: at points so many sigma apart the function itself differs by 1e-18."""


@dataclass(frozen=True)
class Turned:
    """The function of w, with x = root w, plus a constant.

    Parameters
    ----------
    function : Objective
        Function of x.
    root : ndarray, shape (size, size)
        One where x has limits that are near.
    limits : (lower, upper)
        Limits of w.
    level : float
        The constant.
    """

    function: Objective
    root: np.ndarray
    limits: tuple[np.ndarray, np.ndarray]
    level: float = 0.0

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return self.function.size

    def value_and_gradient(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient."""
        value, gradient = self.function.value_and_gradient(self.root @ w)
        return value + self.level, self.root.T @ gradient

    def gradient(self, w: np.ndarray) -> np.ndarray:
        """Return the gradient."""
        return self.value_and_gradient(w)[1]


def hesse(
    posterior: CompiledPosterior, models: Models, theta: np.ndarray, known: np.ndarray | None = None
) -> CovarianceResult:
    """Return the covariance of HESSE, of strategy 2, with the exact gradient; see `covariance.laplace`.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    models : Models
        With the best values.
    theta : ndarray
        Coordinates of the optimum.
    known : ndarray, optional
        Exact Hessian of minus the log-posterior there; the result hands it on, for the whitening.
    """
    function = replace(objective(posterior, theta), origin=theta)
    free = free_of_limits(posterior, theta)
    hessian = -posterior.hessian(theta) if known is None else known
    scaled = raised(turned(function, hessian, free), free)
    minuit = build(scaled, STRATEGY, tol=0.1)
    minuit.fixed = list(~free)
    inverse, said = _worked_out(minuit, function.scale[:, None] * scaled.root, free)
    found = covariance_of(posterior, models, theta, inverse)
    return replace(
        found,
        message=f"HESSE: {said}",
        method="HESSE",
        nfev=function.record.calls + int(known is None),
        matrices=int(known is None),
        reasons=(*found.reasons, *(() if inverse is not None else (f"HESSE found no accurate covariance: {said}",))),
        hessian=hessian,
    )


def turned(function: Objective, hessian: np.ndarray, free: np.ndarray) -> Turned:
    """Return the function in coordinates that make the Hessian one; as it is where that has no root or a limit is near.

    Limits that are not near are left out: those of x are none of w.
    """
    straight = Turned(function, np.eye(function.size), function.limits)
    inner = (hessian * np.outer(function.scale, function.scale))[np.ix_(free, free)]
    if not (free.any() and np.all(np.diag(inner) > 0) and is_positive_definite(inner, np.diag(inner))):
        return straight
    inverse = np.linalg.inv(inner)
    lower, upper = (limit[free] for limit in function.limits)
    if np.any(np.minimum(-lower, upper) < CLEAR * np.sqrt(np.diag(inverse))):
        return straight
    root, nowhere = np.eye(function.size), np.full(function.size, np.inf)
    root[np.ix_(free, free)] = np.linalg.cholesky(inverse)
    return Turned(function, root, (-nowhere, nowhere))


def raised(scaled: Turned, free: np.ndarray) -> Turned:
    """Return the function plus the constant that makes its rounding that of a number of its size."""
    points = free * np.random.default_rng(0).normal(scale=NEARBY, size=(REPEATS, scaled.size))
    scatter = np.std([scaled.value_and_gradient(point)[0] for point in points])
    return replace(scaled, level=float(scatter / np.finfo(np.float64).eps))


def _worked_out(minuit: Any, root: np.ndarray, free: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Return the covariance of the free coordinates, None where it is not accurate, and Minuit's judgement."""
    if not free.any():
        return np.zeros((0, 0)), "every parameter is at a limit"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        minuit.hesse()
    said = "; ".join([report(minuit), *(str(item.message) for item in told)])
    if not minuit.accurate or minuit.covariance is None:
        return None, said
    return (root @ np.asarray(minuit.covariance) @ root.T)[np.ix_(free, free)], said
