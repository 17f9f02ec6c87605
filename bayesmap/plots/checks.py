"""Pictures of a predictive check: p-values at a glance, bands of spectrum and radial profiles, largest excess."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesmap.checks.check_record import Band, DatasetCheck, Discrepancy
from bayesmap.checks.discrepancies import RADIAL
from bayesmap.plots.pit import plot_pit
from bayesmap.plots.significance_maps import plot_significance_maps

WORDS = {
    "deviance": "deviance",
    "total": "total counts",
    "spectrum": "spectrum",
    "tiles": "coarse tiles",
    "smoothed": "smoothed map",
    "maximum_excess": "maximum excess",
    "maximum_deficit": "maximum deficit",
    "largest_excess": "largest bin",
}
MOST_PROFILES = 4
"""Columns of radial profiles."""


def check_pictures(check: DatasetCheck) -> dict[str, Figure]:
    """Return every picture of the check of a dataset: name -> figure.

    Parameters
    ----------
    check : DatasetCheck
        Of `MapFit.check`.

    Returns
    -------
    dict of str to Figure
        ``overview``, ``spectrum``, ``pit``; ``maximum`` and of maps ``significance`` and ``radial``, where there are
        positions.
    """
    figures = {
        "overview": plot_overview(check),
        "spectrum": plot_spectrum_band(check),
        "maximum": plot_maximum(check),
        "pit": plot_pit(check.pit),
    }
    if check.profiles:
        figures["radial"] = plot_radial(check)
    if check.maps is not None:
        figures["significance"] = plot_significance_maps(check.maps, check.places)
    return figures


def plot_overview(check: DatasetCheck, *, figure: Figure | None = None) -> Figure:
    """Show the p-value of every discrepancy, with its Monte Carlo error, and that at one draw.

    Parameters
    ----------
    check : DatasetCheck
        Of `MapFit.check`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    items = list(check.discrepancies.values())
    figure = Figure(figsize=(7.5, 1.3 + 0.36 * (len(items) + 1)), layout="constrained") if figure is None else figure
    axes, at = figure.subplots(), np.arange(len(items) + 1)
    for low, high, shade in ((0.0, 0.01, 0.35), (0.01, 0.05, 0.15)):
        axes.axvspan(low, high, color="tab:red", alpha=shade, linewidth=0)
    values, errors = [item.p_value for item in items], [item.error for item in items]
    axes.errorbar(values, at[:-1], xerr=errors, fmt="o", color="black", ms=5, label="all draws (conservative)")
    sampled = [*(item.sampled_p_value for item in items), check.pit.p_value]
    axes.plot(sampled, at, "D", color="tab:orange", ms=5, markerfacecolor="none", label="one draw (uniform if true)")
    names = [*(_word(item.name) for item in items), "transforms (PIT)"]
    axes.set_yticks(at, names)
    axes.set(xlim=(-0.02, 1.02), ylim=(len(items) + 0.6, -0.6), xlabel="p-value: share of replicated data farther off")
    axes.grid(color="0.5", alpha=0.25, linewidth=0.5)
    axes.legend(frameon=False, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def plot_spectrum_band(check: DatasetCheck, *, figure: Figure | None = None) -> Figure:
    """Show observed counts per energy with the range of replicated data; figure as of `plot_overview`."""
    figure = Figure(figsize=(9.5, 4.0), layout="constrained") if figure is None else figure
    axes = figure.subplots(1, 2)
    draw_band(axes[0], check.spectrum, relative=False)
    draw_band(axes[1], check.spectrum, relative=True)
    for pane in axes:
        pane.set(xscale="log", xlabel="Reconstructed energy (TeV)")
        pane.xaxis.set_major_formatter("{x:g}")
    logarithmic(axes[0], check.spectrum)
    axes[0].set_ylabel("Counts per energy bin")
    axes[0].legend(frameon=False, fontsize="small")
    axes[1].set_ylabel("Counts / median of replicated data")
    if "spectrum" in check.discrepancies:
        axes[1].set_title(_title("spectrum", check.discrepancies), fontsize="medium")
    return figure


def plot_radial(check: DatasetCheck, *, figure: Figure | None = None) -> Figure:
    """Show observed counts in rings around each position with the range of replicated data; as `plot_overview`."""
    names = list(check.profiles)
    columns = min(len(names), MOST_PROFILES)
    rows = -(-len(names) // columns)
    size = (max(4.6, 3.8 * columns), 3.6 * rows)
    figure = Figure(figsize=size, layout="constrained") if figure is None else figure
    panes = figure.subplots(rows, columns, squeeze=False)
    for pane, name in zip(panes.flat, names, strict=False):
        band = check.profiles[name]
        draw_band(pane, band, relative=False)
        pane.set(xlabel=f"Distance from {name} (deg)", ylabel="Counts per ring", xlim=(0.0, band.edges[-1]))
        pane.set_ylim(bottom=0.0)
        pane.set_title(_title(f"{RADIAL}{name}", check.discrepancies), fontsize="medium")
    for pane in panes.flat[len(names) :]:
        pane.set_visible(False)
    panes.flat[0].legend(frameon=False, fontsize="small")
    return figure


def plot_maximum(check: DatasetCheck, *, figure: Figure | None = None) -> Figure:
    """Show the largest excess and deficit of replicated data, and where the observed ones lie; as `plot_overview`."""
    figure = Figure(figsize=(9.5, 3.8), layout="constrained") if figure is None else figure
    for pane, word in zip(figure.subplots(1, 2), ("excess", "deficit"), strict=True):
        item = check.discrepancies[f"maximum_{word}"]
        finite = np.concatenate([item.replicated, item.observed])
        finite = finite[np.isfinite(finite)]
        bins = np.histogram_bin_edges(finite, bins=40)
        pane.hist(item.replicated, bins, color="tab:blue", alpha=0.4, label="replicated data")
        pane.hist(item.observed, bins, histtype="step", color="black", linewidth=1.4, label="observed, at each draw")
        pane.axvline(float(np.median(item.observed)), color="black", linestyle="--", linewidth=1.0)
        pane.set(xlabel=rf"Largest {word} anywhere ($\sigma$)", ylabel="Draws")
        pane.set_title(_title(item.name, check.discrepancies), fontsize="medium")
        pane.grid(color="0.5", alpha=0.25, linewidth=0.5)
        pane.legend(frameon=False, fontsize="small")
    return figure


def draw_band(axes: Axes, band: Band, *, relative: bool) -> None:
    """Draw observed counts with the 68 % and 95 % ranges of replicated ones.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where.
    band : Band
        What.
    relative : bool
        True to divide by the median.
    """
    median = band.quantiles[2]
    scale = np.where(median > 0.0, median, np.nan) if relative else np.ones_like(median)
    center = (
        0.5 * (band.edges[:-1] + band.edges[1:]) if band.unit == "deg" else np.sqrt(band.edges[:-1] * band.edges[1:])
    )
    for low, high, shade, label in ((0, 4, 0.18, "95 % of replicated data"), (1, 3, 0.35, "68 %")):
        ends = band.quantiles[low] / scale, band.quantiles[high] / scale
        axes.stairs(ends[1], band.edges, baseline=ends[0], fill=True, color="tab:blue", alpha=shade, label=label)
    axes.stairs(median / scale, band.edges, baseline=None, color="tab:blue", linewidth=1.2)
    axes.plot(center, band.counts / scale, "o", color="black", ms=4, label="observed")
    axes.grid(color="0.5", alpha=0.25, linewidth=0.5)


def logarithmic(axes: Axes, band: Band) -> None:
    """Make the counts' axis logarithmic where there is anything above zero."""
    shown = np.concatenate([band.counts, band.quantiles[0]])
    if np.any(shown > 0.0):
        axes.set(yscale="log", ylim=(0.6 * float(shown[shown > 0.0].min()), None))


def _title(name: str, discrepancies: Mapping[str, Discrepancy]) -> str:
    item = discrepancies[name]
    return rf"{_word(name)}: p = {item.p_value:.3f} $\pm$ {item.error:.3f}"


def _word(name: str) -> str:
    return f"rings around {name.removeprefix(RADIAL)}" if name.startswith(RADIAL) else WORDS[name]
