"""What every sky picture needs: axes with coordinates, colour bars, source markers."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from matplotlib import patheffects
from matplotlib.figure import FigureBase

from bayesmap.maps.geometry import WcsGeom
from bayesmap.models.sky import Models

AXIS_LABELS = {
    "galactic": ("Galactic longitude (deg)", "Galactic latitude (deg)"),
    "icrs": ("Right ascension (deg)", "Declination (deg)"),
    "fk5": ("Right ascension J2000 (deg)", "Declination J2000 (deg)"),
}


def sky_axes(figure: FigureBase, geom: WcsGeom, position: Any) -> Any:
    """Add axes with the sky coordinates of a geometry to a figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Figure to add to.
    geom : WcsGeom
        Geometry of the image that will be shown.
    position : tuple of int or SubplotSpec
        Rows, columns and index, or a cell of a grid, as for `matplotlib.figure.Figure.add_subplot`.

    Returns
    -------
    astropy.visualization.wcsaxes.WCSAxes
        Axes with labels and a faint grid.
    """
    where = position if isinstance(position, tuple) else (position,)
    axes = figure.add_subplot(*where, projection=geom.wcs)
    # Longitude stands on the first world axis of a celestial WCS.
    for coordinate, label in zip((axes.coords[0], axes.coords[1]), AXIS_LABELS[geom.frame], strict=True):
        coordinate.set_axislabel(label, minpad=0.6)
        coordinate.set_format_unit(u.deg, decimal=True, show_decimal_unit=False)
        coordinate.set_ticks(number=5)
        coordinate.set_ticklabel(exclude_overlapping=True)
    axes.coords.grid(color="0.5", alpha=0.25, linewidth=0.5)
    return axes


def show_image(axes: Any, image: np.ndarray, label: str, **options: Any) -> Any:
    """Show an image on sky axes with a colour bar below it.

    Parameters
    ----------
    axes : astropy.visualization.wcsaxes.WCSAxes
        Axes from `sky_axes`.
    image : numpy.ndarray, shape (n_lat, n_lon)
        Image; NaN pixels stay grey.
    label : str
        Label of the colour bar, with unit.
    **options
        Passed to `matplotlib.axes.Axes.imshow`.

    Returns
    -------
    matplotlib.image.AxesImage
        The image.
    """
    axes.set_facecolor("0.85")
    shown = axes.imshow(image, origin="lower", interpolation="nearest", **options)
    axes.figure.colorbar(shown, ax=axes, orientation="horizontal", label=label, pad=0.02, fraction=0.06, aspect=30)
    return shown


def source_positions(models: Models, frame: str) -> dict[str, tuple[float, float]]:
    """Positions of the sources that have one.

    Parameters
    ----------
    models : Models
        Models of a fit; templates and backgrounds have no position and are left out.
    frame : str
        Frame of the positions that are returned: ``"galactic"``, ``"icrs"`` or ``"fk5"``.

    Returns
    -------
    dict
        Source name -> (lon, lat) in degrees.
    """
    positions = {}
    for model in models.sky_models:
        shape: Any = model.spatial_model
        if shape.has_position:
            position = SkyCoord(*shape.position, unit="deg", frame=shape.frame).transform_to(frame)
            positions[model.name] = (float(position.spherical.lon.deg), float(position.spherical.lat.deg))
    return positions


def mark_sources(axes: Any, geom: WcsGeom, positions: dict[str, tuple[float, float]], *, color: str = "white") -> None:
    """Draw an open circle and the name at each position that lies on the map.

    Parameters
    ----------
    axes : astropy.visualization.wcsaxes.WCSAxes
        Axes from `sky_axes`.
    geom : WcsGeom
        Geometry of the image on these axes.
    positions : dict
        Name -> (lon, lat) in degrees, in the frame of `geom`.
    color : str
        ``"white"`` on dark images, ``"black"`` on light ones; outlined in the other one.
    """
    outline = [patheffects.withStroke(linewidth=2.0, foreground="black" if color == "white" else "white")]
    n_lat, n_lon = geom.shape[-2:]
    for name, (lon, lat) in positions.items():
        x, y = (float(value) for value in geom.sky_to_pixel(lon, lat))
        if not (-0.5 <= x <= n_lon - 0.5 and -0.5 <= y <= n_lat - 0.5):
            continue
        axes.plot(x, y, "o", markersize=9, markerfacecolor="none", markeredgecolor=color, path_effects=outline)
        right = x < 0.75 * n_lon  # names near the right edge stand to the left of their marker
        axes.annotate(
            name,
            (x, y),
            xytext=(7 if right else -7, 6),
            textcoords="offset points",
            ha="left" if right else "right",
            color=color,
            fontsize="small",
            path_effects=outline,
        )
