"""A point spread function that changes over the field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapError, ResponseError
from bayesmap.irf.cell import GridCell, find_cell, unknown_axes
from bayesmap.irf.psf import RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import BoolArray, FloatArray, freeze


@dataclass(frozen=True, eq=False)
class PSFMap(RadialPSF):
    r"""Radial tables at the pixels of an image, bilinear between them.

    .. math:: P(r; \Omega) = \sum_{c=1}^{4} w_c(\Omega)\, P_c(r)

    with the corners of the cell that holds the position. It is itself the table at one position, the middle of its
    image if it was made by `from_map`.

    Parameters
    ----------
    axis, rad, data, max_radius, notes
        The table at one position, see `RadialPSF`.
    tables : WcsNDMap, shape (n_energy, n_rad, n_lat, n_lon), unit sr-1
        The tables at all positions, on the distances of the file.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap
    >>> energy = MapAxis.from_edges([1, 10], name="energy_true")
    >>> rad = MapAxis.from_nodes([0.0, 0.1, 0.2], name="rad", interp="lin")
    >>> geom = WcsGeom.create(npix=(3, 1), axes=[energy, rad])
    >>> psf = PSFMap.from_map(WcsNDMap(geom, np.arange(9.0).reshape(geom.shape), "sr-1"))
    >>> psf.at(0.25, 0.0).data
    array([[0.75, 3.75, 6.75]])
    """

    tables: WcsNDMap = field(kw_only=True)

    @classmethod
    def from_map(
        cls, tables: WcsNDMap, *, position: tuple[float, float] | None = None, max_radius: Any = None
    ) -> PSFMap:
        """Make it from a map with the axes (energy_true or energy, rad).

        Parameters
        ----------
        tables : WcsNDMap
            Probability per solid angle, numbers without a unit in sr-1.
        position : (lon, lat), optional
            Where its own table is taken, deg in the frame of the map; by default the middle of the image.
        max_radius : Quantity, float or array, optional
            Where the tables are cut, see `RadialPSF`.

        Raises
        ------
        ResponseError
            BM-IR-005 for other axes.
        """
        names = tuple(axis.name for axis in tables.geom.axes)
        if names not in (("energy_true", "rad"), ("energy", "rad")):
            raise unknown_axes("psf", names, "(energy_true, rad), or (energy, rad) in reconstructed energy")
        tables = tables.to_unit("sr-1", "psf") if str(tables.unit) else tables.copy_with(unit="sr-1")
        lon, lat = tables.geom.center if position is None else position
        axis, rad = tables.geom.axes
        table = _interpolate(tables, lon, lat)
        return cls(axis, rad.center, table, max_radius, tables=tables)

    @property
    def geom(self) -> WcsGeom:
        """Image geometry of the positions."""
        return self.tables.geom.to_image()

    def cell(self, lon: float, lat: float) -> tuple[tuple[RadialPSF, ...], GridCell]:
        """Return the tables at the corners of the cell that holds a position, and the weights among them.

        Parameters
        ----------
        lon, lat : float
            Deg, in the frame of the map.

        Returns
        -------
        corners : tuple of four RadialPSF
            In the order of `GridCell.weights`.
        cell : GridCell
        """
        cell, _ = find_cell(self.geom, lon, lat)
        return tuple(self._table(data) for data in cell.corners(self.tables.data)), cell

    def at(self, lon: float, lat: float) -> RadialPSF:
        """Return the table at a position (deg, in the frame of the map)."""
        return self._table(_interpolate(self.tables, lon, lat))

    def normalised(self) -> RadialPSF:
        """Return the table at its own position, normalised; see `RadialPSF.normalised`."""
        return self.central.normalised()

    def resample(self, axis: MapAxis) -> RadialPSF:
        """Return the table at its own position, at other energies; see `RadialPSF.resample`."""
        return self.central.resample(axis)

    def problems(self, used: BoolArray | None = None) -> tuple[BayesmapError, ...]:
        """Return what is wrong with the table at its own position, or with numbers anywhere in the map (BM-IR-004)."""
        data = self.tables.data
        bad = ~np.isfinite(data) | (data < 0)
        if not bad.any():
            return self.central.problems(used)
        energy, _, row, column = np.argwhere(bad)[0]
        return (
            ResponseError(
                "BM-IR-004",
                what=f"the psf map is negative or not finite at {bad.sum():,} of {bad.size:,} places (first: energy "
                f"{energy}, position x={column} y={row})",
                rule="Values are finite and not negative at every position",
                remedy="Make the psf again, or cut the positions that the instrument does not see",
            ),
        )

    @property
    def central(self) -> RadialPSF:
        """The table at its own position, alone."""
        return RadialPSF(self.axis, self.rad, self.data, self.max_radius, self.notes)

    def _table(self, data: FloatArray) -> RadialPSF:
        return RadialPSF(self.axis, self.tables.geom.axes[1].center, data, self.max_radius, self.notes)


def _interpolate(tables: WcsNDMap, lon: float, lat: float) -> FloatArray:
    cell, (x, y) = find_cell(tables.geom.to_image(), lon, lat)
    return freeze(np.tensordot(cell.weights(x, y), cell.corners(tables.data), axes=1))
