"""Spectra of a region in OGIP files: PHA with its background, effective area (ARF) and redistribution (RMF)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from bayesmap.dataset import SpectrumDatasetOnOff
from bayesmap.errors import BayesmapIOError
from bayesmap.fits.cards import card_number
from bayesmap.fits.hdu import DEFAULT_LIMITS, FitsFile, ReadLimits, column, read_fits
from bayesmap.io.template_path import resolve_input
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.maps.axis import MapAxis
from bayesmap.units import BoolArray, FloatArray, parse_unit, to_float64

FILES = {"background": "BACKFILE", "arf": "ANCRFILE", "rmf": "RESPFILE"}


@dataclass(frozen=True, eq=False)
class _Pha:
    """One SPECTRUM table."""

    counts: FloatArray
    acceptance: FloatArray
    areascal: FloatArray
    livetime: float
    good: BoolArray
    header: Any
    file: FitsFile


def read_ogip(
    path: str | PathLike[str],
    *,
    background: str | PathLike[str] | None = None,
    arf: str | PathLike[str] | None = None,
    rmf: str | PathLike[str] | None = None,
    name: str | None = None,
    allow_paths: Sequence[str | PathLike[str]] = (),
    limits: ReadLimits = DEFAULT_LIMITS,
) -> SpectrumDatasetOnOff:
    """Read a PHA file and those that it names.

    Parameters
    ----------
    path : path
        Counts in the On region.
    background, arf, rmf : path, optional
        Instead of those that the header names in BACKFILE, ANCRFILE and RESPFILE, which start at the file's folder.
    name : str, optional
        Instead of OBS_ID.
    allow_paths : sequence of path-like
        Further folders or files that the header may name.
    limits : ReadLimits
        Bounds on the unpacked size of each file.

    Returns
    -------
    SpectrumDatasetOnOff
        Read, not checked. An acceptance is BACKSCAL x AREASCAL, that of the Off spectrum also times the ratio of the
        live times; the exposure is SPECRESP x AREASCAL x live time; the mask is where QUALITY is 0 in both spectra;
        edisp is None where there is no RMF.

    Raises
    ------
    BayesmapIOError
        BM-IO-001 to 011 for what is wrong in a file, 012 to 016 for a file that may not be read or is not there, 045
        for a spectrum without background or effective area, 046 for files that do not belong together.
    """
    path = Path(path)
    source = _read_pha(path, limits)
    given = {"background": background, "arf": arf, "rmf": rmf}
    files = {kind: given[kind] or _named(source.header, card, path, allow_paths) for kind, card in FILES.items()}
    for kind in ("background", "arf"):
        if files[kind] is None:
            raise BayesmapIOError(
                "BM-IO-045",
                what=f"{path.name} names no {kind} file ({FILES[kind]})",
                rule="A spectrum needs Off counts (BACKFILE) and an effective area (ANCRFILE)",
                remedy=f"Pass {kind}=",
            )
    off = _read_pha(Path(str(files["background"])), limits)
    axis_true, area = _read_arf(Path(str(files["arf"])), limits)
    edisp = None if files["rmf"] is None else EnergyDispersion.read(files["rmf"])
    axis = _bounds(source.file) if edisp is None else edisp.axis
    _check_sizes(path, source, off, axis, axis_true, edisp)
    return SpectrumDatasetOnOff(
        name=name or str(source.header.get("OBS_ID", path.name.split(".")[0])),
        axis=axis,
        counts=source.counts,
        counts_off=off.counts,
        acceptance=source.acceptance * source.areascal,
        acceptance_off=off.acceptance * off.areascal * (off.livetime / source.livetime),
        axis_true=axis_true,
        exposure=area * source.areascal[0] * source.livetime,
        edisp=edisp,
        mask=source.good & off.good,
    )


def _read_pha(path: Path, limits: ReadLimits) -> _Pha:
    file = read_fits(path, limits)
    file.require("SPECTRUM")
    table = file.get("SPECTRUM")
    counts, _ = column(file, table, "COUNTS")
    present = {name.upper() for name in table.columns.names}

    def values(card: str, default: float) -> FloatArray:
        """Read a column, or the card of the same name."""
        if card in present:
            return column(file, table, card)[0]
        return np.full(len(counts), card_number(file, table, card, default))

    livetime = card_number(file, table, "EXPOSURE", 0.0)
    areascal = values("AREASCAL", 1.0)
    if not livetime > 0 or not np.all(areascal == areascal[0]) or not areascal[0] > 0:
        raise BayesmapIOError(
            "BM-IO-046",
            what=f"{file.where('SPECTRUM')} has EXPOSURE {livetime:g} s and AREASCAL {areascal.min():g} to "
            f"{areascal.max():g}",
            rule="The live time is above zero, and AREASCAL one positive number",
            remedy="Write the spectrum again",
        )
    good = values("QUALITY", 0.0) == 0
    return _Pha(counts, values("BACKSCAL", 1.0), areascal, livetime, good, table.header, file)


def _read_arf(path: Path, limits: ReadLimits) -> tuple[MapAxis, FloatArray]:
    file = read_fits(path, limits)
    file.require("SPECRESP")
    table = file.get("SPECRESP")
    area, area_unit = column(file, table, "SPECRESP")
    axis = _energies(file, "SPECRESP", ("ENERG_LO", "ENERG_HI"), "energy_true")
    unit = parse_unit(area_unit or "cm2", file.where("SPECRESP"))
    return axis, to_float64(area * unit, "cm2", f"{file.where('SPECRESP')} SPECRESP")


def _bounds(file: FitsFile) -> MapAxis:
    """Read reconstructed energies from the PHA file itself, where there is no RMF."""
    file.require("EBOUNDS")
    return _energies(file, "EBOUNDS", ("E_MIN", "E_MAX"), "energy")


def _energies(file: FitsFile, hdu: str, names: tuple[str, str], axis: str) -> MapAxis:
    """Make an axis of two columns of edges, keV where they have no unit."""
    (low, unit), (high, other) = (column(file, file.get(hdu), name) for name in names)
    if unit != other or not np.allclose(low[1:], high[:-1], rtol=1e-5, atol=0):
        raise BayesmapIOError(
            "BM-IO-046",
            what=f"{file.where(hdu)} has gaps or overlaps between its energy bins, or two units ({unit!r}, {other!r})",
            rule="Each bin begins where the one before ends, in one unit",
            remedy="Write the file again",
        )
    return MapAxis.from_edges(np.append(low, high[-1]), name=axis, unit=unit or "keV")


def _named(header: Any, card: str, path: Path, allow_paths: Sequence[str | PathLike[str]]) -> Path | None:
    """Return the file that a header names, if it names one."""
    text = str(header.get(card, "none")).strip()
    if text.lower() in ("", "none"):
        return None
    return resolve_input(text, where=f"{path.name} {card}", root=path.resolve().parent, allow_paths=allow_paths)


def _check_sizes(
    path: Path, source: _Pha, off: _Pha, axis: MapAxis, axis_true: MapAxis, edisp: EnergyDispersion | None
) -> None:
    """Compare numbers of channels, and the true energies of ARF and RMF."""
    sizes = {"counts": len(source.counts), "counts_off": len(off.counts), "energies": axis.nbin}
    differ = edisp is not None and not (
        edisp.axis_true.nbin == axis_true.nbin
        and np.allclose(edisp.axis_true.edges, axis_true.edges, rtol=1e-5, atol=0)
    )
    if len(set(sizes.values())) > 1 or differ:
        raise BayesmapIOError(
            "BM-IO-046",
            what=f"{path.name} has {', '.join(f'{n} {name}' for name, n in sizes.items())}; ARF {axis_true}"
            + ("" if edisp is None else f", RMF {edisp.axis_true}"),
            rule="Spectra and response must have the same channels, ARF and RMF the same true energies",
            remedy="Name files that belong together",
        )
