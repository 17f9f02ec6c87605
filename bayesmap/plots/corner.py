"""All pairs of parameters of a posterior: credible contours, marginal distributions, best fit and truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bayesmap.plots.labels import Label, parameter_labels
from bayesmap.results.contours import credible_contour
from bayesmap.results.intervals import mass_in_one_dimension, mass_in_two_dimensions
from bayesmap.results.posterior import free_names, limits_of

SIGMAS = (1.0, 2.0)
DRAW_COLOR, BEST_COLOR, TRUTH_COLOR = "tab:blue", "black", "tab:red"
SIDE, LEFT, RIGHT, BOTTOM, TOP = 1.15, 2.1, 0.3, 1.2, 0.7  # inches
MAX_POINTS = 1000
"""Draws shown as points in a panel, evenly spread."""
FEWEST_DRAWS = 50
"""With fewer draws the points stand for themselves: a contour needs a density."""


@dataclass(frozen=True)
class _Column:
    """Draws of one parameter in the numbers that are shown, with its marks (colour -> value) and limits."""

    label: Label
    draws: np.ndarray
    marks: Mapping[str, float]
    limits: tuple[float, float]


def plot_corner(
    tree: xr.DataTree,
    *,
    names: Sequence[str] | None = None,
    best: Mapping[str, float] | None = None,
    truth: Mapping[str, float] | None = None,
    figure: Figure | None = None,
) -> Figure:
    r"""Show every pair of parameters.

    Below the diagonal draws and the contours of highest density that hold :math:`1 - e^{-\sigma^2/2}` of them for one
    and two sigma (39.3 % and 86.5 %), on the diagonal the marginal distributions with the equal-tailed 68.3 % interval.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior, as `MapFit.sample` returns it.
    names : sequence of str, optional
        Parameters by qualified name; all free ones by default.
    best, truth : mapping of str to float, optional
        Values to mark, in the parameters' units.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure with a triangle of axes.
    """
    labels = parameter_labels(tree)
    chosen = free_names(tree) if names is None else tuple(names)
    marks = {color: values for color, values in ((BEST_COLOR, best), (TRUTH_COLOR, truth)) if values is not None}
    columns = [_column(tree, labels[name], marks) for name in chosen]
    n = len(columns)
    figure = _figure(n) if figure is None else figure
    grid = figure.subplots(n, n, squeeze=False, sharex="col", gridspec_kw={"wspace": 0.06, "hspace": 0.06})
    for row in range(n):
        for col in range(n):
            axes = grid[row, col]
            if col > row:
                axes.remove()
                continue
            if col == row:
                _marginal(axes, columns[row])
            else:
                _pair(axes, columns[col], columns[row])
            _dress(axes, columns, row, col)
    figure.align_labels()
    _legend(figure, marks)
    return figure


def _figure(n: int) -> Figure:
    """Return a figure for n parameters, with room for the labels at the left and the lower edge."""
    width, height = SIDE * n + LEFT + RIGHT, SIDE * n + BOTTOM + TOP
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(left=LEFT / width, right=1.0 - RIGHT / width, bottom=BOTTOM / height, top=1.0 - TOP / height)
    return figure


def _column(tree: xr.DataTree, label: Label, marks: Mapping[str, Mapping[str, float]]) -> _Column:
    found = tree["posterior"][label.name]
    draws = found.values.ravel() / label.factor
    low, high = (end / label.factor for end in limits_of(found))
    here = {color: values[label.name] / label.factor for color, values in marks.items() if label.name in values}
    return _Column(label, draws, here, (low, high))


def _marginal(axes: Axes, column: _Column) -> None:
    axes.hist(column.draws, bins=30, histtype="stepfilled", color=DRAW_COLOR, alpha=0.45)
    tail = 0.5 * (1.0 - mass_in_one_dimension(1.0))
    for end in np.quantile(column.draws, [tail, 1.0 - tail]):
        axes.axvline(end, color=DRAW_COLOR, linewidth=1.0, linestyle="--")
    for color, value in column.marks.items():
        axes.axvline(value, color=color, linewidth=1.2)


def _pair(axes: Axes, x: _Column, y: _Column) -> None:
    step = max(1, len(x.draws) // MAX_POINTS)
    axes.plot(x.draws[::step], y.draws[::step], ",", color=DRAW_COLOR, alpha=0.5, rasterized=True)
    if _has_density(x.draws, y.draws):
        for sigma in SIGMAS:
            mass = mass_in_two_dimensions(sigma)
            for piece in credible_contour(x.draws, y.draws, mass, 2, limits=(x.limits, y.limits)).pieces:
                axes.plot(*piece.T, color=DRAW_COLOR, linewidth=1.3 if sigma == SIGMAS[0] else 0.8)
    for color in x.marks.keys() & y.marks.keys():
        axes.plot(x.marks[color], y.marks[color], "+", color=color, markersize=7, markeredgewidth=1.4)


def _has_density(x: np.ndarray, y: np.ndarray) -> bool:
    """Return True where draws fill an area: enough of them, neither constant nor on one line."""
    if len(x) < FEWEST_DRAWS or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return False
    return bool(abs(np.corrcoef(x, y)[0, 1]) < 1.0 - 1e-10)


def _dress(axes: Axes, columns: Sequence[_Column], row: int, col: int) -> None:
    """Set ticks and labels: names stand at the left and the lower edge only."""
    axes.xaxis.set_major_locator(MaxNLocator(3, prune="both"))
    axes.yaxis.set_major_locator(MaxNLocator(3, prune="both"))
    axes.tick_params(labelsize=7)
    axes.tick_params(axis="x", rotation=45)
    axes.ticklabel_format(useOffset=False)
    if row == col:
        axes.set_yticks([])
        if row == 0:
            axes.set_ylabel(columns[0].label.text(lines=True), fontsize=8, rotation=0, ha="right", va="center")
    elif col > 0:
        axes.tick_params(labelleft=False)
    else:
        axes.set_ylabel(columns[row].label.text(lines=True), fontsize=8, rotation=0, ha="right", va="center")
    axes.tick_params(labelbottom=row == len(columns) - 1)
    if row == len(columns) - 1:
        axes.set_xlabel(columns[col].label.text(lines=True), fontsize=7)


def _legend(figure: Figure, marks: Mapping[str, Any]) -> None:
    percent = " and ".join(f"{100 * mass_in_two_dimensions(sigma):.0f}%" for sigma in SIGMAS)
    handles = [Line2D([], [], color=DRAW_COLOR, label=f"posterior: regions of {percent}, 68% interval (dashed)")]
    words = {BEST_COLOR: "best fit", TRUTH_COLOR: "truth"}
    handles += [Line2D([], [], color=color, marker="+", label=words[color]) for color in marks]
    figure.legend(handles=handles, loc="upper right", frameon=False)
