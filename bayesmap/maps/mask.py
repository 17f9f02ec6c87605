"""Masks: boolean maps, True where a bin is used."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmap.errors import GeometryError
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap, bins_inside
from bayesmap.maps.sphere import separation
from bayesmap.units import BoolArray, to_float64


def circle_mask(geom: WcsGeom, lon: Any, lat: Any, radius: Any) -> WcsNDMap:
    """Select pixels whose centre lies within a great-circle distance.

    Parameters
    ----------
    geom : WcsGeom
        Geometry of the mask.
    lon, lat : Quantity or float
        Centre, numbers in deg, in the frame of `geom`.
    radius : Quantity or float
        Numbers in deg; the rim is inside.

    Returns
    -------
    WcsNDMap
        Boolean.
    """
    lon0 = float(to_float64(lon, "deg", "lon"))
    lat0 = float(to_float64(lat, "deg", "lat"))
    reach = float(to_float64(radius, "deg", "radius"))
    return _spread(geom, separation(*geom.pixel_centers(), lon0, lat0) <= reach)


def energy_mask(geom: WcsGeom, energy_min: Any = None, energy_max: Any = None) -> WcsNDMap:
    """Select energy bins that lie wholly inside a range.

    Parameters
    ----------
    geom : WcsGeom
        Geometry of the mask, with one axis.
    energy_min, energy_max : Quantity, str, float or None
        Numbers in TeV; None leaves an end open.

    Returns
    -------
    WcsNDMap
        Boolean.
    """
    axis = geom.axes[0] if geom.axes else geom.axis("energy")
    keep = bins_inside(axis, energy_min, energy_max).reshape(-1, *[1] * (len(geom.shape) - 1))
    return WcsNDMap(geom, np.broadcast_to(keep, geom.shape))


def region_mask(geom: WcsGeom, *regions: Any, inside: bool = True) -> WcsNDMap:
    """Select pixels whose centre lies inside one of some regions.

    Parameters
    ----------
    geom : WcsGeom
        Geometry of the mask.
    *regions : objects of the ``regions`` package
        Sky or pixel regions.
    inside : bool
        False selects the pixels outside all of them instead.

    Returns
    -------
    WcsNDMap
        Boolean.
    """
    image = np.zeros((geom.n_lat, geom.n_lon), dtype=bool)
    for region in regions:
        pixel_region = region.to_pixel(geom.wcs) if hasattr(region, "to_pixel") else region
        overlap = pixel_region.to_mask(mode="center").to_image(image.shape)
        if overlap is not None:  # None: no pixel of the map is near the region
            image |= overlap.astype(bool)
    return _spread(geom, image if inside else ~image)


def combine(*masks: WcsNDMap) -> WcsNDMap:
    """Select the bins that all masks select.

    Parameters
    ----------
    *masks : WcsNDMap
        Boolean (or 0 and 1) maps on the same geometry.

    Returns
    -------
    WcsNDMap
        Boolean.

    Raises
    ------
    GeometryError
        If the geometries differ (BM-GE-001).
    """
    first = masks[0]
    for other in masks[1:]:
        if not first.geom.is_close(other.geom):
            raise GeometryError(
                "BM-GE-001",
                what=f"the masks have different geometries ({first.geom} and {other.geom})",
                rule="Masks can be combined bin by bin only",
                remedy="Make both on the geometry of the counts",
            )
    return WcsNDMap(first.geom, np.logical_and.reduce([mask.to_mask().data for mask in masks]))


def _spread(geom: WcsGeom, image: BoolArray) -> WcsNDMap:
    """Repeat an image over all other axes."""
    return WcsNDMap(geom, np.broadcast_to(image, geom.shape))
