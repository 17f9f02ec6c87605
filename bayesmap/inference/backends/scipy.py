"""Methods of `scipy.optimize.minimize` that respect limits.

What each method calls convergence is set from the tolerance in sigma, and can be overruled by its own options.

References
----------
SciPy's manual, scipy.optimize.minimize.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.optimize

from bayesmap.inference.backends.base import MARGIN, TOLERANCE, Ended, Objective, ended, objective
from bayesmap.inference.backends.registry import check_method, unknown_options
from bayesmap.posterior.compiled import CompiledPosterior

CRITERIA: dict[str, Callable[[float], dict[str, float]]] = {
    "L-BFGS-B": lambda sigma: {"gtol": 0.01 * sigma, "ftol": 1e-15},
    "TNC": lambda sigma: {"gtol": 0.01 * sigma, "ftol": 1e-2 * sigma**2, "xtol": 0.0},
    "SLSQP": lambda sigma: {"ftol": 1e-2 * sigma**2},
    "trust-constr": lambda sigma: {"gtol": 0.1 * sigma, "xtol": 1e-3 * sigma},
    "Nelder-Mead": lambda sigma: {"xatol": sigma, "fatol": sigma**2},
    "Powell": lambda sigma: {"xtol": sigma, "ftol": 1e-15},
    "COBYQA": lambda sigma: {"final_tr_radius": sigma},
}
"""Method -> its own criteria for an optimum within so many sigma."""
WITH_GRADIENT = ("L-BFGS-B", "TNC", "SLSQP", "trust-constr")


def run(
    posterior: CompiledPosterior,
    start: np.ndarray,
    *,
    method: str = "L-BFGS-B",
    tolerance: float = TOLERANCE,
    max_iterations: int | None = None,
    **options: Any,
) -> Ended:
    """Minimise by SciPy.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    start : ndarray
        Where to begin.
    method : str
        One of `CRITERIA`; those of `WITH_GRADIENT` get the exact gradient.
    tolerance : float
        Sigma of all parameters together within which the end must be the optimum.
    max_iterations : int, optional
        SciPy's ``maxiter``; by default the method's own.
    **options
        Further ones of the method, in place of what the tolerance sets.

    Raises
    ------
    BayesmapInputError
        BM-FT-042 for an unknown method, BM-FT-041 for an option that it does not have.
    """
    check_method("scipy", method)
    function = objective(posterior, start)
    chosen = CRITERIA[method](MARGIN * tolerance) | options
    if max_iterations is not None:
        chosen["maxiter"] = max_iterations
    if method == "Nelder-Mead":
        chosen = {"initial_simplex": _simplex(function), "adaptive": True} | chosen
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = _minimise(function, method, chosen)
    _check_known([str(item.message) for item in told], method, chosen)
    said = "; ".join(dict.fromkeys([str(found.message), *(str(item.message) for item in told)]))
    return ended(posterior, function, found.x, tolerance, method, said)


def _minimise(function: Objective, method: str, options: Mapping[str, Any]) -> Any:
    with_gradient = method in WITH_GRADIENT
    return scipy.optimize.minimize(
        function.value_and_gradient if with_gradient else function.value,
        np.zeros(function.size),
        jac=True if with_gradient else None,
        method=method,
        bounds=scipy.optimize.Bounds(*function.limits, keep_feasible=True),
        options=dict(options),
    )


def _simplex(function: Objective) -> np.ndarray:
    """Return a simplex of one sigma, inside the limits: SciPy's own is relative to the values, which are zero here."""
    lower, upper = function.limits
    steps = np.where(upper > 1.0, 1.0, np.where(lower < -1.0, -1.0, 0.5 * upper))
    return np.vstack([np.zeros(function.size), np.diag(steps)])


def _check_known(told: list[str], method: str, chosen: Mapping[str, Any]) -> None:
    for text in told:
        match = re.match(r"Unknown solver options: (.*)", text)
        if match:
            names = match[1].split(", ")
            known = ["method", "tolerance", "max_iterations", *(name for name in chosen if name not in names)]
            raise unknown_options("scipy", names, [*known, f"and what SciPy's {method} has"])
