"""Regions as DS9 region files, which DS9, Gammapy and the `regions` package read."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import numpy as np

from bayesmap.errors import BayesmapInputError
from bayesmap.files import refuse_existing, write_whole
from bayesmap.results.regions import ContourRegion, EllipseRegion, Region

HEADER = "# Region file format: DS9 version 4.1"
ELLIPSE_COLOR, CONTOUR_COLOR, EXTENSION_COLOR = "cyan", "yellow", "magenta"
QUOTES = (("{", "}"), ('"', '"'), ("'", "'"))


def write_regions(path: str | Path, regions: Iterable[Region], *, overwrite: bool = False) -> None:
    """Write regions as a DS9 region file.

    Error ellipses are cyan, contours yellow, extensions magenta and dashed; each has a label with the name of the
    source and what it says. Holes of a contour are excluded polygons.

    Parameters
    ----------
    path : str or Path
        File, by custom ``*.reg``.
    regions : iterable of EllipseRegion and ContourRegion
        What `position_ellipse`, `position_contour` and `extension_region` return.
    overwrite : bool
        Whether to replace a file.

    Raises
    ------
    BayesmapInputError
        BM-FT-075 for a label that no quotes can hold.
    BayesmapIOError
        BM-IO-032 for a file that exists, BM-IO-009 for one that cannot be written.
    """
    path, text = Path(path), regions_text(regions)
    if not overwrite:
        refuse_existing([path])
    write_whole(path, text)


def regions_text(regions: Iterable[Region]) -> str:
    """Return regions in DS9's format; see `write_regions`.

    Examples
    --------
    >>> region = EllipseRegion("crab", "extension, sigma", "icrs", 83.63, 22.01, 0.2, 0.1, 30.0)
    >>> print(regions_text([region]))
    # Region file format: DS9 version 4.1
    global width=2
    icrs
    ellipse(83.6300000000,22.0100000000,720.000000",360.000000",120.000000) # color=magenta dash=1 text=...
    """
    lines = [HEADER, "global width=2"]
    for frame, group in groupby(regions, key=lambda region: region.frame):
        lines.append(frame)
        for region in group:
            lines += _ellipse(region) if isinstance(region, EllipseRegion) else _polygons(region)
    return "\n".join(lines) + "\n"


def _ellipse(region: EllipseRegion) -> list[str]:
    # The first radius lies along the longitude axis at angle 0, and angles run against the clock: from West to North.
    angle = (region.position_angle + 90.0) % 180.0
    radii = f'{3600.0 * region.semi_major:.6f}",{3600.0 * region.semi_minor:.6f}"'
    is_extension = np.isnan(region.mass)
    style = f"color={EXTENSION_COLOR} dash=1" if is_extension else f"color={ELLIPSE_COLOR}"
    shape = f"ellipse({region.lon:.10f},{region.lat:.10f},{radii},{angle:.6f})"
    return [f"{shape} # {style} text={_label(region)}"]


def _polygons(region: ContourRegion) -> list[str]:
    lines: list[str] = []
    # Holes last: what is excluded lies over what is included. The first piece that is none carries the label.
    for hole, piece in sorted(zip(region.holes, region.pieces, strict=True), key=lambda item: item[0]):
        corners = ",".join(f"{lon:.8f},{lat:.8f}" for lon, lat in piece[:-1])
        label = f" text={_label(region)}" if not lines else ""
        lines.append(f"{'-' if hole else ''}polygon({corners}) # color={CONTOUR_COLOR}{label}")
    return lines


def _label(region: Region) -> str:
    text = region.label
    for opening, closing in QUOTES:
        if not {opening, closing, "\n"} & set(text):
            return f"{opening}{text}{closing}"
    raise BayesmapInputError(
        "BM-FT-075",
        what=f"the label {text!r} cannot be written",
        rule="DS9 puts a label in braces or quotes: it is one line without one of these three kinds",
        remedy="Rename the source",
    )
