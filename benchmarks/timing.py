"""Medians of wall times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds_of(action: Callable[[], object]) -> float:
    """Return the wall time of one run in seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def median_time(action: Callable[[], object], runs: int, *, enough: float = 60.0) -> float:
    """Return the median wall time in seconds, after one run that is not counted.

    Parameters
    ----------
    action : callable
        What to time.
    runs : int
        How often; less often where this would take longer than `enough`.
    enough : float
        Seconds.
    """
    first = seconds_of(action)
    times = [seconds_of(action) for _ in range(max(1, min(runs, int(enough / first))))]
    return statistics.median(times)
