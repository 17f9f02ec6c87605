"""Priors against posteriors, parameter by parameter."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesmap.checks.prior_report import PriorReport
from bayesmap.plots.labels import parameter_labels

COLUMNS, CELL = 3, (3.4, 2.4)  # inches
BINS = 40
WIDEST = 12.0
"""Range that is shown on either side of the posterior's mean at most, in posterior standard deviations."""


def plot_priors(tree: xr.DataTree, report: PriorReport, *, figure: Figure | None = None) -> Figure:
    """Show the density of the posterior of each parameter, and that of its prior over the same range.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior, as `MapFit.sample` returns it.
    report : PriorReport
        Of the same fit: its draws from the priors and its figures.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        One axes for each parameter; a prior without an integral is left out, and said.
    """
    labels = parameter_labels(tree)
    rows = max(1, math.ceil(len(labels) / COLUMNS))
    columns = min(COLUMNS, max(1, len(labels)))
    if figure is None:
        figure = Figure(figsize=(CELL[0] * columns, CELL[1] * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, label in zip(grid.flat, labels.values(), strict=False):
        draws = tree["posterior"][label.name].values.ravel() / label.factor
        prior = report.prior[label.name].values / label.factor
        _cell(axes, draws, prior)
        axes.set_xlabel(label.text(), fontsize=8)
        axes.set_title(_title(report.rows[label.name]["contraction"], report.rows[label.name]["diagnosis"]), fontsize=8)
    for axes in list(grid.flat)[len(labels) :]:
        axes.set_axis_off()
    grid[0, 0].legend(fontsize=7)
    return figure


def _cell(axes: Axes, draws: np.ndarray, prior: np.ndarray) -> None:
    low, high = _range(draws, prior)
    edges = np.linspace(low, high, BINS + 1)
    axes.hist(
        draws, bins=list(edges), density=True, histtype="stepfilled", color="tab:blue", alpha=0.4, label="posterior"
    )
    known = np.isfinite(prior)
    if np.all(known):
        share = np.histogram(prior, bins=edges)[0] / (prior.size * np.diff(edges))
        axes.stairs(share, edges, color="tab:orange", linewidth=1.2, label="prior")
    else:
        axes.plot([], [], color="tab:orange", label="prior without integral")
    axes.set_yticks([])
    axes.tick_params(labelsize=7)
    axes.set_xlim(low, high)


def _range(draws: np.ndarray, prior: np.ndarray) -> tuple[float, float]:
    """Return the range that holds the posterior, and the middle of the prior as far as it is not much wider."""
    low, high = np.quantile(draws, [0.001, 0.999])
    mean, spread = draws.mean(), draws.std()
    if np.all(np.isfinite(prior)):
        wide = np.quantile(prior, [0.05, 0.95])
        low = min(low, max(wide[0], mean - WIDEST * spread))
        high = max(high, min(wide[1], mean + WIDEST * spread))
    margin = 0.05 * (high - low) or abs(mean) or 1.0
    return float(low - margin), float(high + margin)


def _title(contraction: float, diagnosis: str) -> str:
    figure = f"contraction {contraction:.3f}" if math.isfinite(contraction) else "flat prior"
    return figure if diagnosis == "-" else f"{figure}, {diagnosis}"
