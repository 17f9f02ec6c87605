"""``bayesmap check CONFIG``: say everything that is wrong with an analysis, before anything is compiled."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bayesmap.cli import exit_codes
from bayesmap.cli.config import Config, add_config_arguments, draft_config
from bayesmap.cli.inputs import Inputs, read_inputs
from bayesmap.cli.packages import package_problems
from bayesmap.dataset import Dataset, MapDataset
from bayesmap.dataset.memory import check_memory, estimate_data, show_bytes
from bayesmap.dataset.memory_limit import read_limit
from bayesmap.errors import BayesmapError, ProblemList, attempt
from bayesmap.models.sky import Models


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser.

    Parameters
    ----------
    commands : argparse subparsers action
        Where to add it.
    common : argparse.ArgumentParser
        Options that all commands share.
    """
    parser = commands.add_parser(
        "check",
        parents=[common],
        help="read configuration, data and models and print every problem; computes and writes nothing",
        description="Read configuration, data and models and print every problem found. Computes and writes nothing.",
    )
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print all problems of the configuration's files; return the exit code.

    Parameters
    ----------
    options : argparse.Namespace
        Parsed arguments.

    Returns
    -------
    int
        0 where there is no problem, else the exit code of the gravest one (4 before 2).
    """
    try:
        config, wrong_keys = draft_config(
            Path(options.config), allow_paths=options.allow_path, overwrite=options.overwrite
        )
    except BayesmapError as error:
        return _print_problems(_flat(error))
    datasets, models, problems = read_inputs(config, complete=not wrong_keys)
    found = [*wrong_keys, *problems, *package_problems(config)]
    attempt(found, check_memory, estimate_data(datasets), read_limit(config.memory_limit), datasets)
    # A model that could not be read is not looked at further, nor are data without one.
    notes: tuple[str, ...] = ()
    if models is not None:
        found, notes = _set_up(config, datasets, models, found)
    if found or models is None:
        return _print_problems(tuple(found))
    print(describe(Inputs(datasets, models), notes))
    return exit_codes.FINE


def _set_up(
    config: Config, datasets: Sequence[Dataset], models: Models, found: list[BayesmapError]
) -> tuple[list[BayesmapError], tuple[str, ...]]:
    """Return the problems, and those of models and priors on the data, each once; and the notes."""
    from bayesmap.fold.forward import build_fold
    from bayesmap.posterior.likelihood import with_scatter
    from bayesmap.posterior.preflight import remarks, setup_problems

    whole = with_scatter(models, config.likelihood)
    build = partial(build_fold, exposure_order=config.exposure_order)
    later = setup_problems(datasets, whole, config.priors, build, allow_asimov=config.allow_asimov)
    each = {str(problem): problem for problem in (*found, *later)}
    return list(each.values()), remarks(datasets, whole)


def describe(inputs: Inputs, notes: Sequence[str] = ()) -> str:
    """Return a short text on what will be fitted.

    Parameters
    ----------
    inputs : Inputs
        Checked data sets and models.
    notes : sequence of str
        What is unusual about them, and allowed.
    """
    parameters = inputs.models.parameters
    lines = [
        *map(_describe_dataset, inputs.datasets),
        f"models: {', '.join(inputs.models.names)}",
        f"free parameters ({len(parameters.free_names)}): {', '.join(parameters.free_names)}",
        f"memory: at least {show_bytes(estimate_data(inputs.datasets).total)}; the fit says more before it compiles",
        *(f"note: {note}" for note in notes),
        "no problem found",
    ]
    return "\n".join(lines)


def _describe_dataset(dataset: Dataset) -> str:
    selected = dataset.mask_data
    shape = " x ".join(str(size) for size in selected.shape)
    if isinstance(dataset, MapDataset):
        axes, counts = "energy, lat, lon", f"{dataset.counts.data[selected].sum():,.0f} counts in them"
    else:
        axes = "energy"
        counts = f"{dataset.counts[selected].sum():,.0f} counts on and {dataset.counts_off[selected].sum():,.0f} off"
    return f"dataset {dataset.name}: {shape} bins ({axes}), {int(selected.sum()):,} selected, {counts}"


def _flat(error: BayesmapError) -> tuple[BayesmapError, ...]:
    return error.problems if isinstance(error, ProblemList) else (error,)


def _print_problems(problems: tuple[BayesmapError, ...]) -> int:
    noun = "problem" if len(problems) == 1 else "problems"
    print(f"{len(problems)} {noun} found:")
    for problem in problems:
        print(f"- {problem}")
    return max(problem.exit_code for problem in problems)
