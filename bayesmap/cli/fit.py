"""``bayesmap fit CONFIG``: check, fit, sample, print the parameters, write the results."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesmap.cli import exit_codes
from bayesmap.cli.config import Config, add_config_arguments, keeps_draws, read_config
from bayesmap.cli.extras import NONE, Extras, work_out, write_extras
from bayesmap.cli.inputs import Inputs, load_inputs
from bayesmap.cli.output import Outcome, Prediction, write_outcome
from bayesmap.cli.paths import INTERRUPTED, RECORD, draws_folder, output_folder, was_interrupted
from bayesmap.cli.posterior import Sampled, draw_posterior, write_posterior
from bayesmap.cli.progress import progress
from bayesmap.cli.table import counts_table, parameter_table, prior_table, truth_table
from bayesmap.models.sky import Models
from bayesmap.results.draw_folder import is_store, remove_store
from bayesmap.results.fit import FitResult

if TYPE_CHECKING:
    from bayesmap.fit import MapFit
    from bayesmap.results.summary import Summary


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
        help="fit the models of a configuration to its data, sample the posterior and write the results",
        description="Check everything, find the best fit and its covariance, sample the posterior, print the "
        "parameters, write the results. Draws are kept in OUTPUT.draws while they are made: Ctrl-C writes the results "
        "of what was drawn, and after it, or after a crash, the same command with --resume continues.",
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the draws that an interrupted or killed run left beside the output; begin where there are none",
    )
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
        See `fit_and_write`.
    """
    config = read_config(
        Path(options.config),
        allow_paths=options.allow_path,
        overwrite=options.overwrite,
        resume=options.resume,
    )
    return fit_and_write(config)


def fit_and_write(config: Config, truth: Models | None = None) -> int:
    """Fit and sample, print priors, best fit and posterior, write the output folder.

    Parameters
    ----------
    config : Config
        Checked configuration.
    truth : Models, optional
        Models of a simulation, whose values are shown beside the found ones.

    Returns
    -------
    int
        0; 3 if best fit, posterior, profiles or flux points are not to be trusted; 130 if sampling was interrupted:
        what was drawn before is written.

    Raises
    ------
    BayesmapError
        For anything wrong with the inputs, before anything is compiled.
    """
    true = None if truth is None else {name: item.value for name, item in truth.parameters.items()}
    inputs = load_inputs(config)
    progress(f"{', '.join(dataset.name for dataset in inputs.datasets)}: data and models are fine")
    start = time.perf_counter()
    fit = build_fit(inputs, config)
    print(f"{prior_table(fit.priors)}\n", flush=True)
    progress(str(fit.memory))
    outcome = find_best(fit, config)
    print(f"{best_fit_text(outcome, true)}\n", flush=True)
    extras = work_out(fit, config)
    if str(extras):
        print(f"{extras}\n", flush=True)
    sampled = None if config.sample is None else draw_posterior(fit, {**config.sample, **store_options(config)})
    if sampled is not None and sampled.summary is not None:
        print(f"{posterior_text(sampled.summary, true)}\n", flush=True)
        if sampled.check is not None:
            print(f"{sampled.check}\n", flush=True)
    progress("writing files and pictures")
    interrupted = sampled is not None and sampled.interrupted
    replaced = config.overwrite or (config.resume and was_interrupted(config.output))
    with output_folder(config.output, overwrite=replaced) as folder:
        write_outcome(folder, outcome, config.place)
        write_analysis(folder, config, inputs, outcome.best.model, interrupted=interrupted)
        if sampled is not None:
            write_posterior(folder, sampled, outcome, truth)
        write_extras(folder, extras, None if sampled is None else sampled.tree, outcome.best.model)
    print(f"results: {config.output}")
    tidy(config, interrupted=interrupted)
    progress(f"finished after {time.perf_counter() - start:.1f} s")
    return exit_code(outcome.best, sampled, extras)


def store_options(config: Config) -> dict[str, Any]:
    """Return the options of `MapFit.sample` on the folder of draws; nothing for samplers that give them at the end."""
    if not keeps_draws(config):
        return {}
    return {"store": draws_folder(config.output), "resume": config.resume, "overwrite": config.overwrite}


def tidy(config: Config, *, interrupted: bool) -> None:
    """Delete the folder of draws, which the results hold now; after an interrupt say how to continue.

    Draws of an earlier run, which the results do not hold because nothing was kept of this one, are left alone.
    """
    folder = draws_folder(config.output)
    if not (keeps_draws(config) and is_store(folder)):
        return
    if interrupted:
        progress(f"interrupted: draws are kept in {folder}, the same command with --resume continues")
    else:
        remove_store(folder)


def write_analysis(folder: Path, config: Config, inputs: Inputs, models: Models, *, interrupted: bool) -> None:
    """Write ``analysis.json``: data, models and configuration in the form that a report shows.

    Parameters
    ----------
    folder : Path
        Existing folder.
    config : Config
        As it was read.
    inputs : Inputs
        Data sets.
    models : Models
        Best fit.
    interrupted : bool
        True if the user ended the run while it sampled.
    """
    from bayesmap.report.data import describe
    from bayesmap.report.models import describe_models

    record = {
        "name": config.name or config.output.name,
        "command": "" if config.file is None else f"bayesmap fit {config.file.name}",
        "status": INTERRUPTED if interrupted else "finished",
        "finished": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "configuration": "" if config.file is None else config.file.read_text(encoding="utf-8"),
        "datasets": [describe(item) for item in inputs.datasets],
        "models": describe_models(models),
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")


def exit_code(best: FitResult, sampled: Sampled | None, extras: Extras = NONE) -> int:
    """Return the exit code of a fit, with or without a posterior, and of what else was asked for."""
    if sampled is not None and sampled.interrupted:
        return exit_codes.INTERRUPTED
    trusted = best.success and extras.trusted and (sampled is None or sampled.trusted)
    return exit_codes.FINE if trusted else exit_codes.NOT_TRUSTED


def build_fit(inputs: Inputs, config: Config) -> MapFit:
    """Compile the fit of a configuration.

    Parameters
    ----------
    inputs : Inputs
        Checked data sets and models.
    config : Config
        How to fit.
    """
    from bayesmap.fit import MapFit  # PyMC and JAX are imported only once the inputs are known to be fine

    return MapFit.from_datasets(
        inputs.datasets,
        inputs.models,
        exposure_order=config.exposure_order,
        priors=config.priors,
        allow_asimov=config.allow_asimov,
        likelihood=config.likelihood,
        memory_limit=config.memory_limit,
    )


def find_best(fit: MapFit, config: Config) -> Outcome:
    """Optimize and work out the covariance.

    Parameters
    ----------
    fit : MapFit
        At its start.
    config : Config
        How to fit.

    Returns
    -------
    Outcome
        Best fit, covariance and predictions.
    """
    from bayesmap.results.fit import merge

    progress(f"fitting {len(fit.free_parameters)} free parameters")
    # Only the package's own optimiser tells how far it is.
    steps: dict[str, Any] = {"progress": _show_step} if config.optimize.get("backend", "newton") == "newton" else {}
    best = fit.optimize(**steps, **config.optimize)
    progress(f"{best.message} after {best.nfev} evaluations, working out the covariance")
    covariance = fit.covariance()
    predictions = tuple(
        Prediction(item, fit.npred(dataset=item.name), fit.npred_components(dataset=item.name)) for item in fit.datasets
    )
    return Outcome(predictions, merge(best, covariance), covariance)


def _show_step(iteration: int, state: Any) -> None:
    progress(f"step {iteration}: {state.decrement:.2g} sigma from the optimum")


def best_fit_text(outcome: Outcome, truth: Mapping[str, float] | None = None) -> str:
    """Return the table of parameters, counts of each of several data sets, and the verdict.

    Parameters
    ----------
    outcome : Outcome
        What was found.
    truth : mapping of str to float, optional
        True values by qualified name.
    """
    best = outcome.best
    parts = [parameter_table(best.model, truth, best.at_bound)]
    if outcome.joint:
        parts.append(counts_table([(item.dataset.name, *item.totals) for item in outcome.predictions]))
    return "\n".join([*parts, verdict(best, "Cash" if outcome.is_cash else "-2 ln L, without ln n!")])


def verdict(best: FitResult, statistic: str) -> str:
    """Return statistic, verdict and its reasons as lines of text.

    Parameters
    ----------
    best : FitResult
        Result of a fit.
    statistic : str
        Name of the statistic.
    """
    state = "success" if best.success else "NOT TO BE TRUSTED"
    lines = [f"total stat ({statistic}): {best.total_stat:.3f}", f"fit: {state} ({best.message})"]
    return "\n".join([*lines, *(f"- {reason}" for reason in best.reasons)])


def posterior_text(summary: Summary, truth: Mapping[str, float] | None = None) -> str:
    """Return the summary of a posterior, and the true values beside it where they are known."""
    if truth is None:
        return str(summary)
    return f"{summary}\n\n{truth_table(summary.rows, truth, summary.mass)}"
