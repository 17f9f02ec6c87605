"""``bayesmap demo``: simulate a small field, fit it, show the fitted parameters beside the true ones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bayesmap.cli.config import add_path_arguments, read_config
from bayesmap.cli.fit import fit_and_write, progress
from bayesmap.cli.paths import output_folder, output_path

CONFIG = """\
# Fit it again: bayesmap fit config.yaml --overwrite
name: demo
dataset: dataset.fits.gz
models: models.yaml
output: fit
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
        help="simulate a small Galactic-centre-like field, fit it and compare with the truth",
        description="Simulate a small field with three sources, write data set, models and configuration, fit them and "
        "show the fitted parameters beside the true ones.",
    )
    parser.add_argument("--output", metavar="DIR", type=Path, default=Path("demo-result"), help="folder to write")
    add_path_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Simulate, write, fit; return the exit code of the fit.

    Parameters
    ----------
    options : argparse.Namespace
        Parsed arguments.

    Returns
    -------
    int
        0 if the fit succeeded, 3 if it ran but is not to be trusted.
    """
    output = output_path(options.output, folder=Path.cwd(), allowed=options.allow_path)
    with output_folder(output, overwrite=options.overwrite) as folder:
        truth = write_demo(folder)
    progress(f"simulated data set, models and configuration are in {output}")
    config = read_config(output / "config.yaml", allow_paths=options.allow_path, overwrite=options.overwrite)
    return fit_and_write(config, truth)


def write_demo(folder: Path) -> dict[str, float]:
    """Simulate the demo and write data set, start models, true models and configuration.

    Parameters
    ----------
    folder : Path
        Existing folder.

    Returns
    -------
    dict
        True value of each parameter by qualified name.
    """
    from bayesmap.cli import demo_data
    from bayesmap.fit import simulate
    from bayesmap.io.gammapy import write_dataset
    from bayesmap.io.yaml import write_models

    true_models = demo_data.true_models()
    dataset = simulate(demo_data.empty_dataset(), true_models, seed=demo_data.SEED)
    write_dataset(dataset, folder / "dataset.fits.gz")
    write_models(demo_data.start_models(), folder / "models.yaml")
    write_models(true_models, folder / "truth.yaml")
    (folder / "config.yaml").write_text(CONFIG)
    return {name: parameter.value for name, parameter in true_models.parameters.items()}
