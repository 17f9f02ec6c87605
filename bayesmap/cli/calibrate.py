"""``bayesmap calibrate CONFIG``: simulate, fit each data set, say whether posteriors and intervals are right."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesmap.cli import exit_codes
from bayesmap.cli.config import Config, add_config_arguments, read_config
from bayesmap.cli.fit import build_fit
from bayesmap.cli.inputs import load_inputs
from bayesmap.cli.paths import output_folder, output_path
from bayesmap.cli.progress import now_and_then, progress
from bayesmap.cli.sampling import RANDOM_SEED
from bayesmap.cli.table import prior_table
from bayesmap.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayesmap.checks.calibration import Calibration
    from bayesmap.checks.coverage_study import CoverageStudy
    from bayesmap.fit import MapFit

SIMULATIONS = 200
SUFFIXES = {"prior": "-calibration", "fit": "-coverage", "start": "-coverage-start"}
"""What is added to the configuration's output, by the kind of truth."""
PICTURE_DPI = 150


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
        "calibrate",
        parents=[common],
        help="simulate data sets from the priors, sample each posterior, and say whether posteriors are right",
        description="Draw parameters from the priors and counts from the models, sample the posterior of each data set "
        "and compare it with the truth (simulation-based calibration). Finished simulations are kept in the output "
        "folder: after Ctrl-C, or with more simulations, the same command continues.",
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--truth",
        choices=("prior", "fit", "start"),
        default="prior",
        help="prior (default): calibrate the posterior over the priors; fit, start: how often intervals hold one fixed "
        "truth, the best fit or the models' start values",
    )
    parser.add_argument(
        "--method",
        choices=("laplace", "profile", "nuts"),
        action="append",
        help="intervals to look at with a fixed truth; may be repeated (default: laplace and profile)",
    )
    parser.add_argument("--simulations", metavar="N", type=int, default=SIMULATIONS, help="data sets (default 200)")
    parser.add_argument("--seed", metavar="SEED", type=int, default=RANDOM_SEED, help="seed of everything (default 1)")
    parser.add_argument("--cores", metavar="N", type=int, help="processes (default: one on every core)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers simulate instead")
    parser.add_argument(
        "--output",
        metavar="DIR",
        help="folder (default: that of the configuration with -calibration, or with -coverage for a fixed truth)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Calibrate what the configuration says; return the exit code.

    Parameters
    ----------
    options : argparse.Namespace
        Parsed arguments.

    Returns
    -------
    int
        0; 3 if something is not calibrated; 130 if it was interrupted.
    """
    from bayesmap.fit.runs import check_folder

    _check_method(options)
    # The folder of the fit's own results is not written to.
    config = read_config(Path(options.config), allow_paths=options.allow_path, overwrite=True)
    output = _output(options, config)
    check_folder(output, overwrite=options.overwrite)
    inputs = load_inputs(config)
    progress(f"{', '.join(dataset.name for dataset in inputs.datasets)}: data and models are fine")
    fit = build_fit(inputs, config)
    print(f"{prior_table(fit.priors)}\n", flush=True)
    progress(f"{fit.memory}; each process needs as much")
    start = time.perf_counter()
    try:
        found = _calibrate(fit, config, options, output)
    except KeyboardInterrupt:
        progress(f"interrupted: finished simulations are kept in {output}, the same command continues")
        return exit_codes.INTERRUPTED
    print(f"{found}\n", flush=True)
    progress("writing files and pictures")
    write_results(output, found)
    print(f"results: {output}")
    progress(f"finished after {time.perf_counter() - start:.1f} s")
    return exit_codes.FINE if found.success else exit_codes.NOT_TRUSTED


def _output(options: argparse.Namespace, config: Config) -> Path:
    if options.output is None:
        return config.output.with_name(config.output.name + SUFFIXES[options.truth])
    return output_path(options.output, folder=Path.cwd(), allowed=(config.folder, *options.allow_path))


def _check_method(options: argparse.Namespace) -> None:
    """Refuse methods of intervals where truths come from the prior.

    Raises
    ------
    ConfigError
        BM-CF-081.
    """
    if options.method and options.truth == "prior":
        raise ConfigError(
            "BM-CF-081",
            what=f"--method {' '.join(options.method)} is given, and truths are drawn from the prior",
            rule="Methods of intervals are compared at a fixed truth",
            remedy="Add --truth fit or --truth start, or leave --method out",
        )


def _calibrate(fit: MapFit, config: Config, options: argparse.Namespace, output: Path) -> Calibration | CoverageStudy:
    from bayesmap.fit.calibrate import calibrate
    from bayesmap.fit.coverage import interval_coverage

    common: dict[str, Any] = {
        "random_seed": options.seed, "cores": options.cores, "scheduler": options.scheduler, "output": output,
        "overwrite": options.overwrite, "progress": _reporter(), "notice": progress,
    }  # fmt: skip
    if options.truth == "prior":
        return calibrate(fit, options.simulations, sampler=sampler_options(config.sample or {}), **common)
    if options.truth == "fit":
        progress("finding the best fit, which is the truth of the simulations")
        fit.optimize(**config.optimize)
    methods = tuple(dict.fromkeys(options.method or ("laplace", "profile")))
    return interval_coverage(fit, options.simulations, truth=options.truth, methods=methods, **common)


def sampler_options(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the configuration's sampler that a calibration takes over.

    Raises
    ------
    ConfigError
        BM-CF-080 for another sampler than nutpie.
    """
    from bayesmap.fit.calibrate import SAMPLER_OPTIONS

    if sample.get("nuts_sampler", "nutpie") != "nutpie":
        raise ConfigError(
            "BM-CF-080",
            what=f"the configuration samples with {sample['nuts_sampler']!r}",
            rule="A calibration samples with nutpie, the only sampler that is compiled once for all data sets",
            remedy="Remove nuts_sampler from the key 'sample'",
        )
    return {name: sample[name] for name in SAMPLER_OPTIONS if name in sample}


def _reporter() -> Callable[[int, int, int], None]:
    """Return the progress function: it prints how many are done, how fast, and how long the others will take.

    The rate is that since the first simulation of this run, which compiled the model; every call is seen for it,
    also those of which nothing is printed.
    """
    first: list[tuple[float, int]] = []

    def show(done: int, total: int, new: int) -> str:
        text = f"{done} of {total} simulations"
        if not first or new == first[0][1]:
            return text
        rate = (new - first[0][1]) / (time.monotonic() - first[0][0])
        return f"{text}, {rate:.3g} a second, {_duration((total - done) / rate)} left"

    shown = now_and_then(show)

    def report(done: int, total: int, new: int) -> None:
        if new and not first:
            first.append((time.monotonic(), new))
        shown(done, total, new)

    return report


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def write_results(output: Path, found: Calibration | CoverageStudy) -> None:
    """Write record, table and pictures into the folder of a run."""
    from bayesmap.checks.calibration import Calibration
    from bayesmap.checks.calibration_file import calibration_csv, calibration_record
    from bayesmap.checks.coverage_study import study_csv, study_record

    if isinstance(found, Calibration):
        name, record = "calibration", calibration_record(found)
        table = calibration_csv(found) if found.simulations > 1 else ""
    else:
        name, record, table = "coverage", study_record(found), study_csv(found)
    with output_folder(output, overwrite=True) as folder:
        (folder / f"{name}.json").write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
        (folder / f"{name}.txt").write_text(f"{found}\n")
        (folder / f"{name}.csv").write_text(table)
        for picture, figure in pictures(found).items():
            figure.savefig(folder / picture, dpi=PICTURE_DPI)


def pictures(found: Calibration | CoverageStudy) -> dict[str, Figure]:
    """Return the pictures of a run, file name -> figure."""
    from bayesmap.checks.calibration import Calibration
    from bayesmap.plots import calibration

    if not isinstance(found, Calibration):
        known = any(item.simulations for item in found.methods.values())
        return {"coverage.png": calibration.plot_interval_coverage(found)} if known else {}
    if found.simulations < 2:
        return {}
    return {
        "ranks.png": calibration.plot_ranks(found),
        "rank-histograms.png": calibration.plot_rank_histograms(found),
        "coverage.png": calibration.plot_coverage(found),
        "z-scores.png": calibration.plot_z_scores(found),
    }
