"""The BANDS table of a map: one row per plane, edges or nodes of each axis that is not a sky axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits

from bayesmap.errors import BayesmapIOError
from bayesmap.fits.hdu import FitsFile, column
from bayesmap.units import FloatArray

# Fermi science tools call the tables by fixed names; the energies of ENERGIES are nodes in MeV.
FERMI_EDGES = "EBOUNDS"
FERMI_NODES = "ENERGIES"


@dataclass(frozen=True, eq=False)
class AxisRecord:
    """An axis as it stands in a file.

    Attributes
    ----------
    name : str
        ``energy``, ``energy_true``, ``rad``, ...
    nodes : ndarray
        n + 1 edges, or n nodes, in `unit`.
    unit : str
        As in TUNIT.
    interp : str
        ``log`` or ``lin``.
    node_type : str
        ``edges`` or ``center``.
    """

    name: str
    nodes: FloatArray
    unit: str
    interp: str
    node_type: str


def read_axes(file: FitsFile, hdu: Any) -> tuple[AxisRecord, ...]:
    """Read the axes of an image that are not sky axes, in the order of the array (slowest first).

    Parameters
    ----------
    file : FitsFile
        The file that holds both.
    hdu : HDU
        The image; its BANDSHDU keyword names the table.

    Returns
    -------
    tuple of AxisRecord
        Empty for an image with two axes.

    Raises
    ------
    BayesmapIOError
        If the table is missing or does not describe the planes of the image (BM-IO-010).
    """
    sizes = [int(size) for size in hdu.shape[-3::-1]]
    if not sizes:
        return ()
    return axes_of_bands(file, _bands_hdu(file, hdu), sizes)


def axes_of_bands(file: FitsFile, bands: Any, sizes: list[int]) -> tuple[AxisRecord, ...]:
    """Read the axes that a BANDS table describes, in the order of the array (slowest first).

    Parameters
    ----------
    file : FitsFile
        The file that holds it.
    bands : HDU
        The table.
    sizes : list of int
        Numbers of bins of the axes, fastest first.

    Raises
    ------
    BayesmapIOError
        If it does not describe axes of these sizes (BM-IO-010).
    """
    if not hasattr(bands, "columns"):
        raise _inconsistent(file, bands, "is no table")
    if len(bands.data) != int(np.prod(sizes)):
        raise _inconsistent(file, bands, f"has {len(bands.data)} rows, the image has {int(np.prod(sizes))} planes")
    if "NPIX" in bands.columns.names:
        raise _inconsistent(file, bands, "gives each plane its own pixels (NPIX)")
    axes = [_read_axis(file, bands, k, sizes) for k in range(len(sizes))]
    return tuple(reversed(axes))


def bands_hdu(axes: Sequence[AxisRecord], name: str) -> fits.BinTableHDU:
    """Make the BANDS table of axes that are given in the order of the array.

    Parameters
    ----------
    axes : sequence of AxisRecord
        Slowest first, as in the array; the table counts them the other way round, fastest first.
    name : str
        Name of the HDU.

    Returns
    -------
    BinTableHDU
        With the columns that Gammapy reads.
    """
    fastest_first = list(reversed(axes))
    grids = np.indices([axis_size(axis) for axis in axes]).reshape(len(axes), -1)[::-1]
    columns = [fits.Column("CHANNEL", "K", array=np.arange(grids.shape[1]))]
    for axis, index in zip(fastest_first, grids, strict=True):
        centre_name, low_name, high_name = _column_names(axis.name)
        for label, values in zip((centre_name, low_name, high_name), _center_low_high(axis), strict=True):
            columns.append(fits.Column(label, "D", unit=axis.unit, array=values[index]))
    table = fits.BinTableHDU.from_columns(columns, name=name)
    table.header.update(axis_cards(axes))
    return table


def axis_cards(axes: Sequence[AxisRecord]) -> dict[str, str]:
    """Header cards AXCOLSn and INTERPn, which the image and its table share."""
    cards = {}
    for k, axis in enumerate(reversed(axes), start=1):
        centre, low, high = _column_names(axis.name)
        cards[f"AXCOLS{k}"] = f"{low},{high}" if axis.node_type == "edges" else centre
        cards[f"INTERP{k}"] = axis.interp
    return cards


def axis_size(axis: AxisRecord) -> int:
    """Return the number of bins of an axis."""
    return len(axis.nodes) - (axis.node_type == "edges")


def _bands_hdu(file: FitsFile, hdu: Any) -> Any:
    """Find the table that belongs to an image."""
    candidates = [hdu.header.get("BANDSHDU"), f"{hdu.name}_BANDS", FERMI_EDGES, FERMI_NODES]
    for name in candidates:
        if isinstance(name, str) and name in file:
            return file.get(name)
    raise BayesmapIOError(
        "BM-IO-010",
        what=f"{file.where(hdu.name)} has {hdu.header['NAXIS']} axes and no table of its energies",
        rule=f"One of {', '.join(dict.fromkeys(map(str, filter(None, candidates))))} is required; the file has "
        f"{', '.join(file.names)}",
        remedy="Write the map again with its BANDS table",
    )


def _read_axis(file: FitsFile, bands: Any, k: int, sizes: list[int]) -> AxisRecord:
    """Read axis k of the table, where the first axis runs fastest over the rows."""
    names = _axis_columns(file, bands, k)
    interp = str(bands.header.get(f"INTERP{k + 1}", _default_interp(names[0]))).strip().lower()
    if interp not in ("log", "lin"):
        raise _inconsistent(file, bands, f"has INTERP{k + 1} = {interp!r}, which is neither log nor lin")
    values, units = [], []
    for name in names:
        rows, unit = column(file, bands, name)
        grid = np.moveaxis(rows.reshape(sizes[::-1]), len(sizes) - 1 - k, -1).reshape(-1, sizes[k])
        if not np.allclose(grid, grid[0], rtol=1e-9, atol=0):
            raise _inconsistent(file, bands, f"gives different values of {name} to the same bin")
        values.append(grid[0])
        units.append(unit)
    nodes = values[0]
    if len(set(units)) > 1:
        raise _inconsistent(file, bands, f"has {' and '.join(names)} in {' and '.join(map(repr, units))}")
    if len(names) == 2:
        low, high = values
        if not np.allclose(low[1:], high[:-1], rtol=1e-6, atol=0):
            raise _inconsistent(file, bands, f"has gaps or overlaps between {names[0]} and {names[1]}")
        nodes = np.append(low, high[-1])
    unit = units[0] or ("MeV" if bands.name == FERMI_NODES else "")
    return AxisRecord(_axis_name(names[0], bands.name), nodes, unit, interp, "edges" if len(names) == 2 else "center")


def _axis_columns(file: FitsFile, bands: Any, k: int) -> list[str]:
    """Names of the one (nodes) or two (edges) columns of axis k."""
    text = bands.header.get(f"AXCOLS{k + 1}")
    if text:
        names = [name.strip() for name in str(text).split(",")]
        if len(names) > 2:
            raise _inconsistent(file, bands, f"has AXCOLS{k + 1} = {text!r}, which are more than two columns")
        return names
    present = {name.upper(): name for name in bands.columns.names}
    if k == 0 and {"E_MIN", "E_MAX"} <= set(present):
        return [present["E_MIN"], present["E_MAX"]]
    if k == 0 and "ENERGY" in present:
        return [present["ENERGY"]]
    raise _inconsistent(file, bands, f"does not say which columns axis {k + 1} has (AXCOLS{k + 1})")


def _axis_name(first_column: str, table: str) -> str:
    """Name of an axis from its first column, as Gammapy takes it."""
    if table == FERMI_NODES:
        return "energy_true"
    if first_column.upper() == "E_MIN":
        return "energy"
    name = first_column.upper().removesuffix("_MIN").lower()
    return "rad" if name == "theta" else name


def _default_interp(first_column: str) -> str:
    return "log" if first_column.upper().startswith("E") else "lin"


def _column_names(name: str) -> tuple[str, str, str]:
    """Names of the columns of centres, lower and upper edges."""
    upper = name.upper()
    return (upper, "E_MIN", "E_MAX") if upper == "ENERGY" else (upper, f"{upper}_MIN", f"{upper}_MAX")


def _center_low_high(axis: AxisRecord) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centres and edges of an axis; of nodes, the mid points that Gammapy writes."""
    forward, backward = (np.log, np.exp) if axis.interp == "log" else (np.asarray, np.asarray)
    nodes = forward(axis.nodes)
    if axis.node_type == "edges":
        centre = backward(0.5 * (nodes[1:] + nodes[:-1]))
        return centre, axis.nodes[:-1], axis.nodes[1:]
    half = 0.5 * np.diff(nodes) if len(nodes) > 1 else np.zeros(1)
    low = backward(nodes - np.append(half[0], half)) if len(nodes) > 1 else axis.nodes
    high = backward(nodes + np.append(half, half[-1])) if len(nodes) > 1 else axis.nodes
    return axis.nodes, low, high


def _inconsistent(file: FitsFile, bands: Any, what: str) -> BayesmapIOError:
    return BayesmapIOError(
        "BM-IO-010",
        what=f"{file.where(bands.name)} {what}",
        rule="The table has one row per plane of its image and names the columns of each axis in AXCOLSn",
        remedy="Write the map again, with gammapy: Map.write(path)",
    )
