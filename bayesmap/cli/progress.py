"""Lines on the error stream that say how far long work has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

INTERVAL = 3.0
"""Seconds between two lines on one piece of work."""


def progress(text: str) -> None:
    """Print one line on the error stream, which keeps the output for results."""
    print(f"bayesmap: {text}", file=sys.stderr, flush=True)


def now_and_then(show: Callable[..., str], interval: float = INTERVAL) -> Callable[..., None]:
    """Return a function that prints what `show` says of its arguments, but not more often than every few seconds.

    The last call, with as much done as there is to do, is always shown.

    Parameters
    ----------
    show : callable
        Returns a line; its first two arguments are what is done and what there is to do.
    interval : float
        Seconds.
    """
    last = -float("inf")

    def report(done: int, total: int, *more: int) -> None:
        nonlocal last
        moment = time.monotonic()
        if moment - last >= interval or (done == total and last < float("inf")):
            last = float("inf") if done == total else moment
            progress(show(done, total, *more))

    return report
