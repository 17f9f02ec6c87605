"""Sherpa's optimisers of one number: NelderMead, MonCar, GridSearch (its LevMar needs the residual of every bin).

They take no gradient.  MonCar and GridSearch search a box, of so many standard deviations around the start, inside the
limits; as MonCar narrows its box in proportion to the values, coordinates are shifted so that the start is not zero.

References
----------
Sherpa, https://sherpa.readthedocs.io, sherpa.optmethods.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sherpa.optmethods

from bayesmap.inference.backends.base import MARGIN, TOLERANCE, Ended, Objective, ended, objective
from bayesmap.inference.backends.registry import check_method, unknown_options
from bayesmap.posterior.compiled import CompiledPosterior

HUGE = 3.4e38
"""Sherpa's infinity."""
OWN: dict[str, dict[str, Any]] = {
    "NelderMead": {"step": 1.0},
    "MonCar": {},
    "GridSearch": {"num": 5, "method": "neldermead"},
}
"""Settings in place of Sherpa's: a first simplex of one sigma; a grid that is affordable, and refined."""


def run(
    posterior: CompiledPosterior,
    start: np.ndarray,
    *,
    method: str = "NelderMead",
    reach: float = 10.0,
    tolerance: float = TOLERANCE,
    max_iterations: int | None = None,
    **options: Any,
) -> Ended:
    """Minimise by Sherpa.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    start : ndarray
        Where to begin.
    method : str
        ``"NelderMead"``, ``"MonCar"`` or ``"GridSearch"`` (``num`` points for each parameter: few parameters only).
    reach : float
        Half width of the box of MonCar and GridSearch in standard deviations of the expected information at the start.
    tolerance : float
        Sigma of all parameters together within which the end must be the optimum.
    max_iterations : int, optional
        Sherpa's ``maxfev``; by default the method's own.
    **options
        Further ones of the method.

    Raises
    ------
    BayesmapInputError
        BM-FT-042 for an unknown method, BM-FT-041 for an option that it does not have.
    """
    check_method("sherpa", method)
    optimiser = getattr(sherpa.optmethods, method)()
    unknown = [name for name in options if name not in optimiser.config]
    if unknown:
        known = ["method", "reach", "tolerance", "max_iterations", *optimiser.config]
        raise unknown_options("sherpa", unknown, known)
    function = objective(posterior, start)
    chosen = {"ftol": (MARGIN * tolerance) ** 2} | OWN[method] | options
    if method == "NelderMead" and np.isscalar(chosen["step"]):
        chosen["step"] = np.full(function.size, chosen["step"])
    if max_iterations is not None:
        chosen["maxfev"] = max_iterations
    optimiser.config.update(chosen)
    shift, lower, upper = _box(function, reach if method != "NelderMead" else HUGE)

    def statistic(point: np.ndarray) -> tuple[float, np.ndarray]:
        value = function.value(np.asarray(point) - shift)
        return value, np.array([value])

    _, found, _, said, _ = optimiser.fit(statistic, shift, lower + shift, upper + shift)
    return ended(posterior, function, np.asarray(found) - shift, tolerance, method, said)


def _box(function: Objective, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return shift, lower and upper end of the box in x."""
    low, high = function.limits
    shift = np.full(function.size, reach if reach < HUGE else 0.0)
    return shift, np.maximum(low, -reach), np.minimum(high, reach)
