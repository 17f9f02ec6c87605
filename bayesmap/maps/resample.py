"""A map on the pixels of another: bilinear between pixel centres."""

from __future__ import annotations

import numpy as np
from astropy.coordinates import SkyCoord

from bayesmap.errors import GeometryError
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import FloatArray

FULL_TURN = 1e-3
"""Largest difference, in pixels, between the width of a map and 360 deg at which its sides are joined."""


def resample_sky(sky_map: WcsNDMap, image: WcsGeom) -> WcsNDMap:
    """Interpolate a map at the pixel centres of another geometry, plane by plane.

    Bilinear in the pixel coordinates of the given map, continued flat from the outermost centres to the edges of their
    pixels. A cylindrical map of the whole turn has no sides: its last column is next to its first.

    Parameters
    ----------
    sky_map : WcsNDMap
        What is known.
    image : WcsGeom
        Where it is wanted; its axes are not used.

    Returns
    -------
    WcsNDMap
        With the axes of the given map.

    Raises
    ------
    GeometryError
        BM-GE-009 if the given map does not cover the other.
    """
    own = sky_map.geom.to_image()
    lon, lat = image.pixel_centers()
    if image.frame != own.frame:
        there = SkyCoord(lon, lat, unit="deg", frame=image.frame).transform_to(own.frame)
        lon, lat = there.spherical.lon.deg, there.spherical.lat.deg
    x, y = own.sky_to_pixel(lon, lat)
    if _is_full_turn(own):
        x = x % own.n_lon
        inside = (y >= -0.5) & (y <= own.n_lat - 0.5)
    else:
        inside = (x >= -0.5) & (x <= own.n_lon - 0.5) & (y >= -0.5) & (y <= own.n_lat - 0.5)
    wanted = np.isfinite(lon)
    if not inside[wanted].all():
        raise GeometryError(
            "BM-GE-009",
            what=f"{np.count_nonzero(wanted & ~inside):,} of {wanted.sum():,} pixels lie outside the map "
            f"{sky_map.source} ({own})",
            rule="The map must cover the pixels it is wanted at",
            remedy="Make it for a larger part of the sky",
        )
    geom = image.with_axes(sky_map.geom.axes)
    return WcsNDMap(geom, _bilinear(sky_map.data, x, y, wraps=_is_full_turn(own)), sky_map.unit, sky_map.source)


def _is_full_turn(image: WcsGeom) -> bool:
    """Whether the columns of a cylindrical map go once around."""
    step = abs(float(image.wcs.pixel_scale_matrix[0, 0]))
    return image.projection in ("CAR", "CEA", "MER", "CYP") and abs(image.n_lon - 360.0 / step) < FULL_TURN


def _bilinear(data: FloatArray, x: FloatArray, y: FloatArray, *, wraps: bool) -> FloatArray:
    n_lat, n_lon = data.shape[-2:]
    off_sky = ~np.isfinite(x + y)
    x, y = np.where(off_sky, 0.0, x), np.clip(np.where(off_sky, 0.0, y), 0.0, n_lat - 1.0)
    x = x if wraps else np.clip(x, 0.0, n_lon - 1.0)
    row = np.minimum(np.floor(y).astype(int), max(n_lat - 2, 0))
    column = np.floor(x).astype(int) if wraps else np.minimum(np.floor(x).astype(int), max(n_lon - 2, 0))
    v, u = y - row, x - column
    rows = (row, np.minimum(row + 1, n_lat - 1))
    columns = (column % n_lon, (column + 1) % n_lon if wraps else np.minimum(column + 1, n_lon - 1))
    low = (1 - u) * data[..., rows[0], columns[0]] + u * data[..., rows[0], columns[1]]
    high = (1 - u) * data[..., rows[1], columns[0]] + u * data[..., rows[1], columns[1]]
    return np.where(off_sky, np.nan, (1 - v) * low + v * high)
