"""Covariance by Minuit's HESSE: numerical second derivatives, beside the exact ones of `laplace`."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from bayesmap.inference.backends.base import objective
from bayesmap.inference.backends.minuit import build, report
from bayesmap.inference.covariance import covariance_of, free_of_limits
from bayesmap.models.sky import Models
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.fit import CovarianceResult

STRATEGY = 2


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
    minuit = build(function, STRATEGY, tol=0.1)
    minuit.fixed = list(~free)
    inverse, said = _worked_out(minuit, function.scale, free)
    hessian = -posterior.hessian(theta) if known is None else known
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


def _worked_out(minuit: Any, scale: np.ndarray, free: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Return the covariance of the free coordinates, None where it is not accurate, and Minuit's judgement."""
    if not free.any():
        return np.zeros((0, 0)), "every parameter is at a limit"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        minuit.hesse()
    said = "; ".join([report(minuit), *(str(item.message) for item in told)])
    if not minuit.accurate or minuit.covariance is None:
        return None, said
    return np.asarray(minuit.covariance)[np.ix_(free, free)] * np.outer(scale[free], scale[free]), said
