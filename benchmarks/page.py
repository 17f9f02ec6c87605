"""Write the figures into docs/performance.md, between two marks; what stands around them is written by hand."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

BEGIN, END = "<!-- written by python -m benchmarks: begin -->", "<!-- end -->"
PICTURES = {
    "growth_bins": "Time of value and gradient, and of a fit, with the number of bins",
    "growth_sources": "The same with the number of sources",
}


def write(page: Path, results: dict[str, dict[str, Any]], machine: str) -> None:
    """Replace the marked part of a page.

    Parameters
    ----------
    page : Path
        docs/performance.md.
    results : dict
        Section -> what it found, as plain data.
    machine : str
        Where it was measured.
    """
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{render(results, machine)}\n{END}{after}")


def render(results: dict[str, dict[str, Any]], machine: str) -> str:
    """Return the marked part: targets first, then each section's tables and the pictures."""
    figures = [row for found in results.values() for row in found["figures"]]
    parts = [f"Measured on {machine}.", "## Targets", _targets(figures)] if figures else []
    for found in results.values():
        for item in found["tables"]:
            rows = [[cell(value) for value in row] for row in item["rows"]]
            parts += [f"## {item['title']}", *([item["text"]] if item["text"] else []), grid(item["header"], rows)]
    plots = {item["plot"] for found in results.values() for item in found["curves"]}
    parts += [f"![{words}](performance/{name}.png)" for name, words in PICTURES.items() if name in plots]
    return "\n\n".join(parts) + "\n"


def _targets(figures: list[dict[str, Any]]) -> str:
    rows = [
        [row["what"], f"{row['ratio']:.3g}", f"{row['target']}", "yes" if row["reached"] else "**no**", row["note"]]
        for row in figures
    ]
    return grid(["ratio", "measured", "target", "reached", "note"], rows)


def grid(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(value: Any) -> str:
    """Return a cell: words as they are, numbers to three digits, whole ones in full."""
    if isinstance(value, str):
        return value.replace("|", "\\|")
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    size = abs(value)
    if size != 0.0 and not 1e-3 <= size < 1e4:
        return f"{value:.2e}"
    return np.format_float_positional(value, precision=3, unique=False, fractional=False, trim="-")


def machine() -> str:
    """Return processor, number of cores and versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    names = ("bayesmap", "jax", "pymc", "gammapy", "iminuit", "emcee", "ultranest")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return f"{platform.system()} {platform.machine()}, {cores} cores; Python {platform.python_version()}, {versions}"
