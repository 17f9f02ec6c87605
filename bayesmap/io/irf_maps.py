"""Responses that Gammapy keeps as maps, one table per position on the sky: the only one, that at the centre, or all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from astropy.coordinates import SkyCoord

from bayesmap.errors import BayesmapInputError, ResponseError
from bayesmap.fits.cards import card_number
from bayesmap.fits.hdu import FitsFile
from bayesmap.irf.cell import unknown_axes
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.edisp_map import EDispKernelMap, unknown_edisp_axes
from bayesmap.irf.migration import from_migration
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.irf.psf_map import PSFMap
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import FloatArray

# One pixel that is meant for the whole sky around the map: Gammapy extends its value to all positions.
SINGLE_PIXEL_DEG = 20.0
IrfChoice = Literal["single", "center", "map"]


@dataclass(frozen=True)
class Position:
    """What becomes of a response that is given at several positions.

    Parameters
    ----------
    choice : {"single", "center", "map"}
        Refuse one that changes, take it at a centre, or keep it.
    geom : WcsGeom, optional
        Its centre is meant; by default that of the response map.

    Raises
    ------
    BayesmapInputError
        BM-IN-050 for another choice.
    """

    choice: IrfChoice = "single"
    geom: WcsGeom | None = None

    def __post_init__(self) -> None:
        if self.choice not in get_args(IrfChoice):
            raise BayesmapInputError(
                "BM-IN-050",
                what=f"irf is {self.choice!r}",
                rule=f"It must be one of {', '.join(map(repr, get_args(IrfChoice)))}",
                remedy='Pass irf="map" to keep responses that change over the field',
            )

    def center_in(self, geom: WcsGeom) -> tuple[float, float]:
        """Return the centre in the frame of another geometry."""
        if self.geom is None:
            return geom.center
        lon, lat = self.geom.center
        place = SkyCoord(lon, lat, unit="deg", frame=self.geom.frame).transform_to(geom.frame)
        return float(place.spherical.lon.deg), float(place.spherical.lat.deg)

    def notes(self, **responses: Any) -> tuple[str, ...]:
        """Say which responses change over the field, if they were not refused."""
        kinds = {"map": (PSFMap, EDispKernelMap)}.get(self.choice, ())
        kept = [name for name, value in responses.items() if isinstance(value, kinds)]
        return (f"{' and '.join(kept)} as a function of the position",) if kept else ()


def as_position(irf: Position | IrfChoice) -> Position:
    """Return a choice as `Position`."""
    return irf if isinstance(irf, Position) else Position(irf)


def psf_from_map(psf_map: WcsNDMap, position: Position | None = None) -> RadialPSF | PSFKernel:
    """Make a psf from a PSFMap, axes (energy_true, rad), or from a kernel cube, axis (energy_true).

    A psf in reconstructed energy, axes (energy, rad), keeps its axis name: it acts after the energy dispersion.

    Parameters
    ----------
    psf_map : WcsNDMap
        In sr-1, or without a unit.
    position : Position, optional
        What becomes of one that changes with the position; it is refused by default.

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
    if names not in (("energy_true", "rad"), ("energy", "rad")):
        raise unknown_axes("psf", names, "(energy_true, rad), (energy, rad), or (energy_true) for a kernel")
    place = position or Position()
    if _changes(psf_map) and place.choice != "single":
        varying = PSFMap.from_map(psf_map, position=place.center_in(psf_map.geom))
        note = f"psf taken at the centre, {_spelled(place, psf_map.geom)}"
        return varying if place.choice == "map" else replace(varying.central, notes=(*varying.notes, note))
    axis, rad = psf_map.geom.axes
    table = _only_position(psf_map.to_unit("sr-1", "psf"), "psf")
    return RadialPSF(axis, rad.center, table)


def psf_to_map(psf: RadialPSF | PSFKernel, geom: WcsGeom) -> WcsNDMap:
    """Make a PSFMap of a psf; one that does not change gets a single position, the centre of a geometry.

    Raises
    ------
    ResponseError
        If the psf is a kernel (BM-IR-009).
    """
    if not isinstance(psf, RadialPSF):
        raise _no_table("the psf is a kernel on pixels", "A MapDataset file holds a radial table")
    if isinstance(psf, PSFMap):
        return psf.tables
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


def cards_radius(file: FitsFile, hdu: Any) -> FloatArray | None:
    """Read the cards RMAXn."""
    radii: list[float] = []
    while (card := f"RMAX{len(radii) + 1}") in hdu.header:
        radii.append(card_number(file, hdu, card))
    return np.array(radii) if radii else None


def edisp_from_map(edisp_map: WcsNDMap, axis: MapAxis | None, position: Position | None = None) -> EnergyDispersion:
    """Make an energy dispersion from a map with the axes (energy_true, energy) or (energy_true, migra).

    Parameters
    ----------
    edisp_map : WcsNDMap
        Without a unit.
    axis : MapAxis, optional
        Reconstructed energy, needed for migra.
    position : Position, optional
        What becomes of one that changes with the position; it is refused by default.

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
    place = position or Position()
    if _changes(edisp_map) and place.choice != "single":
        varying = EDispKernelMap.from_map(edisp_map, axis, position=place.center_in(edisp_map.geom))
        note = f"edisp taken at the centre, {_spelled(place, edisp_map.geom)}"
        return varying if place.choice == "map" else replace(varying.central, notes=(*varying.notes, note))
    table = _only_position(edisp_map.to_unit("", "edisp"), "edisp")
    if names == ("energy_true", "energy"):
        return EnergyDispersion(axes[0], axes[1], table)
    if names == ("energy_true", "migra") and axis is not None:
        return from_migration(axes[0], axes[1], table, axis)
    raise unknown_edisp_axes(names)


def edisp_to_map(edisp: EnergyDispersion, geom: WcsGeom) -> WcsNDMap:
    """Make an EDispKernelMap; a single matrix gets a single position, the centre of a geometry."""
    if isinstance(edisp, EDispKernelMap):
        return edisp.matrices
    single = _single_pixel(geom).with_axes((edisp.axis_true, edisp.axis))
    return WcsNDMap(single, edisp.data[:, :, np.newaxis, np.newaxis])


def _single_pixel(geom: WcsGeom) -> WcsGeom:
    return WcsGeom.create(skydir=geom.center, npix=1, binsz=SINGLE_PIXEL_DEG, frame=geom.frame, proj="TAN")


def _changes(irf_map: WcsNDMap) -> bool:
    """Whether the table is not the same at all positions."""
    data = irf_map.data
    return not np.array_equal(np.broadcast_to(data[..., :1, :1], data.shape), data, equal_nan=True)


def _spelled(place: Position, geom: WcsGeom) -> str:
    lon, lat = place.center_in(geom)
    return f"({lon:.4f}, {lat:.4f}) deg {geom.frame}"


def _only_position(irf_map: WcsNDMap, label: str) -> FloatArray:
    """Return the table of a map whose positions all have the same."""
    if _changes(irf_map):
        n_lat, n_lon = irf_map.data.shape[-2:]
        raise ResponseError(
            "BM-IR-008",
            what=f"{label} changes with the position: {n_lon} x {n_lat} positions in {irf_map.source or 'the map'}",
            rule='A response that changes is taken only if that is asked for: irf="map" or irf="center"',
            remedy='Pass irf="map" to keep it as a function of the position',
        )
    return irf_map.data[..., 0, 0]


def _no_table(what: str, rule: str) -> ResponseError:
    return ResponseError("BM-IR-009", what=what, rule=rule, remedy="Use a radial psf (a PSFMap), or leave this out")
