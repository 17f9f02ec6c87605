"""Coverage of the intervals of a fit at a fixed truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bayesmap.checks.bounds import ONE_AND_TWO_SIGMA
from bayesmap.checks.calibration import LEVEL
from bayesmap.checks.coverage_study import METHODS, CoverageStudy, Intervals, gather_study
from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.fit.arguments import check_choice
from bayesmap.fit.calibrate import check_fractions, identity_of, in_process, job_of
from bayesmap.fit.facade import MapFit
from bayesmap.fit.runs import Progress, run_tasks
from bayesmap.inference.numbers import check_numbers
from bayesmap.results.provenance import versions

TRUTHS = ("fit", "start")


def interval_coverage(
    fit: MapFit,
    simulations: int = 200,
    *,
    truth: str | Mapping[str, Any] = "fit",
    methods: Sequence[str] = ("laplace", "profile"),
    masses: Sequence[float] = ONE_AND_TWO_SIGMA,
    draws: int = 500,
    tune: int = 100,
    random_seed: int = 1,
    cores: int | None = None,
    scheduler: str | None = None,
    output: str | Path | None = None,
    overwrite: bool = False,
    level: float = LEVEL,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> CoverageStudy:
    """Say how often intervals hold a fixed truth: the coverage that frequentists ask for.

    Priors that are not flat pull best values and intervals; choose ``priors="flat"`` to judge the method alone. Of few
    counts no method covers exactly.

    Parameters
    ----------
    fit : MapFit
        Fit.
    simulations : int
        Data sets to simulate, the same ones for all methods.
    truth : str or dict
        ``"fit"``: the best fit; ``"start"``: the start values of the models; or name -> value, the others as of
        ``"start"``.
    methods : sequence of str
        ``"laplace"``, symmetric intervals from the Hessian; ``"profile"``; ``"nuts"``, equal-tailed credible ones.
    masses : sequence of float
        Probabilities that the intervals are to hold.
    draws, tune : int
        Of the one chain of ``"nuts"``.
    random_seed, cores, scheduler, output, overwrite, level, progress, notice
        As of `bayesmap.calibrate`.

    Returns
    -------
    CoverageStudy
        With `success` and `reasons`; printed, the verdict comes first.

    Raises
    ------
    BayesmapInputError
        BM-FT-003 for an unknown method or truth, BM-FT-005 for numbers that make no sense, BM-CK-023 to 029 as of
        `bayesmap.calibrate`.
    FitStateError
        BM-CK-022 if there is no best fit to be taken as the truth.

    Examples
    --------
    >>> from bayesmap import MapFit
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> fit = MapFit.from_dataset(toy_dataset(npix=10), toy_models(), priors="flat")
    >>> found = interval_coverage(fit, 3, methods=["laplace"], cores=1)
    >>> found.done, found.methods["laplace"].ends.shape
    (3, (3, 2, 5, 2))
    """
    check_numbers(simulations=simulations, draws=draws, tune=tune, random_seed=random_seed, cores=cores)
    check_fractions("level", level)
    check_fractions("masses", *masses)
    for method in methods or [""]:
        check_choice("methods", method, METHODS)
    fit.check_memory()
    theta = _theta(fit, truth)
    settings = Intervals(tuple(methods), tuple(masses), draws, tune)
    job = job_of(fit, None, settings, random_seed)
    identity = identity_of("coverage", fit, None, job) | {"truth": theta.tolist()}
    posterior = fit._posterior
    records = run_tasks(
        job, [(i, theta) for i in range(simulations)], in_process(job, posterior, posterior), identity, cores=cores,
        scheduler=scheduler, output=None if output is None else Path(output), overwrite=overwrite, progress=progress,
        notice=notice,
    )  # fmt: skip
    table = posterior.coordinates.models.parameters
    units = [table[name].unit for name in fit.free_parameters]
    provenance = identity | {"versions": versions()}
    return gather_study(
        fit.free_parameters, units, records, settings, requested=simulations, level=level, provenance=provenance
    )


def _theta(fit: MapFit, truth: str | Mapping[str, Any]) -> np.ndarray:
    """Return the coordinates of a truth."""
    coordinates = fit._posterior.coordinates
    if isinstance(truth, Mapping):
        models = fit._start.with_values(truth)
        frozen = [name for name in map(models.parameters.resolve, truth) if name not in coordinates.names]
        if frozen:
            raise BayesmapInputError(
                "BM-FT-010",
                what=f"the truth has a value of {', '.join(frozen)}",
                rule="A truth is of free parameters",
                remedy="Free it, or change the models of the fit",
            )
        return coordinates.to_theta({name: models.parameters[name].value for name in coordinates.names})
    check_choice("truth", truth, TRUTHS)
    if truth == "start":
        return coordinates.start
    best = fit._best or fit.optimize()
    if not best.success:
        raise FitStateError(
            "BM-CK-022",
            what=f"the best fit is not to be trusted: {best.message}",
            rule="It is to be the truth of the simulations",
            remedy="Give other start values, or take them as the truth",
        )
    return np.asarray(best.theta)
