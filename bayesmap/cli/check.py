"""``bayesmap check CONFIG``: say everything that is wrong with an analysis, before anything is compiled."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bayesmap.cli import exit_codes
from bayesmap.cli.config import add_config_arguments, read_config
from bayesmap.cli.inputs import Inputs, collect_inputs
from bayesmap.errors import BayesmapError, ProblemList


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
        config = read_config(Path(options.config), allow_paths=options.allow_path, overwrite=options.overwrite)
    except BayesmapError as error:
        return _print_problems(_flat(error))
    inputs, problems = collect_inputs(config)
    if problems or inputs is None:
        return _print_problems(problems)
    print(describe(inputs))
    return exit_codes.FINE


def describe(inputs: Inputs) -> str:
    """Return a short text on what will be fitted.

    Parameters
    ----------
    inputs : Inputs
        Checked data set and models.
    """
    dataset, parameters = inputs.dataset, inputs.models.parameters
    selected = dataset.mask_data
    shape = " x ".join(str(size) for size in dataset.counts.data.shape)
    lines = [
        f"dataset {dataset.name}: {shape} bins (energy, lat, lon), {int(selected.sum()):,} selected, "
        f"{dataset.counts.data[selected].sum():,.0f} counts in them",
        f"models: {', '.join(inputs.models.names)}",
        f"free parameters ({len(parameters.free_names)}): {', '.join(parameters.free_names)}",
        *(f"note: {note}" for note in dataset.notes),
        "no problem found",
    ]
    return "\n".join(lines)


def _flat(error: BayesmapError) -> tuple[BayesmapError, ...]:
    return error.problems if isinstance(error, ProblemList) else (error,)


def _print_problems(problems: tuple[BayesmapError, ...]) -> int:
    noun = "problem" if len(problems) == 1 else "problems"
    print(f"{len(problems)} {noun} found:")
    for problem in problems:
        print(f"- {problem}")
    return max(problem.exit_code for problem in problems)
