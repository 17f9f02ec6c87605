"""The best fit: maximum of the log-posterior (MAP), with a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapInputError, ModelError
from bayesmap.inference.newton import NewtonState, minimise
from bayesmap.inference.numbers import check_numbers, seed_of
from bayesmap.inference.scatter import scattered
from bayesmap.models.sky import Models
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.fit import SAME, FitResult, Starts

TOLERANCE = 1e-4
"""Sigma of all parameters together within which the optimum is found."""
MAX_ITERATIONS = 200
"""Steps after which the search gives up."""
HARD, FURTHER = 6, 4
"""A search near its optimum needs two or three matrices. One with more than HARD went through regions where the
function is not convex, and may have ended in the wrong valley: it is repeated from up to FURTHER other start values."""


def _newton(
    posterior: CompiledPosterior,
    start: np.ndarray,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    progress: Callable[[int, NewtonState], None] | None = None,
) -> tuple[NewtonState, str]:
    return minimise(
        posterior,
        start,
        posterior.variables.bounds(),
        tolerance=tolerance,
        polish=True,
        max_iterations=max_iterations,
        progress=progress,
    )


BACKENDS: dict[str, Callable[..., tuple[NewtonState, str]]] = {"newton": _newton}


def optimize(
    posterior: CompiledPosterior,
    total_stat: Callable[[np.ndarray], float],
    backend: str = "newton",
    *,
    start: np.ndarray | None = None,
    starts: int | None = None,
    random_seed: int | None = None,
    **options: Any,
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
    start : ndarray, optional
        Where to begin, instead of the start values of the models.
    starts : int, optional
        From how many start values to search: the given ones, and others scattered around them (`scatter`). By default
        one; after a hard way, with more than `HARD` matrices, up to `FURTHER` more, until two reach the best optimum.
    random_seed : int, optional
        Seed of these; by default a random one where `starts` is given, else zero. The result states it.
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
        BM-FT-002 for an unknown backend, BM-FT-005 for a number of starts or a seed that makes no sense.
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
    check_numbers(starts=starts, random_seed=random_seed)
    given = posterior.coordinates.start if start is None else start
    check_start(posterior, given)
    seed = seed_of(0 if starts is None and random_seed is None else random_seed)

    def search(point: np.ndarray) -> tuple[NewtonState, str]:
        return BACKENDS[backend](posterior, point, **options)

    ends = [search(point) for point in scattered(posterior, given, starts or 1, np.random.default_rng(seed))]
    if starts is None and ends[0][0].matrices > HARD:
        _search_on(ends, search, scattered(posterior, given, 1 + FURTHER, np.random.default_rng(seed))[1:])
    state, message = min(ends, key=lambda end: end[0].value)
    searches = None if len(ends) == 1 else compare_ends([end for end, _ in ends], state, seed)
    evaluations = sum(end.nfev for end, _ in ends), sum(end.matrices for end, _ in ends)
    result = _result(posterior, state, message, backend, total_stat(state.theta))
    notes = () if searches is None else searches.remarks()
    counted = replace(result, nfev=evaluations[0], matrices=evaluations[1], notes=notes, starts=searches)
    return counted, state.theta


def _search_on(
    ends: list[tuple[NewtonState, str]],
    search: Callable[[np.ndarray], tuple[NewtonState, str]],
    points: Sequence[np.ndarray],
) -> None:
    """Add searches from further points until two have reached the best optimum."""
    for point in points:
        ends.append(search(point))
        best = min(end.value for end, _ in ends)
        if sum(2.0 * (end.value - best) < SAME for end, _ in ends) > 1:
            return


def _result(
    posterior: CompiledPosterior, state: NewtonState, message: str, backend: str, total_stat: float
) -> FitResult:
    names = posterior.coordinates.names
    at_bound = tuple(name for name, free in zip(names, state.free, strict=True) if not free)
    reasons = verdict(state, message, at_bound)
    return FitResult(
        model=posterior.coordinates.models.with_values(posterior.coordinates.to_values(state.theta)),
        success=not reasons,
        nfev=state.nfev,
        total_stat=total_stat,
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


def compare_ends(ends: Sequence[NewtonState], best: NewtonState, seed: int) -> Starts:
    """Return where searches from several start values ended, relative to the best of them."""
    shifts = [end.theta - best.theta for end in ends]
    known = best.exact and best.free.all()
    distances = [float(np.sqrt(shift @ best.curvature @ shift)) if known else float("nan") for shift in shifts]
    return Starts(
        log_posteriors=tuple(-end.value for end in ends),
        trusted=tuple(end.exact for end in ends),
        distances=tuple(distances),
        seed=seed,
    )


def verdict(state: NewtonState, message: str, at_bound: tuple[str, ...]) -> tuple[str, ...]:
    """Return why an optimum should not be trusted."""
    reasons = [message] if message else []
    if not state.exact:
        reasons.append("the Hessian is not positive definite: a saddle, or a parameter that the data do not constrain")
    reasons += [f"{name} is at its limit" for name in at_bound]
    return tuple(reasons)


def check_start(posterior: CompiledPosterior, start: np.ndarray) -> None:
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
    value, _ = posterior.value_and_gradient(start)  # which the fit compiles anyway
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
