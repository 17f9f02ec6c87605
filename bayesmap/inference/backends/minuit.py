"""Minuit (package iminuit) with the exact gradient: MIGRAD, SIMPLEX, or a scan and then MIGRAD.

The function is -2 ln p, so `errordef` is 1.

References
----------
James & Roos 1975, Computer Physics Communications 10, 343; iminuit, https://scikit-hep.org/iminuit.
"""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import iminuit
import numpy as np

from bayesmap.inference.backends.base import MARGIN, TOLERANCE, Ended, ended, objective
from bayesmap.inference.backends.registry import check_method
from bayesmap.posterior.compiled import CompiledPosterior

EDM = 0.002
"""MIGRAD stops at an estimated vertical distance of EDM tol errordef."""
SCAN = 3.0
"""Reach of the scan in sigma where there is no limit."""


class Scaled(Protocol):
    """A function with its gradient, and limits, in coordinates where one is a standard deviation or so."""

    @property
    def size(self) -> int:
        """Number of coordinates."""

    @property
    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper limits."""

    def value_and_gradient(self, x: np.ndarray, /) -> tuple[float, np.ndarray]:
        """Return value and gradient."""

    def gradient(self, x: np.ndarray, /) -> np.ndarray:
        """Return the gradient."""


def run(
    posterior: CompiledPosterior,
    start: np.ndarray,
    *,
    method: str = "migrad",
    strategy: int = 1,
    tol: float | None = None,
    tolerance: float = TOLERANCE,
    max_iterations: int | None = None,
) -> Ended:
    """Minimise by Minuit.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    start : ndarray
        Where to begin.
    method : str
        ``"migrad"``, ``"simplex"``, or ``"scan"``: a grid, then MIGRAD from its best point.
    strategy : int
        Minuit's: 0 fast, 1, 2 careful.
    tol : float, optional
        Minuit's; by default what `tolerance` needs.
    tolerance : float
        Sigma of all parameters together within which the end must be the optimum.
    max_iterations : int, optional
        Largest number of calls; by default Minuit's own.

    Raises
    ------
    BayesmapInputError
        BM-FT-042 for an unknown method.
    """
    check_method("minuit", method)
    function = objective(posterior, start)
    minuit = build(function, strategy, (MARGIN * tolerance) ** 2 / EDM if tol is None else tol)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if method == "migrad":
            minuit.migrad(ncall=max_iterations)
        elif method == "simplex":
            minuit.simplex(ncall=max_iterations)
        else:
            minuit.errors = np.full(function.size, SCAN)
            minuit.scan(ncall=max_iterations).migrad()
    said = "; ".join([report(minuit), *(str(item.message) for item in told)])
    return ended(posterior, function, np.array(minuit.values), tolerance, method.upper(), said)


def build(function: Scaled, strategy: int, tol: float) -> Any:
    """Return a Minuit object of the scaled function, with its limits, at x = 0.

    Parameters
    ----------
    function : Scaled
        What to minimise.
    strategy, tol : int, float
        Minuit's.
    """
    minuit = iminuit.Minuit(
        lambda x: function.value_and_gradient(x)[0],
        np.zeros(function.size),
        grad=function.gradient,
    )
    minuit.errordef = 1.0
    minuit.errors = np.ones(function.size)
    minuit.limits = list(zip(*function.limits, strict=True))
    minuit.strategy, minuit.tol, minuit.print_level = strategy, tol, 0
    return minuit


def report(minuit: Any) -> str:
    """Return Minuit's own judgement in words."""
    minimum = minuit.fmin
    flags = {
        "reached the call limit": minimum.has_reached_call_limit,
        "estimated distance above its maximum": minimum.is_above_max_edm,
        "parameters at limits": minimum.has_parameters_at_limit,
        "Hessian made positive definite": minimum.has_made_posdef_covar,
        "HESSE failed": minimum.hesse_failed,
    }
    words = ["valid minimum" if minimum.is_valid else "no valid minimum", f"EDM {minimum.edm:.2g}"]
    return ", ".join([*words, *(text for text, set_ in flags.items() if set_)])
