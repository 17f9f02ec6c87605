"""Image of a point source: the PSF's spline table at its exact position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from bayesmap.fold.kernel import SplineTable
from bayesmap.fold.ops.stamp import TAPS, SplineStamp
from bayesmap.fold.ops.window import CutWindow
from bayesmap.fold.placement import Piece, Place, around, sample, spline_weights
from bayesmap.fold.reaches import by_reach
from bayesmap.fold.setup import FoldSetup, exposure_spline


def constant(value: np.ndarray, name: str) -> Any:
    """Return an array as a shared variable of static shape: an input of the compiled function, not part of its code."""
    array = np.ascontiguousarray(value, dtype=np.float64)
    return pytensor.shared(array, name=name, shape=array.shape, borrow=True)


@dataclass(frozen=True)
class StampTable:
    """A spline table of some planes of the PSF.

    Parameters
    ----------
    factor, reach : int
        See `SplineTable`.
    planes : slice
        Planes of the PSF.
    tables : shared variable, shape (n, factor + TAPS, factor + TAPS, n_planes, window, window)
        Coefficients, see `SplineTable.polyphase`, of this source and of others.
    number : int
        Which of the tables is this source's.
    """

    factor: int
    reach: int
    planes: slice
    tables: Any
    number: int = 0


@dataclass(frozen=True)
class PointImage:
    """Images of a point source per true-energy bin, per unit flux.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    tables : tuple of StampTable
        Spline tables, whose images add up.
    exposure : shared variable
        Exposure: spline coefficients (before the PSF) or the plane itself (after it), on the padded sky.
    """

    setup: FoldSetup
    tables: tuple[StampTable, ...]
    exposure: Any

    @property
    def margin(self) -> int:
        """Pixels of the padded sky around the map."""
        return self.setup.exposure.pad

    def pieces(self, mixing: Any, place: Place) -> tuple[Piece, ...]:
        """Return predicted counts, n_reco planes.

        Parameters
        ----------
        mixing : tensor, shape (n_reco, n_true), unit cm-2 s-1
            Flux per true-energy bin times its share in each reconstructed-energy bin.
        place : Place
            Position.
        """
        if self.setup.before_psf:
            mixing = mixing * sample(self.exposure, place, self.margin)
        return tuple(self._piece(mixing, place, table) for table in self.tables)

    def _piece(self, mixing: Any, place: Place, table: StampTable) -> Piece:
        """Return the counts by one table: the part of its window that the map can hold."""
        (n_lat, n_lon), side, reach = self.setup.shape, table.tables.type.shape[-1], table.reach
        n_y, n_x = min(side, n_lat), min(side, n_lon)
        first_y, first_x = _first(place.i_y, reach, side, n_y), _first(place.i_x, reach, side, n_x)
        stamp = _stamp(table, place, (first_y, first_x), (n_y, n_x))
        # A PSF in reconstructed energy has one table with all planes.
        part = mixing if self.setup.psf_in_reco else mixing[:, table.planes]
        if not self.setup.before_psf:
            shift = self.margin - reach
            at = (place.i_y + first_y + shift, place.i_x + first_x + shift)
            exposure = self.exposure if self.setup.psf_in_reco else self.exposure[table.planes]
            window = self.setup.mix_exposed(part, stamp, CutWindow(n_y, n_x)(exposure, *at))
        else:
            window = self.setup.mix(part, stamp)
        return around(window, place, (reach - first_y, reach - first_x))


def _first(i: Any, reach: int, side: int, n: int) -> Any:
    """Return the first row of a table's window, `side` rows around row `reach` at pixel i, that is worked out.

    Row w stands at pixel i + w - reach; of a window larger than the map those of pixels 0 ... n - 1, as far as it has
    them.
    """
    if n == side:
        return pt.constant(0, dtype="int64")
    return pt.minimum(pt.maximum(reach - i, 0), side - n)


def _stamp(table: StampTable, place: Place, first: tuple[Any, Any], size: tuple[int, int]) -> Any:
    """Return the image at the place, shape (n_planes, *size)."""
    start_y, frac_y = _phase(table.factor, place.d_y)
    start_x, frac_x = _phase(table.factor, place.d_x)
    weights = spline_weights(frac_y, TAPS)[:, None] * spline_weights(frac_x, TAPS)[None, :]
    number = pt.constant(table.number, dtype="int64")
    return SplineStamp(*size)(table.tables, pt.stack([number, start_y, start_x, *first]), weights)


def _phase(factor: int, offset: Any) -> tuple[Any, Any]:
    """Return the first phase of the table and the spline fraction for a sub-pixel offset in [0, 1)."""
    lattice = factor * offset
    above = pt.ceil(lattice)
    return factor - pt.cast(above, "int64"), above - lattice


def build_point_image(setup: FoldSetup, tables: tuple[SplineTable, ...], name: str) -> PointImage:
    """Prepare the constants of a point source."""
    parts = tables if setup.psf_in_reco else tuple(part for table in tables for part in by_reach(table))
    return PointImage(
        setup=setup,
        tables=tuple(_stamp_table(part, name) for part in parts),
        exposure=setup.shared("exposure", lambda: _exposure(setup)),
    )


def _stamp_table(table: SplineTable, name: str) -> StampTable:
    planes = slice(table.first, table.first + len(table.coefficients))
    values = constant(table.polyphase()[None], f"{name}.psf_{table.factor}_{table.first}")
    return StampTable(table.factor, table.reach, planes, values)


def _exposure(setup: FoldSetup) -> Any:
    exposure = setup.exposure.data
    return constant(exposure_spline(exposure) if setup.before_psf else exposure, "exposure")
