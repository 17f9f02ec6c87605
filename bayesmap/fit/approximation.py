"""The normal approximation of a posterior as results: checked by importance weights, and as a posterior tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.dataset import Dataset
from bayesmap.fit.evaluation import Evaluation
from bayesmap.inference.importance import WeightedDraws, weighted_draws
from bayesmap.inference.numbers import check_numbers, seed_of
from bayesmap.inference.whitening import whiten
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.approximation import LaplaceCheck
from bayesmap.results.draws import Draws
from bayesmap.results.fit import CovarianceResult
from bayesmap.results.posterior import posterior_tree
from bayesmap.results.provenance import versions
from bayesmap.results.verdict import Verdict

LIBRARY = "bayesmap-laplace-psis"
"""What the draws of the weighted normal approximation are tagged with."""
FEWEST = 400
"""Draws below which a tree of them is not to be trusted, as with a sampler."""


class Approximated(Evaluation):
    """Evaluation of a posterior that has a normal approximation at its optimum."""

    def _errors(self) -> CovarianceResult:
        """Return the covariance at the optimum."""
        raise NotImplementedError

    def laplace_check(self, draws: int = 1000, random_seed: int | None = None, **options: Any) -> LaplaceCheck:
        """Return whether the Laplace approximation describes the posterior, by importance sampling.

        Optimizes first where that was not done yet. Costs one value of the log-posterior for each draw.

        Parameters
        ----------
        draws : int
            Draws of the approximation.
        random_seed : int, optional
            Their seed; by default a random one, which the check states.
        **options
            ``progress``, called with finished and all draws.

        Returns
        -------
        LaplaceCheck
            ``good_enough``, ``message``, Pareto k, effective size, and by how much means and deviations are off.

        Raises
        ------
        BayesmapInputError
            BM-FT-005 for a number that makes no sense.
        FitStateError
            BM-FT-013 if no draw has support.
        """
        return self._approximation(draws, random_seed, options)[1]

    def laplace_draws(self, draws: int = 1000, random_seed: int | None = None, **options: Any) -> xr.DataTree:
        """Return draws of the Laplace approximation, resampled by importance weights, as a posterior tree.

        As many as are effectively independent. Where `laplace_check` finds them usable they stand for the posterior,
        and `bayesmap.summarise` shows them, without a chain; else their verdict says so. Arguments as of
        `laplace_check`.
        """
        found, check = self._approximation(draws, random_seed, options)
        return tree_of(found, self._posterior, self.datasets, self._options.record(), check)

    def _approximation(
        self, draws: int, random_seed: int | None, options: Mapping[str, Any]
    ) -> tuple[WeightedDraws, LaplaceCheck]:
        check_numbers(draws=draws, random_seed=random_seed)
        errors = self._errors()
        whitening = whiten(self._posterior, self._theta, hessian=errors.hessian)
        found = weighted_draws(self._posterior, whitening, draws, seed_of(random_seed), **options)
        return found, check_of(found, self._posterior, errors, whitening.notes)


def check_of(
    found: WeightedDraws, posterior: CompiledPosterior, errors: CovarianceResult, notes: tuple[str, ...]
) -> LaplaceCheck:
    """Return the check that weighted draws make possible.

    Parameters
    ----------
    found : WeightedDraws
        Draws.
    posterior : CompiledPosterior
        Meaning of theta.
    errors : CovarianceResult
        Best values and Laplace errors.
    notes : tuple of str
        Of the whitening.
    """
    values = posterior.coordinates.to_many_values(found.theta)
    best = posterior.coordinates.to_values(errors.theta)
    place = np.array([best[name] for name in errors.names])
    # Relative to the best values, and only where there is weight: draws without support may be infinite.
    shift = np.where(found.weights[:, None] > 0, values - place, 0.0)
    mean = found.weights @ shift
    deviation = np.sqrt(found.weights @ (shift - mean) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # all the weight on one draw: told by Pareto k
        shifts, changes = mean / deviation, deviation / errors.errors - 1.0
    return LaplaceCheck(
        pareto_k=found.pareto_k,
        effective_size=found.effective_size,
        draws=len(found.theta),
        seed=found.seed,
        names=errors.names,
        shifts=shifts,
        changes=changes,
        notes=notes,
    )


def tree_of(
    found: WeightedDraws,
    posterior: CompiledPosterior,
    datasets: Sequence[Dataset],
    options: Mapping[str, Any],
    check: LaplaceCheck,
) -> xr.DataTree:
    """Return as many resampled draws as their effective size as a posterior tree with a verdict."""
    chosen = found.resampled()
    shape = (1, len(chosen))
    statistics = {
        "lp": found.log_densities[chosen].reshape(shape),
        "diverging": np.zeros(shape, dtype=bool),
        "n_steps": np.ones(shape, dtype=np.int64),
    }
    draws = Draws(
        theta=found.theta[chosen][np.newaxis],
        statistics=statistics,
        max_treedepth=0,
        tune=0,
        requested=(1, len(found.theta)),
        seed=found.seed,
        library=LIBRARY,
        version=versions()["bayesmap"],
        status="finished",
        seconds=float("nan"),
        notes=(*check.notes, "draws of the Laplace approximation, resampled by importance weights; no chain was run"),
    )
    tree = posterior_tree(draws, posterior.variables, datasets, options)
    tree.attrs["verdict"] = _verdict(check, draws.notes, len(chosen)).to_json()
    return tree


def _verdict(check: LaplaceCheck, notes: tuple[str, ...], kept: int) -> Verdict:
    reasons = [] if check.draws_usable else [f"approximate: {check.message}"]
    if kept < FEWEST:
        reasons.append(f"few_draws: {kept} effective draws, below {FEWEST}")
    measures = {"pareto_k": check.pareto_k, "ess_importance": check.effective_size, "draws": float(kept)}
    return Verdict(tuple(reasons), measures, notes)
