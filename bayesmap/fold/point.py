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
    factor, reach : int
        Of the spline table.
    table : shared variable
        Polyphase coefficients, see `SplineTable.polyphase`.
    exposure : shared variable
        Exposure: spline coefficients (before the PSF) or the plane itself (after it), on the padded sky.
    """

    setup: FoldSetup
    factor: int
    reach: int
    table: Any
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
        start_y, frac_y = self._phase(place.d_y)
        start_x, frac_x = self._phase(place.d_x)
        weights = spline_weights(frac_y, TAPS)[:, None] * spline_weights(frac_x, TAPS)[None, :]
        stamp = SplineStamp()(self.table, start_y, start_x, weights)
        if self.setup.before_psf:
            flux = flux * sample(self.exposure, place, self.margin)
        else:
            n = stamp.type.shape[-1]
            shift = self.margin - self.reach
            stamp = stamp * CutWindow(n, n)(self.exposure, place.i_y + shift, place.i_x + shift)
        window = pt.tensordot(self.setup.edisp.T * flux, stamp, axes=1)
        return put(window, place, self.reach, self.setup.shape, self.margin)

    def _phase(self, offset: Any) -> tuple[Any, Any]:
        """Return the first phase of the table and the spline fraction for a sub-pixel offset in [0, 1)."""
        lattice = self.factor * offset
        above = pt.ceil(lattice)
        return self.factor - pt.cast(above, "int64"), above - lattice


def build_point_image(setup: FoldSetup, table: SplineTable, name: str) -> PointImage:
    """Prepare the constants of a point source."""
    exposure = setup.exposure.data
    return PointImage(
        setup=setup,
        factor=table.factor,
        reach=table.reach,
        table=constant(table.polyphase(), f"{name}.psf"),
        exposure=constant(exposure_spline(exposure) if setup.before_psf else exposure, f"{name}.exposure"),
    )
