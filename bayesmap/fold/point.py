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
from bayesmap.fold.setup import FoldSetup, exposure_spline


def constant(value: np.ndarray, name: str) -> Any:
    """Return an array as a shared variable of static shape: an input of the compiled function, not part of its code."""
    array = np.ascontiguousarray(value, dtype=np.float64)
    return pytensor.shared(array, name=name, shape=array.shape, borrow=True)


@dataclass(frozen=True)
class PointImage:
    """Images of a point source per true-energy bin, per unit flux.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    tables : tuple of (factor, reach, shared variable)
        Spline tables, whose images add up; the variable holds the coefficients, see `SplineTable.polyphase`.
    exposure : shared variable
        Exposure: spline coefficients (before the PSF) or the plane itself (after it), on the padded sky.
    """

    setup: FoldSetup
    tables: tuple[tuple[int, int, Any], ...]
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
        return tuple(self._piece(mixing, place, *table) for table in self.tables)

    def _piece(self, mixing: Any, place: Place, factor: int, reach: int, table: Any) -> Piece:
        """Return the counts by one table: the part of its window that the map can hold."""
        (n_lat, n_lon), side = self.setup.shape, table.type.shape[-1]
        n_y, n_x = min(side, n_lat), min(side, n_lon)
        first_y, first_x = _first(place.i_y, reach, side, n_y), _first(place.i_x, reach, side, n_x)
        stamp = _stamp(table, factor, place, (first_y, first_x), (n_y, n_x))
        if not self.setup.before_psf:
            shift = self.margin - reach
            at = (place.i_y + first_y + shift, place.i_x + first_x + shift)
            window = self.setup.mix_exposed(mixing, stamp, CutWindow(n_y, n_x)(self.exposure, *at))
        else:
            window = self.setup.mix(mixing, stamp)
        return around(window, place, (reach - first_y, reach - first_x))


def _first(i: Any, reach: int, side: int, n: int) -> Any:
    """Return the first row of a table's window, `side` rows around row `reach` at pixel i, that is worked out.

    Row w stands at pixel i + w - reach; of a window larger than the map those of pixels 0 ... n - 1, as far as it has
    them.
    """
    if n == side:
        return pt.constant(0, dtype="int64")
    return pt.minimum(pt.maximum(reach - i, 0), side - n)


def _stamp(table: Any, factor: int, place: Place, first: tuple[Any, Any], size: tuple[int, int]) -> Any:
    """Return the image at the place, shape (n_true, *size)."""
    start_y, frac_y = _phase(factor, place.d_y)
    start_x, frac_x = _phase(factor, place.d_x)
    weights = spline_weights(frac_y, TAPS)[:, None] * spline_weights(frac_x, TAPS)[None, :]
    return SplineStamp(*size)(table, pt.stack([start_y, start_x, *first]), weights)


def _phase(factor: int, offset: Any) -> tuple[Any, Any]:
    """Return the first phase of the table and the spline fraction for a sub-pixel offset in [0, 1)."""
    lattice = factor * offset
    above = pt.ceil(lattice)
    return factor - pt.cast(above, "int64"), above - lattice


def build_point_image(setup: FoldSetup, tables: tuple[SplineTable, ...], name: str) -> PointImage:
    """Prepare the constants of a point source."""
    return PointImage(
        setup=setup,
        tables=tuple(
            (table.factor, table.reach, constant(table.polyphase(), f"{name}.psf_{table.factor}")) for table in tables
        ),
        exposure=setup.shared("exposure", lambda: _exposure(setup)),
    )


def _exposure(setup: FoldSetup) -> Any:
    exposure = setup.exposure.data
    return constant(exposure_spline(exposure) if setup.before_psf else exposure, "exposure")
