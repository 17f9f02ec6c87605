"""Calibration of a comparison: both models fitted to data simulated under one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.checks.blocks import groups_of
from bayesmap.checks.loo import check_unweighted, loo_of_points
from bayesmap.checks.sbc import same_counts, simulated
from bayesmap.errors import BayesmapError, BayesmapInputError
from bayesmap.fit.arguments import check_choice
from bayesmap.fit.compare import check_same_data
from bayesmap.fit.facade import MapFit
from bayesmap.inference.numbers import check_numbers, seed_of
from bayesmap.inference.optimize import optimize
from bayesmap.inference.sample import sample
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.choice import ChoiceCalibration
from bayesmap.results.loo import Groups, Loo, sum_error
from bayesmap.results.posterior import theta_of

SIDES = ("simple", "complex")
DRAWS, WARM_UP = 500, 150
FEWEST = 10
"""Simulations below which no rate is known."""


def calibrate_comparison(
    simple: MapFit,
    complex: MapFit,
    *,
    simulations: int = 100,
    random_seed: int | None = None,
    under: str = "simple",
    tree: xr.DataTree | None = None,
    by: str = "bin",
    tile: float | None = None,
    draws: int = DRAWS,
    starts: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ChoiceCalibration:
    r"""Return what the test statistic and the difference of elpd of two models are worth, by simulation.

    Data sets are simulated under one of the models, at its best fit or at draws of its posterior, and both are fitted
    to each, as they were to the data. Under the simple model the result says how often chance alone gives a difference
    as large as that of the data (p-value), and how often the complex model is chosen falsely; under the complex one,
    how often it is found (power). Each model is compiled once.

    Parameters
    ----------
    simple, complex : MapFit
        Fits of the same data; they need not be nested.
    simulations : int
        Data sets to simulate.
    random_seed : int, optional
        Seed of everything; by default a random one, which the result states.
    under : str
        ``"simple"`` or ``"complex"``: the model that the data are simulated from.
    tree : xarray.DataTree, optional
        Posterior of that model, of which the truths are draws; by default its best fit is the truth of all simulations.
    by, tile
        What the cross-validation leaves out; see `MapFit.loo`.
    draws : int
        Draws of each posterior, by one chain of NUTS after a warm-up of 150.
    starts : int, optional
        From how many start values to search for each best fit: more than one where a position or a shape is free that
        the simple model has not.
    progress : callable, optional
        Called with finished and all simulations.

    Returns
    -------
    ChoiceCalibration

    Raises
    ------
    BayesmapInputError
        BM-CK-010 for fits of different data; BM-CK-008, 011 as of `MapFit.loo`; BM-FT-003, 005 for a word or number
        that makes no sense; BM-CK-014 for fewer than ten simulations with a result.

    References
    ----------
    Protassov et al. 2002, ApJ 571, 545 (simulated test statistics). McLatchie & Vehtari 2024, Stat. Comput. 34, 82
    (chance in differences of elpd).
    """
    check_choice("under", under, SIDES)
    check_numbers(simulations=simulations, draws=draws, random_seed=random_seed, starts=starts)
    check_same_data({name: fit.datasets for name, fit in zip(SIDES, (simple, complex), strict=True)})
    datasets = dict(zip(simple.names, simple.datasets, strict=True))
    check_unweighted(datasets)
    pair = _Pair(
        (simple._posterior, complex._posterior),
        tuple((fit._best or fit.optimize()).theta for fit in (simple, complex)),
        groups_of(datasets, by, tile), by, draws, starts,
    )  # fmt: skip
    side, seed = SIDES.index(under), seed_of(random_seed)
    truths = _truths((simple, complex)[side], tree, simulations, seed)
    observed = pair.statistics(pair.posteriors, seed)
    rows, failed = [], []
    for i, (truth, stream) in enumerate(zip(truths, np.random.SeedSequence(seed).spawn(simulations), strict=True)):
        rng = np.random.default_rng(stream)
        try:
            rows.append(pair.statistics(pair.simulated(side, truth, rng), int(rng.integers(2**31))))
        except BayesmapError as error:
            failed.append(f"simulation {i}: {error}")
        if progress is not None:
            progress(i + 1, simulations)
    _check_number(rows, failed)
    columns = {key: np.array([row[key] for row in rows]) for key in ("ts", "delta", "delta_error", "bad")}
    return ChoiceCalibration(under, by, **columns, observed=observed, failed=tuple(failed), seed=seed)


@dataclass(frozen=True)
class _Pair:
    """Two models of the same data, and how they are compared."""

    posteriors: tuple[CompiledPosterior, ...]
    best: tuple[np.ndarray, ...]
    groups: dict[str, Groups]
    by: str
    draws: int
    starts: int | None

    def simulated(self, side: int, truth: np.ndarray, rng: np.random.Generator) -> tuple[CompiledPosterior, ...]:
        """Return both posteriors of data drawn from one of the models."""
        drawn, _ = simulated(self.posteriors[side], truth, rng)
        return tuple(same_counts(one, drawn) for one in self.posteriors)

    def statistics(self, posteriors: tuple[CompiledPosterior, ...], seed: int) -> dict[str, Any]:
        """Return test statistic and difference of elpd of both models of some data."""
        likelihoods, loos = [], []
        for one, start in zip(posteriors, self.best, strict=True):
            result, theta = optimize(one, lambda _: float("nan"), start=start, starts=self.starts, random_seed=seed)
            likelihoods.append(one.log_likelihood(theta))
            loos.append(self._loo(one, theta, result.hessian, seed))
        values = loos[1].elpd_i - loos[0].elpd_i
        return {
            "ts": 2.0 * (likelihoods[1] - likelihoods[0]),
            "delta": float(values.sum()),
            "delta_error": sum_error(values),
            "bad": loos[0].bad + loos[1].bad,
        }

    def _loo(self, posterior: CompiledPosterior, theta: np.ndarray, hessian: Any, seed: int) -> Loo:
        found = sample(
            posterior, theta, lambda: None, draws=self.draws, tune=WARM_UP, chains=1, cores=1, random_seed=seed,
            hessian=hessian,
        )  # fmt: skip
        return loo_of_points({name: posterior.of(name) for name in posterior.counts}, found.theta, self.groups, self.by)


def _truths(fit: MapFit, tree: xr.DataTree | None, simulations: int, seed: int) -> np.ndarray:
    if tree is None:
        return np.repeat((fit._best or fit.optimize()).theta[None], simulations, axis=0)
    theta = theta_of(tree, fit._posterior.variables)
    flat = theta.reshape(-1, theta.shape[-1])
    return flat[np.random.default_rng([seed, 6]).choice(len(flat), simulations, replace=simulations > len(flat))]


def _check_number(rows: list[Any], failed: list[str]) -> None:
    if len(rows) < FEWEST:
        raise BayesmapInputError(
            "BM-CK-014",
            what=f"{len(rows)} of {len(rows) + len(failed)} simulations have a result"
            + (f"; the first without: {failed[0]}" if failed else ""),
            rule=f"A rate needs at least {FEWEST}",
            remedy="Simulate more; where they fail, see docs/errors.md on the error named",
        )
