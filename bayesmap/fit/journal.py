"""Results that are kept as they come: one line for each finished task, in a file that a later run continues.

A line is written at once and synchronised to the disk, so that a killed process loses the line in flight at most: a
last line without an end is cut off, and its task is run again. One process at a time writes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bayesmap.errors import BayesmapInputError, BayesmapIOError
from bayesmap.results.identity import differences

FORMAT = 1
"""Version of the lines."""
ANEW = "Choose another output, or pass --overwrite (overwrite=True) to begin anew"
CONTINUE = "Make space or change the permissions, and run again to continue; or choose another output"
"""Remedy where the machine fails, which is no reason to delete what is finished."""


@dataclass(frozen=True)
class Journal:
    """Finished tasks of one run.

    Parameters
    ----------
    path : Path
        File.
    records : tuple of dict
        Finished tasks, each with its number ``i``.
    torn : bool
        True if a line that was being written when the last run was killed has been cut off.
    """

    path: Path
    records: tuple[dict[str, Any], ...]
    torn: bool

    def add(self, record: Mapping[str, Any]) -> None:
        """Append a finished task.

        Raises
        ------
        BayesmapIOError
            BM-CK-025 if it cannot be written.
        """
        _append(self.path, record)


@contextmanager
def open_journal(path: Path, identity: Mapping[str, Any], *, overwrite: bool = False) -> Iterator[Journal]:
    """Open the journal of a run, a new one or that of an earlier run with the same identity.

    Parameters
    ----------
    path : Path
        File; its folder is made.
    identity : dict
        What the results depend on, in JSON types.
    overwrite : bool
        True to begin anew.

    Yields
    ------
    Journal

    Raises
    ------
    BayesmapInputError
        BM-CK-023 if the file belongs to a run with another identity, BM-CK-024 if another process writes it.
    BayesmapIOError
        BM-CK-025 if it cannot be read or written.
    """
    lock = FileLock(f"{path}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BayesmapInputError(
            "BM-CK-024",
            what=f"another process is writing {path}",
            rule="One run at a time writes into a folder",
            remedy="Wait for it, or choose another output",
        ) from error
    except OSError as error:
        raise _unusable(path, str(error), CONTINUE) from error
    try:
        if overwrite:
            path.unlink(missing_ok=True)
        records, torn = _read(path)
        if records:
            _check(path, records[0], identity)
        else:
            _append(path, {"format": FORMAT, "identity": identity})
        yield Journal(path, tuple(records[1:]), torn)
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _append(path: Path, record: Mapping[str, Any]) -> None:
    line = json.dumps(record, allow_nan=False).encode() + b"\n"
    try:
        place = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            written = os.write(place, line)
            os.fsync(place)
        finally:
            os.close(place)
    except OSError as error:
        raise _unusable(path, str(error), CONTINUE) from error
    if written != len(line):
        raise _unusable(path, "the disk is full", CONTINUE)


def _read(path: Path) -> tuple[list[dict[str, Any]], bool]:
    """Return the lines, and whether an unfinished last one was cut off."""
    try:
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(path, len(whole))
    except OSError as error:
        raise _unusable(path, str(error), CONTINUE) from error
    records = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise _unusable(path, f"line {number} is damaged ({error})") from error
        if not isinstance(record, dict) or ("identity" if number == 1 else "i") not in record:
            raise _unusable(path, f"line {number} is no result")
        records.append(record)
    return records, whole != content


def _check(path: Path, head: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Refuse the results of another run."""
    other = differences(head["identity"], identity)
    if head.get("format") != FORMAT:
        other.append(f"format was {head.get('format')}, is {FORMAT}")
    if other:
        raise BayesmapInputError(
            "BM-CK-023",
            what=f"{path} holds results of another run: {', '.join(other)}",
            rule="A run is continued with the same data, models, priors, seed and settings",
            remedy=ANEW,
        )


def _unusable(path: Path, why: str, remedy: str = ANEW) -> BayesmapIOError:
    return BayesmapIOError(
        "BM-CK-025",
        what=f"{path} cannot be used: {why}",
        rule="Finished simulations are kept there, one line each",
        remedy=remedy,
    )
