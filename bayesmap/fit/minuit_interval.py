"""Intervals and contours of Minuit in what the seed's interface returns."""

from __future__ import annotations

from typing import Any

from bayesmap.fit.seed_format import interval_dictionary
from bayesmap.inference.backends.registry import CONTOURS, INTERVALS, check_options, load
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.fit import CovarianceResult
from bayesmap.results.intervals import Interval, mass_in_one_dimension
from bayesmap.results.profile import ProfileContour

NAN = float("nan")


def minuit_interval(
    posterior: CompiledPosterior, covariance: CovarianceResult, name: str, sigma: float, **options: Any
) -> dict[str, Any]:
    """Return the interval of MINOS around the best value; see `MapFit.confidence`.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    covariance : CovarianceResult
        Best values and errors.
    name : str
        Qualified name of a free parameter.
    sigma : float
        The ends are where -2 ln p has risen by its square.
    **options
        ``strategy``, ``tol`` and ``max_iterations`` of `bayesmap.inference.backends.minuit_minos.minos`.
    """
    minos = load("confidence", INTERVALS, "minuit")
    check_options("minuit", minos, options)
    ends = minos(posterior, covariance.theta, covariance.errors, name, sigma, **options)
    parameter = covariance.model.parameters[name]
    found = Interval(
        name, parameter.unit, ends.lower, ends.upper, NAN, NAN, NAN, mass_in_one_dimension(sigma), "profile"
    )  # fmt: skip
    made = interval_dictionary(found, parameter.value, success=ends.success, nfev=ends.nfev, backend="minuit")
    return made | {"message": ends.said}


def minuit_contour(
    posterior: CompiledPosterior,
    covariance: CovarianceResult,
    names: tuple[str, str],
    sigma: float,
    numpoints: int,
    **options: Any,
) -> ProfileContour:
    """Return Minuit's contour around the best values; see `MapFit.minos_contour`.

    Parameters
    ----------
    posterior, covariance, sigma
        As of `minuit_interval`.
    names : (str, str)
        Qualified names of two free parameters.
    numpoints : int
        Points to find.
    **options
        ``strategy`` and ``tol`` of `bayesmap.inference.backends.minuit_contour.contour`.
    """
    contour = load("minos_contour", CONTOURS, "minuit")
    check_options("minuit", contour, options)
    found: ProfileContour = contour(
        posterior, covariance.theta, covariance.errors, names, sigma, numpoints, **options
    )  # fmt: skip
    return found
