r"""Image of a wide source in a cut-out that goes with it: as `wide`, on the pixels that its light reaches.

The cut-out begins at whole pixels, so the samples stay where they are; at its edge the source has fallen to 2e-9 of its
flux.  A source too narrow for the pixels gets `factor` samples a pixel and axis: what it is multiplied by is then
interpolated by splines, and of the counts every pixel's are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
import scipy.fft

from bayesmap.fold.exposed import Exposed
from bayesmap.fold.ops.window import CutWindow
from bayesmap.fold.placement import Piece, Place, around, upsampling
from bayesmap.fold.point import constant
from bayesmap.fold.setup import FoldSetup, exposure_spline, spline_coefficients
from bayesmap.fold.wide import SkyGrid, build_transfer, spread


@dataclass(frozen=True)
class SkyWindow:
    """A cut-out for sources up to a radius.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    half : int
        Pixels on each side of the source's whole pixel.
    factor : int
        Samples a pixel and axis.
    size : int
        Side of the FFTs, in samples.
    sky : PaddedSky
        What the source is multiplied by.
    transfer : shared variable
        See `build_transfer`.
    """

    setup: FoldSetup
    half: int
    factor: int
    size: int
    sky: PaddedSky
    transfer: Any

    def directions(self, place: Place) -> Any:
        """Return the unit vectors of its samples, shape (3, n, n)."""
        return self._samples(self.sky.vectors, place)

    def piece(self, mixing: Any, place: Place, brightness: Any) -> Piece:
        """Return predicted counts, n_reco planes.

        Parameters
        ----------
        mixing : tensor, shape (n_reco, n_true), unit cm-2 s-1
            Flux per true-energy bin times its share in each reconstructed-energy bin.
        place : Place
            Position of the source.
        brightness : tensor, shape (n, n), unit sr-1
            Brightness at the samples.
        """
        reach, factor = self.setup.reach, self.factor
        reached = self.half + reach
        side = 2 * reached + 2
        exposure = self.sky.exposure.planes
        seen = self._samples(exposure, place) if self.setup.before_psf else self._cut(exposure, place, reached, 0)
        # The kernel's values at finer samples are a share of a pixel's: no division of the flux is needed.
        flux = brightness * self._samples(self.sky.solid_angle, place)
        window = spread(
            self.setup, mixing, flux, Exposed(seen, self.sky.exposure.amplitudes), self.transfer,
            size=(self.size, self.size), first=factor * reach, cut=(slice(0, factor * side, factor),) * 2,
        )  # fmt: skip
        return around(window, place, (reached, reached))

    def _samples(self, sky: Any, place: Place) -> Any:
        """Return what the padded sky holds, at the samples."""
        if self.factor == 1:
            return self._cut(sky, place, self.half, 0)
        window = self._cut(sky, place, self.half, 1)
        matrix = upsampling(2 * self.half + 2, self.factor)
        return pt.tensordot(pt.tensordot(window, matrix, axes=[[-2], [1]]), matrix, axes=[[-2], [1]])

    def _cut(self, sky: Any, place: Place, half: int, before: int) -> Any:
        """Return a window of the sky, and for splines of the pixel `before` it and two after it."""
        n = 2 * half + 2 + 3 * before
        first = self.sky.margin - half - before
        return CutWindow(n, n)(sky, place.i_y + first, place.i_x + first)


@dataclass(frozen=True)
class PaddedSky:
    """The map with a margin, zero where no light comes from; for more than one sample a pixel, spline coefficients.

    Parameters
    ----------
    margin : int
        Pixels around the map.
    vectors : shared variable, shape (3, n_lat + 2 margin, n_lon + 2 margin)
        Unit vectors of the pixel centres in the map's frame.
    solid_angle : shared variable, shape (n_lat + 2 margin, n_lon + 2 margin)
        Pixel solid angle in sr times the taper.
    exposure : Exposed
        Exposure.
    """

    margin: int
    vectors: Any
    solid_angle: Any
    exposure: Exposed


def fft_side(setup: FoldSetup, radius: float, factor: int) -> int:
    """Return the side of the FFTs of a cut-out for sources that reach so many pixels."""
    return int(scipy.fft.next_fast_len(factor * (2 * (_half(radius) + setup.reach) + 2), real=True))


def _half(radius: float) -> int:
    return int(np.ceil(radius)) + 1


def build_window(
    setup: FoldSetup, grid: SkyGrid, radius: float, factor: int, jacobian: np.ndarray, name: str
) -> SkyWindow:
    """Prepare a cut-out.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    grid : SkyGrid
        The whole map.
    radius : float
        Pixels that a source may reach.
    factor : int
        Samples a pixel and axis.
    jacobian : ndarray, shape (2, 2), unit pixel / deg
        Metric at the source.
    name : str
        For the names of the constants.
    """
    half, size = _half(radius), fft_side(setup, radius, factor)
    # A source may stand `reach` and two pixels beyond the map; splines need two more.
    needed = setup.reach + 4 + half + (0 if setup.before_psf else setup.reach)
    margin = 16 * -(-needed // 16)  # the same for sources of about the same size
    fine = factor > 1
    sky = setup.shared(("sky", margin, fine), lambda: _padded_sky(setup, grid, margin, fine))
    transfer = build_transfer(setup, (size, size), jacobian, f"{name}.{half}x{factor}", factor)
    return SkyWindow(setup, half, factor, size, sky, transfer)


def _padded_sky(setup: FoldSetup, grid: SkyGrid, margin: int, fine: bool) -> PaddedSky:
    extra, cut = max(margin - grid.pad, 0), max(grid.pad - margin, 0)
    inner = (slice(None), *(slice(cut, n + 2 * grid.pad - cut) for n in setup.shape))
    rim = ((0, 0), (extra, extra), (extra, extra))
    name = f"sky.{margin}{'.fine' if fine else ''}"
    vectors = np.pad(grid.vectors.get_value(borrow=True)[inner], rim, mode="edge")
    solid_angle = np.pad(grid.solid_angle.get_value(borrow=True)[inner[1:]], rim[1:])
    planes = grid.exposure.planes.get_value(borrow=True)
    if setup.before_psf:
        planes = np.pad(planes[inner], rim)
    else:
        planes = np.pad(planes, ((0, 0), (margin, margin), (margin, margin)))
    if fine:
        vectors, solid_angle = spline_coefficients(vectors), spline_coefficients(solid_angle)
        if setup.before_psf:
            planes = exposure_spline(planes) if grid.exposure.amplitudes is None else spline_coefficients(planes)
    return PaddedSky(
        margin=margin,
        vectors=constant(vectors, f"{name}.vectors"),
        solid_angle=constant(solid_angle, f"{name}.solid_angle"),
        exposure=Exposed(constant(planes, f"{name}.exposure"), grid.exposure.amplitudes),
    )
