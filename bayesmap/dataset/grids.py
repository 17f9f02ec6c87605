"""Do the maps and responses of an observation share their grids? Each function returns errors that were not raised."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmap.errors import BayesmapError, GeometryError, UnitsError
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import CANONICAL, parse_unit


def axis_problems(counts: WcsNDMap, exposure: WcsNDMap) -> list[BayesmapError]:
    """Find maps that lack the one axis they need (BM-GE-010)."""
    found: list[BayesmapError] = []
    for label, sky_map, name in (("counts", counts, "energy"), ("exposure", exposure, "energy_true")):
        axes = sky_map.geom.axes
        if [axis.name for axis in axes] != [name] or (label == "counts" and axes[0].node_type != "edges"):
            found.append(
                GeometryError(
                    "BM-GE-010",
                    what=f"{label_of(label, sky_map)} has the axes ({', '.join(map(str, axes)) or 'none'})",
                    rule=f"It must have one axis, {name}" + (" with edges" if label == "counts" else ""),
                    remedy="Give an image an axis with a single bin, rename an axis of another name, add up other axes",
                )
            )
        elif axes[0].node_type == "center" and axes[0].nbin == 1:
            found.append(
                GeometryError(
                    "BM-GE-010",
                    what=f"{label_of(label, sky_map)} is given at a single energy node",
                    rule="An axis of nodes needs two",
                    remedy="Give the exposure for a bin, with two edges",
                )
            )
    return found


def unit_problems(counts: WcsNDMap, background: WcsNDMap | None, exposure: WcsNDMap) -> list[BayesmapError]:
    """Find maps whose unit is not that of the quantity (BM-GE-005)."""
    numbers = ("numbers per bin", ("", "ct"))
    area_time = ("cm2 s or convert to it", (CANONICAL["exposure"],))
    found: list[BayesmapError] = []
    for label, sky_map, (rule, units) in (
        ("counts", counts, numbers),
        ("background", background, numbers),
        ("exposure", exposure, area_time),
    ):
        if sky_map is not None and not any(parse_unit(unit, label) == sky_map.unit for unit in units):
            found.append(
                UnitsError(
                    "BM-GE-005",
                    what=f"{label_of(label, sky_map)} has the unit {str(sky_map.unit)!r}",
                    rule=f"It must be {rule}",
                    remedy="Correct the unit (BUNIT in the file), or convert the map",
                )
            )
    return found


def geometry_problems(
    counts: WcsNDMap, background: WcsNDMap | None, mask: WcsNDMap | None, exposure: WcsNDMap
) -> list[BayesmapError]:
    """Compare the maps with the counts (BM-GE-001, and BM-GE-002 for the exposure)."""
    found: list[BayesmapError] = []
    for label, sky_map in (("background", background), ("mask", mask)):
        if sky_map is not None and not sky_map.geom.is_close(counts.geom):
            found.append(
                GeometryError(
                    "BM-GE-001",
                    what=f"{label_of(label, sky_map)} and {label_of('counts', counts)} have different geometries "
                    f"({_difference(sky_map, counts)}): {label} has {sky_map.geom}, counts has {counts.geom}",
                    rule="Both must have the same pixels and the same energy bins",
                    remedy=f"Make the {label} on the geometry of the counts",
                )
            )
    if not exposure.geom.same_sky(counts.geom):
        found.append(
            GeometryError(
                "BM-GE-002",
                what=f"{label_of('exposure', exposure)} and {label_of('counts', counts)} have different pixels "
                f"({_difference(exposure, counts, axes=False)}): exposure has {exposure.geom.to_image()}, "
                f"counts has {counts.geom.to_image()}",
                rule="Both must have the same pixels on the sky",
                remedy="Interpolate the exposure to the pixels of the counts (with gammapy: "
                "exposure.interp_to_geom(counts.geom.to_image().to_cube([energy_true_axis]))), or cut both alike",
            )
        )
    return found


def response_axis_problems(
    axis: MapAxis, axis_true: MapAxis, psf: RadialPSF | PSFKernel | None, edisp: EnergyDispersion | None
) -> list[BayesmapError]:
    """Compare the axes of psf and edisp with those of the exposure and the counts (BM-GE-003, BM-GE-004)."""
    found: list[BayesmapError] = []
    if psf is not None and psf.axis.name == "energy":
        if not _same(psf.axis.edges, axis.edges):
            found.append(_reco_axis_problem("psf", psf.axis, axis))
    elif psf is not None and not _same(psf.axis.center, axis_true.center):
        covered = isinstance(psf, RadialPSF) and psf.covers(axis_true)
        if not covered:
            rule = "Centres must agree within 1e-6 (a radial table may instead cover the energies of the exposure)"
            found.append(_true_axis_problem("psf", psf.axis, axis_true, rule))
    if edisp is not None and not _same(edisp.axis_true.edges, axis_true.edges):
        rule = "Edges must agree within 1e-6, whatever the number of bins"
        found.append(_true_axis_problem("edisp", edisp.axis_true, axis_true, rule))
    if edisp is not None and not _same(edisp.axis.edges, axis.edges):
        found.append(_reco_axis_problem("edisp", edisp.axis, axis))
    return found


def label_of(name: str, sky_map: WcsNDMap) -> str:
    """Name a map, with the file it was read from."""
    return f"{name} ({sky_map.source})" if sky_map.source else name


def _difference(sky_map: WcsNDMap, counts: WcsNDMap, *, axes: bool = True) -> str:
    """Say how two geometries differ: sizes, offset, energies."""
    ours, theirs = sky_map.geom, counts.geom
    said = []
    if ours.shape[-2:] != theirs.shape[-2:]:
        said.append(f"(lat, lon) {ours.shape[-2:]} and {theirs.shape[-2:]}")
    if ours.frame != theirs.frame:
        said.append(f"frames {ours.frame} and {theirs.frame}")
    elif not ours.same_sky(theirs):
        said.append(f"offset {ours.offset_in_pixels(theirs):.3g} px")
    if axes and (len(ours.axes) != len(theirs.axes) or not ours.axes[0].is_close(theirs.axes[0])):
        said.append("different energy bins")
    return ", ".join(said)


def _true_axis_problem(label: str, axis: MapAxis, exposure_axis: MapAxis, rule: str) -> BayesmapError:
    return GeometryError(
        "BM-GE-003",
        what=f"{label} and exposure have different true energies: {label} has {axis}, exposure has {exposure_axis}",
        rule=rule,
        remedy=f"Make {label} and exposure for the same true energies",
    )


def _reco_axis_problem(label: str, axis: MapAxis, counts_axis: MapAxis) -> BayesmapError:
    return GeometryError(
        "BM-GE-004",
        what=f"{label} and counts have different reconstructed energies: {label} has {axis}, counts has {counts_axis}",
        rule="Edges must agree within 1e-6",
        remedy=f"Make the {label} for the energy bins of the counts",
    )


def _same(first: Any, second: Any) -> bool:
    return len(first) == len(second) and bool(np.allclose(first, second, rtol=1e-6, atol=0))
