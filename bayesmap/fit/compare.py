"""Scripted comparison of models: one call for any number of fits of the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bayesmap.checks.loo import Loo
from bayesmap.checks.stacking import stacking_weights
from bayesmap.errors import BayesmapInputError
from bayesmap.fit.evidence import log_evidence
from bayesmap.fit.facade import MapFit
from bayesmap.results.comparison import Comparison, rows_of
from bayesmap.results.evidence import Evidence
from bayesmap.results.posterior import verdict_of
from bayesmap.results.provenance import data_hash

IMPROPER = "BM-FT-066"


def compare(
    fits: Mapping[str, MapFit],
    *,
    by: str = "bin",
    tile: float | None = None,
    draws: int | None = None,
    evidence: bool = True,
    random_seed: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Comparison:
    r"""Compare models of the same data by what they predict of data that they have not seen, and by their evidence.

    Fits that were not sampled yet are sampled now. The expected log predictive density (elpd) is that of each group of
    bins given all others, by importance sampling from one set of draws; differences of two models are of the same
    groups. Models that predict equally well may differ in evidence, which depends on the priors.

    Parameters
    ----------
    fits : mapping of str to MapFit
        Two or more fits of the same data sets, by names of your choice.
    by : str
        What is left out at a time: ``"bin"``; ``"tile"`` of the sky, ``"energy"`` or ``"dataset"``, which ask more of
        a model, since neighbouring bins share the PSF.
    tile : float, optional
        Side of a tile in deg.
    draws : int, optional
        About how many draws to use; all by default.
    evidence : bool
        True for the evidence of models with proper priors as well (see `bayesmap.log_evidence`).
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
        BM-CK-010 for fewer than two fits, or fits of different data; BM-CK-004, 008 as of `MapFit.loo`.

    Examples
    --------
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> data = toy_dataset(npix=10)
    >>> fits = {"source": MapFit.from_dataset(data, toy_models())}
    >>> fits["none"] = MapFit.from_dataset(data, toy_models()["toy-bkg"])
    >>> found = compare(fits, random_seed=1, draws=400, chains=4)  # doctest: +SKIP
    >>> found.best  # doctest: +SKIP
    'source'
    """
    _check_data(fits)
    found: dict[str, Loo] = {}
    for name, fit in fits.items():
        if fit._tree is None:
            fit.sample(random_seed=random_seed, **options)
        told = None if progress is None else (lambda done, total, name=name: progress(name, done, total))
        found[name] = fit.loo(by=by, tile=tile, draws=draws, progress=told)
    weights = stacking_weights(np.stack([item.elpd_i for item in found.values()]))
    evidences = {name: _evidence(fit, random_seed) if evidence else None for name, fit in fits.items()}
    rows = rows_of(
        {name: item.elpd_i for name, item in found.items()},
        {name: item.p for name, item in found.items()},
        {name: item.bad for name, item in found.items()},
        dict(zip(found, map(float, weights), strict=True)),
        evidences,
    )
    first = next(iter(found.values()))
    return Comparison(rows, by, len(first.elpd_i), _reasons(found, evidences, fits))


def _check_data(fits: Mapping[str, MapFit]) -> None:
    if len(fits) < 2:
        raise _refused(f"there are {len(fits)} fits", "A comparison needs at least two", "Pass {'name': fit, ...}")
    names = list(fits)
    hashes = {name: {item.name: data_hash(item) for item in fit.datasets} for name, fit in fits.items()}
    for name in names[1:]:
        if hashes[name] != hashes[names[0]]:
            raise _refused(
                f"{names[0]!r} and {name!r} are fits of different data",
                "Models are compared on the same counts, masks and responses, under the same names of data sets",
                "Fit the same data sets with both models",
            )


def _refused(what: str, rule: str, remedy: str) -> BayesmapInputError:
    return BayesmapInputError("BM-CK-010", what=what, rule=rule, remedy=remedy)


def _evidence(fit: MapFit, random_seed: int | None) -> Evidence | None:
    """Return the evidence, or None for priors that have no integral: there is none."""
    try:
        return log_evidence(fit, random_seed=random_seed)
    except BayesmapInputError as error:
        if error.code != IMPROPER:
            raise
        return None


def _reasons(
    found: Mapping[str, Loo], evidences: Mapping[str, Evidence | None], fits: Mapping[str, MapFit]
) -> tuple[str, ...]:
    words = [f"{name}: {reason}" for name, item in found.items() for reason in item.reasons]
    for name, fit in fits.items():
        words += [f"{name}: posterior {reason}" for reason in verdict_of(fit._tree_or(None)).reasons]
    for name, item in evidences.items():
        if item is not None:
            words += [f"{name}: evidence: {reason}" for reason in item.reasons]
    return tuple(words)
