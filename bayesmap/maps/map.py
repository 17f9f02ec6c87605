"""A map: numbers on a geometry, with a unit."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits

from bayesmap.errors import BayesmapInputError, GeometryError
from bayesmap.fits.bands import axis_cards, bands_hdu, read_axes
from bayesmap.fits.hdu import DEFAULT_LIMITS, FitsFile, ReadLimits, as_fits_array, image_array, read_fits, write_fits
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.units import freeze, parse_unit, to_float64


@dataclass(frozen=True, eq=False)
class WcsNDMap:
    """Values in the bins of a geometry.

    Parameters
    ----------
    geom : WcsGeom
        Where the bins are.
    data : array_like
        Shape ``geom.shape``. Booleans stay booleans, all else becomes float64; the copy is read-only.
    unit : str or Unit
        Unit of the values.
    source : str
        Where the map was read from, ``file[HDU]``, for messages.

    Raises
    ------
    GeometryError
        If the shape is not that of the geometry (BM-GE-008).
    """

    geom: WcsGeom
    data: np.ndarray
    unit: u.UnitBase = u.dimensionless_unscaled
    source: str = ""

    def __post_init__(self) -> None:
        data = np.asanyarray(self.data)
        if data.shape != self.geom.shape:
            raise GeometryError(
                "BM-GE-008",
                what=f"the data have shape {data.shape}, the geometry {self.geom.shape}",
                rule="Arrays have shape (axes..., n_lat, n_lon)",
                remedy="Transpose or cut the array, or correct the geometry",
            )
        object.__setattr__(self, "data", freeze(data, bool if data.dtype == bool else np.float64))
        object.__setattr__(self, "unit", parse_unit(self.unit, "the map"))

    @classmethod
    def read(
        cls, path: str | PathLike[str], hdu: str | int | None = None, *, limits: ReadLimits = DEFAULT_LIMITS
    ) -> WcsNDMap:
        """Read a map from a FITS file in the GADF layout (or of the Fermi tools).

        Parameters
        ----------
        path : str or path-like
            Plain or gzip.
        hdu : str, int or None
            Which image; by default the first that has pixels.
        limits : ReadLimits
            Bounds on the unpacked size.

        Returns
        -------
        WcsNDMap
            float64; masks too (see `to_mask`).

        Raises
        ------
        BayesmapIOError
            If the file cannot be read (BM-IO-001 to 007) or its BANDS table is missing or wrong (BM-IO-010).
        """
        file = read_fits(path, limits)
        return map_from_fits(file, first_image(file) if hdu is None else hdu)

    def write(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write the map as PRIMARY and PRIMARY_BANDS, as Gammapy does.

        Parameters
        ----------
        path : str or path-like
            Packed if it ends in ``.gz``.
        overwrite : bool
            Whether an existing file may be replaced.
        """
        write_fits(fits.HDUList(map_to_hdus(self, "PRIMARY")), path, overwrite=overwrite)

    @property
    def quantity(self) -> u.Quantity:
        """The values with their unit (a copy)."""
        return u.Quantity(self.data, self.unit, copy=True)

    @property
    def is_mask(self) -> bool:
        """Whether the values are booleans."""
        return self.data.dtype == bool

    def copy_with(self, *, data: Any = None, unit: Any = None) -> WcsNDMap:
        """Return a map on the same geometry with other data or another unit."""
        data = self.data if data is None else data
        return WcsNDMap(self.geom, data, self.unit if unit is None else unit, self.source)

    def to_unit(self, unit: str | u.UnitBase, name: str = "map") -> WcsNDMap:
        """Return the map converted to a unit.

        Raises
        ------
        UnitsError
            If that is impossible (BM-GE-005).
        """
        target = parse_unit(unit, name)
        if self.unit == target:
            return self
        return self.copy_with(data=to_float64(self.data * self.unit, target, name), unit=target)

    def to_mask(self, name: str = "mask") -> WcsNDMap:
        """Return the map as booleans.

        Raises
        ------
        BayesmapInputError
            If a value is neither 0 nor 1 (BM-IN-021).
        """
        if self.is_mask:
            return self
        other = ~np.isin(self.data, (0.0, 1.0))
        if other.any():
            raise BayesmapInputError(
                "BM-IN-021",
                what=f"{name} holds numbers that are neither 0 nor 1: {np.count_nonzero(other)} "
                f"(first {self.data[other][0]:g})",
                rule="A mask is boolean: True where a bin is used",
                remedy="Make it so, for example with data > 0",
            )
        return WcsNDMap(self.geom, self.data == 1.0, source=self.source)

    def crop(self, y0: int, y1: int, x0: int, x1: int) -> WcsNDMap:
        """Return rows `y0` to `y1` and columns `x0` to `x1` (ends excluded)."""
        return WcsNDMap(self.geom.crop(y0, y1, x0, x1), self.data[..., y0:y1, x0:x1], self.unit, self.source)

    def rebin(self, factor: int, *, energy_factor: int = 1) -> WcsNDMap:
        """Return the map with blocks of pixels, and groups of bins of the first axis, summed; masks: any.

        Parameters
        ----------
        factor : int
            Pixels per side of a block.
        energy_factor : int
            Bins per group.

        Returns
        -------
        WcsNDMap
        """
        geom = self.geom.rebin(factor)
        if energy_factor != 1 and geom.axes:
            geom = geom.with_axes((geom.axes[0].rebin(energy_factor), *geom.axes[1:]))
        split = [part for size in geom.shape[:-2] for part in (size, 1)]
        if split:
            split[1] = energy_factor
        blocks = self.data.reshape(*split, geom.n_lat, factor, geom.n_lon, factor)
        odd = tuple(range(1, blocks.ndim, 2))
        return WcsNDMap(geom, blocks.any(axis=odd) if self.is_mask else blocks.sum(axis=odd), self.unit, self.source)

    def sum_over_energy(self) -> WcsNDMap:
        """Return the image summed over all axes but the sky (for a mask: any)."""
        axes = tuple(range(len(self.geom.axes)))
        data = self.data.any(axis=axes) if self.is_mask else self.data.sum(axis=axes)
        return WcsNDMap(self.geom.to_image(), data, self.unit, self.source)

    def slice_by_energy(self, energy_min: Any = None, energy_max: Any = None) -> WcsNDMap:
        """Return the bins of the energy axis that lie inside a range.

        Parameters
        ----------
        energy_min, energy_max : Quantity, str, float or None
            Numbers in TeV. A bin is kept if both its edges (for nodes: the node) lie inside, within 1e-6.

        Returns
        -------
        WcsNDMap

        Raises
        ------
        GeometryError
            If no bin is left (BM-GE-009).
        """
        axis = self.geom.axes[0] if self.geom.axes else self.geom.axis("energy")
        keep = np.flatnonzero(bins_inside(axis, energy_min, energy_max))
        start, stop = (int(keep[0]), int(keep[-1]) + 1) if len(keep) else (0, 0)
        geom = self.geom.with_axes((axis.slice(start, stop), *self.geom.axes[1:]))
        return WcsNDMap(geom, self.data[start:stop], self.unit, self.source)

    def __str__(self) -> str:
        return f"WcsNDMap {self.data.dtype}, unit {str(self.unit)!r}: {self.geom}"


def bins_inside(axis: MapAxis, energy_min: Any = None, energy_max: Any = None) -> np.ndarray:
    """Return which bins (nodes) of an axis lie inside a range, within 1e-6; None leaves an end open."""
    low = 0.0 if energy_min is None else float(to_float64(energy_min, "TeV", "energy_min"))
    high = np.inf if energy_max is None else float(to_float64(energy_max, "TeV", "energy_max"))
    lower, upper = (axis.edges[:-1], axis.edges[1:]) if axis.node_type == "edges" else (axis.nodes, axis.nodes)
    return (lower >= low * (1 - 1e-6)) & (upper <= high * (1 + 1e-6))


def first_image(file: FitsFile) -> int:
    """Return the number of the first HDU with pixels, or 0."""
    numbers = [n for n, hdu in enumerate(file.hdus) if hdu.is_image and hdu.header.get("NAXIS", 0) >= 2]
    return numbers[0] if numbers else 0


def map_from_fits(file: FitsFile, name: str | int) -> WcsNDMap:
    """Make a map from an image HDU and its BANDS table.

    Parameters
    ----------
    file : FitsFile
        The file.
    name : str or int
        The image HDU.

    Returns
    -------
    WcsNDMap
    """
    hdu = file.get(name)
    data = image_array(file, hdu)
    axes = tuple(MapAxis.from_record(record) for record in read_axes(file, hdu))
    geom = WcsGeom.from_header(hdu.header, data.shape[-2], data.shape[-1], axes)
    where = file.where(hdu.name)
    return WcsNDMap(geom, data, parse_unit(hdu.header.get("BUNIT", ""), where), where)


def map_to_hdus(sky_map: WcsNDMap, name: str) -> list[Any]:
    """Make the image HDU and the BANDS table of a map.

    Parameters
    ----------
    sky_map : WcsNDMap
        The map.
    name : str
        Name of the image HDU; ``PRIMARY`` makes a primary HDU.

    Returns
    -------
    list of HDU
    """
    geom = sky_map.geom
    records = [axis.to_record() for axis in geom.axes]
    header = geom.wcs.to_header()
    header.update(axis_cards(records))
    header["WCSSHAPE"] = f"({','.join(str(size) for size in (geom.n_lon, geom.n_lat, *geom.shape[-3::-1]))})"
    if records:
        header["BANDSHDU"] = f"{name}_BANDS"
    header["BUNIT"] = sky_map.unit.to_string("fits")
    data = as_fits_array(sky_map.data)
    image = fits.PrimaryHDU(data, header) if name == "PRIMARY" else fits.ImageHDU(data, header, name=name)
    return [image, bands_hdu(records, f"{name}_BANDS")] if records else [image]
