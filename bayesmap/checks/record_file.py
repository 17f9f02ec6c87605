"""Records of calibrations and coverage out of JSON files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bayesmap.errors import BayesmapIOError


def read_record[Record](
    path: str | os.PathLike[str], build: Callable[[Any], Record], *, noun: str, writer: str
) -> Record:
    """Return what is built from a JSON file.

    Parameters
    ----------
    path : path-like
        File.
    build : callable
        Returns the record of the file's content; ValueError, KeyError, TypeError or AttributeError if it is none.
    noun, writer : str
        What it is, and who writes it; for messages.

    Raises
    ------
    BayesmapIOError
        BM-IO-001 if there is no such file, BM-IO-020 if it is no such record.
    """
    source = Path(path)
    if not source.is_file():
        raise BayesmapIOError(
            "BM-IO-001", what=f"{source} is not there", rule="It must be a file", remedy="Correct the path"
        )
    try:
        return build(json.loads(source.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BayesmapIOError(
            "BM-IO-020",
            what=f"{source} is no stored {noun}: {error}",
            rule=f"It must be a JSON file written by {writer}",
            remedy="Name the right file, or make it again",
        ) from error
