"""The best fit: maximum of the log-posterior (MAP), with a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bayesmap.errors import ModelError
from bayesmap.inference.backends.base import Ended
from bayesmap.inference.backends.registry import OPTIMISERS, check_options, load
from bayesmap.inference.newton import NewtonState
from bayesmap.inference.numbers import check_numbers, seed_of
from bayesmap.inference.scatter import scattered
from bayesmap.models.free import check_free
from bayesmap.models.sky import Models
from bayesmap.models.twins import check_twins
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.fit import SAME, FitResult, Starts

HARD, FURTHER, AGREEING = 6, 8, 3
"""A search near its optimum needs two or three matrices. One with more than HARD went through regions where the
function is not convex, and may have ended in the wrong valley: it is repeated from up to FURTHER other start values,
until AGREEING searches reach the best. Two may agree on a wrong one: of two sources that took each other's place it
attracts as many starts as the right one (`benchmarks.starts`)."""


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
        One of `backends.registry.OPTIMISERS`.
    start : ndarray, optional
        Where to begin, instead of the start values of the models.
    starts : int, optional
        From how many start values to search: the given ones, and others scattered around them (`scatter`). By default
        one; of newton after a hard way, with more than `HARD` matrices, up to `FURTHER` more, until `AGREEING` reach
        the best.
    random_seed : int, optional
        Seed of these; by default a random one where `starts` is given, else zero. The result states it.
    **options
        Of the backend: ``tolerance`` (sigma), ``max_iterations``, and its own; see its file.

    Returns
    -------
    result : FitResult
    theta : ndarray
        Coordinates of the optimum.

    Raises
    ------
    BayesmapInputError
        BM-FT-002 for an unknown backend, BM-FT-040 for one whose package is missing, BM-FT-041 for an option that it
        does not have, BM-FT-005 for a number of starts or a seed that makes no sense.
    ModelError
        BM-MO-012 if nothing is free; BM-MO-010 for sources that nothing tells apart; BM-MO-020 if the start values
        have no support.
    """
    run = load("optimize", OPTIMISERS, backend)
    check_options(backend, run, options)
    check_numbers(starts=starts, random_seed=random_seed)
    given = posterior.coordinates.start if start is None else start
    check_start(posterior, given)
    seed = seed_of(0 if starts is None and random_seed is None else random_seed)

    def search(point: np.ndarray) -> Ended:
        return run(posterior, point, **options)

    ends = [search(point) for point in scattered(posterior, given, starts or 1, np.random.default_rng(seed))]
    if starts is None and backend == "newton" and ends[0].state.matrices > HARD:
        _search_on(ends, search, scattered(posterior, given, 1 + FURTHER, np.random.default_rng(seed))[1:])
    best = min(ends, key=lambda end: end.state.value)
    states = [end.state for end in ends]
    searches = None if len(ends) == 1 else compare_ends(states, best.state, seed)
    result = _result(posterior, best, backend, total_stat(best.state.theta))
    counted = replace(
        result,
        nfev=sum(state.nfev for state in states),
        matrices=sum(state.matrices for state in states),
        notes=(*result.notes, *(() if searches is None else searches.remarks())),
        starts=searches,
    )
    return counted, best.state.theta


def _search_on(ends: list[Ended], search: Callable[[np.ndarray], Ended], points: Sequence[np.ndarray]) -> None:
    """Add searches from further points until `AGREEING` have reached the best optimum."""
    for point in points:
        ends.append(search(point))
        best = min(end.state.value for end in ends)
        if sum(2.0 * (end.state.value - best) < SAME for end in ends) >= AGREEING:
            return


def _result(posterior: CompiledPosterior, end: Ended, backend: str, total_stat: float) -> FitResult:
    names, state = posterior.coordinates.names, end.state
    at_bound = tuple(name for name, free in zip(names, state.free, strict=True) if not free)
    reasons = verdict(state, end.problem, at_bound)
    return FitResult(
        model=posterior.coordinates.models.with_values(posterior.coordinates.to_values(state.theta)),
        success=not reasons,
        nfev=state.nfev,
        total_stat=total_stat,
        message="optimum found" if not reasons else "; ".join(reasons),
        backend=backend,
        method=end.method,
        reasons=reasons,
        at_bound=at_bound,
        distance=state.decrement,
        log_posterior=-state.value,
        notes=(f"{backend} said: {end.said}",) if end.said else (),
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
    """Refuse a fit without free parameters, of twins, or one that starts where the data are impossible."""
    coordinates = posterior.coordinates
    check_free(coordinates.models)
    check_twins(coordinates.models, posterior.variables.chosen)
    value, _ = posterior.value_and_gradient(start)  # which the fit compiles anyway
    if not np.isfinite(value):
        raise ModelError(
            "BM-MO-020",
            what=f"the log-posterior of the start values is {value}",
            rule="At the start the models must be able to produce every count: predicted counts above zero in each "
            "bin with counts, and nowhere below",
            remedy="Start from a positive amplitude or norm, add a background, or mask the bins that no model reaches; "
            "bayesmap check, and preflight in Python, name the bins",
        )


def with_errors(models: Models, names: tuple[str, ...], errors: np.ndarray) -> Models:
    """Return models with errors of the named parameters."""
    return models.with_errors({name: float(error) for name, error in zip(names, errors, strict=True)})
