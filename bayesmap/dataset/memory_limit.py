"""How much memory a fit may take: what the user says, or what the machine has left."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

from bayesmap.errors import BayesmapInputError

UNITS = {"": 1.0, "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "MiB": 2.0**20, "GiB": 2.0**30}
_TEXT = re.compile(r"\s*([0-9.eE+]+)\s*([A-Za-z]*)\s*")
ROOT = Path("/")
"""Where Linux's ``proc`` and ``sys`` are."""


def read_limit(value: float | str | None) -> float:
    """Return a limit in bytes.

    Parameters
    ----------
    value : float, str or None
        Bytes, or text such as ``"8 GB"``; None for what the machine has.

    Raises
    ------
    BayesmapInputError
        BM-FT-021 for something that is no size.
    """
    if value is None:
        return available()
    found = _TEXT.fullmatch(str(value))
    size = math.nan
    if found and found[2] in UNITS:
        try:
            size = float(found[1]) * UNITS[found[2]]
        except ValueError:  # two points, or none
            size = math.nan
    if not size > 0:
        raise BayesmapInputError(
            "BM-FT-021",
            what=f"memory_limit is {value!r}",
            rule=f"It is a number of bytes above zero, or text with one of the units {', '.join(filter(None, UNITS))}",
            remedy='Write for example memory_limit="8 GB", or leave it out',
        )
    return size


def available() -> float:
    """Return the bytes that this process may take in all; infinite where the system does not say (not Linux)."""
    return min(_machine(), _group())


def _machine() -> float:
    """Return free memory and what this process has already."""
    path = ROOT / "proc/meminfo"
    if not path.is_file():
        return math.inf
    free = next((line for line in path.read_text().splitlines() if line.startswith("MemAvailable:")), None)
    return math.inf if free is None else 1024.0 * float(free.split()[1]) + _resident()


def _resident() -> float:
    return float((ROOT / "proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _group() -> float:
    """Return the limit of the control group (a container, a batch system), versions 2 and 1."""
    path = ROOT / "proc/self/cgroup"
    if not path.is_file():
        return math.inf
    limits = [math.inf]
    for line in path.read_text().splitlines():
        _, kinds, place = line.split(":", 2)
        base = ROOT / "sys/fs/cgroup" if not kinds else ROOT / "sys/fs/cgroup/memory"
        if kinds and "memory" not in kinds.split(","):
            continue
        inside = base / place.strip("/")
        # The limit of a group is the smallest of those around it.
        for folder in (inside, *inside.parents):
            if folder.is_relative_to(base):
                limits += [_number(folder / name) for name in ("memory.max", "memory.limit_in_bytes")]
    return min(limits)


def _number(path: Path) -> float:
    text = path.read_text().strip() if path.is_file() else "max"
    return math.inf if text == "max" else float(text)
