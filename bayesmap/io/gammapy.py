"""Data sets of Gammapy: its MapDataset files, which need no gammapy to read, and its live objects.

Live objects are read by what they carry (geometry, axes, data, unit), so that those of Gammapy 0.10 and 2 both work.
"""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from astropy.io import fits

from bayesmap.dataset import MapDataset
from bayesmap.fits.hdu import DEFAULT_LIMITS, FitsFile, ReadLimits, read_fits, write_fits
from bayesmap.io.irf_maps import (
    IrfChoice,
    Position,
    as_position,
    cards_radius,
    cut_psf,
    edisp_from_map,
    edisp_to_map,
    psf_from_map,
    psf_to_map,
    radius_cards,
)
from bayesmap.io.live import live_edisp, live_map, not_understood
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap, first_image, map_from_fits, map_to_hdus
from bayesmap.maps.mask import combine

MAP_HDUS = ("COUNTS", "EXPOSURE", "BACKGROUND", "PSF", "EDISP", "MASK_SAFE", "MASK_FIT", "WEIGHTS")


def read_dataset(
    path_or_object: Any,
    *,
    name: str | None = None,
    psf_max_radius: Any = None,
    irf: IrfChoice = "single",
    limits: ReadLimits = DEFAULT_LIMITS,
) -> MapDataset:
    """Read a data set of Gammapy.

    Parameters
    ----------
    path_or_object : str, path-like, or gammapy.datasets.MapDataset
        A file in Gammapy's layout (COUNTS, EXPOSURE, BACKGROUND, PSF, EDISP, MASK_SAFE, MASK_FIT, each with its BANDS
        table), plain or gzip; or a live object. A `MapDataset` of this package is taken as it is.
    name : str, optional
        Name of the data set; by default the one it has, or the name of the file.
    psf_max_radius : Quantity, float or array, optional
        Where the radial psf is cut, numbers in deg, one or one per true energy.
    irf : {"single", "center", "map"}
        What becomes of a psf or edisp that is given at several positions: ``"single"`` refuses one that changes,
        ``"center"`` takes it at the centre of the counts, with a note, ``"map"`` keeps all of it (`PSFMap`,
        `EDispKernelMap`). One that is the same everywhere is a single one in any case.
    limits : ReadLimits
        Bounds on the unpacked size of a file.

    Returns
    -------
    MapDataset
        Read, not checked: see `MapDataset.check`. The mask is MASK_SAFE and MASK_FIT; either may be missing.

    Raises
    ------
    BayesmapIOError
        If the file cannot be read, or has no COUNTS or EXPOSURE (BM-IO-006).
    ResponseError
        If psf or edisp change with the position and `irf` is ``"single"`` (BM-IR-008).
    """
    if isinstance(path_or_object, str | PathLike):
        parts = _parts_of_file(read_fits(path_or_object, limits))
        default = _stem(Path(path_or_object))
    elif isinstance(path_or_object, MapDataset):
        return _renamed(path_or_object, name, psf_max_radius)
    else:
        parts, default = _parts_of_object(path_or_object), "dataset"
    counts = parts["counts"]
    axis = counts.geom.axes[0] if counts.geom.axes else None
    masks = [mask.to_mask("mask") for mask in parts["masks"]]
    place = Position(irf, counts.geom)
    radius = parts["max_radius"] if psf_max_radius is None else psf_max_radius
    psf = to_bayesmap_psf(parts["psf"], max_radius=radius, irf=place)
    edisp = to_bayesmap_edisp(parts["edisp"], axis=axis, irf=place)
    return MapDataset(
        name=name or parts["name"] or default,
        counts=counts,
        exposure=parts["exposure"],
        background=parts["background"],
        psf=psf,
        edisp=edisp,
        mask=combine(*masks) if masks else None,
        weights=parts["weights"],
        notes=(*parts["notes"], *place.notes(psf=psf, edisp=edisp)),
    )


def write_dataset(dataset: MapDataset, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write a data set as a MapDataset file, which Gammapy reads.

    The mask becomes MASK_FIT; psf and edisp become maps, with a single position if they do not change. Where a psf
    table is cut is kept in the cards RMAXn of its header, and weights in the HDU WEIGHTS: Gammapy knows neither.

    Parameters
    ----------
    dataset : MapDataset
        With a radial psf, or none.
    path : str or path-like
        Packed if it ends in ``.gz``.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    ResponseError
        If the psf is a kernel, for which the layout has no place (BM-IR-009).
    BayesmapIOError
        If the file exists and `overwrite` is False (BM-IO-032), or it cannot be written (BM-IO-009).
    """
    primary = fits.PrimaryHDU()
    primary.header["NAME"] = dataset.name
    hdus = [primary, *map_to_hdus(dataset.counts, "COUNTS"), *map_to_hdus(dataset.exposure, "EXPOSURE")]
    if dataset.background is not None:
        hdus += map_to_hdus(dataset.background, "BACKGROUND")
    if dataset.edisp is not None:
        hdus += map_to_hdus(edisp_to_map(dataset.edisp, dataset.counts.geom), "EDISP")
    if dataset.psf is not None:
        image, bands = map_to_hdus(psf_to_map(dataset.psf, dataset.counts.geom), "PSF")
        image.header.update(radius_cards(dataset.psf))
        hdus += [image, bands]
    if dataset.mask is not None:
        hdus += map_to_hdus(dataset.mask, "MASK_FIT")
    if dataset.weights is not None:
        hdus += map_to_hdus(dataset.weights, "WEIGHTS")
    write_fits(fits.HDUList(hdus), path, overwrite=overwrite)


def to_bayesmap_map(value: Any) -> WcsNDMap:
    """Take a map from wherever it is.

    Parameters
    ----------
    value : WcsNDMap, str, path-like, or gammapy.maps.WcsNDMap
        A map, a file, or a live object.

    Returns
    -------
    WcsNDMap

    Raises
    ------
    BayesmapInputError
        If it is nothing of the kind (BM-IN-030).
    """
    if isinstance(value, WcsNDMap):
        return value
    if isinstance(value, str | PathLike):
        return WcsNDMap.read(value)
    return live_map(value)


def to_bayesmap_mask(value: Any) -> WcsNDMap | None:
    """Take a mask from wherever it is; the numbers 0 and 1 of a file become booleans.

    Parameters
    ----------
    value : None, WcsNDMap, str, path-like, or gammapy.maps.WcsNDMap
        A live mask must be boolean.

    Returns
    -------
    WcsNDMap or None

    Raises
    ------
    BayesmapInputError
        If a file holds other numbers (BM-IN-021).
    """
    if value is None:
        return None
    mask = to_bayesmap_map(value)
    return mask.to_mask("mask") if isinstance(value, str | PathLike) else mask


def to_bayesmap_psf(
    value: Any, *, max_radius: Any = None, irf: Position | IrfChoice = "single"
) -> RadialPSF | PSFKernel | None:
    """Take a point spread function from wherever it is.

    Parameters
    ----------
    value : None, RadialPSF, PSFKernel, str, path-like, or gammapy PSFMap or PSFKernel
        A file holds a PSFMap (HDU PSF) or a kernel cube.
    max_radius : Quantity, float or array, optional
        Where a radial table is cut, numbers in deg.
    irf : {"single", "center", "map"}
        What becomes of one that changes with the position, see `read_dataset`.

    Returns
    -------
    RadialPSF, PSFKernel or None

    Raises
    ------
    ResponseError
        If it changes with the position and `irf` is ``"single"`` (BM-IR-008), or cannot be cut (BM-IR-009).
    """
    if isinstance(value, str | PathLike):
        file = read_fits(value)
        value = map_from_fits(file, "PSF" if "PSF" in file else first_image(file))
    for attribute in ("psf_map", "psf_kernel_map"):
        if hasattr(value, attribute):
            value = live_map(getattr(value, attribute))
    if isinstance(value, WcsNDMap):
        value = psf_from_map(value, as_position(irf))
    if value is not None and not isinstance(value, RadialPSF | PSFKernel):
        raise not_understood(value, "a point spread function", "a RadialPSF, a PSFKernel, a file or a gammapy object")
    return value if max_radius is None else cut_psf(value, max_radius)


def to_bayesmap_edisp(
    value: Any, *, axis: MapAxis | None = None, irf: Position | IrfChoice = "single"
) -> EnergyDispersion | None:
    """Take an energy dispersion from wherever it is.

    Parameters
    ----------
    value : None, EnergyDispersion, str, path-like, or gammapy EDispKernelMap, EDispMap, EDispKernel
        A file holds a map (HDU EDISP) or an OGIP matrix (HDU MATRIX).
    axis : MapAxis, optional
        Reconstructed energy, needed where the file gives a density in migra.
    irf : {"single", "center", "map"}
        What becomes of one that changes with the position, see `read_dataset`.

    Returns
    -------
    EnergyDispersion or None

    Raises
    ------
    ResponseError
        If it changes with the position and `irf` is ``"single"`` (BM-IR-008).
    """
    if isinstance(value, str | PathLike):
        file = read_fits(value)
        if "EDISP" not in file:
            return EnergyDispersion.read(value)
        value = map_from_fits(file, "EDISP")
    if hasattr(value, "edisp_map"):
        value = live_map(value.edisp_map)
    if hasattr(value, "pdf_matrix"):
        return live_edisp(value)
    if isinstance(value, WcsNDMap):
        return edisp_from_map(value, axis, as_position(irf))
    if value is not None and not isinstance(value, EnergyDispersion):
        raise not_understood(value, "an energy dispersion", "an EnergyDispersion, a file or a gammapy object")
    return value


def _parts_of_file(file: FitsFile) -> dict[str, Any]:
    """Read the maps of a MapDataset file."""
    file.require("COUNTS", "EXPOSURE")
    maps = {name: map_from_fits(file, name) for name in MAP_HDUS if name in file}
    return {
        "name": file.get(0).header.get("NAME"),
        "counts": maps["COUNTS"],
        "exposure": maps["EXPOSURE"],
        "background": maps.get("BACKGROUND"),
        "psf": maps.get("PSF"),
        "max_radius": cards_radius(file, file.get("PSF")) if "PSF" in file else None,
        "edisp": maps.get("EDISP"),
        "weights": maps.get("WEIGHTS"),
        "masks": [maps[name] for name in ("MASK_SAFE", "MASK_FIT") if name in maps],
        "notes": (),
    }


def _parts_of_object(value: Any) -> dict[str, Any]:
    """Take the maps of a live gammapy data set."""
    if getattr(value, "counts", None) is None or getattr(value, "exposure", None) is None:
        raise not_understood(value, "a data set", "a file, or a gammapy MapDataset with counts and exposure")
    if hasattr(value, "counts_off") or hasattr(value, "acceptance"):
        raise not_understood(value, "a data set", "a MapDataset; on-off data sets have another likelihood")
    masks = [getattr(value, name, None) for name in ("mask_safe", "mask_fit")]
    return {
        "name": getattr(value, "name", None),
        "counts": live_map(value.counts),
        "exposure": live_map(value.exposure),
        "background": None if value.background is None else live_map(value.background),
        "psf": value.psf,
        "max_radius": None,
        "edisp": value.edisp,
        "weights": None,
        "masks": [live_map(mask) for mask in masks if mask is not None],
        "notes": (),
    }


def _renamed(dataset: MapDataset, name: str | None, max_radius: Any) -> MapDataset:
    """Return a data set of this package under another name, its psf cut."""
    psf = to_bayesmap_psf(dataset.psf, max_radius=max_radius)
    return replace(dataset, name=name or dataset.name, psf=psf)


def _stem(path: Path) -> str:
    """Return the name of a file without ``.mapdataset.fits.gz`` and the like."""
    return path.name.split(".")[0] or path.name
