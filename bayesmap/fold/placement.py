"""Where a source stands: its pixel position as a graph, and the windows around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.ops.window import CutWindow, PlaceWindow
from bayesmap.fold.pixelmap import PixelMap
from bayesmap.models.spatial.columns import cubic_bspline


@dataclass(frozen=True)
class Place:
    """Pixel position of a source: whole pixel (i_y, i_x), an integer tensor, and offset (d_y, d_x) in [0, 1)."""

    i_y: Any
    i_x: Any
    d_y: Any
    d_x: Any


def locate(pixel_map: PixelMap, vector: Any, shape: tuple[int, int], pad: int) -> Place:
    """Return the place of a unit vector on the map.

    Parameters
    ----------
    pixel_map : PixelMap
        Series around the source's start.
    vector : tensor, shape (3,)
        Unit vector in the map's frame.
    shape : (n_lat, n_lon)
        Pixels of the map.
    pad : int
        Pixels beyond the edge that a source may stand in. Further out the index is held, so that no memory outside the
        canvas is touched; the posterior has no support there (see `outside`).
    """
    x, y = pixel_map.pixel(pt, vector)
    whole_y, whole_x = pt.floor(y), pt.floor(x)
    i_y = pt.cast(pt.minimum(pt.maximum(whole_y, -pad), shape[0] - 1 + pad), "int64")
    i_x = pt.cast(pt.minimum(pt.maximum(whole_x, -pad), shape[1] - 1 + pad), "int64")
    return Place(i_y, i_x, y - whole_y, x - whole_x)


def outside(pixel_map: PixelMap, vector: Any, shape: tuple[int, int], pad: int) -> Any:
    """Return a boolean tensor: True where the posterior has no support because the source left the padded map."""
    xi, eta = pixel_map.offsets(vector)
    x, y = pixel_map.pixel(pt, vector)
    off_series = pt.or_(pt.abs(xi) > pixel_map.radius, pt.abs(eta) > pixel_map.radius)
    off_x = pt.or_(x < -pad, x > shape[1] - 1 + pad)
    off_y = pt.or_(y < -pad, y > shape[0] - 1 + pad)
    return pt.or_(off_series, pt.or_(off_x, off_y))


def spline_weights(fraction: Any, n: int = 4) -> Any:
    """Return cubic B-spline weights of `n` neighbours; the second one lies `fraction` before the point."""
    return cubic_bspline(pt, fraction - (np.arange(n) - 1.0))


def sample(coefficients: Any, place: Place, margin: int) -> Any:
    """Return a spline image at the place, shape (n_planes,); `margin` pixels of the image lie before the map."""
    window = CutWindow(4, 4)(coefficients, place.i_y + margin - 1, place.i_x + margin - 1)
    weights = spline_weights(place.d_y)[:, None] * spline_weights(place.d_x)[None, :]
    return pt.sum(window * weights, axis=(-2, -1))


def put(window: Any, place: Place, before: tuple[Any, Any], shape: tuple[int, int], margin: int) -> Any:
    """Return map planes with the window whose pixel `before` is the source's whole pixel.

    Parameters
    ----------
    window : tensor, shape (n_planes, n_y, n_x)
        Values.
    place : Place
        Where.
    before : (int, int) or tensors
        Pixels of the window before the source's along y and x.
    shape : (n_lat, n_lon)
        Pixels of the map.
    margin : int
        Pixels of the canvas around the map, enough for a source at its padded edge.
    """
    canvas = PlaceWindow(shape[0] + 2 * margin, shape[1] + 2 * margin)
    planes = canvas(window, place.i_y - before[0] + margin, place.i_x - before[1] + margin)
    return planes[:, margin : margin + shape[0], margin : margin + shape[1]]
