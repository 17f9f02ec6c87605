"""Entry point of the command line: parse, run one command, turn errors into messages and exit codes."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import traceback
from collections.abc import Sequence

from bayesmap.cli import calibrate, check, compare, demo, exit_codes, fit, report
from bayesmap.errors import BayesmapError

COMMANDS = (demo, check, fit, compare, calibrate, report)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line with one subparser for each command."""
    parser = argparse.ArgumentParser(
        prog="bayesmap", description="Bayesian 3-D analysis of gamma-ray sky maps.", epilog=exit_codes.EXPLANATION
    )
    parser.add_argument("--version", action="version", version=f"bayesmap {importlib.metadata.version('bayesmap')}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands, common)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit code: 0 fine, 2 wrong input, 3 the fit is not to be trusted, 4 reading or writing failed, 130 interrupted.
    """
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("bayesmap: interrupted, nothing was written", file=sys.stderr)
        return exit_codes.INTERRUPTED
    except BayesmapError as error:
        return _report(error, error.exit_code, debug=options.debug)
    except OSError as error:
        return _report(error, exit_codes.IO_FAILED, debug=options.debug)


def _report(error: Exception, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    print(f"bayesmap: error: {error}", file=sys.stderr)
    return code
