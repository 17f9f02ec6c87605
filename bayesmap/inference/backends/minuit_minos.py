r"""Intervals by Minuit's MINOS: where the profile of -2 ln p has risen by sigma squared.

The profile is that of a named value (longitude, not an offset), all others re-optimised by MIGRAD with the exact
gradient.

References
----------
James & Roos 1975, Computer Physics Communications 10, 343; iminuit, https://scikit-hep.org/iminuit.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesmap.inference.backends.base import Objective
from bayesmap.inference.backends.minuit import build, report
from bayesmap.inference.named import NamedPosterior
from bayesmap.inference.whitening import inside
from bayesmap.posterior.compiled import CompiledPosterior

AT_LIMIT = 0.01
"""Distance from a limit, in the first steps, within which an end is none: Minuit calls some of these valid."""
BETTER = 0.01
"""Fall of -2 ln p below the best fit above which that was not the best."""


@dataclass(frozen=True)
class Ends:
    """What MINOS found.

    Parameters
    ----------
    lower, upper : float
        Ends of the interval in the parameter's unit; NaN where one was not found.
    success : bool
        True if both were.
    nfev : int
        Calls of value with gradient.
    said : str
        Minuit's own judgement.
    """

    lower: float
    upper: float
    success: bool
    nfev: int
    said: str


def minos(
    posterior: CompiledPosterior,
    theta: np.ndarray,
    errors: np.ndarray,
    name: str,
    sigma: float,
    *,
    strategy: int = 2,
    tol: float = 1e-3,
    max_iterations: int | None = None,
) -> Ends:
    """Return the interval of a parameter.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    theta : ndarray
        Best fit.
    errors : ndarray
        Standard deviations of the named values, the first steps; NaN where there are none.
    name : str
        Qualified name of a free parameter.
    sigma : float
        Square root of the rise of -2 ln p.
    strategy, tol : int, float
        Minuit's.
    max_iterations : int, optional
        Largest number of calls for each end; by default Minuit's own.
    """
    function = named_objective(posterior, theta, errors)
    minuit, index = build(function, strategy, tol), posterior.coordinates.names.index(name)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        minuit.migrad()
        if problem := no_optimum(minuit):
            return _failed(function, problem)
        minuit.minos(index, cl=_level(sigma), ncall=max_iterations)
    found = minuit.merrors[minuit.parameters[index]]
    place, scale = function.origin[index] + function.scale[index] * minuit.values[index], function.scale[index]
    near = AT_LIMIT * scale * min(sigma, 1.0)
    lower, upper = place + scale * found.lower, place + scale * found.upper
    below = found.lower_valid and lower - function.bounds[0][index] > near
    above = found.upper_valid and function.bounds[1][index] - upper > near
    said = "; ".join([_words(found, below, above), *(str(item.message) for item in told)])
    ends = float(lower) if below else math.nan, float(upper) if above else math.nan
    return Ends(*ends, bool(below and above), function.record.calls, said)


def named_objective(posterior: CompiledPosterior, theta: np.ndarray, errors: np.ndarray) -> Objective:
    """Return the scaled function of the named values around the best fit, moved off limits, where Minuit would stay."""
    named = NamedPosterior(posterior)
    moved = inside(posterior, theta)
    origin = named.values(moved)
    offsets = np.abs(named.values(theta) - origin)
    known = np.isfinite(errors) & (errors > 0)
    fallback = np.where(offsets > 0, 10.0 * offsets, np.abs(origin) + (origin == 0))
    scale = np.where(known, np.where(known, errors, 1.0), fallback)
    value, _ = posterior.value_and_gradient(theta)
    return Objective(named, origin, scale, named.bounds(), value)


def no_optimum(minuit: Any) -> str:
    """Return why MIGRAD did not end at the best fit; empty if it did."""
    if not minuit.valid:
        return "MIGRAD: " + report(minuit)
    return "" if minuit.fval >= -BETTER else f"MIGRAD found a better optimum, by {-minuit.fval:.3g} in -2 ln p"


def _level(sigma: float) -> float:
    """Return the argument `cl` that means sigma: a probability below one, else a number of standard deviations."""
    return sigma if sigma >= 1.0 else math.erf(sigma / math.sqrt(2.0))


def _failed(function: Objective, said: str) -> Ends:
    return Ends(math.nan, math.nan, False, function.record.calls, said)


def _words(found: Any, below: bool, above: bool) -> str:
    flags = {
        "no lower end inside the limit": not below,
        "no upper end inside the limit": not above,
        "the lower end is at the limit": found.at_lower_limit,
        "the upper end is at the limit": found.at_upper_limit,
        "a new minimum below": found.lower_new_min,
        "a new minimum above": found.upper_new_min,
        "too many calls below": found.at_lower_max_fcn,
        "too many calls above": found.at_upper_max_fcn,
    }
    words = [text for text, is_so in flags.items() if is_so]
    return ", ".join(["MINOS valid" if found.is_valid else "MINOS not valid", *words])
