"""Intervals and contours in the dictionaries that the seed's interface returns."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import scipy
import xarray as xr

from bayesmap.models.sky import Models
from bayesmap.results.contours import credible_contour
from bayesmap.results.fit import CovarianceResult
from bayesmap.results.intervals import Interval, check_sigma, interval, mass_in_one_dimension, mass_in_two_dimensions
from bayesmap.results.posterior import limits_of, verdict_of


def posterior_interval(tree: xr.DataTree, models: Models, name: str, sigma: float, kind: str) -> dict[str, Any]:
    """Return the interval of the draws around the best value; see `MapFit.confidence`."""
    found = interval(tree, name, sigma=sigma, kind=kind)
    verdict = verdict_of(tree)
    calls = int(tree["sample_stats"]["n_steps"].sum())
    value = models.parameters[name].value
    outside = [] if found.lower <= value <= found.upper else [
        f"the best value {value:.6g} lies outside the interval: read lower and upper, an error is negative"
    ]  # fmt: skip
    made = interval_dictionary(found, value, success=verdict.ok, nfev=calls, backend="nuts")
    return made | {"message": "; ".join([*verdict.reasons, *outside])}


def laplace_interval(covariance: CovarianceResult, name: str, sigma: float) -> dict[str, Any]:
    """Return the symmetric interval of the Laplace approximation; see `MapFit.confidence`."""
    check_sigma(sigma)
    parameter = covariance.model.parameters[name]
    error = float(covariance.errors[covariance.names.index(name)]) * sigma
    nan = float("nan")
    found = Interval(
        name, parameter.unit, parameter.value - error, parameter.value + error, nan, nan, parameter.value,
        mass_in_one_dimension(sigma), "laplace",
    )  # fmt: skip
    success = covariance.success and math.isfinite(error)
    made = interval_dictionary(found, parameter.value, success=success, nfev=covariance.nfev, backend="laplace")
    words = [] if math.isfinite(error) else [f"{name} has no error"]
    return made | {"message": "; ".join([*covariance.reasons, *words])}


def interval_dictionary(found: Interval, value: float, *, success: bool, nfev: int, backend: str) -> dict[str, Any]:
    """Return the seed's keys, and all that the interval says."""
    seed = {"errp": found.upper - value, "errn": value - found.lower, "success": success, "nfev": nfev}
    return seed | {"value": value, "backend": backend} | dataclasses.asdict(found)


def posterior_contour(tree: xr.DataTree, x: str, y: str, sigma: float, numpoints: int) -> dict[str, Any]:
    """Return the contour of the draws; see `MapFit.minos_contour`."""
    check_sigma(sigma)
    draws = tree["posterior"]
    mass = mass_in_two_dimensions(sigma)
    limits = limits_of(draws[x]), limits_of(draws[y])
    found = credible_contour(draws[x].values, draws[y].values, mass, numpoints, limits=limits)
    joint = float(scipy.stats.chi2.ppf(mass_in_one_dimension(sigma), 2)) ** 0.5
    return {
        "x": found.x,
        "y": found.y,
        "success": verdict_of(tree).ok,
        "mass": mass,
        "sigma": sigma,
        "sigma_for_joint_mass": joint,
        "pieces": found.pieces,
        "x_info": {"name": x, "unit": draws[x].attrs["unit"]},
        "y_info": {"name": y, "unit": draws[y].attrs["unit"]},
    }
