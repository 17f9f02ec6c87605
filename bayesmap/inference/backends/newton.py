"""The package's own optimiser (`bayesmap.inference.newton`)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bayesmap.inference.backends.base import Ended
from bayesmap.inference.newton import NewtonState, minimise
from bayesmap.posterior.compiled import CompiledPosterior

TOLERANCE = 1e-4
"""Sigma of all parameters together within which the optimum is found."""
MAX_ITERATIONS = 200
"""Steps after which the search gives up."""


def run(
    posterior: CompiledPosterior,
    start: np.ndarray,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    progress: Callable[[int, NewtonState], None] | None = None,
) -> Ended:
    """Find the maximum of the log-posterior.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    start : ndarray
        Where to begin.
    tolerance : float
        Sigma of all parameters together within which the optimum is found.
    max_iterations : int
        Steps after which the search gives up.
    progress : callable, optional
        Called with (iteration, state).
    """
    state, problem = minimise(
        posterior,
        start,
        posterior.variables.bounds(),
        tolerance=tolerance,
        polish=True,
        max_iterations=max_iterations,
        progress=progress,
    )
    return Ended(state, problem, "quasi-Newton, exact Hessian at the optimum")
