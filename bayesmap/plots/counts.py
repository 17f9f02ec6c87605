"""Counts, prediction and residual significance of a fit, side by side on the sky."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure

from bayesmap.checks.residuals import significance_image
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.sky import Models
from bayesmap.plots.sky import mark_sources, show_image, sky_axes, source_positions


def plot_counts(
    counts: WcsNDMap,
    npred: WcsNDMap,
    *,
    mask: np.ndarray | None = None,
    models: Models | None = None,
    radius: float = 2.0,
    figure: Figure | None = None,
) -> Figure:
    """Show counts, predicted counts and the significance of their difference, summed over energy.

    Parameters
    ----------
    counts : WcsNDMap
        Observed counts (energy, lat, lon).
    npred : WcsNDMap
        Predicted counts on the same geometry.
    mask : numpy.ndarray of bool, optional
        Bins of the fit; bins outside it are left out of all three pictures.
    models : Models, optional
        Sources to mark.
    radius : float
        Radius in pixels of the disk over which the significance is summed.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure with three sky axes.

    Raises
    ------
    BayesmapInputError
        BM-CK-001 if the shapes differ, BM-CK-003 if the radius cannot be used.
    """
    figure = Figure(figsize=(15, 4.9), layout="constrained") if figure is None else figure
    geom = counts.geom.to_image()
    significance = significance_image(counts.data, npred.data, mask=mask, radius=radius)
    outside = np.isnan(significance)
    images = [
        np.where(outside, np.nan, (cube if mask is None else np.where(mask, cube, 0.0)).sum(axis=0))
        for cube in (counts.data, npred.data)
    ]
    scale = PowerNorm(0.5, vmin=0.0, vmax=max(float(np.nanmax(image)) for image in images))
    positions = {} if models is None else source_positions(models, geom.frame)
    panels = (
        _Panel(f"Counts, {_energy_range(counts)}", images[0], "counts per pixel", scale),
        _Panel("Predicted counts", images[1], "predicted counts per pixel", scale),
        _Panel(
            f"Residual, disk of {radius:g} pixels",
            significance,
            r"significance ($\sigma$)",
            _symmetric(significance),
            cmap="RdBu_r",
            marker_color="black",
        ),
    )
    for index, panel in enumerate(panels, start=1):
        axes = sky_axes(figure, geom, (1, len(panels), index))
        show_image(axes, panel.image, panel.label, norm=panel.norm, cmap=panel.cmap)
        mark_sources(axes, geom, positions, color=panel.marker_color)
        axes.set_title(panel.title)
        if index > 1:
            axes.coords[1].set_axislabel("")
            axes.coords[1].set_ticklabel_visible(False)
    return figure


@dataclass(frozen=True)
class _Panel:
    title: str
    image: np.ndarray
    label: str
    norm: Normalize
    cmap: str = "inferno"
    marker_color: str = "white"


def _energy_range(counts: WcsNDMap) -> str:
    edges = counts.geom.axis("energy").edges
    return f"{edges[0]:.3g} to {edges[-1]:.3g} TeV"


def _symmetric(significance: np.ndarray) -> Normalize:
    """Colour scale centred on zero, wide enough for all finite values and at least +-5 sigma."""
    finite = significance[np.isfinite(significance)]
    reach = max(5.0, math.ceil(float(np.abs(finite).max()))) if finite.size else 5.0
    return Normalize(-reach, reach)
