"""A calibration on disk: one JSON file, and its table as CSV."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from bayesmap.checks.calibration import Calibration
from bayesmap.checks.record_file import read_record
from bayesmap.errors import BayesmapIOError

FORMAT = 1
ARRAYS = ("indices", "truths", "ranks", "positions", "means", "sds", "prior_sds")
WORDS = ("names", "units", "n_draws", "requested", "level", "masses", "provenance")
TUPLES = ("names", "units", "masses")


def calibration_record(found: Calibration) -> dict[str, Any]:
    """Return a calibration as JSON types: verdict, figures of each quantity, then all single simulations."""
    known = found.simulations > 1
    return {
        "kind": "calibration",
        "format": FORMAT,
        "success": found.success,
        "reasons": list(found.reasons),
        "notes": list(found.notes) if known else [],
        "done": found.done,
        "bounds": {f"{100 * mass:.2f} %": list(found.bounds(mass)) for mass in found.masses},
        "quantities": found.rows if known else {},
        "refused": {str(i): reason for i, reason in found.refused.items()},
        **{name: list(value) if name in TUPLES else value for name in WORDS for value in [getattr(found, name)]},
        **{name: getattr(found, name).tolist() for name in ARRAYS},
    }


def calibration_csv(found: Calibration) -> str:
    """Return the table of a calibration as CSV, one line for each quantity; what does not apply is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    shares = [f"share_in_{mass:.6f}" for mass in found.masses]
    writer.writerow(["quantity", "unit", "p_value", "shape", *shares, "contraction", "z_mean", "z_sd"])
    for name, row in found.rows.items():
        own = ["" if row[key] is None else row[key] for key in ("contraction", "z_mean", "z_sd")]
        writer.writerow([name, row["unit"], row["p_value"], row["shape"], *row["shares"].values(), *own])
    return text.getvalue()


def write_calibration(found: Calibration, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a calibration to a JSON file.

    Parameters
    ----------
    found : Calibration
        What to write.
    path : path-like
        File.
    overwrite : bool
        True to replace an existing file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BayesmapIOError
        BM-IO-032 if the file exists, BM-IO-009 if it cannot be written.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise BayesmapIOError(
            "BM-IO-032",
            what=f"{target} exists",
            rule="A file is not replaced unasked",
            remedy="Choose another name, or pass overwrite=True",
        )
    try:
        target.write_text(json.dumps(calibration_record(found), indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise BayesmapIOError(
            "BM-IO-009",
            what=f"{target} cannot be written: {error}",
            rule="The folder must exist, be writable and have space",
            remedy="Choose another place",
        ) from error
    return target


def read_calibration(path: str | os.PathLike[str]) -> Calibration:
    """Read a calibration that `write_calibration` wrote.

    Parameters
    ----------
    path : path-like
        File.

    Raises
    ------
    BayesmapIOError
        BM-IO-001 if there is no such file, BM-IO-020 if it is no calibration.
    """
    return read_record(path, _calibration, noun="calibration", writer="write_calibration, or by bayesmap calibrate")


def _calibration(data: dict[str, Any]) -> Calibration:
    if (data["kind"], data["format"]) != ("calibration", FORMAT):
        raise ValueError(f"kind {data['kind']!r}, format {data['format']!r}")
    widths = dict.fromkeys(("truths", "ranks", "positions"), len(data["names"]))
    widths |= dict.fromkeys(("means", "sds"), len(data["prior_sds"]))
    given: dict[str, Any] = {name: tuple(data[name]) if name in TUPLES else data[name] for name in WORDS}
    for name in ARRAYS:
        array = np.array(data[name], dtype=int if name in ("indices", "ranks") else float)
        given[name] = array.reshape(len(data["indices"]), widths[name]) if name in widths else array
    return Calibration(refused={int(i): reason for i, reason in data["refused"].items()}, **given)
