"""Entry point of the command line: parse, run one command, turn errors into messages and exit codes."""

from __future__ import annotations

import argparse
import importlib.metadata
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bayesmap.cli import calibrate, check, compare, demo, exit_codes, fit, report
from bayesmap.errors import BayesmapError, BayesmapIOError

XLA_MEMORY = "RESOURCE_EXHAUSTED"
"""How the messages of JAX begin when memory runs out."""
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
        with _terminated_as_interrupted():
            return int(options.run(options))
    except KeyboardInterrupt:
        print("bayesmap: interrupted, no results were written", file=sys.stderr)
        return exit_codes.INTERRUPTED
    except BayesmapError as error:
        return _report(error, error.exit_code, debug=options.debug)
    except OSError as error:
        return _report(error, exit_codes.IO_FAILED, debug=options.debug)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        return _report(_out_of_memory(error), exit_codes.IO_FAILED, debug=options.debug)


def _report(error: Exception, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    print(f"bayesmap: error: {error}", file=sys.stderr)
    return code


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM, by which batch systems announce the end of a job's time, as Ctrl-C: what was drawn is written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(number: int, frame: object) -> None:
    """Do as at Ctrl-C, also where that is ignored: a shell has it so for what a script starts with ``&``."""
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL, None):
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or str(error).startswith(XLA_MEMORY)


def _out_of_memory(error: Exception) -> BayesmapIOError:
    return BayesmapIOError(
        "BM-FT-017",
        what=f"the memory of this machine ran out ({str(error).splitlines()[0] if str(error) else 'MemoryError'})",
        rule="A fit needs about the memory that it states before it compiles, and other programs must leave that much",
        remedy="Freeze known shapes, cut or rebin the map, or run it where there is more; draws that were written "
        "before are continued with --resume",
    )
