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
from bayesmap.fold.placement import Place, put, sample, spline_weights
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

    def npred(self, flux: Any, place: Place) -> Any:
        """Return predicted counts, shape (n_reco, n_lat, n_lon).

        Parameters
        ----------
        flux : tensor, shape (n_true,), unit cm-2 s-1
            Flux per true-energy bin.
        place : Place
            Position.
        """
        if self.setup.before_psf:
            flux = flux * sample(self.exposure, place, self.margin)
        mixing = self.setup.edisp.T * flux
        total = 0.0
        for factor, reach, table in self.tables:
            stamp = _stamp(table, factor, place)
            if not self.setup.before_psf:
                n = stamp.type.shape[-1]
                shift = self.margin - reach
                stamp = stamp * CutWindow(n, n)(self.exposure, place.i_y + shift, place.i_x + shift)
            window = pt.tensordot(mixing, stamp, axes=1)
            total = total + put(window, place, reach, self.setup.shape, self.margin)
        return total


def _stamp(table: Any, factor: int, place: Place) -> Any:
    """Return the image at the place, shape (n_true, window, window)."""
    start_y, frac_y = _phase(factor, place.d_y)
    start_x, frac_x = _phase(factor, place.d_x)
    weights = spline_weights(frac_y, TAPS)[:, None] * spline_weights(frac_x, TAPS)[None, :]
    return SplineStamp()(table, start_y, start_x, weights)


def _phase(factor: int, offset: Any) -> tuple[Any, Any]:
    """Return the first phase of the table and the spline fraction for a sub-pixel offset in [0, 1)."""
    lattice = factor * offset
    above = pt.ceil(lattice)
    return factor - pt.cast(above, "int64"), above - lattice


def build_point_image(setup: FoldSetup, tables: tuple[SplineTable, ...], name: str) -> PointImage:
    """Prepare the constants of a point source."""
    exposure = setup.exposure.data
    return PointImage(
        setup=setup,
        tables=tuple(
            (table.factor, table.reach, constant(table.polyphase(), f"{name}.psf_{table.factor}")) for table in tables
        ),
        exposure=constant(exposure_spline(exposure) if setup.before_psf else exposure, f"{name}.exposure"),
    )
