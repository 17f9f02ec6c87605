"""OGIP redistribution matrices: probabilities packed in groups of channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits

from bayesmap.errors import BayesmapIOError
from bayesmap.fits.cards import card_number
from bayesmap.fits.hdu import FitsFile, column, find_column
from bayesmap.units import FloatArray

GROUP_COLUMNS = ("N_GRP", "F_CHAN", "N_CHAN", "MATRIX")
MATRIX_NAMES = ("MATRIX", "SPECRESP MATRIX", "DRM")


@dataclass(frozen=True, eq=False)
class RmfRecord:
    """A redistribution matrix as it stands in a file.

    Attributes
    ----------
    energy_true, energy : ndarray
        Edges, in `unit_true` and `unit`.
    unit_true, unit : str
        As in TUNIT.
    matrix : ndarray, shape (n_true, n_reco)
        Probabilities.
    """

    energy_true: FloatArray
    unit_true: str
    energy: FloatArray
    unit: str
    matrix: FloatArray


def read_rmf(file: FitsFile) -> RmfRecord:
    """Read MATRIX and EBOUNDS.

    Parameters
    ----------
    file : FitsFile
        The file.

    Returns
    -------
    RmfRecord

    Raises
    ------
    BayesmapIOError
        If a table is missing (BM-IO-006) or they contradict each other (BM-IO-011).
    """
    name = next((name for name in MATRIX_NAMES if name in file), MATRIX_NAMES[0])
    file.require(name, "EBOUNDS")
    matrix, bounds = file.get(name), file.get("EBOUNDS")
    low, unit_true = column(file, matrix, "ENERG_LO")
    high, other_true = column(file, matrix, "ENERG_HI")
    reco_low, unit = column(file, bounds, "E_MIN")
    reco_high, other = column(file, bounds, "E_MAX")
    if (unit, unit_true) != (other, other_true):
        where, pair = (name, (unit_true, other_true)) if unit_true != other_true else ("EBOUNDS", (unit, other))
        raise _contradiction(file, where, f"gives lower energies in {pair[0]!r}, upper ones in {pair[1]!r}")
    _check_contiguous(file, name, low, high)
    _check_contiguous(file, "EBOUNDS", reco_low, reco_high)
    for label in GROUP_COLUMNS:
        find_column(file, matrix, label)
    data = np.zeros((len(low), len(reco_low)))
    first = _first_channel(file, matrix, bounds)
    for row, target in zip(matrix.data, data, strict=True):
        _unpack_row(file, name, row, first, target)
    return RmfRecord(np.append(low, high[-1]), unit_true, np.append(reco_low, reco_high[-1]), unit, data)


def rmf_hdus(record: RmfRecord) -> fits.HDUList:
    """Make the HDUs of a redistribution matrix, one group of channels a row, channels counted from 0.

    Parameters
    ----------
    record : RmfRecord
        What to write.

    Returns
    -------
    HDUList
    """
    n_true, n_reco = record.matrix.shape
    filled = [np.flatnonzero(row) for row in record.matrix]
    spans = [(int(ids[0]), int(ids[-1]) + 1) if len(ids) else (0, 0) for ids in filled]
    matrix = fits.BinTableHDU.from_columns(
        [
            fits.Column("ENERG_LO", "D", unit=record.unit_true, array=record.energy_true[:-1]),
            fits.Column("ENERG_HI", "D", unit=record.unit_true, array=record.energy_true[1:]),
            fits.Column("N_GRP", "I", array=[int(stop > start) for start, stop in spans]),
            # lists of one group: readers index these columns by group
            fits.Column("F_CHAN", "PJ()", array=_lists([[start] for start, _ in spans])),
            fits.Column("N_CHAN", "PJ()", array=_lists([[stop - start] for start, stop in spans])),
            fits.Column("MATRIX", "PD()", array=_lists([record.matrix[n, slice(*spans[n])] for n in range(n_true)])),
        ],
        name="MATRIX",
    )
    matrix.header.update({"CHANTYPE": "PHA", "DETCHANS": n_reco, "TLMIN4": 0, **_class("RSP_MATRIX")})
    bounds = fits.BinTableHDU.from_columns(
        [
            fits.Column("CHANNEL", "I", array=np.arange(n_reco)),
            fits.Column("E_MIN", "D", unit=record.unit, array=record.energy[:-1]),
            fits.Column("E_MAX", "D", unit=record.unit, array=record.energy[1:]),
        ],
        name="EBOUNDS",
    )
    bounds.header.update({"CHANTYPE": "PHA", "DETCHANS": n_reco, "TLMIN1": 0, **_class("EBOUNDS")})
    return fits.HDUList([fits.PrimaryHDU(), matrix, bounds])


def _lists(rows: list[Any]) -> Any:
    """Return rows of different lengths as the object array that astropy takes for them."""
    array = np.empty(len(rows), dtype=object)
    for n, row in enumerate(rows):
        array[n] = np.asarray(row)
    return array


def _class(kind: str) -> dict[str, str]:
    return {
        "HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE", "HDUCLAS2": kind, "HDUVERS": "1.3.0",
        "TELESCOP": "UNKNOWN", "INSTRUME": "UNKNOWN", "FILTER": "NONE",
    }  # fmt: skip


def _first_channel(file: FitsFile, matrix: Any, bounds: Any) -> int:
    """Return the number of the first channel: TLMIN of F_CHAN, else the first CHANNEL of EBOUNDS."""
    position = [name.upper() for name in matrix.columns.names].index("F_CHAN") + 1
    keyword = f"TLMIN{position}"
    if keyword in matrix.header:
        return int(card_number(file, matrix, keyword))
    return int(column(file, bounds, "CHANNEL")[0][0])


def _unpack_row(file: FitsFile, name: str, row: Any, first: int, target: FloatArray) -> None:
    """Put the groups of one true energy at their channels."""
    try:
        starts, sizes, values = (np.atleast_1d(row[label]) for label in GROUP_COLUMNS[1:])
        groups, position = int(row["N_GRP"]), 0
    except (ValueError, TypeError, IndexError, OverflowError) as error:  # lists that point out of the file
        raise _contradiction(file, name, f"has a row that cannot be read ({error})") from error
    if groups > min(len(starts), len(sizes)):
        raise _contradiction(file, name, f"announces {groups} groups and describes {len(starts)}")
    for start, size in zip(starts[:groups], sizes[:groups], strict=True):
        channel = int(start) - first
        end = position + int(size)
        if channel < 0 or size < 0 or channel + size > len(target) or end > len(values):
            raise _contradiction(file, name, f"has a group of {size} channels from {start} (first channel {first})")
        target[channel : channel + int(size)] = values[position:end]
        position = end


def _check_contiguous(file: FitsFile, name: str, low: FloatArray, high: FloatArray) -> None:
    if not np.allclose(low[1:], high[:-1], rtol=1e-5, atol=0):
        raise _contradiction(file, name, "has gaps or overlaps between its energy bins")


def _contradiction(file: FitsFile, name: str, what: str) -> BayesmapIOError:
    return BayesmapIOError(
        "BM-IO-011",
        what=f"{file.where(name)} {what}",
        rule="F_CHAN, N_CHAN and MATRIX describe each row, with channels from TLMIN on",
        remedy="Write the matrix again, with gammapy: EDispKernel.write(path)",
    )
