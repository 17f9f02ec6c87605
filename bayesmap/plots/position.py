"""Position of one source: draws, and regions around the best fit, as angles on the sky."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesmap.models.sky import Models
from bayesmap.models.spatial.offsets import offsets, rotate
from bayesmap.plots.regions import kind_of
from bayesmap.results.position import position_draws
from bayesmap.results.regions import Region, percent
from bayesmap.results.spectral_draws import sky_model

UNITS = ((1.0, "deg"), (60.0, "arcmin"), (3600.0, "arcsec"))
LARGEST = 300.0
"""Reach in arcsec, and in arcmin, up to which this unit is taken."""
MOST_POINTS = 2000
"""Draws that are shown, evenly spread over the chains."""
MARGIN = 1.15
LINES = {"ellipse": ("tab:orange", "--"), "contour": ("tab:blue", "-")}
SIDES = {"galactic": ("Galactic longitude", "Galactic latitude")}


def plot_position(
    tree: xr.DataTree,
    models: Models,
    source: str,
    *,
    regions: Iterable[Region] = (),
    truth: tuple[float, float] | None = None,
    figure: Figure | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Show the draws of a source's position with its regions, as offsets from the best fit, longitude to the left.

    Offsets are true angles on the sky: the one in longitude is along the parallel of the best fit, not a difference of
    longitudes.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior, as `MapFit.sample` returns it.
    models : Models
        Best fit: its position is the origin.
    source : str
        Name of a source with free position.
    regions : iterable of EllipseRegion and ContourRegion
        Position regions of this source; extensions, and those of other sources, are left out.
    truth : (lon, lat), optional
        Position that was simulated, in degrees of the model's frame.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.
    axes : matplotlib.axes.Axes, optional
        Axes to draw on, of `figure`; new ones by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-070 for a source without free position.
    """
    lon, lat = (item.ravel() for item in position_draws(tree, models, source))
    shape: Any = sky_model(models, source).spatial_model
    x, y = offsets(lon, lat, *shape.position)
    reach = MARGIN * float(np.quantile(np.hypot(x, y), 0.999))
    factor, unit = UNITS[0] if 60.0 * reach > LARGEST else UNITS[1] if 3600.0 * reach > LARGEST else UNITS[2]
    figure = Figure(figsize=(5.2, 6.2), layout="constrained") if figure is None else figure
    alone = axes is None
    axes = figure.subplots() if axes is None else axes
    step = max(1, len(x) // MOST_POINTS)
    axes.plot(factor * x[::step], factor * y[::step], ".", color="0.55", markersize=2.5, markeredgewidth=0,
              rasterized=True, label="draws")  # fmt: skip
    own = [item for item in regions if item.name == source and kind_of(item) != "extension"]
    for number, region in enumerate(own):
        _outline(axes, region, shape, factor, strong=number == 0)
    axes.plot(0.0, 0.0, "+", color="black", markersize=9, markeredgewidth=1.5, linestyle="none", label="best fit")
    if truth is not None:
        at = offsets(np.array([truth[0]]), np.array([truth[1]]), *shape.position)
        axes.plot(factor * at[0], factor * at[1], "x", color="tab:red", markersize=8, markeredgewidth=1.5,
                  linestyle="none", label="truth")  # fmt: skip
    _dress(axes, factor * reach, unit, shape)
    axes.set_title(f"{source}, {_where(shape)}", fontsize="medium")
    if alone:
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    else:
        axes.legend(frameon=False, fontsize="small")
    return figure


def _outline(axes: Axes, region: Region, shape: Any, factor: float, *, strong: bool) -> None:
    color, style = LINES[kind_of(region)]
    origin = region.meaning.removeprefix("position (").removesuffix(")")
    for k, (lon, lat) in enumerate(region.outlines):
        x, y = offsets(*rotate(lon, lat, region.frame, shape.frame), *shape.position)
        words = f"{origin}, {percent(region.mass)}" if k == 0 else "_nolegend_"
        axes.plot(factor * x, factor * y, color=color, linestyle=style, linewidth=2.0 if strong else 1.4, label=words)


def _where(shape: Any) -> str:
    lon, lat = shape.position
    return f"({lon % 360.0:.4f}, {lat:.4f}) deg {shape.frame}"


def _dress(axes: Axes, reach: float, unit: str, shape: Any) -> None:
    axes.set_xlim(reach, -reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    sides = SIDES.get(shape.frame, ("right ascension", "declination"))
    axes.set_xlabel(f"Offset in {sides[0]} ({unit})")
    axes.set_ylabel(f"Offset in {sides[1]} ({unit})")
    axes.grid(color="0.5", alpha=0.25, linewidth=0.5)
