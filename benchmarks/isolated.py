"""Run a function of the benchmarks in a process of its own: ``python -m benchmarks.isolated MODULE:FUNCTION JSON``."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")


def call(function: str, limit: float, environment: dict[str, str] | None = None, **arguments: Any) -> Any:
    """Return what a function returns in a new process, or None where it took longer than the limit.

    Parameters
    ----------
    function : str
        ``"module:name"``.
    limit : float
        Seconds.
    environment : dict, optional
        Environment variables to set.
    **arguments
        Of the function; plain data.

    Raises
    ------
    RuntimeError
        If the process failed.
    """
    command = [sys.executable, "-m", "benchmarks.isolated", function, json.dumps(arguments)]
    try:
        done = subprocess.run(
            command, env=os.environ | (environment or {}), capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise RuntimeError(f"{function} {arguments} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_memory() -> float:
    """Return the largest resident memory of this process so far, in bytes (Linux)."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return 1024.0 * float(line.split()[1])


def main() -> None:
    """Call the function and print what it returns as the last line."""
    module, _, name = sys.argv[1].partition(":")
    found = getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2]))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
