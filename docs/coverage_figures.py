"""Table and picture of the page on coverage, from the record of the long tier (docs/coverage-data/record.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from bayesmap.checks.bounds import share_bounds

PAGE = Path(__file__).with_name("coverage.md")
FOLDER = Path(__file__).with_name("coverage-data")
START, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
DPI = 90


def intervals(record: dict[str, Any]) -> dict[str, Any]:
    """Return the records of two-sided intervals by method."""
    return {name.removeprefix("intervals, "): item for name, item in record.items() if name.startswith("intervals, ")}


def table(record: dict[str, Any]) -> str:
    """Return the measured shares as a table."""
    lines = [
        "| what | asked | bounds | measured, least and largest of the parameters | data sets |",
        "|---|---|---|---|---|",
    ]
    for method, item in intervals(record).items():
        for mass, shares in zip(item["masses"], item["shares"], strict=True):
            lines.append(_line(f"`{method}`", item, mass, shares))
    for name, item in record.items():
        if name.startswith("limits, "):
            shown = "truths from the prior" if name.endswith("prior") else f"{name.removeprefix('limits, ')} flux"
            lines.append(_line(f"upper limit, {shown}", item, item["masses"][0], item["shares"][0][:1]))
    return "\n".join(lines) + "\n"


def _line(what: str, item: dict[str, Any], mass: float, shares: list[float]) -> str:
    low, high = share_bounds(item["simulations"], mass)
    found = " to ".join(f"{share:.3f}" for share in sorted({min(shares), max(shares)}))
    return f"| {what} | {mass:.4f} | {low:.3f} to {high:.3f} | {found} | {item['simulations']} |"


def picture(record: dict[str, Any]) -> plt.Figure:
    """Return the shares of every parameter beside what was asked for, with the bounds as bands."""
    methods = intervals(record)
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.6), layout="constrained")
    for axis, k in zip(axes, (0, 1), strict=True):
        for row, item in enumerate(methods.values()):
            mass, shares = item["masses"][k], item["shares"][k]
            low, high = share_bounds(item["simulations"], mass)
            axis.fill_betweenx([row - 0.35, row + 0.35], low, high, color="0.88", lw=0)
            places = [row + 0.25 - 0.5 * i / (len(shares) - 1) for i in range(len(shares))]
            axis.plot(shares, places, "o", ms=5)
            axis.axvline(mass, color="0.3", lw=1)
        axis.set(yticks=range(len(methods)), yticklabels=list(methods), xlabel="share that holds the truth")
        axis.set_title(f"{100.0 * mass:.2f} % asked for")
    return figure


def main() -> None:
    """Write both."""
    record = json.loads((FOLDER / "record.json").read_text())
    picture(record).savefig(FOLDER / "coverage.png", dpi=DPI)
    before, rest = PAGE.read_text().split(START)
    PAGE.write_text(before + START + table(record) + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
