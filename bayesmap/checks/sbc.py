r"""Simulation-based calibration: whether draws are those of the posterior, over data sets drawn from the model itself.

For each simulation parameters are drawn from the prior, counts from the model, and the posterior is sampled from them.
If the draws are right, the rank of every true quantity among L draws of it is uniform on 0 ... L. Simulation i depends
on the seed and on i, on nothing else: not on their number, nor on who runs them in which order.

References
----------
Talts et al. 2018, arXiv:1804.06788.  Modrak et al. 2023, Bayesian Analysis (quantities that depend on the data).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesmap.checks.calibration import Calibration, gather
from bayesmap.checks.quantities import Quantities
from bayesmap.errors import BayesmapError, BayesmapInputError, PriorError
from bayesmap.inference.optimize import optimize
from bayesmap.inference.sample import sample
from bayesmap.posterior.compiled import CompiledPosterior

RANK_DRAWS = 99
"""L: draws, nearly independent, that a truth is ranked among."""
OVERSAMPLING = 2
"""Draws made at first for each one that a truth is ranked among."""
LONGEST = 8
"""Draws made at most, in those made at first."""
MOST_DIVERGENT = 0.01
"""Share of draws that diverged above which a fit is refused."""
ATTEMPTS = 20
"""Times as many prior draws as are wanted before giving up on finding enough with support."""
BLOCK = 1000
"""Prior draws at a time."""
OF_TRUTHS = 2**32 - 1
"""First key of the random streams of truths; those of simulations have the simulation's number."""


@dataclass(frozen=True)
class Method:
    """How the posterior of each data set is drawn from.

    Parameters
    ----------
    n_draws : int
        L.
    tune : int
        Warm-up of each chain.
    sampler : dict
        Further options of `bayesmap.inference.sample.sample`: ``start``, ``target_accept``, ``max_treedepth``.
    """

    n_draws: int = RANK_DRAWS
    tune: int = 100
    sampler: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {"n_draws": self.n_draws, "tune": self.tune, "sampler": dict(self.sampler)}

    def simulate(
        self, posterior: CompiledPosterior, nature: Quantities, i: int, truth: np.ndarray, random_seed: int
    ) -> dict[str, Any]:
        """Run simulation i; see `simulate_one`."""
        return simulate_one(posterior, nature, i, truth, random_seed, self)


def calibrate(
    posterior: CompiledPosterior,
    *,
    simulations: int,
    random_seed: int,
    method: Method | None = None,
    simulator: CompiledPosterior | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Run a simulation-based calibration in this process; one compilation serves all simulations.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of one or more datasets, whose counts are not used; all priors must be proper.
    simulations : int
        Data sets to simulate.
    random_seed : int
        Seed of everything.
    method : Method, optional
        How to sample.
    simulator : CompiledPosterior, optional
        Where truths, counts and quantities come from, by default the same: another one shows what a difference between
        nature and analysis does.
    progress : callable, optional
        Called with (done, all).

    Raises
    ------
    BayesmapInputError
        BM-CK-006 for priors without support, BM-CK-021 for a simulator of other parameters or bins.
    PriorError
        BM-CK-020 for a prior without an integral.
    """
    chosen = method or Method()
    nature = Quantities(simulator or posterior)
    check_same(posterior, nature.posterior)
    truths = supported_draws(nature.posterior, simulations, random_seed)
    records = []
    for i, truth in enumerate(truths):
        records.append(simulate_one(posterior, nature, i, truth, random_seed, chosen))
        if progress is not None:
            progress(i + 1, simulations)
    spread = prior_spread(nature.posterior, random_seed)
    return gather(nature.names, nature.units, records, spread, chosen.n_draws, requested=simulations)


def stream_of(random_seed: int, i: int) -> np.random.Generator:
    """Return the random numbers of simulation i."""
    return np.random.default_rng(np.random.SeedSequence(random_seed, spawn_key=(i,)))


def simulate_one(
    posterior: CompiledPosterior, nature: Quantities, i: int, truth: np.ndarray, random_seed: int, method: Method
) -> dict[str, Any]:
    """Run simulation i; return it as JSON types.

    Parameters
    ----------
    posterior : CompiledPosterior
        What is drawn from.
    nature : Quantities
        Of the posterior that counts are simulated with.
    i : int
        Number of the simulation.
    truth : ndarray, shape (size,)
        Coordinates.
    random_seed : int
        Seed of the run.
    method : Method
        How to sample.

    Returns
    -------
    dict
        ``i``, ``truth`` (values of all quantities), and ``ranks``, ``positions`` (of the truth in the distribution of
        all draws, between 0 and 1), ``mean``, ``sd`` (of the parameters), ``draws``, ``ess`` (the least) and
        ``divergences``; or ``refused``, why there is no posterior.
    """
    rng = stream_of(random_seed, i)
    simulated_data, counts = simulated(nature.posterior, truth, rng)
    observed = same_counts(posterior, simulated_data)
    hottest = nature.hottest(counts)
    true = nature(simulated_data, truth[None], hottest)[0]
    record: dict[str, Any] = {"i": i, "truth": true.tolist()}
    try:
        theta, figures = _enough_draws(observed, rng, method)
    except BayesmapError as error:
        return record | {"refused": str(error)}
    values = nature(simulated_data, _translated(theta, posterior, nature.posterior), hottest)
    kept = values[np.linspace(0, len(values) - 1, method.n_draws).round().astype(int)]
    ranks = _rank(kept, true, rng)
    positions = (_rank(values, true, rng) + rng.random(len(true))) / (len(values) + 1)
    own = values[:, : posterior.coordinates.size]
    spread = {"mean": own.mean(axis=0).tolist(), "sd": own.std(axis=0, ddof=1).tolist()}
    return record | {"ranks": ranks.tolist(), "positions": positions.tolist()} | spread | figures


def _translated(theta: np.ndarray, posterior: CompiledPosterior, nature: CompiledPosterior) -> np.ndarray:
    """Return coordinates of one posterior as those of another: offsets of positions are from its own start values."""
    mine, other = posterior.coordinates, nature.coordinates
    values = mine.to_many_values(theta)
    if np.array_equal(values, other.to_many_values(theta)):
        return theta
    return np.array([other.to_theta(dict(zip(mine.names, row, strict=True))) for row in values])


def _rank(values: np.ndarray, true: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return how many draws lie below the truth; those that are equal to it lie on either side, at random."""
    ties = np.sum(values == true, axis=0)
    return np.sum(values < true, axis=0) + rng.integers(0, ties + 1)


def simulated(
    posterior: CompiledPosterior, truth: np.ndarray, rng: np.random.Generator
) -> tuple[CompiledPosterior, np.ndarray]:
    """Return the posterior of counts drawn at a truth, and these counts of all datasets as one vector."""
    drawn = [posterior.of(name).draw(truth, rng) for name in posterior.counts]
    fresh = [item.again(counts) for item, counts in zip(posterior.counts.values(), drawn, strict=True)]
    return posterior.with_counts(*fresh), np.concatenate([counts.ravel() for counts in drawn])


def same_counts(posterior: CompiledPosterior, simulated_data: CompiledPosterior) -> CompiledPosterior:
    """Return a posterior of the same counts."""
    if posterior.functions is simulated_data.functions:
        return simulated_data
    counts = {name: item.dataset.counts for name, item in simulated_data.counts.items()}
    arrays = {name: np.asarray(getattr(item, "data", item)) for name, item in counts.items()}
    return posterior.with_counts(*(item.again(arrays[name]) for name, item in posterior.counts.items()))


def check_same(posterior: CompiledPosterior, simulator: CompiledPosterior) -> None:
    """Refuse a simulator of other parameters or bins.

    Raises
    ------
    BayesmapInputError
        BM-CK-021.
    """
    mine, other = (
        (item.coordinates.names, {name: counts.shape for name, counts in item.counts.items()})
        for item in (posterior, simulator)
    )
    if mine != other:
        raise BayesmapInputError(
            "BM-CK-021",
            what=f"the simulator has {', '.join(other[0])} in {other[1]}, the fit {', '.join(mine[0])} in {mine[1]}",
            rule="Both have the same free parameters, and data sets of the same names and shapes",
            remedy="Free or freeze the same parameters, and name the data sets alike",
        )


def supported_draws(posterior: CompiledPosterior, draws: int, random_seed: int) -> np.ndarray:
    """Return draws of theta from the priors where the model has support: on the map, within declared limits.

    The first of them do not depend on how many there are.

    Raises
    ------
    BayesmapInputError
        BM-CK-006 if hardly any draw has support.
    PriorError
        BM-CK-020 for a prior without an integral.
    """
    check_proper(posterior)
    empty = posterior.with_counts(*(item.again(np.zeros(item.shape)) for item in posterior.counts.values()))
    kept: list[np.ndarray] = []
    blocks = -(-ATTEMPTS * draws // BLOCK)
    for block in range(blocks):
        (seed,) = np.random.SeedSequence(random_seed, spawn_key=(OF_TRUTHS, block)).generate_state(1)
        found = posterior.variables.draw(BLOCK, int(seed))
        for theta in found:
            if np.isfinite(empty.log_posterior(theta)):
                kept.append(theta)
            if len(kept) == draws:
                return np.array(kept)
    raise BayesmapInputError(
        "BM-CK-006",
        what=f"{len(kept)} of {blocks * BLOCK} draws from the priors have support",
        rule="Simulations start from draws of the priors where the model predicts counts",
        remedy="State narrower priors, on the map and inside the limits",
    )


def check_proper(posterior: CompiledPosterior) -> None:
    """Refuse priors that cannot be drawn from.

    Raises
    ------
    PriorError
        BM-CK-020.
    """
    wrong = [f"{item.name} ~ {item.text}" for item in posterior.variables.items if not item.is_proper]
    if wrong:
        raise PriorError(
            "BM-CK-020",
            what=f"there is no drawing from {', '.join(wrong)}",
            rule="Truths are drawn from the priors, each of which must have an integral",
            remedy="State proper priors, or calibrate intervals at a fixed truth",
        )


def prior_spread(posterior: CompiledPosterior, random_seed: int, draws: int = 1000) -> np.ndarray:
    """Return the standard deviation of each free parameter over its prior, where the model has support."""
    values = posterior.coordinates.to_many_values(supported_draws(posterior, draws, random_seed))
    return np.asarray(values.std(axis=0, ddof=1))


def _enough_draws(
    posterior: CompiledPosterior, rng: np.random.Generator, method: Method
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return draws of one chain worth L independent ones, shape (n, size), and figures on them.

    Chains are made longer until they are; that depends on the draws alone, never on the truth.
    """
    best, theta = optimize(posterior, lambda _: float("nan"))
    size = method.n_draws * OVERSAMPLING
    while True:
        found, diverging = _chain(posterior, theta, best.hessian, int(rng.integers(2**31)), size, method)
        ess = _least_ess(posterior.coordinates.to_many_values(found))
        if diverging > MOST_DIVERGENT * size:
            raise _refused(f"{diverging} of {size} draws diverged", f"At most {MOST_DIVERGENT:.0%} may")
        if ess >= method.n_draws:
            return found, {"draws": size, "ess": ess, "divergences": diverging}
        if size >= LONGEST * OVERSAMPLING * method.n_draws:
            raise _refused(f"{size} draws are worth {ess:.0f} independent ones", f"{method.n_draws} are needed")
        size *= 2


def _refused(what: str, rule: str) -> BayesmapInputError:
    return BayesmapInputError("BM-CK-022", what=what, rule=rule, remedy="Look at a fit of such data by itself")


def _least_ess(values: np.ndarray) -> float:
    """Return the least effective sample size of the parameters, zero where one never moved."""
    from arviz_stats.base.array import array_stats

    if not np.all(np.ptp(values, axis=0) > 0.0):
        return 0.0
    return float(np.min(array_stats.ess(values[None], chain_axis=0, draw_axis=1, method="bulk")))


def posterior_draws(posterior: CompiledPosterior, seed: int, tune: int) -> np.ndarray:
    """Return draws of one chain, shape (n, size)."""
    best, theta = optimize(posterior, lambda _: float("nan"))
    return _chain(posterior, theta, best.hessian, seed, RANK_DRAWS * OVERSAMPLING, Method(tune=tune))[0]


def _chain(
    posterior: CompiledPosterior, theta: np.ndarray, hessian: Any, seed: int, draws: int, method: Method
) -> tuple[np.ndarray, int]:
    """Return draws of one chain, and how many diverged."""
    found = sample(
        posterior, theta, lambda: None, draws=draws, tune=method.tune, chains=1, cores=1, random_seed=seed,
        hessian=hessian, **method.sampler,
    )  # fmt: skip
    if found.status != "finished":
        raise KeyboardInterrupt
    return found.theta[0], int(np.sum(found.statistics["diverging"]))
