"""An energy dispersion that changes over the field."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayesmap.errors import ResponseError
from bayesmap.irf.cell import GridCell, find_cell, unknown_axes
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.migration import from_migration
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import FloatArray, freeze


@dataclass(frozen=True, eq=False)
class EDispKernelMap(EnergyDispersion):
    r"""Matrices at the pixels of an image, bilinear between them.

    .. math:: R_{ij}(\Omega) = \sum_{c=1}^{4} w_c(\Omega)\, R_{ij,c}

    with the corners of the cell that holds the position. It is itself the matrix at one position, the middle of its
    image if it was made by `from_map`.

    Parameters
    ----------
    axis_true, axis, data, notes
        The matrix at one position, see `EnergyDispersion`.
    matrices : WcsNDMap, shape (n_true, n_reco, n_lat, n_lon)
        Those at all positions.
    """

    matrices: WcsNDMap = field(kw_only=True)

    @classmethod
    def from_map(
        cls, matrices: WcsNDMap, axis: MapAxis | None = None, *, position: tuple[float, float] | None = None
    ) -> EDispKernelMap:
        """Make it from a map with the axes (energy_true, energy), or (energy_true, migra).

        Parameters
        ----------
        matrices : WcsNDMap
            Probabilities, or a density in migra.
        axis : MapAxis, optional
            Reconstructed energy, needed for migra.
        position : (lon, lat), optional
            Where its own matrix is taken, deg in the frame of the map; by default the middle of the image.

        Raises
        ------
        ResponseError
            BM-IR-005 for other axes, or migra without `axis`.
        """
        names = tuple(one.name for one in matrices.geom.axes)
        notes: tuple[str, ...] = ()
        if names == ("energy_true", "migra") and axis is not None:
            matrices, notes = _integrated(matrices, axis)
        elif names != ("energy_true", "energy"):
            raise unknown_edisp_axes(names)
        matrices = matrices.to_unit("", "edisp")
        lon, lat = matrices.geom.center if position is None else position
        axis_true, reco = matrices.geom.axes
        return cls(axis_true, reco, _interpolate(matrices, lon, lat), notes, matrices=matrices)

    @property
    def geom(self) -> WcsGeom:
        """Image geometry of the positions."""
        return self.matrices.geom.to_image()

    def cell(self, lon: float, lat: float) -> tuple[tuple[EnergyDispersion, ...], GridCell]:
        """Return the matrices at the corners of the cell that holds a position, and the weights among them.

        Parameters
        ----------
        lon, lat : float
            Deg, in the frame of the map.

        Returns
        -------
        corners : tuple of four EnergyDispersion
            In the order of `GridCell.weights`.
        cell : GridCell
        """
        cell, _ = find_cell(self.geom, lon, lat)
        return tuple(self._matrix(data) for data in cell.corners(self.matrices.data)), cell

    def at(self, lon: float, lat: float) -> EnergyDispersion:
        """Return the matrix at a position (deg, in the frame of the map)."""
        return self._matrix(_interpolate(self.matrices, lon, lat))

    @property
    def central(self) -> EnergyDispersion:
        """The matrix at its own position, alone."""
        return self._matrix(self.data)

    def _matrix(self, data: FloatArray) -> EnergyDispersion:
        return EnergyDispersion(self.axis_true, self.axis, data, self.notes)


def unknown_edisp_axes(names: tuple[str, ...]) -> ResponseError:
    """Return the error for a map with other axes, or with migra where the reconstructed energies are not given."""
    expected = "(energy_true, energy), or (energy_true, migra) with the reconstructed energies in axis="
    if names == ("energy_true", "migra"):
        return unknown_axes("edisp", names, expected, "Pass axis=, or convert it with gammapy first")
    return unknown_axes("edisp", names, expected)


def _integrated(density: WcsNDMap, axis: MapAxis) -> tuple[WcsNDMap, tuple[str, ...]]:
    """Integrate a density in migra at every position."""
    axis_true, migra = density.geom.axes
    planes = density.data.reshape(*density.data.shape[:2], -1)
    each = [from_migration(axis_true, migra, planes[..., n], axis) for n in range(planes.shape[-1])]
    data = np.stack([one.data for one in each], axis=-1).reshape(axis_true.nbin, axis.nbin, *density.data.shape[2:])
    return WcsNDMap(density.geom.with_axes((axis_true, axis)), data, source=density.source), each[0].notes


def _interpolate(matrices: WcsNDMap, lon: float, lat: float) -> FloatArray:
    cell, (x, y) = find_cell(matrices.geom.to_image(), lon, lat)
    return freeze(np.tensordot(cell.weights(x, y), cell.corners(matrices.data), axes=1))
