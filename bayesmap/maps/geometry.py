"""Where the pixels of a map are: a celestial WCS, the numbers of pixels, and further axes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS, FITSFixedWarning

from bayesmap.errors import GeometryError
from bayesmap.maps.axis import MapAxis, axes_shape
from bayesmap.maps.celestial import UNREADABLE, check_celestial, frame_of, unusable
from bayesmap.maps.sphere import pixel_solid_angles
from bayesmap.units import FloatArray, to_float64

CYLINDRICAL = {"CAR", "CEA", "MER", "CYP"}
CTYPES = {"icrs": ("RA--", "DEC-"), "fk5": ("RA--", "DEC-"), "galactic": ("GLON", "GLAT")}
SAME_PIXELS = 1e-3  # largest distance, in pixels, between the same pixel of two equal geometries


@dataclass(frozen=True, eq=False)
class WcsGeom:
    """Pixels on the sky and bins along further axes.

    Arrays on it have shape (axes..., n_lat, n_lon). Pixel coordinates x (along lon) and y (along lat) are 0-based, with
    pixel centres at integers.

    Parameters
    ----------
    wcs : astropy WCS
        Two celestial axes, longitude first: any projection that astropy knows. It is copied.
    n_lat, n_lon : int
        Numbers of pixels.
    axes : sequence of MapAxis
        Slowest first, as in the array.

    Raises
    ------
    GeometryError
        If the WCS is not celestial, or in a frame other than ICRS, FK5 (J2000) or Galactic (BM-GE-007).
    """

    wcs: WCS
    n_lat: int
    n_lon: int
    axes: tuple[MapAxis, ...] = ()

    def __post_init__(self) -> None:
        check_celestial(self.wcs)
        if min(self.n_lat, self.n_lon) < 1:
            raise unusable(f"the map has {self.n_lon} x {self.n_lat} pixels", "It needs at least one")
        object.__setattr__(self, "wcs", self.wcs.deepcopy())
        object.__setattr__(self, "n_lat", int(self.n_lat))
        object.__setattr__(self, "n_lon", int(self.n_lon))
        object.__setattr__(self, "axes", tuple(self.axes))

    @classmethod
    def create(
        cls,
        *,
        skydir: tuple[float, float] = (0.0, 0.0),
        width: Any = None,
        npix: int | tuple[int, int] | None = None,
        binsz: float | tuple[float, float] = 1.0,
        frame: str = "icrs",
        proj: str = "CAR",
        axes: Sequence[MapAxis] = (),
    ) -> WcsGeom:
        """Make a geometry with longitude increasing to the left.

        Parameters
        ----------
        skydir : (lon, lat)
            Centre in deg, in `frame`.
        width : float or (float, float)
            Extent in deg (lon, lat); or give `npix`.
        npix : int or (int, int)
            Numbers of pixels (lon, lat).
        binsz : float or (float, float)
            Pixel size in deg.
        frame : {"icrs", "fk5", "galactic"}
            Celestial frame.
        proj : str
            FITS projection code; its reference point is the centre, as in Gammapy (so that a CAR map off the equator is
            oblique, its pixels all but square).
        axes : sequence of MapAxis
            Further axes, slowest first.

        Returns
        -------
        WcsGeom
        """
        if frame not in CTYPES:
            rule = f"It must be one of {', '.join(CTYPES)}"
            raise unusable(f"the frame is {frame!r}", rule, "Write for example frame='icrs'")
        if (width is None) == (npix is None):
            raise unusable(
                "the size of the map is not clear",
                "Give exactly one of width and npix",
                "Pass for example width=(4, 3) in deg, or npix=(200, 150)",
            )
        lon, lat = (float(value) for value in to_float64(skydir, "deg", "skydir"))
        step = np.broadcast_to(to_float64(binsz, "deg", "binsz"), 2)
        size = npix if npix is not None else np.rint(to_float64(width, "deg", "width") / step)
        n_lon, n_lat = (int(n) for n in np.broadcast_to(np.asarray(size), 2))
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = [f"{name}-{proj}" for name in CTYPES[frame]]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.cdelt = [-step[0], step[1]]
        wcs.wcs.crpix = [(n_lon + 1) / 2, (n_lat + 1) / 2]
        wcs.wcs.crval = [lon, lat]
        if frame != "galactic":
            wcs.wcs.radesys = frame.upper()
        if frame == "fk5":
            wcs.wcs.equinox = 2000.0
        return cls(wcs, n_lat, n_lon, tuple(axes))

    @classmethod
    def from_header(cls, header: Any, n_lat: int, n_lon: int, axes: Sequence[MapAxis] = ()) -> WcsGeom:
        """Make a geometry from the first two axes of a FITS header.

        Parameters
        ----------
        header : astropy Header
            Its keyword WCSSHAPE is not read: the image knows its size.
        n_lat, n_lon : int
            Numbers of pixels.
        axes : sequence of MapAxis
            Further axes, slowest first.

        Returns
        -------
        WcsGeom
        """
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)
            # astropy says that it completed dates or spelled a unit out: nothing that moves a pixel
            warnings.simplefilter("ignore", FITSFixedWarning)
            try:
                wcs = WCS(header, naxis=2)
            except UNREADABLE as error:
                raise unusable(f"the header has no usable WCS ({error})", "It needs two celestial axes") from error
        return cls(wcs, n_lat, n_lon, tuple(axes))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an array on this geometry: (axes..., n_lat, n_lon)."""
        return (*axes_shape(self.axes), self.n_lat, self.n_lon)

    @property
    def frame(self) -> str:
        """Celestial frame: ``icrs``, ``fk5`` or ``galactic``."""
        return frame_of(self.wcs)

    @property
    def projection(self) -> str:
        """FITS projection code, such as ``CAR``."""
        return str(self.wcs.wcs.ctype[0])[5:8]

    @property
    def center(self) -> tuple[float, float]:
        """Longitude and latitude of the middle of the map, deg."""
        lon, lat = self.pixel_to_sky((self.n_lon - 1) / 2, (self.n_lat - 1) / 2)
        return float(lon), float(lat)

    @property
    def coords(self) -> dict[str, FloatArray]:
        """One-dimensional labels: the centres of each axis, ``lat`` and ``lon`` along the middle column and row.

        Longitudes are continuous: within 180 deg of the centre of the map.
        """
        columns, rows = np.arange(self.n_lon), np.arange(self.n_lat)
        lon, _ = self.pixel_to_sky(columns, (self.n_lat - 1) / 2)
        _, lat = self.pixel_to_sky((self.n_lon - 1) / 2, rows)
        middle = self.center[0]
        labels = {axis.name: axis.center for axis in self.axes}
        return {**labels, "lat": lat, "lon": middle + (lon - middle + 180.0) % 360.0 - 180.0}

    def axis(self, name: str) -> MapAxis:
        """Return the axis of a given name.

        Raises
        ------
        GeometryError
            If there is none (BM-GE-010).
        """
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise GeometryError(
            "BM-GE-010",
            what=f"the map has no axis {name!r}",
            rule=f"It has {', '.join(axis.name for axis in self.axes) or 'no axis besides the sky'}",
            remedy=f"Give it the axis: an image one with a single bin, another name by axis.rename({name!r})",
        )

    def pixel_to_sky(self, x: Any, y: Any) -> tuple[FloatArray, FloatArray]:
        """Longitude and latitude of pixel coordinates.

        Parameters
        ----------
        x, y : array_like
            Pixel coordinates along lon and lat, which broadcast.

        Returns
        -------
        lon, lat : ndarray
            In deg, lon in [0, 360); NaN where the projection has no sky.
        """
        x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        shape, (x, y) = x.shape, self._same_turn(x, y, self.wcs.wcs.crpix - 1.0)
        lon, lat = self.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
        return (lon % 360.0).reshape(shape), lat.reshape(shape)

    def sky_to_pixel(self, lon: Any, lat: Any) -> tuple[FloatArray, FloatArray]:
        """Pixel coordinates of longitude and latitude.

        Parameters
        ----------
        lon, lat : array_like
            In deg, in the frame of the map, which broadcast.

        Returns
        -------
        x, y : ndarray
            NaN where the projection cannot show the position. Of the periods of a cylindrical projection, the one
            nearest to the middle of the map.
        """
        lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        x, y = self.wcs.wcs_world2pix(lon.ravel(), lat.ravel(), 0)
        middle = np.array([self.n_lon - 1, self.n_lat - 1]) / 2
        return self._same_turn(x.reshape(lon.shape), y.reshape(lon.shape), middle)

    def pixel_centers(self) -> tuple[FloatArray, FloatArray]:
        """Longitude and latitude of the pixel centres, deg, each of shape (n_lat, n_lon)."""
        y, x = np.indices((self.n_lat, self.n_lon), dtype=np.float64)
        return self.pixel_to_sky(x, y)

    def solid_angle(self) -> FloatArray:
        """Solid angle of the pixels, sr, shape (n_lat, n_lon).

        The spherical polygon of the four corners, joined by great circles: exact for TAN; for other projections the
        sides are curved and the relative error is of the order of (pixel size in radian)^2 / 12. NaN where a corner
        is not on the sky.
        """
        return pixel_solid_angles(self.pixel_to_sky, self.n_lat, self.n_lon)

    def crop(self, y0: int, y1: int, x0: int, x1: int) -> WcsGeom:
        """Return rows `y0` to `y1` and columns `x0` to `x1` (ends excluded).

        Raises
        ------
        GeometryError
            If the cut is empty or leaves the map (BM-GE-009).
        """
        if not (0 <= y0 < y1 <= self.n_lat and 0 <= x0 < x1 <= self.n_lon):
            raise GeometryError(
                "BM-GE-009",
                what=f"rows {y0} to {y1} and columns {x0} to {x1} were asked for",
                rule=f"The map has rows 0 to {self.n_lat} and columns 0 to {self.n_lon}",
                remedy="Choose at least one pixel inside the map",
            )
        return replace(self, wcs=self._moved(-x0, -y0), n_lat=y1 - y0, n_lon=x1 - x0)

    def pad(self, n: int) -> WcsGeom:
        """Return the geometry with `n` more pixels on each side."""
        return replace(self, wcs=self._moved(n, n), n_lat=self.n_lat + 2 * n, n_lon=self.n_lon + 2 * n)

    def rebin(self, factor: int) -> WcsGeom:
        """Return the geometry with blocks of factor x factor pixels merged.

        Raises
        ------
        GeometryError
            If the numbers of pixels are no multiples of `factor` (BM-GE-009).
        """
        if factor < 1 or self.n_lat % factor or self.n_lon % factor:
            raise GeometryError(
                "BM-GE-009",
                what=f"{self.n_lon} x {self.n_lat} pixels cannot be merged by {factor}",
                rule="The factor must divide both numbers",
                remedy="Crop the map first, or choose another factor",
            )
        wcs = self.wcs.deepcopy()
        wcs.wcs.crpix = (wcs.wcs.crpix - 0.5) / factor + 0.5
        if wcs.wcs.has_cd():
            wcs.wcs.cd = wcs.wcs.cd * factor
        else:
            wcs.wcs.cdelt = wcs.wcs.cdelt * factor
        return replace(self, wcs=wcs, n_lat=self.n_lat // factor, n_lon=self.n_lon // factor)

    def to_image(self) -> WcsGeom:
        """Return the sky part alone."""
        return self.with_axes(())

    def with_axes(self, axes: Sequence[MapAxis]) -> WcsGeom:
        """Return the same pixels with other axes."""
        return replace(self, axes=tuple(axes))

    def offset_in_pixels(self, other: WcsGeom) -> float:
        """Largest distance between the same pixel in both geometries, in pixels of `other`.

        Infinite if the frames differ or the pixels are not on both skies.
        """
        if self.frame != other.frame:
            return float("inf")
        x, y = np.meshgrid(np.linspace(0, self.n_lon - 1, 5), np.linspace(0, self.n_lat - 1, 5))
        lon, lat = self.pixel_to_sky(x, y)
        shown, shown_there = np.isfinite(lon), np.isfinite(other.pixel_to_sky(x, y)[0])
        if not shown.any() or not np.array_equal(shown, shown_there):
            return float("inf")
        there_x, there_y = other.sky_to_pixel(lon[shown], lat[shown])
        distance = np.hypot(there_x - x[shown], there_y - y[shown])
        return float(np.max(distance)) if np.isfinite(distance).all() else float("inf")

    def same_sky(self, other: WcsGeom) -> bool:
        """Whether both have the same pixels on the sky, within 1e-3 of a pixel."""
        same_size = (self.n_lat, self.n_lon) == (other.n_lat, other.n_lon)
        return same_size and self.offset_in_pixels(other) <= SAME_PIXELS

    def is_close(self, other: WcsGeom) -> bool:
        """Whether both have the same pixels and the same axes."""
        return (
            len(self.axes) == len(other.axes)
            and all(mine.is_close(theirs) for mine, theirs in zip(self.axes, other.axes, strict=True))
            and self.same_sky(other)
        )

    def __eq__(self, other: object) -> bool:
        return self.is_close(other) if isinstance(other, WcsGeom) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # equality has a tolerance

    def __str__(self) -> str:
        lon, lat = self.center
        sky = f"{self.n_lon} x {self.n_lat} pixels, {self.projection}, {self.frame}, centre ({lon:.4f}, {lat:.4f}) deg"
        return "; ".join([sky, *map(str, self.axes)])

    def _moved(self, x: float, y: float) -> WCS:
        """Return the WCS with its reference pixel moved."""
        wcs = self.wcs.deepcopy()
        wcs.wcs.crpix = wcs.wcs.crpix + np.array([x, y])
        return wcs

    def _same_turn(self, x: FloatArray, y: FloatArray, centre: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Move pixel coordinates of a cylindrical projection by whole turns, to within half a turn of `centre`."""
        if self.projection not in CYLINDRICAL:
            return x, y
        step = np.linalg.solve(self.wcs.pixel_scale_matrix, np.array([360.0, 0.0]))
        turns = np.rint(((x - centre[0]) * step[0] + (y - centre[1]) * step[1]) / (step @ step))
        return x - turns * step[0], y - turns * step[1]
