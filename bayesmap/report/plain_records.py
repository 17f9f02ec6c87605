"""Comparison and calibration, from the records that their commands leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesmap.report.blocks import BAD, GOOD, NOTE, Block, Picture, Table, Text
from bayesmap.report.captions import caption
from bayesmap.report.material import Material
from bayesmap.report.numbers import UNKNOWN, measured, number

PICTURES = {
    "comparison": ("comparison", "difference", "elpd", "pareto-k"),
    "calibration": ("ranks", "rank-histograms", "coverage", "z-scores"),
}


def comparison_blocks(material: Material) -> list[Block]:
    """Return what a comparison says: a row for each model."""
    record = material.comparison
    if record is None:
        return [Text(("No comparison was given: 'bayesmap compare' makes one, --comparison puts it here.",), NOTE)]
    rows = tuple(_model_row(item) for item in record["models"])
    head = ("model", "elpd", "±", "difference", "±", "weight", "effective parameters", "bad k", "ln Z")
    groups = f"{record.get('groups', UNKNOWN)} {record.get('by', '')} groups".replace("  ", " ")
    words = f"Expected log predictive density of {groups} left out one by one; the best model first."
    return [*_verdict(record), Table(head, rows, words), *_notes(record), *_pictures(material, "comparison")]


def _model_row(item: Mapping[str, Any]) -> tuple[str, ...]:
    elpd, error = measured(item.get("elpd"), error=item.get("error"))
    delta, delta_error = measured(item.get("delta"), error=item.get("delta_error"))
    evidence = item.get("log_z")
    log_z = UNKNOWN if evidence is None else " ± ".join(measured(evidence, error=item.get("log_z_error")))
    gap = (delta, delta_error) if item.get("delta") else (UNKNOWN, UNKNOWN)
    more = (number(item.get("weight"), 2), number(item.get("p"), 3), number(item.get("bad")), log_z)
    return (str(item.get("name")), elpd, error, *gap, *more)


def calibration_blocks(material: Material) -> list[Block]:
    """Return what a calibration says: a row for each quantity."""
    record = material.calibration
    if record is None:
        return [Text(("No calibration was given: 'bayesmap calibrate' makes one, --calibration puts it here.",), NOTE)]
    rows = tuple(_quantity_row(str(name), row) for name, row in record["quantities"].items())
    shares = next((list(row.get("shares") or {}) for row in record["quantities"].values()), [])
    head = (
        "quantity",
        "p-value of the ranks",
        "shape",
        *(f"inside {name}" for name in shares),
        "contraction",
        "z mean",
        "z sd",
    )
    words = (
        f"Ranks of the truth over {record.get('done', UNKNOWN)} simulated data sets; shares of intervals that hold it."
    )
    return [*_verdict(record), Table(head, rows, words), *_notes(record), *_pictures(material, "calibration")]


def _quantity_row(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    shares = [
        f"{share:.1%}" if isinstance(share, float) else number(share) for share in (row.get("shares") or {}).values()
    ]
    more = (number(row.get(key), 3) for key in ("contraction", "z_mean", "z_sd"))
    return (name, number(row.get("p_value"), 3), str(row.get("shape") or UNKNOWN), *shares, *more)


def _verdict(record: Mapping[str, Any]) -> list[Block]:
    if record.get("success"):
        return [Text(("To be trusted",), GOOD)]
    return [Text(("NOT TO BE TRUSTED", *map(str, record.get("reasons", ()))), BAD)]


def _notes(record: Mapping[str, Any]) -> list[Block]:
    return [Text((str(note),), NOTE) for note in record.get("notes", ())]


def _pictures(material: Material, kind: str) -> list[Block]:
    return [Picture(data, caption(name)) for name, data in material.starting_with(*PICTURES[kind]).items()]
