"""How the instrument blurs the sky: a radial table, or a kernel on pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapError, GeometryError, ResponseError, raise_problems
from bayesmap.irf.radial import cumulative_integral
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import BoolArray, FloatArray, freeze, to_float64

TABLE_TOLERANCE = 2e-2  # tables of real instruments are cut and binned: their sums miss 1 by per cents
KERNEL_TOLERANCE = 1e-3
NEAREST = 1e-9  # deg between two nodes of a table: slopes between nearer ones are noise


@dataclass(frozen=True, eq=False)
class RadialPSF:
    """Point spread function as a table of angular distance, for each true energy.

    Linear in `rad` between the nodes, continued linearly to the centre where the first node is not there, zero beyond
    `max_radius`. Its law is

        2 pi int_0^max_radius sin(r) psf(r) dr = 1 .

    Parameters
    ----------
    axis : MapAxis
        True energy; the table belongs to its centres.
    rad : Quantity or array_like, shape (n_rad,)
        Increasing distances, numbers in deg.
    data : Quantity or array_like, shape (n_energy, n_rad)
        Probability per solid angle, numbers in sr-1.
    max_radius : None, Quantity, float or array_like of shape (n_energy,)
        Where the table is cut, numbers in deg; None means the last node. Never beyond it.
    notes : tuple of str
        What the reader of a result should know.

    Raises
    ------
    ResponseError
        If the shapes do not fit, or `rad` or `max_radius` make no sense (BM-IR-005).
    """

    axis: MapAxis
    rad: FloatArray
    data: FloatArray
    max_radius: FloatArray = None  # type: ignore[assignment]  # None until __post_init__ has put in the last node
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rad = to_float64(self.rad, "deg", "psf rad")
        data = to_float64(self.data, "sr-1", "psf")
        if data.shape != (self.axis.nbin, rad.size) or rad.ndim != 1 or rad.size < 2:
            raise _shape_error(f"the psf table has shape {data.shape}", f"{(self.axis.nbin, rad.size)}")
        if not np.all(np.isfinite(rad)) or rad[0] < 0 or rad[-1] > 180 or np.any(np.diff(rad) < NEAREST):
            raise _shape_error(
                "the psf's rad does not increase from 0 or more to 180 deg or less",
                f"increasing, finite distances at least {NEAREST:g} deg apart",
            )
        radius = rad[-1] if self.max_radius is None else to_float64(self.max_radius, "deg", "psf max_radius")
        if np.shape(radius) not in ((), (self.axis.nbin,)) or not np.all(np.asarray(radius) > 0):
            raise _shape_error(f"the psf's max_radius is {radius}", "one positive angle, or one per true energy")
        if rad[0] > 0:
            rad, data = _with_centre(rad, data)
        object.__setattr__(self, "rad", rad)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "max_radius", freeze(np.minimum(np.broadcast_to(radius, self.axis.nbin), rad[-1])))
        object.__setattr__(self, "notes", tuple(self.notes))

    def evaluate(self, rad: Any) -> FloatArray:
        """Return the table at distances.

        Parameters
        ----------
        rad : Quantity or array_like
            Numbers in deg.

        Returns
        -------
        ndarray, shape (n_energy,) + rad.shape, unit sr-1
        """
        rad = to_float64(rad, "deg", "rad")
        values = np.stack([np.interp(rad, self.rad, plane) for plane in self.data])
        radius = self._radius.reshape(-1, *[1] * rad.ndim)
        return np.where(rad <= radius, values, 0.0)

    def integral(self, radius: Any = None) -> FloatArray:
        """Return 2 pi int_0^radius sin(r) psf(r) dr of the table as it is, shape (n_energy,).

        Each linear segment is integrated exactly.

        Parameters
        ----------
        radius : None, Quantity, float or array_like of shape (n_energy,)
            Upper end, numbers in deg; by default `max_radius`.
        """
        end = self._radius if radius is None else to_float64(radius, "deg", "radius")
        ends = np.minimum(np.broadcast_to(end, self.axis.nbin), self.rad[-1])
        with np.errstate(over="ignore", invalid="ignore"):  # of numbers beyond all sense the integral is not finite
            return np.array(
                [cumulative_integral(self.rad, plane, stop)[-1] for plane, stop in zip(self.data, ends, strict=True)]
            )

    def containment_radius(self, fraction: float) -> FloatArray:
        """Return the radius (deg) that holds a fraction of the integral inside `max_radius`, shape (n_energy,)."""
        radii = np.empty(self.axis.nbin)
        for n, (plane, stop) in enumerate(zip(self.data, self._radius, strict=True)):
            grid = np.linspace(0.0, stop, 2001)
            enclosed = cumulative_integral(grid, np.interp(grid, self.rad, plane), stop)
            radii[n] = np.interp(fraction * enclosed[-1], enclosed, grid)
        return radii

    def normalised(self) -> RadialPSF:
        """Return the table divided by its integral inside `max_radius`, with a note that says by how much.

        Raises
        ------
        ResponseError
            If the whole table misses 1 by more than 2e-2 (BM-IR-003), or has NaN or negative values, or is zero
            everywhere (BM-IR-004). A plane of zeros, as there is where nothing is exposed, stays as it is.
        """
        seen = _seen(self.data)
        raise_problems(self.problems(seen))
        inside = np.where(seen, self.integral(), 1.0)
        if np.all(np.abs(inside - 1.0) < 1e-12):
            return self
        note = f"psf table divided by its integral inside max_radius ({inside.min():.5f} to {inside.max():.5f})"
        return replace(self, data=self.data / inside[:, np.newaxis], notes=(*self.notes, note))

    def stretched(self, scale: float) -> RadialPSF:
        """Return the table of a PSF wider by a factor: psf(r / scale) / scale^2, its reach wider too."""
        return replace(
            self, rad=self.rad * scale, data=self.data / scale**2, max_radius=np.asarray(self.max_radius) * scale
        )

    def resample(self, axis: MapAxis) -> RadialPSF:
        """Return the table at other true energies, linear in log energy; flat beyond the first and last centre.

        Raises
        ------
        GeometryError
            If the table does not cover `axis` (BM-GE-003).
        """
        if not self.covers(axis):
            raise GeometryError(
                "BM-GE-003",
                what=f"the psf has {self.axis}, {axis} is needed",
                rule="The table must cover the true energies of the exposure",
                remedy="Make the psf on the energies of the exposure",
            )
        here, there = np.log(self.axis.center), np.log(axis.center)
        data = np.stack([np.interp(there, here, values) for values in self.data.T], axis=1)
        return replace(self, axis=axis, data=data, max_radius=np.interp(there, here, self._radius))

    def covers(self, axis: MapAxis) -> bool:
        """Whether the centres of an axis lie inside the energies of the table."""
        mine = self.axis.edges if self.axis.node_type == "edges" else self.axis.nodes
        return bool(mine[0] <= axis.center[0] * (1 + 1e-6) and axis.center[-1] <= mine[-1] * (1 + 1e-6))

    def problems(self, used: BoolArray | None = None) -> tuple[BayesmapError, ...]:
        """Return what breaks the law of a point spread function, as errors that were not raised.

        Parameters
        ----------
        used : ndarray of bool, shape (n_energy,), optional
            Energies that the instrument sees: a plane of zeros is no problem elsewhere.

        Returns
        -------
        tuple of BayesmapError
        """
        bad = _bad_planes(self.data, self.axis, used)
        if bad:
            return (bad,)
        seen = _seen(self.data)
        inside, whole = np.where(seen, self.integral(), 1.0), np.where(seen, self.integral(self.rad[-1]), 1.0)
        if np.all(np.abs(inside - 1.0) < 1e-12):
            return ()
        return _sum_problem(whole, self.axis, TABLE_TOLERANCE, "2 pi int sin(r) psf dr")

    @property
    def _radius(self) -> FloatArray:
        """The cut, one per energy: never None after construction."""
        assert self.max_radius is not None
        return self.max_radius


@dataclass(frozen=True, eq=False)
class PSFKernel:
    """Point spread function on the pixels of the map, for each true energy.

    It has no sub-pixel content; the source sits in the middle of the central pixel. Its law: each plane sums to 1.

    Parameters
    ----------
    axis : MapAxis
        True energy.
    data : array_like, shape (n_energy, ny, nx)
        Fractions per pixel; ny and nx odd.
    notes : tuple of str
        What the reader of a result should know.

    Raises
    ------
    ResponseError
        If the shape does not fit the axis (BM-IR-005).
    """

    axis: MapAxis
    data: FloatArray
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        data = to_float64(self.data, "", "psf kernel")
        if data.ndim != 3 or data.shape[0] != self.axis.nbin:
            raise _shape_error(f"the psf kernel has shape {data.shape}", f"({self.axis.nbin}, ny, nx)")
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "notes", tuple(self.notes))

    @classmethod
    def from_map(cls, kernel: WcsNDMap) -> PSFKernel:
        """Make a kernel from a map with one axis, true energy (also if it is called ``energy``)."""
        axis = _single_axis(kernel)
        return cls(axis.rename("energy_true"), kernel.to_unit("", "psf kernel").data)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> PSFKernel:
        """Read a kernel cube that was written as a map.

        Parameters
        ----------
        path : str or path-like
            FITS file, plain or gzip.

        Returns
        -------
        PSFKernel
        """
        return cls.from_map(WcsNDMap.read(path))

    def normalised(self) -> PSFKernel:
        """Return the kernel divided by the sum of each plane, with a note that says by how much.

        Raises
        ------
        ResponseError
            If a sum misses 1 by more than 1e-3 (BM-IR-003), values are NaN, negative or all zero (BM-IR-004), or a
            side is even (BM-IR-006). A plane of zeros, as there is where nothing is exposed, stays as it is.
        """
        seen = _seen(self.data)
        raise_problems(self.problems(seen))
        sums = np.where(seen, self.data.sum(axis=(1, 2)), 1.0)
        if np.all(np.abs(sums - 1.0) < 1e-12):
            return self
        note = f"psf kernel divided by the sum of each plane ({sums.min():.6f} to {sums.max():.6f})"
        return replace(self, data=self.data / sums[:, np.newaxis, np.newaxis], notes=(*self.notes, note))

    def problems(self, used: BoolArray | None = None) -> tuple[BayesmapError, ...]:
        """Return what breaks the law of a kernel, as errors that were not raised.

        Parameters
        ----------
        used : ndarray of bool, shape (n_energy,), optional
            Energies that the instrument sees: a plane of zeros is no problem elsewhere.

        Returns
        -------
        tuple of BayesmapError
        """
        found: list[BayesmapError] = []
        ny, nx = self.data.shape[1:]
        if not (ny % 2 and nx % 2):
            found.append(
                ResponseError(
                    "BM-IR-006",
                    what=f"the psf kernel has {nx} x {ny} pixels",
                    rule="Both sides must be odd: an even kernel has no central pixel and shifts the source by half "
                    "a pixel",
                    remedy="Make the kernel with odd sides",
                )
            )
        bad = _bad_planes(self.data.reshape(self.axis.nbin, -1), self.axis, used)
        sums = np.where(_seen(self.data), self.data.sum(axis=(1, 2)), 1.0)
        found += [bad] if bad else _sum_problem(sums, self.axis, KERNEL_TOLERANCE, "the sum")
        return tuple(found)


def _with_centre(rad: FloatArray, data: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Add a node at zero by linear continuation of the first segment; where that is negative, flat."""
    slope = (data[:, 1:2] - data[:, :1]) / (rad[1] - rad[0])
    linear = data[:, :1] - slope * rad[0]
    centre = np.where(linear < 0, data[:, :1], linear)
    return freeze(np.append(0.0, rad)), freeze(np.concatenate([centre, data], axis=1))


def _seen(data: FloatArray) -> BoolArray:
    """Select the energies with a value other than zero; all of them if there is none."""
    seen = (data != 0).reshape(len(data), -1).any(axis=1)
    return seen if seen.any() else np.ones(len(data), dtype=bool)


def _bad_planes(planes: FloatArray, axis: MapAxis, used: BoolArray | None) -> BayesmapError | None:
    """Find energies where the values are not finite, negative, or all zero although they are used."""
    kinds = {
        "NaN or infinite": ~np.isfinite(planes).all(axis=1),
        "negative": (planes < 0).any(axis=1),
        "all zero": (planes == 0).all(axis=1) & (True if used is None else used),
    }
    for kind, planes_affected in kinds.items():
        if planes_affected.any():
            n = int(np.flatnonzero(planes_affected)[0])
            return ResponseError(
                "BM-IR-004",
                what=f"the psf is {kind} in {planes_affected.sum()} of {axis.nbin} true energies "
                f"(first: index {n}, {axis.center[n]:.4g} {axis.unit})",
                rule="Values are finite, not negative, and somewhere positive at each energy",
                remedy="Make the psf again, or cut the true energies that the instrument does not see",
            )
    return None


def _sum_problem(sums: FloatArray, axis: MapAxis, tolerance: float, what: str) -> tuple[BayesmapError, ...]:
    off = ~(np.abs(sums - 1.0) <= tolerance)  # NaN, which a table of huge numbers gives, is off too
    if not off.any():
        return ()
    n = int(np.argmax(np.where(np.isnan(sums), np.inf, np.abs(sums - 1.0))))
    return (
        ResponseError(
            "BM-IR-003",
            what=f"the psf is not normalised in {off.sum()} of {axis.nbin} true energies (worst: {what} is "
            f"{sums[n]:.5g} at index {n}, {axis.center[n]:.4g} {axis.unit})",
            rule=f"It must be 1 within {tolerance:g}",
            remedy="Normalise the psf where it is made",
        ),
    )


def _single_axis(sky_map: WcsNDMap) -> MapAxis:
    if len(sky_map.geom.axes) != 1:
        raise _shape_error(f"the psf map has {len(sky_map.geom.axes)} axes besides the sky", "one, true energy")
    return sky_map.geom.axes[0]


def _shape_error(what: str, expected: str) -> ResponseError:
    return ResponseError(
        "BM-IR-005", what=what, rule=f"Expected is {expected}", remedy="Correct the arrays that the psf is made of"
    )
