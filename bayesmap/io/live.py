"""Live objects of Gammapy, 0.10 to 2: read by what they carry, without importing gammapy."""

from __future__ import annotations

from typing import Any

from astropy import units as u

from bayesmap.errors import BayesmapInputError
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.maps.axis import Interp, MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap


def live_map(value: Any) -> WcsNDMap:
    """Copy a live map on a regular WCS geometry.

    Parameters
    ----------
    value : gammapy.maps.WcsNDMap
        Anything with ``geom`` (``wcs``, ``axes``), ``data`` and ``unit``.

    Returns
    -------
    WcsNDMap

    Raises
    ------
    BayesmapInputError
        If it is no such map (BM-IN-030).
    """
    geom: Any = getattr(value, "geom", None)
    irregular = any(getattr(geom, name, False) for name in ("is_region", "is_hpx", "is_allsky_hpx"))
    if irregular or not hasattr(geom, "wcs") or not getattr(geom, "is_regular", True):
        raise not_understood(value, "a map", "a WcsNDMap with the same pixels in each plane")
    data = value.data
    axes = tuple(live_axis(axis) for axis in reversed(list(geom.axes)))  # gammapy counts the fastest axis first
    return WcsNDMap(WcsGeom(geom.wcs, data.shape[-2], data.shape[-1], axes), data, value.unit)


def live_axis(axis: Any) -> MapAxis:
    """Copy a live axis; its numbers are quantities in Gammapy 2, and in ``axis.unit`` in 0.10."""
    if getattr(axis, "node_type", None) not in ("edges", "center"):
        raise not_understood(axis, "an axis", "an axis with edges or nodes")
    interp: Interp = "log" if axis.interp == "log" else "lin"
    make, values = (MapAxis.from_edges, axis.edges) if axis.node_type == "edges" else (MapAxis.from_nodes, axis.center)
    if not isinstance(values, u.Quantity):
        values = u.Quantity(values, axis.unit)
    return make(values, name=axis.name, unit=str(values.unit), interp=interp)


def live_edisp(value: Any) -> EnergyDispersion:
    """Copy a live EDispKernel (Gammapy 2) or EnergyDispersion (0.10).

    Parameters
    ----------
    value : object with ``pdf_matrix``
        And ``axes`` (2) or ``e_true`` and ``e_reco`` (0.10).

    Returns
    -------
    EnergyDispersion
    """
    if hasattr(value, "axes"):
        axis_true, axis = live_axis(value.axes["energy_true"]), live_axis(value.axes["energy"])
    else:
        axis_true, axis = _bins(value.e_true, "energy_true"), _bins(value.e_reco, "energy")
    return EnergyDispersion(axis_true, axis, value.pdf_matrix)


def not_understood(value: Any, what: str, expected: str) -> BayesmapInputError:
    """Make the error about an object that cannot be used."""
    kind = type(value)
    return BayesmapInputError(
        "BM-IN-030",
        what=f"{kind.__module__}.{kind.__qualname__} cannot be used as {what}",
        rule=f"Expected is {expected}",
        remedy="Convert it first",
    )


def _bins(axis: Any, name: str) -> MapAxis:
    """Copy an energy axis of Gammapy 0.10: bins with lower and upper edges."""
    low, high = u.Quantity(axis.lo), u.Quantity(axis.hi)
    edges = u.Quantity([*low, high[-1].to(low.unit)])
    return MapAxis.from_edges(edges, name=name, unit=str(edges.unit))
