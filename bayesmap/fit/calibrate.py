"""Calibration of a fit: simulate, draw from the posterior, rank; and coverage of intervals at a fixed truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bayesmap.checks.bounds import ONE_AND_TWO_SIGMA
from bayesmap.checks.calibration import LEVEL, Calibration, gather
from bayesmap.checks.quantities import Quantities
from bayesmap.checks.sbc import Method, check_same, prior_spread, supported_draws
from bayesmap.errors import BayesmapInputError
from bayesmap.fit.facade import MapFit
from bayesmap.fit.job import Job, Run, Study
from bayesmap.fit.recipe import Recipe
from bayesmap.fit.runs import Progress, run_tasks
from bayesmap.inference.numbers import check_numbers
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.provenance import versions

SAMPLER_OPTIONS = ("start", "target_accept", "max_treedepth")


def calibrate(
    fit: MapFit,
    simulations: int = 200,
    *,
    random_seed: int = 1,
    simulator: MapFit | None = None,
    cores: int | None = None,
    scheduler: str | None = None,
    output: str | Path | None = None,
    overwrite: bool = False,
    tune: int = 100,
    sampler: Mapping[str, Any] | None = None,
    level: float = LEVEL,
    masses: Sequence[float] = ONE_AND_TWO_SIGMA,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> Calibration:
    """Say whether the posteriors of a fit are what they claim to be, over data sets simulated from its own priors.

    Simulation i depends on the fit, the seed and i alone: results are the same to the bit on one core, on many, and on
    a cluster of the same kind of processors; more simulations continue fewer.

    Parameters
    ----------
    fit : MapFit
        Fit; its counts are not used.
    simulations : int
        Data sets to simulate.
    random_seed : int
        Seed of everything.
    simulator : MapFit, optional
        Where truths and counts come from, by default `fit`. Another one (a wider PSF, other priors) shows what a
        difference between nature and analysis does. Same free parameters, names and shapes of the data sets.
    cores : int, optional
        Processes; by default one on every core. With 1 everything runs in this process.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers are used instead.
    output : path-like, optional
        Folder in which finished simulations are kept, so that the same call continues an interrupted run.
    overwrite : bool
        True to begin anew.
    tune : int
        Warm-up of each chain.
    sampler : dict, optional
        ``start``, ``target_accept``, ``max_treedepth`` of `MapFit.sample`.
    level : float
        Probability that a right quantity lies inside its envelope, and inside the bounds of its coverage.
    masses : sequence of float
        Masses of the credible intervals whose coverage is judged.
    progress : callable, optional
        Called with (done, all, done by this run).
    notice : callable, optional
        Called with a line of text on an earlier run that is continued.

    Returns
    -------
    Calibration
        With `success` and `reasons`; printed, the verdict comes first.

    Raises
    ------
    PriorError
        BM-CK-020 for a prior without an integral.
    BayesmapInputError
        BM-CK-006 for priors without support; BM-CK-021 for a simulator of another kind; BM-CK-023, 024 for an output
        of another run; BM-CK-026 to 029 for processes and clusters; BM-FT-005 for numbers that make no sense;
        BM-FT-020 for a fit that needs too much memory; BM-FT-041 for other options of the sampler.
    BayesmapIOError
        BM-CK-025 for an output that cannot be read or written.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788.

    Examples
    --------
    >>> from bayesmap.testing import toy_models, toy_response
    >>> from bayesmap import MapFit, Prior
    >>> models = toy_models().with_frozen({"lon_0": True, "lat_0": True, "index": True})
    >>> priors = {"amplitude": Prior("Gamma", mu=8e-10, sigma=2e-10), "norm": Prior("Gamma", mu=1.0, sigma=0.2)}
    >>> fit = MapFit.from_dataset(toy_response(npix=10), models, priors=priors)
    >>> found = calibrate(fit, 3, cores=1)
    >>> found.ranks.shape, found.names[-1]
    ((3, 7), 'source.flux')
    """
    check_numbers(simulations=simulations, random_seed=random_seed, cores=cores, tune=tune)
    check_fractions("level", level)
    check_fractions("masses", *masses)
    method = Method(tune=tune, sampler=_options(sampler or {}))
    fit.check_memory()
    nature = fit._posterior if simulator is None else simulator._posterior
    check_same(fit._posterior, nature)
    truths = supported_draws(nature, simulations, random_seed)
    job = job_of(fit, simulator, method, random_seed)
    identity = identity_of("calibration", fit, simulator, job)
    place = None if output is None else Path(output)
    records = run_tasks(
        job, list(enumerate(truths)), in_process(job, fit._posterior, nature), identity, cores=cores,
        scheduler=scheduler, output=place, overwrite=overwrite, progress=progress, notice=notice,
    )  # fmt: skip
    quantities, spread = Quantities(nature), prior_spread(nature, random_seed)
    return gather(
        quantities.names, quantities.units, records, spread, method.n_draws, requested=simulations, level=level,
        masses=tuple(masses), provenance=identity | {"versions": versions()},
    )  # fmt: skip


def job_of(fit: MapFit, simulator: MapFit | None, study: Study, random_seed: int) -> Job:
    """Return what other processes are given."""
    return Job(Recipe.of(fit), None if simulator is None else Recipe.of(simulator), study, random_seed)


def identity_of(kind: str, fit: MapFit, simulator: MapFit | None, job: Job) -> dict[str, Any]:
    """Return what results depend on, but for the number of simulations."""
    words = {"kind": kind, "seed": job.random_seed, "settings": job.study.record(), "bayesmap": versions()["bayesmap"]}
    own = job.fit.identity(fit._posterior)
    if simulator is None or job.simulator is None:
        return words | own
    other = job.simulator.identity(simulator._posterior)
    return words | own | {f"simulator {name}": value for name, value in other.items()}


def in_process(job: Job, posterior: CompiledPosterior, simulator: CompiledPosterior) -> Callable[[], Run]:
    """Return the function that prepares a job in this process, where the posteriors are compiled already."""
    return lambda: job.prepared(posterior, simulator)


def check_fractions(name: str, *values: float) -> None:
    """Refuse a probability that is none.

    Raises
    ------
    BayesmapInputError
        BM-FT-005.
    """
    for value in values:
        if not 0.0 < value < 1.0:
            raise BayesmapInputError(
                "BM-FT-005", what=f"{name} is {value}", rule="It lies between 0 and 1", remedy="Correct it"
            )


def _options(sampler: Mapping[str, Any]) -> dict[str, Any]:
    wrong = [name for name in sampler if name not in SAMPLER_OPTIONS]
    if wrong:
        raise BayesmapInputError(
            "BM-FT-041",
            what=f"a calibration has no option {wrong[0]!r} of the sampler",
            rule=f"Options are {', '.join(SAMPLER_OPTIONS)}; each chain is one of nutpie",
            remedy="Leave it out",
        )
    return dict(sampler)
