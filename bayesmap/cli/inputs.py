"""From a configuration to checked data sets and models, with every problem on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bayesmap.cli.config import UNREAD, Config
from bayesmap.cli.entries import DatasetEntry
from bayesmap.cli.wanted import wanted_problems
from bayesmap.dataset import Dataset, MapDataset
from bayesmap.dataset.names import check_names
from bayesmap.errors import BayesmapError, ConfigError, ProblemList, attempt, located
from bayesmap.io.datasets import read_what_can_be
from bayesmap.io.gammapy import (
    read_dataset,
    to_bayesmap_edisp,
    to_bayesmap_map,
    to_bayesmap_mask,
    to_bayesmap_psf,
)
from bayesmap.io.irf_maps import Position
from bayesmap.io.ogip import read_ogip
from bayesmap.io.spectrum import read_spectrum
from bayesmap.io.yaml import read_models
from bayesmap.models.component import did_you_mean
from bayesmap.models.prior import Prior
from bayesmap.models.sky import Models


@dataclass(frozen=True)
class Inputs:
    """What a fit needs: data sets and models."""

    datasets: tuple[Dataset, ...]
    models: Models


def collect_inputs(config: Config) -> tuple[Inputs | None, tuple[BayesmapError, ...]]:
    """Read and check everything that a configuration names.

    Parameters
    ----------
    config : Config
        Checked configuration.

    Returns
    -------
    tuple
        The inputs (None where something could not be read) and all problems found; see `read_inputs`.
    """
    datasets, models, problems = read_inputs(config)
    unread = models is None or len(datasets) < max(1, len(config.entries))
    return None if unread or models is None else Inputs(datasets, models), problems


def read_inputs(
    config: Config, *, complete: bool = True
) -> tuple[tuple[Dataset, ...], Models | None, tuple[BayesmapError, ...]]:
    """Read what can be read of the data sets and models that a configuration names, and check it.

    Parameters
    ----------
    config : Config
        Configuration, perhaps with keys left out that are wrong.
    complete : bool
        False if it does not name all its data: then nothing is said of models without data.

    Returns
    -------
    tuple
        Data sets, models (None where they cannot be read) and all problems found. Where there are several data sets,
        each problem of one begins with its name, or with its place in the configuration.
    """
    problems: list[BayesmapError] = []
    datasets = load_datasets(config, problems)
    if complete and not datasets and not problems:
        attempt(problems, check_names, ())
    unread = bool(problems) or not complete
    models = None if config.models == UNREAD else attempt(problems, load_models, config)
    joint = config.datasets is not None
    sound = not unread
    for dataset in datasets:
        found = dataset.problems(allow_asimov=config.allow_asimov)
        problems.extend(located(problem, dataset.name) if joint else problem for problem in found)
        sound = sound and not found
    problems.extend(name_problems([dataset.name for dataset in datasets]))
    if models is not None:
        problems.extend(prior_problems(config, models))
        problems.extend(wanted_problems(config, models, datasets if sound else ()))
    if models is not None and not unread:
        problems.extend(background_problems(models, [dataset.name for dataset in datasets]))
    return datasets, models, tuple(problems)


def load_inputs(config: Config) -> Inputs:
    """Read and check everything that a configuration names, or raise what is wrong.

    Parameters
    ----------
    config : Config
        Checked configuration.

    Returns
    -------
    Inputs
        Data set and models.

    Raises
    ------
    BayesmapError
        The problem, or a `ProblemList` of several.
    """
    inputs, problems = collect_inputs(config)
    if problems or inputs is None:
        raise ProblemList(problems) if len(problems) > 1 else problems[0]
    return inputs


def load_datasets(config: Config, problems: list[BayesmapError]) -> tuple[Dataset, ...]:
    """Read the data sets of a configuration that can be read; what is wrong with the others goes to `problems`."""
    if isinstance(config.datasets, Path):
        found, wrong = attempt(problems, _read_list, config) or ((), [])
        problems += wrong
        return found
    each = [attempt(problems, load_dataset, entry, config.allow_paths) for entry in config.entries]
    return tuple(dataset for dataset in each if dataset is not None)


def _read_list(config: Config) -> tuple[tuple[Dataset, ...], list[BayesmapError]]:
    return read_what_can_be(config.datasets, allow_paths=(config.folder, *config.allow_paths))  # type: ignore[arg-type]


def load_dataset(entry: DatasetEntry, allow_paths: Sequence[Path] = ()) -> Dataset:
    """Read a data set, from one file or from one file for each map."""
    try:
        return _load(entry, allow_paths)
    except ProblemList as error:
        raise ProblemList(tuple(_placed(problem, entry) for problem in error.problems)) from error
    except BayesmapError as error:
        raise _placed(error, entry) from error


def _placed(error: BayesmapError, entry: DatasetEntry) -> BayesmapError:
    place = " ".join(part for part in (entry.where, entry.name and f"({entry.name})") if part)
    return located(error, place) if entry.where else error


def _load(entry: DatasetEntry, allow_paths: Sequence[Path]) -> Dataset:
    if entry.type == "ogip":
        given = {key: getattr(entry, key) for key in ("background", "arf", "rmf", "name")}
        return read_ogip(str(entry.file), **given, allow_paths=allow_paths)
    if entry.type == "spectrum":
        return read_spectrum(entry.file, name=entry.name)
    if entry.file is None:
        dataset = _load_maps(entry)
    else:
        dataset = read_dataset(entry.file, name=entry.name, psf_max_radius=entry.psf_max_radius, irf=entry.irf)
    return dataset if entry.weights is None else replace(dataset, weights=to_bayesmap_map(entry.weights))


def _load_maps(entry: DatasetEntry) -> MapDataset:
    maps = entry.maps
    counts = to_bayesmap_map(maps["counts"])
    place = Position(entry.irf, counts.geom)
    return MapDataset(
        name=entry.name or "dataset",
        counts=counts,
        exposure=to_bayesmap_map(maps["exposure"]),
        background=to_bayesmap_map(maps["background"]) if "background" in maps else None,
        mask=to_bayesmap_mask(maps.get("mask")),
        psf=to_bayesmap_psf(maps.get("psf"), max_radius=entry.psf_max_radius, irf=place),
        edisp=to_bayesmap_edisp(maps.get("edisp"), axis=counts.geom.axis("energy"), irf=place),
    )


def load_models(config: Config) -> Models:
    """Read the models of a configuration, from a file or inline."""
    return read_models(config.models, root=config.folder, allow_paths=config.allow_paths)


def name_problems(names: list[str]) -> list[BayesmapError]:
    """Return what is wrong with the names of the data sets."""
    wrong = sorted({name for name in names if names.count(name) > 1 or "/" in name})
    return [
        ConfigError(
            "BM-CF-051",
            what=f"{names.count(name)} data sets are called {name!r}"
            if names.count(name) > 1
            else f"a data set is called {name!r}",
            rule='Each data set has a name of its own without "/": models and results refer to it',
            remedy="Give it the key 'name' in the configuration (in 'datasets', each entry)",
        )
        for name in wrong
    ]


def background_problems(models: Models, names: Sequence[str]) -> list[BayesmapError]:
    """Return the background models that belong to none of the data sets, which the fit refuses."""
    lost = [model for model in models.background_models if not any(map(model.applies_to, names))]
    return [
        ConfigError(
            "BM-CF-052",
            what=f"background model {model.name!r} belongs to data set {', '.join(model.datasets_names or ())}",
            rule=f"A background model names a data set of the configuration: {', '.join(names)}",
            remedy=did_you_mean((model.datasets_names or ("",))[0], tuple(names)),
        )
        for model in lost
    ]


def prior_problems(config: Config, models: Models) -> list[BayesmapError]:
    """Return what is wrong with the names and units of the priors of a configuration; their numbers PyMC checks."""
    problems: list[BayesmapError] = []
    given = {} if isinstance(config.priors, str) else config.priors
    for name, prior in given.items():
        attempt(problems, _check_prior, models, name, prior)
    return problems


def _check_prior(models: Models, name: str, prior: Prior) -> None:
    prior.arguments(models.parameters[name].unit)
