"""Posterior predictive check: residual maps in groups of energies, and the counts spectrum with replicated data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from bayesmap.checks.predictive import PredictiveMaps
from bayesmap.checks.residuals import significance_image
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.sky import Models
from bayesmap.plots.sky import mark_sources, show_image, sky_axes, source_positions

GROUPS = 3
RANGE = 5.0  # sigma
WORDS = {"deviance": "deviance", "total": "total counts", "largest_excess": "largest excess"}


def plot_predictive(
    counts: WcsNDMap,
    predictive: PredictiveMaps,
    *,
    mask: np.ndarray | None = None,
    models: Models | None = None,
    radius: float = 2.0,
    figure: Figure | None = None,
) -> Figure:
    """Show how observed counts compare with those that the posterior predicts.

    Above the significance of counts minus the posterior mean prediction, smoothed, in groups of energy bins; below the
    counts per energy bin with the range of replicated data sets, and the p-values of the whole map.

    Parameters
    ----------
    counts : WcsNDMap
        Observed counts (energy, lat, lon).
    predictive : PredictiveMaps
        Of `MapFit.predictive`.
    mask : numpy.ndarray of bool, optional
        Bins of the fit; the others are left out.
    models : Models, optional
        Sources to mark.
    radius : float
        Radius in pixels of the disk over which the significance is summed.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    BayesmapInputError
        BM-CK-001 if the shapes differ, BM-CK-003 if the radius cannot be used.
    """
    groups = energy_groups(len(counts.geom.axis("energy").center))
    figure = Figure(figsize=(4.9 * len(groups), 8.2), layout="constrained") if figure is None else figure
    grid = figure.add_gridspec(2, 1, height_ratios=(1.25, 1))
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    selected = np.ones(counts.data.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    geom, edges = counts.geom.to_image(), counts.geom.axis("energy").edges
    positions = {} if models is None else source_positions(models, geom.frame)
    for index, (first, last) in enumerate(groups, start=1):
        part = selected.copy()
        part[:first], part[last:] = False, False
        image = significance_image(counts.data, predictive.npred_mean.data, mask=part, radius=radius)
        axes = sky_axes(above, geom, (1, len(groups), index))
        show_image(axes, image, r"residual significance ($\sigma$)", norm=Normalize(-RANGE, RANGE), cmap="RdBu_r")
        mark_sources(axes, geom, positions, color="black")
        axes.set_title(f"{edges[first]:.3g} to {edges[last]:.3g} TeV")
        if index > 1:
            axes.coords[1].set_axislabel("")
            axes.coords[1].set_ticklabel_visible(False)
    _draw_spectrum(below.subplots(1, 2), edges, predictive)
    above.suptitle(f"Counts against the mean of {predictive.draws} posterior draws, disk of {radius:g} pixels")
    return figure


def energy_groups(n: int, groups: int = GROUPS) -> list[tuple[int, int]]:
    """Return first and one-past-last bin of groups of about equal size.

    Examples
    --------
    >>> energy_groups(8)
    [(0, 3), (3, 6), (6, 8)]
    """
    parts = np.array_split(np.arange(n), min(n, groups))
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def _draw_spectrum(axes: Sequence[Axes], edges: np.ndarray, predictive: PredictiveMaps) -> None:
    """Show counts with the replicated band, and both relative to the replicated median."""
    spectrum = predictive.spectrum
    center = np.sqrt(edges[:-1] * edges[1:])
    median = spectrum["median"]
    scale = np.where(median > 0.0, median, np.nan)
    for pane, divisor in zip(axes, (np.ones_like(median), scale), strict=True):
        low, high = spectrum["lower"] / divisor, spectrum["upper"] / divisor
        pane.stairs(high, edges, baseline=low, fill=True, color="tab:blue", alpha=0.35, label="68% of replicated data")
        pane.stairs(median / divisor, edges, color="tab:blue", linewidth=1.4, label="their median", baseline=None)
        pane.plot(center, spectrum["counts"] / divisor, "o", color="black", ms=4, label="observed")
        pane.set(xscale="log", xlabel="Reconstructed energy (TeV)")
        pane.xaxis.set_major_formatter("{x:g}")
        pane.grid(color="0.5", alpha=0.25, linewidth=0.5)
    axes[0].set_ylabel("Counts per energy bin")
    filled = np.concatenate([spectrum["lower"], spectrum["counts"]])
    if np.any(filled > 0.0):
        axes[0].set(yscale="log", ylim=(0.7 * float(filled[filled > 0.0].min()), None))
    axes[1].set_ylabel("Counts / median of replicated data")
    axes[0].legend(frameon=False)
    values = ", ".join(f"{WORDS[name]} {value:.2f}" for name, value in predictive.p_values.items())
    axes[1].set_title(f"p-values of the whole map: {values}", fontsize=9)
