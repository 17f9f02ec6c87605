"""Predictive p-values of single bins on the sky, one picture for each group of energies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from bayesmap.checks.check_record import Place
from bayesmap.checks.grouping import pixel_size
from bayesmap.checks.predictive import PredictiveMaps
from bayesmap.plots.predictive import energy_groups
from bayesmap.plots.sky import show_image, sky_axes

COLORS = {"excess": "black", "deficit": "tab:green"}
RANGE = 5.0  # sigma


def plot_significance_maps(
    maps: PredictiveMaps, places: Mapping[str, Place] | None = None, *, figure: Figure | None = None
) -> Figure:
    """Show the bin of each pixel that lies farthest from its predictive distribution, in groups of energies.

    Parameters
    ----------
    maps : PredictiveMaps
        Of `MapFit.predictive` or `MapFit.check`.
    places : mapping of str to Place, optional
        Largest excess and deficit, which are circled.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure. Of k energies the farthest of k normal deviates is shown, so that values beyond 2 are no surprise.
    """
    geom, axis = maps.significance.geom.to_image(), maps.significance.geom.axis("energy")
    groups = energy_groups(axis.nbin)
    figure = Figure(figsize=(4.6 * len(groups), 5.0), layout="constrained") if figure is None else figure
    for index, (first, last) in enumerate(groups, start=1):
        part = maps.significance.data[first:last]
        size = np.where(np.isfinite(part), np.abs(part), -1.0)
        image = np.take_along_axis(part, size.argmax(axis=0)[None], axis=0)[0]
        axes = sky_axes(figure, geom, (1, len(groups), index))
        label = r"farthest bin of the pixel ($\sigma$)"
        show_image(axes, image, label, norm=Normalize(-RANGE, RANGE), cmap="RdBu_r")
        for word, place in (places or {}).items():
            x, y = (float(value) for value in geom.sky_to_pixel(place.lon, place.lat))
            radius = max(place.radius / pixel_size(geom), 1.0)
            axes.add_patch(
                Circle((x, y), radius, fill=False, color=COLORS[word], linewidth=1.3, label=f"largest {word}")
            )
        axes.set_title(f"{axis.edges[first]:.3g} to {axis.edges[last]:.3g} TeV")
        if index > 1:
            axes.coords[1].set_axislabel("")
            axes.coords[1].set_ticklabel_visible(False)
        elif places:
            axes.legend(loc="upper left", fontsize="x-small", framealpha=0.8)
    return figure
