"""Everything that a fit refuses about its data, models and priors, in one pass and before anything is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.dataset import Dataset, MapDataset
from bayesmap.dataset.bins import places
from bayesmap.dataset.memory import check_memory, estimate_data
from bayesmap.dataset.memory_limit import read_limit
from bayesmap.dataset.names import check_names
from bayesmap.errors import BayesmapError, ModelError, attempt, located
from bayesmap.fold.forward import Fold, build_fold
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.positions import check_position, edge_notes, place_on
from bayesmap.fold.setup import psf_reach
from bayesmap.fold.spectrum import SpectrumFold, build_spectrum_fold
from bayesmap.models.free import check_free
from bayesmap.models.of_datasets import belonging, models_of
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.twins import check_twins
from bayesmap.posterior.building import undisturbed
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.distributions import evaluate
from bayesmap.posterior.likelihood import with_scatter
from bayesmap.posterior.priors import build_variables, choose_priors, usable
from bayesmap.posterior.variables import Variables

HARMLESS = frozenset({"001", "002", "004", "005", "010", "011", "014", "020", "022"})
"""BM-IN codes of counts, background, mask and weights: the response can be folded all the same."""


@dataclass(frozen=True)
class Preflight:
    """What was found before a fit.

    Parameters
    ----------
    problems : tuple of BayesmapError
        What a fit would refuse, as errors that were not raised; empty where there is nothing.
    notes : tuple of str
        What is unusual, and allowed.
    """

    problems: tuple[BayesmapError, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True if nothing was found that a fit would refuse."""
        return not self.problems

    def __str__(self) -> str:
        """Show the problems, one a line, and the notes."""
        count = len(self.problems)
        head = "no problem found" if not count else f"{count} {'problem' if count == 1 else 'problems'} found:"
        return "\n".join([head, *(f"- {item}" for item in self.problems), *(f"note: {item}" for item in self.notes)])


def preflight(
    datasets: Iterable[Dataset],
    models: Any,
    *,
    priors: str | Mapping[Any, Any] = "default",
    exposure_order: str = "true",
    energy_integration: str = "binned",
    likelihood: str = "poisson",
    allow_asimov: bool = False,
    memory_limit: float | str | None = None,
) -> Preflight:
    """Return all that a fit would refuse about its data, models and priors; nothing is compiled.

    What only a search or the draws can show is not among it: what the data do not constrain, modes, ridges.

    Parameters
    ----------
    datasets : iterable of MapDataset or SpectrumDatasetOnOff
        Data.
    models : Models
        At their start values.
    priors, exposure_order, energy_integration, likelihood, allow_asimov, memory_limit
        As of `MapFit`.

    Returns
    -------
    Preflight
        Problems and notes.

    Examples
    --------
    >>> from bayesmap import Prior
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> found = preflight([toy_dataset()], toy_models(index=-1.0), priors={"index": Prior("HalfNormal", sigma=1.0)})
    >>> [problem.code for problem in found.problems]
    ['BM-PR-004']
    """
    data, problems = tuple(datasets), list[BayesmapError]()
    names = tuple(item.name for item in data)
    attempt(problems, check_names, names)
    for item in data:
        found = item.problems(allow_asimov=allow_asimov)
        problems.extend(located(problem, item.name) if len(data) > 1 else problem for problem in found)
    limit = attempt(problems, read_limit, memory_limit)
    if limit is not None:
        attempt(problems, check_memory, estimate_data(data), limit, data)
    given = attempt(problems, with_scatter, Models(models), likelihood)
    if given is None:
        return Preflight(tuple(problems), ())
    attempt(problems, models_of, given, names)
    build = partial(build_fold, exposure_order=exposure_order, energy_integration=energy_integration)
    problems += setup_problems(data, given, priors, build, allow_asimov=allow_asimov)
    return Preflight(tuple(problems), remarks(data, given))


def setup_problems(
    datasets: Sequence[Dataset],
    models: Models,
    priors: str | Mapping[Any, Any] = "default",
    build: Callable[..., Fold] = build_fold,
    *,
    allow_asimov: bool = False,
) -> list[BayesmapError]:
    """Return what is wrong with models and priors, and with them on the data.

    Parameters
    ----------
    datasets : sequence of dataset
        Data; of those with problems as much is looked at as can be.
    models : Models
        All models.
    priors : str or dict
        As of `MapFit`.
    build : callable
        Builds the fold of a map.
    allow_asimov : bool
        Whether counts may be fractional.
    """
    problems: list[BayesmapError] = []
    geoms = [item.counts.geom for item in datasets if isinstance(item, MapDataset)]
    own = belonging(models, tuple(item.name for item in datasets)) if datasets else models
    attempt(problems, check_free, own)
    with undisturbed():
        attempt(problems, choose_priors, own, priors, geoms)
        variables = attempt(problems, build_variables, own, usable(own, priors), geoms)
        attempt(problems, check_twins, own, None if variables is None else variables.chosen)
        for item in datasets:
            problems += _on_the_data(item, own, variables, build, allow_asimov=allow_asimov)
    return list({str(problem): problem for problem in problems}.values())


def remarks(datasets: Sequence[Dataset], models: Models) -> tuple[str, ...]:
    """Return what is unusual about data and models, and allowed."""
    notes: list[str] = []
    for item in datasets:
        if not isinstance(item, MapDataset):
            notes += item.notes
        elif item.counts.geom.axes:
            notes += (*item.remarks, *edge_notes(item, models))
    return tuple(notes)


def _on_the_data(
    dataset: Dataset, models: Models, variables: Variables | None, build: Callable[..., Fold], *, allow_asimov: bool
) -> list[BayesmapError]:
    problems: list[BayesmapError] = []
    codes = [problem.code for problem in dataset.problems(allow_asimov=allow_asimov)]
    if all(code.startswith("BM-IN-0") and code[-3:] in HARMLESS for code in codes):
        fold: Fold | SpectrumFold | None
        if isinstance(dataset, MapDataset):
            fold = attempt(problems, build, dataset, models)
        else:
            fold = attempt(problems, build_spectrum_fold, dataset, models)
        if fold is not None and variables is not None and not codes:
            problems += start_problems(fold, dataset, variables)
    elif isinstance(dataset, MapDataset) and not any(code.startswith("BM-GE") for code in codes):
        for model in models.sky_models:
            attempt(problems, _check_place, dataset, model)
    return problems


def start_problems(fold: Fold | SpectrumFold, dataset: Dataset, variables: Variables) -> list[BayesmapError]:
    """Return what makes the data impossible at the start values (BM-MO-020): bins with counts and none predicted.

    The predicted counts are evaluated node by node, without compiling anything.
    """
    coordinates: Coordinates = variables.coordinates
    parameters = coordinates.graph(pt.constant(coordinates.start))
    if isinstance(fold, Fold) and _surely_possible(fold, parameters, dataset.mask_data):
        return []
    prediction = fold.predict(parameters)
    npred, lost = evaluate(prediction.npred), bool(evaluate(prediction.no_support))
    used = dataset.mask_data
    counts = dataset.counts.data if isinstance(dataset, MapDataset) else np.zeros(npred.shape)
    impossible = used & ((npred < 0.0) | ~np.isfinite(npred) | ((npred == 0.0) & (counts > 0)))
    if not impossible.any() and not lost:
        return []
    beginning = f"the start values make dataset {dataset.name!r} impossible"
    if not impossible.any():
        return [
            ModelError(
                "BM-MO-020",
                what=f"{beginning}: a source is larger than its cut-out of the map, or off the map",
                rule="At the start each source must lie on the map, and within its cut-out",
                remedy="Start the source on the map, with a smaller size",
            )
        ]
    return [
        ModelError(
            "BM-MO-020",
            what=f"{beginning}: {impossible.sum():,} of {used.sum():,} bins have counts where none are predicted, or a "
            f"negative prediction (first: {_spell(impossible)}; smallest prediction {np.min(npred[impossible]):.3g})",
            rule="At the start the models must be able to produce every count: predicted counts above zero in each "
            "bin with counts, and nowhere below",
            remedy="Start from a positive amplitude or norm, add a background, or mask the bins that no model reaches",
        )
    ]


def _surely_possible(fold: Fold, parameters: ParameterGraph, used: np.ndarray) -> bool:
    """Return True where each bin has some background and no source a negative flux: the sources need no folding."""
    edges, slope = fold.setup.edges, fold.setup.slope
    for source in fold.sources.values():
        spectrum: Any = source.model.spectral_model
        flux = spectrum.integral(np, edges[:-1], edges[1:], slope, **spectrum.canonical_values)
        if not np.all(flux >= 0.0):
            return False
    cubes = [evaluate(fold.background(name, parameters)) for name in fold.backgrounds]
    if not cubes or not all(np.all(cube >= 0.0) for cube in cubes):
        return False
    return bool(np.all(np.sum(cubes, axis=0)[used] > 0.0))


def _spell(bad: np.ndarray) -> str:
    return places(bad) if bad.ndim == 3 else f"energy={np.flatnonzero(bad)[0]}"


def _check_place(dataset: MapDataset, model: SkyModel) -> None:
    """Refuse a source off the map, where the response cannot be folded."""
    if model.applies_to(dataset.name) and model.spatial_model.has_position:  # type: ignore[attr-defined]
        geom = dataset.counts.geom.to_image()
        check_position(geom, psf_reach(dataset.psf, geom), model.name, *place_on(geom, model))
