"""Regions on the sky: position ellipses, contours and extensions over an image."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.spatial.offsets import rotate
from bayesmap.plots.sky import show_image, sky_axes
from bayesmap.results.regions import EllipseRegion, Region, mean_direction

POSITION_COLOR, CONTOUR_COLOR, EXTENSION_COLOR = "#56b4e9", "#f0e442", "#e69f00"
"""Sky blue, yellow, orange of Okabe and Ito's palette: different for every eye, with a dark outline on every image."""
KINDS = {"ellipse": ("error ellipse", POSITION_COLOR, "-"), "contour": ("credible region", CONTOUR_COLOR, "-"),
         "extension": ("extension", EXTENSION_COLOR, "--")}  # fmt: skip


def plot_regions(
    image: WcsNDMap,
    regions: Iterable[Region],
    *,
    label: str = "counts per pixel",
    width: float | None = None,
    figure: Figure | None = None,
    **options: Any,
) -> Figure:
    """Show regions over an image of the sky.

    Error ellipses are blue, credible contours yellow, extensions orange and dashed; a cross marks the centre of each
    source. Regions much smaller than the picture are better seen with `bayesmap.plots.position.plot_position`.

    Parameters
    ----------
    image : WcsNDMap
        Image, or a cube that is summed over its other axes; in any frame.
    regions : iterable of EllipseRegion and ContourRegion
        What `position_ellipse`, `position_contour` and `extension_region` return.
    label : str
        Label of the colour bar.
    width : float, optional
        Side of the square around the regions that is shown, in degrees; the whole image by default.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.
    **options
        Passed to `matplotlib.axes.Axes.imshow`, such as ``cmap`` and ``norm``.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    shown = tuple(regions)
    geom = image.geom.to_image()
    if figure is None:
        sides = (1, 1) if width is not None else geom.shape
        figure = Figure(figsize=(6.4, 1.4 + min(9.0, 5.4 * sides[0] / sides[1])), layout="constrained")
    axes = sky_axes(figure, geom, (1, 1, 1))
    data = image.data.reshape(-1, *geom.shape).sum(axis=0)
    show_image(axes, data, label, **({"cmap": "Greys_r"} | options))
    draw_regions(axes, geom, shown)
    if width is not None and shown:
        _zoom(axes, geom, shown, width)
    return figure


def draw_regions(axes: Any, geom: WcsGeom, regions: Iterable[Region], *, legend: bool = True) -> None:
    """Draw regions on sky axes; see `plot_regions`.

    Parameters
    ----------
    axes : astropy.visualization.wcsaxes.WCSAxes
        Axes from `bayesmap.plots.sky.sky_axes`.
    geom : WcsGeom
        Geometry of the image on these axes.
    regions : iterable of EllipseRegion and ContourRegion
        What to draw.
    legend : bool
        Whether to explain colours and lines.
    """
    outline = [patheffects.withStroke(linewidth=3.2, foreground="black")]
    named: set[str] = set()
    used: dict[str, str] = {}
    for region in sorted(regions, key=lambda item: -item.area):
        kind = kind_of(region)
        words, color, style = KINDS[kind]
        used[kind] = words
        for lon, lat in region.outlines:
            x, y = geom.sky_to_pixel(*rotate(lon, lat, region.frame, geom.frame))
            axes.plot(x, y, color=color, linestyle=style, linewidth=1.6, path_effects=outline)
        if region.name not in named:
            _name(axes, geom, region)
            named.add(region.name)
    if legend and used:
        handles = [Line2D([], [], color=KINDS[kind][1], linestyle=KINDS[kind][2], linewidth=1.6, label=words,
                          path_effects=outline) for kind, words in used.items()]  # fmt: skip
        axes.legend(handles=handles, loc="upper right", fontsize="small", framealpha=0.85)


def kind_of(region: Region) -> str:
    """Return ``"ellipse"``, ``"contour"`` or ``"extension"``."""
    if not isinstance(region, EllipseRegion):
        return "contour"
    return "extension" if math.isnan(region.mass) else "ellipse"


def _name(axes: Any, geom: WcsGeom, region: Region) -> None:
    """Mark the centre of a region that lies on the image, and write the name of its source above it."""
    centre = rotate(np.array([region.lon]), np.array([region.lat]), region.frame, geom.frame)
    x, y = (float(value[0]) for value in geom.sky_to_pixel(*centre))
    n_lat, n_lon = geom.shape
    if not (-0.5 <= x <= n_lon - 0.5 and -0.5 <= y <= n_lat - 0.5):
        return
    thin = [patheffects.withStroke(linewidth=2.2, foreground="black")]
    axes.plot(x, y, "+", color="white", markersize=7, path_effects=thin)
    tops = [geom.sky_to_pixel(*rotate(*outline, region.frame, geom.frame))[1] for outline in region.outlines]
    axes.annotate(region.name, (x, float(np.concatenate(tops).max())), xytext=(0, 7), textcoords="offset points",
                  ha="center", va="bottom", fontsize="small", annotation_clip=True,
                  bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.75, "linewidth": 0})  # fmt: skip


def _zoom(axes: Any, geom: WcsGeom, regions: tuple[Region, ...], width: float) -> None:
    """Show a square around the regions."""
    lon, lat = (np.concatenate(items) for items in zip(*(
        rotate(*outline, region.frame, geom.frame) for region in regions for outline in region.outlines
    ), strict=True))  # fmt: skip
    x, y = (float(value) for value in geom.sky_to_pixel(*mean_direction(lon, lat)))
    step = 0.5 * width / math.sqrt(float(np.abs(np.linalg.det(geom.wcs.pixel_scale_matrix))))
    axes.set_xlim(x - step, x + step)
    axes.set_ylim(y - step, y + step)
