"""Everything that a fit refuses about its data, models and priors, in one pass and before anything is compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.dataset import Dataset, MapDataset
from bayesmap.dataset.bins import places
from bayesmap.dataset.memory import check_memory, estimate_data
from bayesmap.dataset.memory_limit import read_limit
from bayesmap.errors import BayesmapError, ModelError, attempt, located
from bayesmap.fold.forward import Fold, build_fold
from bayesmap.fold.positions import check_position, edge_notes, place_on
from bayesmap.fold.setup import psf_reach
from bayesmap.fold.spectrum import SpectrumFold, build_spectrum_fold
from bayesmap.models.free import check_free
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.twins import check_twins
from bayesmap.posterior.building import undisturbed
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.distributions import evaluate
from bayesmap.posterior.likelihood import with_scatter
from bayesmap.posterior.priors import build_variables
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
    joint = len(data) > 1
    maps = [item for item in data if isinstance(item, MapDataset)]
    sound = []
    for item in data:
        found = item.problems(allow_asimov=allow_asimov)
        problems.extend(located(problem, item.name) if joint else problem for problem in found)
        if all(problem.code.startswith("BM-IN-0") and problem.code[-3:] in HARMLESS for problem in found):
            sound.append(item)
    limit = attempt(problems, read_limit, memory_limit)
    if limit is not None:
        attempt(problems, check_memory, estimate_data(data), limit, data)
    whole = attempt(problems, with_scatter, Models(models), likelihood)
    if whole is None:
        return Preflight(tuple(problems), ())
    with undisturbed():
        build = partial(build_fold, exposure_order=exposure_order, energy_integration=energy_integration)
        problems += model_problems(whole, data, sound, priors, build)
    notes = tuple(f"{note}" for item in maps for note in (*item.remarks, *_edge(item, whole)))
    notes += tuple(note for item in data if not isinstance(item, MapDataset) for note in item.notes)
    return Preflight(tuple(problems), notes)


def model_problems(
    models: Models, data: Sequence[Dataset], sound: Sequence[Dataset], priors: Any, build: Any
) -> list[BayesmapError]:
    """Return what is wrong with models and priors, and with them on the data.

    Parameters
    ----------
    models : Models
        All models.
    data, sound : sequence of dataset
        All of them, and those whose response can be folded.
    priors : str or dict
        As of `MapFit`.
    build : callable
        Builds the fold of a map.
    """
    problems: list[BayesmapError] = []
    geoms = [item.counts.geom for item in data if isinstance(item, MapDataset)]
    attempt(problems, check_free, models)
    variables = attempt(problems, build_variables, models, priors, geoms)
    attempt(problems, check_twins, models, None if variables is None else variables.chosen)
    for item in data:
        if item in sound:
            fold = attempt(problems, build if isinstance(item, MapDataset) else build_spectrum_fold, item, models)
            if fold is not None and variables is not None:
                problems += start_problems(fold, item, variables)
        elif isinstance(item, MapDataset) and not item.problems(allow_asimov=True)[0].code.startswith("BM-GE"):
            for model in models.sky_models:
                attempt(problems, _check_place, item, model)
    return problems


def start_problems(fold: Fold | SpectrumFold, dataset: Dataset, variables: Variables) -> list[BayesmapError]:
    """Return what makes the data impossible at the start values (BM-MO-020): bins with counts and none predicted.

    The predicted counts are evaluated node by node, without compiling anything.
    """
    coordinates: Coordinates = variables.coordinates
    prediction = fold.predict(coordinates.graph(pt.constant(coordinates.start)))
    npred, lost = evaluate(prediction.npred), bool(evaluate(prediction.no_support))
    used = dataset.mask_data
    counts = dataset.counts.data if isinstance(dataset, MapDataset) else np.zeros(npred.shape)
    impossible = used & ((npred < 0.0) | ~np.isfinite(npred) | ((npred == 0.0) & (counts > 0)))
    if not impossible.any() and not lost:
        return []
    what = f"the start values make dataset {dataset.name!r} impossible: " + (
        f"{impossible.sum():,} of {used.sum():,} bins have counts where none are predicted, or a negative prediction "
        f"(first: {_spell(impossible)}; smallest prediction {np.min(npred[impossible]):.3g})"
        if impossible.any()
        else "a source is larger than its cut-out of the map, or off the map"
    )
    return [
        ModelError(
            "BM-MO-020",
            what=what,
            rule="At the start the models must be able to produce every count: predicted counts above zero in each "
            "bin with counts, and nowhere below",
            remedy="Start from a positive amplitude or norm, add a background, or mask the bins that no model reaches",
        )
    ]


def _spell(bad: np.ndarray) -> str:
    return places(bad) if bad.ndim == 3 else f"energy={np.flatnonzero(bad)[0]}"


def _check_place(dataset: MapDataset, model: SkyModel) -> None:
    """Refuse a source off the map, where the response cannot be folded."""
    if model.applies_to(dataset.name) and model.spatial_model.has_position:  # type: ignore[attr-defined]
        geom = dataset.counts.geom.to_image()
        check_position(geom, psf_reach(dataset.psf, geom), model.name, *place_on(geom, model))


def _edge(dataset: MapDataset, models: Models) -> tuple[str, ...]:
    return edge_notes(dataset, models) if dataset.counts.geom.axes else ()
