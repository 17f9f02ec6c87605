"""The backends by name: each is loaded when it is asked for, so that its package may be missing."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bayesmap.errors import BayesmapInputError

FOLDER = "bayesmap.inference.backends"


def _loaded(module: str, function: str) -> Callable[..., Any]:
    return getattr(importlib.import_module(module), function)


OPTIMISERS: dict[str, Callable[[], Callable[..., Any]]] = {
    name: partial(_loaded, f"{FOLDER}.{name}", "run") for name in ("newton", "scipy", "minuit", "sherpa")
}
"""Name -> function without arguments that returns the optimiser: called with posterior, start, and options."""
COVARIANCES: dict[str, Callable[[], Callable[..., Any]]] = {
    "laplace": partial(_loaded, "bayesmap.inference.covariance", "laplace"),
    "minuit": partial(_loaded, f"{FOLDER}.minuit_hesse", "hesse"),
}
"""Name -> function without arguments that returns what works out a covariance, called as `covariance.laplace`."""

INTERVALS: dict[str, Callable[[], Callable[..., Any]]] = {"minuit": partial(_loaded, f"{FOLDER}.minuit_minos", "minos")}
"""Name -> function without arguments that returns what works out an interval, called as `minuit_minos.minos`."""

CONTOURS: dict[str, Callable[[], Callable[..., Any]]] = {
    "minuit": partial(_loaded, f"{FOLDER}.minuit_contour", "contour")
}
"""Name -> function without arguments that returns what works out a contour, called as `minuit_contour.contour`."""


METHODS: dict[str, tuple[str, ...]] = {
    "scipy": ("L-BFGS-B", "TNC", "SLSQP", "trust-constr", "Nelder-Mead", "Powell", "COBYQA"),
    "minuit": ("migrad", "simplex", "scan"),
    "sherpa": ("NelderMead", "MonCar", "GridSearch"),
}
"""Name of an optimiser -> its methods that respect limits and minimise one number."""


def load(what: str, backends: Mapping[str, Callable[[], Callable[..., Any]]], name: str) -> Callable[..., Any]:
    """Return a backend.

    Parameters
    ----------
    what : str
        What it is for, in messages.
    backends : dict
        Name -> loader.
    name : str
        Which.

    Raises
    ------
    BayesmapInputError
        BM-FT-002 for an unknown name, BM-FT-040 if its package is not installed.

    Examples
    --------
    >>> load("optimize", OPTIMISERS, "newton").__name__
    'run'
    """
    if name not in backends:
        raise BayesmapInputError(
            "BM-FT-002",
            what=f"{what} has no backend {name!r}",
            rule=f"Backends are {', '.join(sorted(backends))}",
            remedy="Use one of these names",
        )
    try:
        return backends[name]()
    except ModuleNotFoundError as error:
        raise BayesmapInputError(
            "BM-FT-040",
            what=f"the backend {name!r} of {what} needs the package {error.name!r}, which is not installed",
            rule="newton, scipy and laplace come with bayesmap, the other backends are optional",
            remedy=f'Install it: pip install "bayesmap[{name}]"',
        ) from error


def check_options(name: str, run: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Refuse options that a backend does not have.

    Raises
    ------
    BayesmapInputError
        BM-FT-041.
    """
    parameters = inspect.signature(run).parameters.values()
    known = [item.name for item in parameters if item.kind is inspect.Parameter.KEYWORD_ONLY]
    more = any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters)
    unknown = [option for option in options if option not in known]
    if unknown and not more:
        raise unknown_options(name, unknown, known)


def unknown_options(name: str, unknown: list[str], known: list[str]) -> BayesmapInputError:
    """Return the error for options that a backend does not have."""
    return BayesmapInputError(
        "BM-FT-041",
        what=f"the backend {name!r} has no option {', '.join(map(repr, unknown))}",
        rule=f"Its options are {', '.join(known)}",
        remedy="Correct the name, or leave it out",
    )


def check_method(name: str, method: str) -> None:
    """Refuse a method that a backend does not have.

    Raises
    ------
    BayesmapInputError
        BM-FT-042.
    """
    methods = METHODS[name]
    if method not in methods:
        raise BayesmapInputError(
            "BM-FT-042",
            what=f"the backend {name!r} has no method {method!r}",
            rule=f"Methods that respect limits and minimise one number are {', '.join(methods)}",
            remedy="Use one of these names",
        )
