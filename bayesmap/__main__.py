"""``python -m bayesmap`` and the command ``bayesmap``: the command line, in a process of its own."""

from __future__ import annotations

import gc
import sys


def run() -> int:
    """Run the command line; return its exit code.

    What is imported stays until the process ends, and is a million objects: they are looked at for garbage neither
    while they are made nor when the process ends, half a second each.
    """
    gc.disable()
    from bayesmap.cli.main import main  # noqa: PLC0415 - see above

    gc.freeze()
    gc.enable()
    code = main()
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(run())
