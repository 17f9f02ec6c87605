"""On/Off spectra of a region, in the files of Gammapy 2 and as its live objects."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from astropy.io import fits

from bayesmap.dataset import SpectrumDatasetOnOff
from bayesmap.errors import BayesmapIOError
from bayesmap.fits.bands import axes_of_bands, axis_cards, bands_hdu
from bayesmap.fits.hdu import DEFAULT_LIMITS, FitsFile, ReadLimits, column, read_fits, write_fits
from bayesmap.io.live import live_axis, live_edisp, not_understood
from bayesmap.io.ogip import read_ogip
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.maps.axis import MapAxis
from bayesmap.units import FloatArray, to_float64

SPECTRA = ("COUNTS", "COUNTS_OFF", "ACCEPTANCE", "ACCEPTANCE_OFF")
MASKS = ("MASK_SAFE", "MASK_FIT")


def read_spectrum(
    path_or_object: Any, *, name: str | None = None, limits: ReadLimits = DEFAULT_LIMITS
) -> SpectrumDatasetOnOff:
    """Read an On/Off spectrum.

    Parameters
    ----------
    path_or_object : str, path-like, or gammapy.datasets.SpectrumDatasetOnOff
        A file in Gammapy's layout for regions (COUNTS, COUNTS_OFF, ACCEPTANCE, ACCEPTANCE_OFF, EXPOSURE and perhaps
        EDISP, MASK_SAFE, MASK_FIT, each with its BANDS table), or an OGIP PHA file (see `read_ogip`); or a live object.
        A `SpectrumDatasetOnOff` of this package is taken as it is.
    name : str, optional
        By default the one it has.
    limits : ReadLimits
        Bounds on the unpacked size of a file.

    Returns
    -------
    SpectrumDatasetOnOff
        Read, not checked.

    Raises
    ------
    BayesmapIOError
        BM-IO-001 to 011, 045, 046 for what is wrong in a file, 047 if it has On counts only.
    BayesmapInputError
        BM-IN-030 for another object.
    """
    if isinstance(path_or_object, SpectrumDatasetOnOff):
        return path_or_object
    if not isinstance(path_or_object, str | PathLike):
        return _of_object(path_or_object, name)
    file = read_fits(path_or_object, limits)
    if "SPECTRUM" in file:
        return read_ogip(path_or_object, name=name, limits=limits)
    return _of_file(file, name)


def write_spectrum(dataset: SpectrumDatasetOnOff, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write an On/Off spectrum in Gammapy's layout for regions; the region itself is not known here.

    Parameters
    ----------
    dataset : SpectrumDatasetOnOff
        The mask becomes MASK_SAFE.
    path : str or path-like
        Packed if it ends in ``.gz``.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    BayesmapIOError
        BM-IO-032 if the file exists, BM-IO-009 if it cannot be written.
    """
    primary = fits.PrimaryHDU()
    primary.header["NAME"] = dataset.name
    hdus: list[Any] = [primary]
    for name in SPECTRA:
        hdus += _hdus(name, getattr(dataset, name.lower()), (dataset.axis,))
    hdus += _hdus("EXPOSURE", dataset.exposure, (dataset.axis_true,), "cm2 s")
    if dataset.edisp is not None:
        hdus += _hdus("EDISP", dataset.edisp.data, (dataset.edisp.axis_true, dataset.edisp.axis))
    if dataset.mask is not None:
        hdus += _hdus("MASK_SAFE", dataset.mask, (dataset.axis,))
    write_fits(fits.HDUList(hdus), path, overwrite=overwrite)


def _of_file(file: FitsFile, name: str | None) -> SpectrumDatasetOnOff:
    if "COUNTS_OFF" not in file:
        raise BayesmapIOError(
            "BM-IO-047",
            what=f"{file.name} has no COUNTS_OFF; it has {', '.join(file.names)}",
            rule="An On/Off spectrum has counts and acceptances of both regions",
            remedy="Read a map data set with read_dataset",
        )
    file.require(*SPECTRA, "EXPOSURE")
    values: dict[str, Any] = {key.lower(): _table(file, key)[0] for key in SPECTRA}
    exposure, unit, (axis_true,) = _table(file, "EXPOSURE")
    masks = [_table(file, key)[0] == 1 for key in MASKS if key in file]
    edisp = None
    if "EDISP" in file:
        matrix, _, axes = _table(file, "EDISP")
        edisp = EnergyDispersion(axes[0], axes[1], matrix)
    return SpectrumDatasetOnOff(
        name=name or str(file.get(0).header.get("NAME", file.name.split(".")[0])),
        axis=_table(file, "COUNTS")[2][0],
        axis_true=axis_true,
        exposure=to_float64(exposure, "cm2 s", "exposure") if unit in ("", "cm2 s") else exposure * _area(unit),
        edisp=edisp,
        mask=np.logical_and.reduce(masks) if masks else None,
        **values,
    )


def _area(unit: str) -> float:
    return float(to_float64(f"1 {unit}", "cm2 s", "exposure"))


def _table(file: FitsFile, name: str) -> tuple[FloatArray, str, tuple[MapAxis, ...]]:
    """Return numbers, unit and axes of a table of a region."""
    data, unit = column(file, file.get(name), "DATA")
    shape = tuple(size for size in data.shape if size > 1) or (1,)
    shape = (data.shape[0], int(np.prod(data.shape[1:]))) if name == "EDISP" else (int(np.prod(shape)),)
    axes = axes_of_bands(file, file.get(f"{name}_BANDS"), list(reversed(shape)))
    return data.reshape(shape), unit, tuple(MapAxis.from_record(record) for record in axes)


def _hdus(name: str, data: Any, axes: tuple[MapAxis, ...], unit: str = "") -> list[Any]:
    """Return the table of a region, one row per bin of the slowest axis, and its BANDS table."""
    width = int(np.prod(data.shape[1:]))
    kind = "L" if data.dtype == bool else "D"
    shape = f"({','.join(str(size) for size in (1, 1, *data.shape[:0:-1]))})"
    columns = [
        fits.Column("CHANNEL", "I", array=np.arange(len(data))),
        fits.Column("DATA", f"{width}{kind}", unit=unit, dim=shape, array=data.reshape(-1, *data.shape[1:], 1, 1)),
    ]
    records = [axis.to_record() for axis in axes]
    table = fits.BinTableHDU.from_columns(columns, name=name)
    table.header.update(axis_cards(records))
    return [table, bands_hdu(records, f"{name}_BANDS")]


def _of_object(value: Any, name: str | None) -> SpectrumDatasetOnOff:
    """Copy a live SpectrumDatasetOnOff of Gammapy."""
    needed = ("counts", "counts_off", "acceptance", "acceptance_off", "exposure")
    if any(getattr(value, key, None) is None for key in needed) or not getattr(value.counts.geom, "is_region", False):
        raise not_understood(value, "an On/Off spectrum", "a SpectrumDatasetOnOff with Off counts and exposure")
    masks = [getattr(value, key.lower(), None) for key in MASKS]
    kept = [np.asarray(mask.data)[:, 0, 0] for mask in masks if mask is not None]
    edisp: Any = value.edisp
    if hasattr(edisp, "get_edisp_kernel"):
        edisp = edisp.get_edisp_kernel()
    spectra: dict[str, Any] = {key.lower(): np.asarray(getattr(value, key.lower()).data)[:, 0, 0] for key in SPECTRA}
    return SpectrumDatasetOnOff(
        name=name or str(value.name),
        axis=live_axis(value.counts.geom.axes[0]),
        axis_true=live_axis(value.exposure.geom.axes[0]),
        exposure=to_float64(value.exposure.quantity[:, 0, 0], "cm2 s", "exposure"),
        edisp=None if edisp is None else live_edisp(edisp),
        mask=np.logical_and.reduce(kept) if kept else None,
        **spectra,
    )
