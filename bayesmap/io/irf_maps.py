"""Responses that Gammapy keeps as maps: one table per position on the sky, of which we take the only one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayesmap.errors import ResponseError
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.migration import from_migration
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import FloatArray

# One pixel that is meant for the whole sky around the map: Gammapy extends its value to all positions.
SINGLE_PIXEL_DEG = 20.0


def psf_from_map(psf_map: WcsNDMap) -> RadialPSF | PSFKernel:
    """Make a psf from a PSFMap, axes (energy_true, rad), or from a kernel cube, axis (energy_true).

    Parameters
    ----------
    psf_map : WcsNDMap
        In sr-1, or without a unit.

    Returns
    -------
    RadialPSF or PSFKernel

    Raises
    ------
    ResponseError
        If it changes with the position (BM-IR-008), or has other axes (BM-IR-005).
    """
    names = tuple(axis.name for axis in psf_map.geom.axes)
    if names in (("energy_true",), ("energy",)):
        return PSFKernel.from_map(psf_map)
    if names != ("energy_true", "rad"):
        raise _unknown_axes("psf", names, "(energy_true, rad), or (energy_true) for a kernel")
    axis, rad = psf_map.geom.axes
    table = _only_position(psf_map.to_unit("sr-1", "psf"), "psf")
    return RadialPSF(axis, rad.center, table)


def psf_to_map(psf: RadialPSF | PSFKernel, geom: WcsGeom) -> WcsNDMap:
    """Make a PSFMap with a single position, the centre of a geometry.

    Raises
    ------
    ResponseError
        If the psf is a kernel (BM-IR-009).
    """
    if not isinstance(psf, RadialPSF):
        raise _no_table("the psf is a kernel on pixels", "A MapDataset file holds a radial table")
    rad = MapAxis.from_nodes(psf.rad, name="rad", unit="deg", interp="lin")
    single = _single_pixel(geom).with_axes((psf.axis, rad))
    return WcsNDMap(single, psf.data[:, :, np.newaxis, np.newaxis], "sr-1")


def cut_psf(psf: RadialPSF | PSFKernel | None, max_radius: Any) -> RadialPSF:
    """Return a radial psf cut at other radii.

    Raises
    ------
    ResponseError
        If there is no radial table to cut (BM-IR-009).
    """
    if not isinstance(psf, RadialPSF):
        raise _no_table(f"the psf is {'missing' if psf is None else 'a kernel on pixels'}", "max_radius cuts a table")
    return replace(psf, max_radius=max_radius)


def radius_cards(psf: RadialPSF | PSFKernel) -> dict[str, float]:
    """Return the cards RMAXn (deg) of a table that is cut before its end, nothing for another."""
    if not isinstance(psf, RadialPSF) or psf.max_radius is None or np.all(psf.max_radius == psf.rad[-1]):
        return {}
    return {f"RMAX{n}": float(radius) for n, radius in enumerate(psf.max_radius, start=1)}


def cards_radius(header: Any) -> FloatArray | None:
    """Read the cards RMAXn."""
    radii: list[float] = []
    while (card := f"RMAX{len(radii) + 1}") in header:
        radii.append(float(header[card]))
    return np.array(radii) if radii else None


def edisp_from_map(edisp_map: WcsNDMap, axis: MapAxis | None) -> EnergyDispersion:
    """Make an energy dispersion from a map with the axes (energy_true, energy) or (energy_true, migra).

    Parameters
    ----------
    edisp_map : WcsNDMap
        Without a unit.
    axis : MapAxis, optional
        Reconstructed energy, needed for migra.

    Returns
    -------
    EnergyDispersion

    Raises
    ------
    ResponseError
        If it changes with the position (BM-IR-008), or has other axes (BM-IR-005).
    """
    axes = edisp_map.geom.axes
    names = tuple(one.name for one in axes)
    table = _only_position(edisp_map.to_unit("", "edisp"), "edisp")
    if names == ("energy_true", "energy"):
        return EnergyDispersion(axes[0], axes[1], table)
    if names == ("energy_true", "migra") and axis is not None:
        return from_migration(axes[0], axes[1], table, axis)
    raise _unknown_axes("edisp", names, "(energy_true, energy) or (energy_true, migra)")


def edisp_to_map(edisp: EnergyDispersion, geom: WcsGeom) -> WcsNDMap:
    """Make an EDispKernelMap with a single position, the centre of a geometry."""
    single = _single_pixel(geom).with_axes((edisp.axis_true, edisp.axis))
    return WcsNDMap(single, edisp.data[:, :, np.newaxis, np.newaxis])


def _single_pixel(geom: WcsGeom) -> WcsGeom:
    return WcsGeom.create(skydir=geom.center, npix=1, binsz=SINGLE_PIXEL_DEG, frame=geom.frame, proj="TAN")


def _only_position(irf_map: WcsNDMap, label: str) -> FloatArray:
    """Return the table of a map whose positions all have the same."""
    data = irf_map.data
    first = data[..., :1, :1]
    if not np.array_equal(np.broadcast_to(first, data.shape), data, equal_nan=True):
        n_lat, n_lon = data.shape[-2:]
        raise ResponseError(
            "BM-IR-008",
            what=f"{label} changes with the position: {n_lon} x {n_lat} positions in {irf_map.source or 'the map'}",
            rule="One response for the whole map is supported; maps of responses come later",
            remedy="Take the response at the position of the source, with gammapy: psf.get_psf_kernel(position) and "
            "edisp.get_edisp_kernel(position)",
        )
    return first[..., 0, 0]


def _unknown_axes(label: str, names: tuple[str, ...], expected: str) -> ResponseError:
    return ResponseError(
        "BM-IR-005",
        what=f"the {label} map has the axes ({', '.join(names)})",
        rule=f"Expected is {expected}",
        remedy="Convert it with gammapy first",
    )


def _no_table(what: str, rule: str) -> ResponseError:
    return ResponseError("BM-IR-009", what=what, rule=rule, remedy="Use a radial psf (a PSFMap), or leave this out")
