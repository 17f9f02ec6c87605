"""Scripted comparison of models: one call for any number of fits of the same data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.checks.stacking import stacking_weights
from bayesmap.dataset import Dataset
from bayesmap.errors import BayesmapError, BayesmapInputError
from bayesmap.fit.evidence import check_method, log_evidence
from bayesmap.fit.facade import MapFit
from bayesmap.results.comparison import Comparison, ranked
from bayesmap.results.evidence import Evidence
from bayesmap.results.loo import Loo
from bayesmap.results.posterior import verdict_of
from bayesmap.results.provenance import data_hash

NO_EVIDENCE = ("BM-FT-066", "BM-FT-067")
"""Errors that say that models have no evidence: improper priors, or priors that the map cuts to nearly nothing."""

Progress = Callable[[str, int, int], None]


def compare(
    fits: Mapping[str, MapFit | tuple[MapFit, xr.DataTree]],
    *,
    by: str = "bin",
    tile: float | None = None,
    draws: int | None = None,
    refit: bool | int = False,
    evidence: str | None = "laplace",
    random_seed: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Comparison:
    r"""Compare models of the same data by what they predict of data that they have not seen, and by their evidence.

    The expected log predictive density (elpd) is that of each group of bins given all others, by importance sampling
    from one set of draws; differences of two models are of the same groups. Models that predict equally well may differ
    in evidence, which depends on the priors.

    Parameters
    ----------
    fits : mapping of str to MapFit, or to (MapFit, xarray.DataTree)
        Two or more fits of the same data sets, by names of your choice; with draws of their posterior (`load_posterior`
        reads stored ones), else with those of the last `sample`, which is called where there was none.
    by : str
        What is left out at a time: ``"bin"``; ``"tile"`` of the sky, ``"energy"`` or ``"dataset"``, which ask more of
        a model, since neighbouring bins share the PSF.
    tile : float, optional
        Side of a tile in deg.
    draws : int, optional
        About how many draws to use; all by default.
    refit : bool or int
        True, or at most how many, to leave groups with too large a Pareto k out of a fit of their own; see
        `MapFit.loo`.
    evidence : str, optional
        Method of `bayesmap.log_evidence`; None for no evidence. Models without one (improper priors) are noted.
    random_seed : int, optional
        Seed of draws that are made.
    progress : callable, optional
        Called with the name of a model, finished and all evaluations.
    **options
        Of `MapFit.sample`, for fits that were not sampled.

    Returns
    -------
    Comparison
        A row for each model, the best first; differences with errors, stacking weights, Pareto k, evidence.

    Raises
    ------
    BayesmapInputError
        BM-CK-010 for fewer than two fits, fits of different data, or draws of another fit; else as of `MapFit.loo`,
        and of `bayesmap.log_evidence` for its method.

    Examples
    --------
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> models = toy_models().with_frozen({"lon_0": True, "lat_0": True, "index": True})
    >>> data = toy_dataset(npix=8)
    >>> fits = {"source": MapFit.from_dataset(data, models), "none": MapFit.from_dataset(data, models["toy-bkg"])}
    >>> found = compare(fits, random_seed=1, draws=200, chains=4)
    >>> found.best
    'source'
    """
    if evidence is not None:
        check_method(evidence)  # before anything is sampled
    trees = {name: item[1] if isinstance(item, tuple) else None for name, item in fits.items()}
    made = {name: item[0] if isinstance(item, tuple) else item for name, item in fits.items()}
    check_same_data({name: fit.datasets for name, fit in made.items()})
    for name, fit in made.items():
        if (known := trees[name]) is not None:
            check_draws(name, fit, known)
        else:
            trees[name] = fit._tree if fit._tree is not None else fit.sample(random_seed=random_seed, **options)
    found = ranked(
        {
            name: fit.loo(trees[name], by=by, tile=tile, draws=draws, refit=refit, random_seed=random_seed or 0,
                          progress=None if progress is None else partial(progress, name))
            for name, fit in made.items()
        }
    )  # fmt: skip
    weights = stacking_weights(np.stack([item.elpd_i for item in found.values()]))
    evidences, missing = _evidences(made, evidence, random_seed)
    return Comparison(
        loos=found,
        weights=dict(zip(found, map(float, weights), strict=True)),
        evidences=evidences,
        missing=missing,
        reasons=_reasons(found, evidences, trees),
    )


def check_same_data(datasets: Mapping[str, Sequence[Dataset]]) -> None:
    """Refuse fewer than two fits, and fits of different data.

    Parameters
    ----------
    datasets : mapping of str to sequence of dataset
        What each fit is of.

    Raises
    ------
    BayesmapInputError
        BM-CK-010.
    """
    if len(datasets) < 2:
        given = f"{len(datasets)} {'fit is' if len(datasets) == 1 else 'fits are'} given"
        raise _refused(given, "A comparison needs at least two", "Pass {'name': fit, ...}")
    names = list(datasets)
    hashes = {name: {item.name: data_hash(item) for item in items} for name, items in datasets.items()}
    for name in names[1:]:
        if hashes[name] != hashes[names[0]]:
            raise _refused(
                f"{names[0]!r} and {name!r} are fits of different data",
                "Models are compared on the same counts, masks and responses, under the same names of data sets",
                "Fit the same data sets with both models",
            )


def check_draws(name: str, fit: MapFit, tree: xr.DataTree) -> None:
    """Refuse draws of other data, or of other free parameters, than those of a fit.

    Raises
    ------
    BayesmapInputError
        BM-CK-010.
    """
    stored = json.loads(tree.attrs["dataset"])
    known = {item["name"]: item["sha256"] for item in (stored if isinstance(stored, list) else [stored])}
    if known != {item.name: data_hash(item) for item in fit.datasets}:
        raise _refused(
            f"the draws of {name!r} are those of other data",
            "Draws belong to the fit that they are passed with",
            "Pass the posterior of this fit, or sample it again",
        )
    priors, variables = json.loads(tree.attrs["priors"]), fit._posterior.variables
    digest = json.loads(tree.attrs["priors_sha256"])
    if priors != dict(variables.table()) or digest != variables.digest():
        raise _refused(
            f"the draws of {name!r} are of {', '.join(priors) or 'nothing'} under their priors, the fit has "
            f"{', '.join(variables.table()) or 'nothing free'}, and the priors must be the same to the last digit",
            "Draws belong to the same models, start values and priors",
            "Pass the posterior of this fit, or sample it again",
        )


def _refused(what: str, rule: str, remedy: str) -> BayesmapInputError:
    return BayesmapInputError("BM-CK-010", what=what, rule=rule, remedy=remedy)


def _evidences(
    fits: Mapping[str, MapFit], method: str | None, random_seed: int | None
) -> tuple[dict[str, Evidence], dict[str, str]]:
    """Return the evidence of each model, and why others have none."""
    found: dict[str, Evidence] = {}
    missing: dict[str, str] = {}
    for name, fit in fits.items() if method is not None else ():
        try:
            found[name] = log_evidence(fit, random_seed=random_seed, method=method or "laplace")
        except BayesmapError as error:
            if error.code not in NO_EVIDENCE:
                raise
            missing[name] = f"no evidence: {error.what}"
    return found, missing


def _reasons(
    found: Mapping[str, Loo], evidences: Mapping[str, Evidence], trees: Mapping[str, xr.DataTree | None]
) -> tuple[str, ...]:
    words = [f"{name}: {reason}" for name, item in found.items() for reason in item.reasons]
    for name, tree in trees.items():
        words += [] if tree is None else [f"{name}: posterior {reason}" for reason in verdict_of(tree).reasons]
    for name, item in evidences.items():
        words += [f"{name}: evidence: {reason}" for reason in item.reasons]
    return tuple(words)
