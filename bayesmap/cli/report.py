"""``bayesmap report RESULT``: one self-contained HTML page on what `bayesmap fit` left."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bayesmap.cli import exit_codes
from bayesmap.cli.paths import output_path

FILE = "report.html"


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
        "report",
        parents=[common],
        help="write one HTML page on the results of a fit",
        description="Put data, model, priors, fit, verdict, maps, spectra, checks and provenance of a fit on one HTML "
        "page that needs nothing else, for the browser and for paper.",
    )
    parser.add_argument("result", metavar="RESULT", type=Path, help="output folder of 'bayesmap fit'")
    parser.add_argument("--output", metavar="FILE", type=Path, help=f"file to write (default: RESULT/{FILE})")
    parser.add_argument("--title", help="heading of the page")
    for name, command in (("comparison", "compare"), ("calibration", "calibrate")):
        parser.add_argument(
            f"--{name}",
            metavar="PATH",
            type=Path,
            help=f"{name}.json of 'bayesmap {command}', or its folder (default: that in RESULT)",
        )
    parser.add_argument(
        "--allow-path", metavar="DIR", type=Path, action="append", default=[],
        help="folder that may be written besides RESULT and the working folder; may be repeated",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace a report that exists")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the report; return the exit code.

    Parameters
    ----------
    options : argparse.Namespace
        Parsed arguments.

    Returns
    -------
    int
        0: a report on an analysis that is not to be trusted is a report too.

    Raises
    ------
    BayesmapError
        See `bayesmap.report.write_report`.
    """
    from bayesmap.report import write_report

    given = options.result / FILE if options.output is None else options.output
    target = output_path(given, folder=Path.cwd(), allowed=(options.result, *options.allow_path))
    written = write_report(
        target,
        options.result,
        title=options.title,
        comparison=options.comparison,
        calibration=options.calibration,
        overwrite=options.overwrite,
    )
    print(f"report: {written}")
    return exit_codes.FINE
