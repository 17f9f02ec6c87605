"""Distances and areas on the unit sphere, accurate for small angles too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesmap.units import FloatArray

BLOCK = 1 << 18  # pixels worked on at once, which bounds the memory


def unit_vectors(lon: Any, lat: Any) -> FloatArray:
    """Return unit vectors, shape (..., 3), of positions in deg."""
    lon, lat = np.deg2rad(lon), np.deg2rad(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def separation(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> FloatArray:
    """Return great-circle distances in deg, from the chord: 2 arcsin(chord / 2), accurate for small angles.

    Parameters
    ----------
    lon1, lat1, lon2, lat2 : array_like
        In deg; they broadcast.

    Returns
    -------
    ndarray
    """
    chord = np.linalg.norm(unit_vectors(lon1, lat1) - unit_vectors(lon2, lat2), axis=-1)
    return np.rad2deg(2.0 * np.arcsin(np.minimum(0.5 * chord, 1.0)))


def triangle_area(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """Return signed areas (sr) of spherical triangles between unit vectors of shape (..., 3).

    tan(area / 2) = a . (b x c) / (1 + a.b + b.c + c.a), with the triple product taken from differences so that tiny
    triangles keep their digits (Van Oosterom and Strackee 1983, eq. 8).
    """
    triple = np.sum(a * np.cross(b - a, c - a), axis=-1)
    dots = np.sum(a * b, axis=-1) + np.sum(b * c, axis=-1) + np.sum(c * a, axis=-1)
    return 2.0 * np.arctan2(triple, 1.0 + dots)


def pixel_solid_angles(
    pixel_to_sky: Callable[[Any, Any], tuple[FloatArray, FloatArray]], n_lat: int, n_lon: int
) -> FloatArray:
    """Return the areas (sr) of the pixels' corner polygons, shape (n_lat, n_lon).

    Parameters
    ----------
    pixel_to_sky : callable
        (x, y) to (lon, lat) in deg.
    n_lat, n_lon : int
        Numbers of pixels.

    Returns
    -------
    ndarray
    """
    area = np.empty((n_lat, n_lon))
    rows = max(1, BLOCK // n_lon)
    for start in range(0, n_lat, rows):
        stop = min(start + rows, n_lat)
        y, x = np.meshgrid(np.arange(start, stop + 1) - 0.5, np.arange(n_lon + 1) - 0.5, indexing="ij")
        corner = unit_vectors(*pixel_to_sky(x, y))
        a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
        area[start:stop] = np.abs(triangle_area(a, b, c) + triangle_area(a, c, d))
    return area
