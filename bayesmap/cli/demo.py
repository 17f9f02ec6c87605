"""``bayesmap demo``: simulate a small field, fit and sample it, show the posterior beside the truth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bayesmap.cli import exit_codes
from bayesmap.cli.config import add_path_arguments, read_config
from bayesmap.cli.fit import fit_and_write
from bayesmap.cli.paths import output_folder, output_path
from bayesmap.cli.progress import progress
from bayesmap.cli.report import FILE as REPORT
from bayesmap.models.sky import Models

CONFIG = """\
# Fit it again: bayesmap fit config.yaml --overwrite
name: demo
dataset: dataset.fits.gz
models: models.yaml
output: fit
sample: {draws: 600, tune: 250, chains: 4, random_seed: 1}
"""


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
        "demo",
        parents=[common],
        help="simulate a small Galactic-centre-like field, sample its posterior and compare with the truth",
        description="Simulate a small field with three sources, write data set, models and configuration, find the "
        "best fit, sample the posterior and show it beside the true values.",
    )
    parser.add_argument("--output", metavar="DIR", type=Path, default=Path("demo-result"), help="folder to write")
    add_path_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Simulate, write, fit and sample; return the exit code of the fit.

    Parameters
    ----------
    options : argparse.Namespace
        Parsed arguments.

    Returns
    -------
    int
        See `bayesmap.cli.fit.fit_and_write`.
    """
    from bayesmap.report import write_report

    output = output_path(options.output, folder=Path.cwd(), allowed=options.allow_path)
    with output_folder(output, overwrite=options.overwrite) as folder:
        truth = write_demo(folder)
    progress(f"simulated data set, models and configuration are in {output}")
    config = read_config(output / "config.yaml", allow_paths=options.allow_path, overwrite=options.overwrite)
    code = fit_and_write(config, truth)
    if code != exit_codes.INTERRUPTED:
        written = write_report(config.output / REPORT, config.output, title="The demo of bayesmap", overwrite=True)
        print(f"report: {written}")
    return code


def write_demo(folder: Path) -> Models:
    """Simulate the demo and write data set, start models, true models and configuration.

    Parameters
    ----------
    folder : Path
        Existing folder.

    Returns
    -------
    Models
        The truth.
    """
    from bayesmap.cli import demo_data
    from bayesmap.fit import simulate
    from bayesmap.io.gammapy import write_dataset
    from bayesmap.io.yaml import write_models

    true_models = demo_data.true_models()
    dataset = simulate(demo_data.empty_dataset(), true_models, seed=demo_data.SEED)
    write_dataset(dataset, folder / "dataset.fits.gz")
    write_models(demo_data.start_models(), folder / "models.yaml", checksum=False)
    write_models(true_models, folder / "truth.yaml", checksum=False)
    (folder / "config.yaml").write_text(CONFIG)
    return true_models
