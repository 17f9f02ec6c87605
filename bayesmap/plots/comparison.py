"""Models beside each other: differences of predictive density with errors, stacking weights, evidence."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesmap.results.comparison import ALIKE, Comparison
from bayesmap.results.loo import PLURALS

ROW = 0.42
"""Inches of a model."""


def plot_comparison(comparison: Comparison, *, figure: Figure | None = None) -> Figure:
    """Show how much worse than the best each model predicts, its stacking weight, and its evidence where there is one.

    Parameters
    ----------
    comparison : Comparison
        Of `bayesmap.compare`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The best model stands on top. Left: elpd minus that of the best, with the standard error of the difference, and
        the range within which models predict alike. Middle: stacking weights. Right: ln Z minus that of the model with
        the largest, with its error from the draws.
    """
    rows = comparison.rows
    known = any(math.isfinite(row.log_z) for row in rows)
    size = (11.0 if known else 8.0, 2.0 + ROW * len(rows))
    figure = Figure(figsize=size, layout="constrained") if figure is None else figure
    panes = figure.subplots(1, 3 if known else 2, sharey=True, width_ratios=[2.2, 1.0, 1.6][: 3 if known else 2])
    places = np.arange(len(rows))
    _draw_differences(panes[0], comparison, places)
    panes[1].barh(places, [row.weight for row in rows], height=0.55, color="tab:blue", alpha=0.6)
    panes[1].set(xlim=(0.0, 1.0), xlabel="Stacking weight")
    if known:
        _draw_evidence(panes[2], comparison, places)
    for pane in panes:
        pane.grid(color="0.5", alpha=0.25, linewidth=0.5, axis="x")
    panes[0].set(yticks=places, yticklabels=[row.name for row in rows], ylim=(len(rows) - 0.4, -0.6))
    verdict = "" if comparison.success else ", NOT TRUSTWORTHY"
    figure.suptitle(f"{comparison.groups} {PLURALS[comparison.by]} left out one by one{verdict}", fontsize="medium")
    return figure


def _draw_differences(axes: Axes, comparison: Comparison, places: np.ndarray) -> None:
    rows = comparison.rows
    axes.axvspan(-ALIKE, ALIKE, color="0.5", alpha=0.15, linewidth=0.0, label="models predict alike")
    axes.axvline(0.0, color="0.4", linewidth=0.8)
    for place, row in zip(places, rows, strict=True):
        error = row.delta_error if math.isfinite(row.delta_error) else 0.0
        trusted = row.bad == 0
        axes.errorbar(row.delta, place, xerr=error, fmt="o", color="tab:blue", markersize=6, capsize=3,
                      markerfacecolor="tab:blue" if trusted else "white")  # fmt: skip
    if any(row.bad for row in rows):
        axes.plot([], [], "o", color="tab:blue", markerfacecolor="white", label="some Pareto k too large")
    axes.set_xlabel("elpd minus that of the best model")
    axes.legend(frameon=False, loc="lower left", fontsize="small")


def _draw_evidence(axes: Axes, comparison: Comparison, places: np.ndarray) -> None:
    values = np.array([row.log_z for row in comparison.rows])
    errors = np.array([row.log_z_error for row in comparison.rows])
    axes.errorbar(values - np.nanmax(values), places, xerr=errors, fmt="s", color="tab:orange",
                  markersize=6, capsize=3)  # fmt: skip
    axes.set_xlabel("ln Z minus the largest")
