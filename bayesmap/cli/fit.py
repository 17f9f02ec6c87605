"""``bayesmap fit CONFIG``: check, fit, print the parameters, write the results."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bayesmap.cli import exit_codes
from bayesmap.cli.config import Config, add_config_arguments, read_config
from bayesmap.cli.inputs import Inputs, load_inputs
from bayesmap.cli.output import Outcome, write_outcome
from bayesmap.cli.paths import output_folder
from bayesmap.cli.table import parameter_table
from bayesmap.results.fit import FitResult


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
        "fit",
        parents=[common],
        help="fit the models of a configuration to its data and write the results",
        description="Check everything, find the best fit and its covariance, print the parameters, write the results.",
    )
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit what the configuration says; return the exit code.

    Parameters
    ----------
    options : argparse.Namespace
        Parsed arguments.

    Returns
    -------
    int
        0 if the fit succeeded, 3 if it ran but is not to be trusted.
    """
    config = read_config(Path(options.config), allow_paths=options.allow_path, overwrite=options.overwrite)
    return fit_and_write(config)


def fit_and_write(config: Config, truth: Mapping[str, float] | None = None) -> int:
    """Fit, print the table of parameters and the verdict, write the output folder.

    Parameters
    ----------
    config : Config
        Checked configuration.
    truth : mapping of str to float, optional
        True values of a simulation, shown beside the fitted ones.

    Returns
    -------
    int
        0 if the fit succeeded, 3 if it ran but is not to be trusted.

    Raises
    ------
    BayesmapError
        For anything wrong with the inputs, before anything is compiled.
    """
    inputs = load_inputs(config)
    progress(f"{inputs.dataset.name}: data and models are fine")
    start = time.perf_counter()
    outcome = find_best(inputs, config)
    best = outcome.best
    progress(f"finished after {time.perf_counter() - start:.1f} s and {best.nfev} evaluations")
    with output_folder(config.output, overwrite=config.overwrite) as folder:
        write_outcome(folder, outcome)
    print(parameter_table(best.model, truth, best.at_bound))
    print(verdict(best))
    print(f"results: {config.output}")
    return exit_codes.FINE if best.success else exit_codes.NOT_TRUSTED


def find_best(inputs: Inputs, config: Config) -> Outcome:
    """Compile, optimize and work out the covariance.

    Parameters
    ----------
    inputs : Inputs
        Checked data set and models.
    config : Config
        How to fit.

    Returns
    -------
    Outcome
        Best fit, covariance and prediction.
    """
    from bayesmap.fit import MapFit  # PyMC and JAX are imported only once the inputs are known to be fine
    from bayesmap.results.fit import merge

    fit = MapFit.from_dataset(
        inputs.dataset,
        inputs.models,
        exposure_order=config.exposure_order,
        priors=config.priors,
        allow_asimov=config.allow_asimov,
    )
    progress(f"fitting {len(fit.free_parameters)} free parameters")
    best = fit.optimize(progress=_show_step, **config.optimize)
    progress(f"{best.message}, working out the covariance")
    covariance = fit.covariance()
    return Outcome(inputs.dataset, merge(best, covariance), covariance, fit.npred(), fit.npred_components())


def _show_step(iteration: int, state: Any) -> None:
    progress(f"step {iteration}: {state.decrement:.2g} sigma from the optimum")


def verdict(best: FitResult) -> str:
    """Return statistic, verdict and its reasons as lines of text.

    Parameters
    ----------
    best : FitResult
        Result of a fit.
    """
    state = "success" if best.success else "NOT TO BE TRUSTED"
    lines = [f"total stat (Cash): {best.total_stat:.3f}", f"fit: {state} ({best.message})"]
    return "\n".join([*lines, *(f"- {reason}" for reason in best.reasons)])


def progress(text: str) -> None:
    """Print one line on the error stream, which keeps the output for results."""
    print(f"bayesmap: {text}", file=sys.stderr, flush=True)
