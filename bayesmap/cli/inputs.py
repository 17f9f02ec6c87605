"""From a configuration to a checked data set and models, with every problem on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bayesmap.cli.config import Config
from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapError, ProblemList
from bayesmap.io.gammapy import (
    read_dataset,
    to_bayesmap_edisp,
    to_bayesmap_map,
    to_bayesmap_mask,
    to_bayesmap_psf,
)
from bayesmap.io.yaml import read_models
from bayesmap.models.prior import Prior
from bayesmap.models.sky import Models


@dataclass(frozen=True)
class Inputs:
    """What a fit needs: one data set and its models."""

    dataset: MapDataset
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
        The inputs (None where something could not be read) and all problems found.
    """
    problems: list[BayesmapError] = []
    dataset = _attempt(lambda: load_dataset(config), problems)
    models = _attempt(lambda: load_models(config), problems)
    if dataset is not None:
        problems.extend(dataset.problems(allow_asimov=config.allow_asimov))
    if models is not None:
        problems.extend(prior_problems(config, models))
    inputs = Inputs(dataset, models) if dataset is not None and models is not None else None
    return inputs, tuple(problems)


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


def load_dataset(config: Config) -> MapDataset:
    """Read the data set of a configuration, from one file or from one file for each map."""
    if config.dataset is not None:
        return read_dataset(config.dataset, name=config.name, psf_max_radius=config.psf_max_radius)
    maps = config.maps
    counts = to_bayesmap_map(maps["counts"])
    return MapDataset(
        name=config.name or "dataset",
        counts=counts,
        exposure=to_bayesmap_map(maps["exposure"]),
        background=to_bayesmap_map(maps["background"]) if "background" in maps else None,
        mask=to_bayesmap_mask(maps.get("mask")),
        psf=to_bayesmap_psf(maps.get("psf"), max_radius=config.psf_max_radius),
        edisp=to_bayesmap_edisp(maps.get("edisp"), axis=counts.geom.axis("energy")),
    )


def load_models(config: Config) -> Models:
    """Read the models of a configuration, from a file or inline."""
    return read_models(config.models, root=config.folder, allow_paths=config.allow_paths)


def prior_problems(config: Config, models: Models) -> list[BayesmapError]:
    """Return what is wrong with the names and units of the priors of a configuration; their numbers PyMC checks."""
    problems: list[BayesmapError] = []
    given = {} if isinstance(config.priors, str) else config.priors
    for name, prior in given.items():
        _attempt(partial(_check_prior, models, name, prior), problems)
    return problems


def _check_prior(models: Models, name: str, prior: Prior) -> None:
    prior.arguments(models.parameters[name].unit)


def _attempt[Read](read: Callable[[], Read], problems: list[BayesmapError]) -> Read | None:
    try:
        return read()
    except ProblemList as error:
        problems.extend(error.problems)
    except BayesmapError as error:
        problems.append(error)
    return None
