"""The best fit: maximum of the log-posterior (MAP), with a verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapInputError, ModelError
from bayesmap.inference.newton import NewtonState, minimise
from bayesmap.models.sky import Models
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.fit import FitResult

TOLERANCE = 1e-4
"""Sigma of all parameters together within which the optimum is found."""
MAX_ITERATIONS = 200
"""Steps after which the search gives up."""


def _newton(
    posterior: CompiledPosterior,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    progress: Callable[[int, NewtonState], None] | None = None,
) -> tuple[NewtonState, str]:
    return minimise(
        posterior,
        posterior.coordinates.start,
        posterior.variables.bounds(),
        tolerance=tolerance,
        max_iterations=max_iterations,
        progress=progress,
    )


BACKENDS: dict[str, Callable[..., tuple[NewtonState, str]]] = {"newton": _newton}


def optimize(
    posterior: CompiledPosterior, total_stat: Callable[[np.ndarray], float], backend: str = "newton", **options: Any
) -> tuple[FitResult, np.ndarray]:
    """Find the maximum of the posterior.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    total_stat : callable
        Cash statistic of coordinates.
    backend : str
        One of `BACKENDS`.
    **options
        ``tolerance`` (sigma), ``max_iterations``, ``progress``.

    Returns
    -------
    result : FitResult
    theta : ndarray
        Coordinates of the optimum.

    Raises
    ------
    BayesmapInputError
        BM-FT-002 for an unknown backend.
    ModelError
        BM-MO-012 if nothing is free; BM-MO-020 if the start values have no support.
    """
    if backend not in BACKENDS:
        raise BayesmapInputError(
            "BM-FT-002",
            what=f"optimize has no backend {backend!r}",
            rule=f"Backends are {', '.join(sorted(BACKENDS))}",
            remedy="Use one of these names",
        )
    check_start(posterior)
    state, message = BACKENDS[backend](posterior, **options)
    names = posterior.coordinates.names
    at_bound = tuple(name for name, free in zip(names, state.free, strict=True) if not free)
    reasons = verdict(state, message, at_bound)
    values = posterior.coordinates.to_values(state.theta)
    result = FitResult(
        model=posterior.coordinates.models.with_values(values),
        success=not reasons,
        nfev=state.nfev,
        total_stat=total_stat(state.theta),
        message="optimum found" if not reasons else "; ".join(reasons),
        backend=backend,
        method="quasi-Newton, exact Hessian at the optimum",
        reasons=reasons,
        at_bound=at_bound,
        distance=state.decrement,
        log_posterior=-state.value,
        matrices=state.matrices,
        theta=state.theta,
        hessian=state.hessian,
    )
    return result, state.theta


def verdict(state: NewtonState, message: str, at_bound: tuple[str, ...]) -> tuple[str, ...]:
    """Return why an optimum should not be trusted."""
    reasons = [message] if message else []
    if not state.exact:
        reasons.append("the Hessian is not positive definite: a saddle, or a parameter that the data do not constrain")
    reasons += [f"{name} is at its limit" for name in at_bound]
    return tuple(reasons)


def check_start(posterior: CompiledPosterior) -> None:
    """Refuse a fit without free parameters, or one that starts where the data are impossible."""
    coordinates = posterior.coordinates
    if coordinates.size == 0:
        frozen = ", ".join(coordinates.models.parameters)
        raise ModelError(
            "BM-MO-012",
            what="no parameter is free",
            rule="A fit needs at least one",
            remedy=f"Unfreeze one of {frozen}",
        )
    value, _ = posterior.value_and_gradient(coordinates.start)  # which the fit compiles anyway
    if not np.isfinite(value):
        raise ModelError(
            "BM-MO-020",
            what=f"the log-posterior of the start values is {value}",
            rule="At the start the models must be able to produce every count: predicted counts above zero in each "
            "bin with counts, and nowhere below",
            remedy="Start from a positive amplitude or norm, add a background, or mask the bins that no model reaches",
        )


def with_errors(models: Models, names: tuple[str, ...], errors: np.ndarray) -> Models:
    """Return models with errors of the named parameters."""
    return models.with_errors({name: float(error) for name, error in zip(names, errors, strict=True)})
