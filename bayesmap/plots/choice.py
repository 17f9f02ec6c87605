"""What a test statistic and a difference of elpd are worth: their simulated distributions beside those of the data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesmap.results.choice import STATISTICS, ChoiceCalibration

COLOURS = {"simple": "tab:blue", "complex": "tab:orange"}
LABELS = {"ts": r"TS $= 2\,\Delta\ln L$", "delta": "elpd of the complex model minus the simple one"}


def plot_choice(*calibrations: ChoiceCalibration, figure: Figure | None = None) -> Figure:
    """Show simulated statistics of two models, under one of them or under each, and those of the data as lines.

    Parameters
    ----------
    *calibrations : ChoiceCalibration
        Of `bayesmap.calibrate_comparison`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        Left the test statistic, right the difference of elpd.
    """
    figure = Figure(figsize=(10.5, 4.4), layout="constrained") if figure is None else figure
    for axes, statistic in zip(figure.subplots(1, 2), STATISTICS, strict=True):
        _draw(axes, calibrations, statistic)
    return figure


def _draw(axes: Axes, calibrations: Sequence[ChoiceCalibration], statistic: str) -> None:
    values = [getattr(item, statistic) for item in calibrations]
    observed = calibrations[0].observed[statistic]
    every = np.concatenate([*values, [observed]])
    number = max(10, math.ceil(2.0 * math.sqrt(max(map(len, values)))))
    edges = np.linspace(every.min(), every.max() + 1e-9, number)
    for item, found in zip(calibrations, values, strict=True):
        height, _ = np.histogram(found, edges)
        label = f"{len(found)} data sets under the {item.under} model"
        axes.stairs(height, edges, fill=True, alpha=0.35, color=COLOURS[item.under], label=label)
    p, error = calibrations[0].p_value(statistic)
    word = "p" if calibrations[0].under == "simple" else "as large or larger"
    axes.axvline(observed, color="black", linewidth=1.4,
                 label=f"observed: {word} {p:.3f} \N{PLUS-MINUS SIGN} {error:.3f}")  # fmt: skip
    axes.set(xlabel=LABELS[statistic], ylabel="Simulated data sets")
    axes.grid(color="0.5", alpha=0.25, linewidth=0.5)
    axes.legend(frameon=False, fontsize="small")
