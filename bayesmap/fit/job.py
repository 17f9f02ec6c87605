"""A run of independent simulations, in a form that other processes can be given."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bayesmap.checks.quantities import Quantities
from bayesmap.errors import BayesmapInputError
from bayesmap.fit.recipe import Recipe
from bayesmap.posterior.compiled import CompiledPosterior

Task = tuple[int, np.ndarray]
"""Number of a simulation, and its truth: coordinates theta."""
Run = Callable[[int, np.ndarray], dict[str, Any]]
"""Runs a task; returns it as JSON types."""


class Study(Protocol):
    """What is done with each data set; it can be sent to other processes."""

    def record(self) -> dict[str, Any]:
        """Return the settings as JSON types."""

    def simulate(
        self, posterior: CompiledPosterior, nature: Quantities, i: int, truth: np.ndarray, random_seed: int
    ) -> dict[str, Any]:
        """Run simulation i; return it as JSON types."""


@dataclass(frozen=True)
class Job:
    """Simulations of one run.

    Parameters
    ----------
    fit : Recipe
        What is fitted.
    simulator : Recipe or None
        Where data come from; None for the same.
    study : Study
        What is done with each data set.
    random_seed : int
        Seed of the run.
    """

    fit: Recipe
    simulator: Recipe | None
    study: Study
    random_seed: int

    def prepare(self) -> Run:
        """Compile what the simulations need; it serves all of them."""
        posterior = self.fit.compile()
        return self.prepared(posterior, posterior if self.simulator is None else self.simulator.compile())

    def prepared(self, posterior: CompiledPosterior, simulator: CompiledPosterior) -> Run:
        """Return the function that runs a task, of compiled posteriors."""
        nature = Quantities(simulator)
        return lambda i, truth: self.study.simulate(posterior, nature, i, truth, self.random_seed)

    def to_bytes(self) -> bytes:
        """Return it in the form that other processes are given.

        Raises
        ------
        BayesmapInputError
            BM-CK-026 for a part that cannot be sent.
        """
        try:
            return pickle.dumps(self)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise BayesmapInputError(
                "BM-CK-026",
                what=f"the fit cannot be sent to other processes: {error}",
                rule="Models and priors are made of what a module holds, no functions made on the spot",
                remedy="Define them in a module, or run with cores=1",
            ) from error
