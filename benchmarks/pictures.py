"""Plot the curves that the sections return."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure


def draw(folder: Path, results: dict[str, dict[str, Any]]) -> None:
    """Write one small picture for each plot that has curves.

    Parameters
    ----------
    folder : Path
        Where to write ``<plot>.png``.
    results : dict
        Section -> what it found, as plain data.
    """
    curves = [item for found in results.values() for item in found["curves"]]
    for name in sorted({item["plot"] for item in curves}):
        folder.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context({"font.size": 8.0}):
            figure = _figure([item for item in curves if item["plot"] == name])
            figure.savefig(folder / f"{name}.png", dpi=110)


def _figure(curves: list[dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(4.8, 3.2), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel=curves[0]["x_label"], ylabel=curves[0]["y_label"])
    for item in curves:
        axes.plot(item["x"], item["y"], marker="o", ls="--" if "Gammapy" in item["label"] else "-", label=item["label"])
    first = curves[0]
    x = [first["x"][0], max(max(item["x"]) for item in curves)]
    axes.plot(x, [first["y"][0] * value / x[0] for value in x], color="0.6", lw=0.8, label="linear")
    axes.legend(frameon=False)
    return figure
