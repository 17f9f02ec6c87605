"""Draws of every chain, parameter by parameter."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bayesmap.plots.labels import parameter_labels

CHAIN_COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan", "tab:pink", "tab:olive")
BINS = 30
ROW, TOP, BOTTOM, WIDTH = 0.95, 0.5, 0.6, 11.0  # inches


def plot_trace(tree: xr.DataTree, *, figure: Figure | None = None) -> Figure:
    """Show the distribution of the draws of each chain, and the draws in their order beside it.

    Chains that explore one distribution look alike: the same outline on the left, bands without a trend on the right.
    Draws after which the sampler diverged are marked at the lower edge.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior, as `MapFit.sample` returns it.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure with two axes for each parameter.
    """
    labels = parameter_labels(tree)
    n = len(labels)
    if figure is None:
        height = TOP + BOTTOM + ROW * n
        figure = Figure(figsize=(WIDTH, height))
        figure.subplots_adjust(left=0.16, right=0.94, top=1.0 - TOP / height, bottom=BOTTOM / height)
    grid = figure.subplots(n, 2, squeeze=False, gridspec_kw={"width_ratios": (1, 2.5), "wspace": 0.04, "hspace": 0.5})
    diverging = tree["sample_stats"]["diverging"].values
    for (left, right), label in zip(grid, labels.values(), strict=True):
        draws = tree["posterior"][label.name].transpose("chain", "draw").values / label.factor
        _row(left, right, draws, diverging)
        left.set_ylabel(label.text(lines=True), rotation=0, ha="right", va="center", fontsize=8)
    for axes in grid[:-1, 1]:
        axes.tick_params(labelbottom=False)
    figure.align_ylabels(grid[:, 0])
    grid[0, 0].set_title("distribution, each chain", fontsize=9)
    grid[0, 1].set_title(f"draws of {diverging.shape[0]} chains, {int(diverging.sum())} divergences", fontsize=9)
    grid[-1, 1].set_xlabel("draw")
    return figure


def _row(left: Axes, right: Axes, draws: np.ndarray, diverging: np.ndarray) -> None:
    edges = np.histogram_bin_edges(draws, bins=BINS)
    for values, where, color in zip(draws, diverging, cycle(CHAIN_COLORS), strict=False):
        left.hist(values, bins=list(edges), histtype="step", color=color, linewidth=1.0)
        right.plot(values, color=color, linewidth=0.4, alpha=0.8)
        at = np.flatnonzero(where)
        right.plot(at, np.zeros(at.size), "|", color="black", transform=right.get_xaxis_transform(), clip_on=False)
    left.set_yticks([])
    left.xaxis.set_major_locator(MaxNLocator(5))
    right.margins(x=0)
    for axes in (left, right):
        axes.tick_params(labelsize=7)
        axes.ticklabel_format(axis="both", useOffset=False)
        axes.xaxis.set_tick_params(pad=1)
    right.yaxis.tick_right()
