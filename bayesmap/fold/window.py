r"""Image of a wide source in a cut-out that goes with it: as `wide`, on the pixels that its light reaches.

The cut-out begins at whole pixels, so the samples stay where they are; at its edge the source has fallen to 2e-9 of its
flux.  A size that is free has a cut-out for each range of sizes, and the whole map beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft

from bayesmap.fold.exposed import Exposed
from bayesmap.fold.ops.window import CutWindow
from bayesmap.fold.placement import Piece, Place, around
from bayesmap.fold.point import constant
from bayesmap.fold.setup import FoldSetup
from bayesmap.fold.wide import SkyGrid, build_transfer, spread

STEPS = (1.25, 2.5)
"""Sizes, in units of the start's, up to which a cut-out of its own holds the source."""
WORTH = 0.8
"""Side of a cut-out's FFT, in units of the whole map's, up to which it is worth its while."""


@dataclass(frozen=True)
class SkyWindow:
    """A cut-out for sources up to a radius.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    half : int
        Pixels on each side of the source's whole pixel.
    size : int
        Side of the FFTs.
    margin : int
        Pixels of the padded sky around the map.
    vectors : shared variable, shape (3, n_lat + 2 margin, n_lon + 2 margin)
        Unit vectors of the pixel centres in the map's frame.
    solid_angle : shared variable, shape (n_lat + 2 margin, n_lon + 2 margin)
        Pixel solid angle in sr times the taper; zero beyond.
    exposure : Exposed
        Exposure on the padded sky.
    transfer : shared variable
        See `build_transfer`.
    """

    setup: FoldSetup
    half: int
    size: int
    margin: int
    vectors: Any
    solid_angle: Any
    exposure: Exposed
    transfer: Any

    def directions(self, place: Place) -> Any:
        """Return the unit vectors of its pixels, shape (3, n, n)."""
        return self._cut(self.vectors, place, self.half)

    def piece(self, mixing: Any, place: Place, brightness: Any) -> Piece:
        """Return predicted counts, n_reco planes.

        Parameters
        ----------
        mixing : tensor, shape (n_reco, n_true), unit cm-2 s-1
            Flux per true-energy bin times its share in each reconstructed-energy bin.
        place : Place
            Position of the source.
        brightness : tensor, shape (n, n), unit sr-1
            Brightness at the pixel centres.
        """
        reach = self.setup.reach
        reached = self.half + reach
        side = 2 * reached + 2
        around_source = self.half if self.setup.before_psf else reached
        exposure = Exposed(self._cut(self.exposure.planes, place, around_source), self.exposure.amplitudes)
        window = spread(
            self.setup, mixing, brightness * self._cut(self.solid_angle, place, self.half), exposure, self.transfer,
            size=(self.size, self.size), first=reach, cut=(slice(0, side), slice(0, side)),
        )  # fmt: skip
        return around(window, place, (reached, reached))

    def _cut(self, sky: Any, place: Place, half: int) -> Any:
        n = 2 * half + 2
        return CutWindow(n, n)(sky, place.i_y + self.margin - half, place.i_x + self.margin - half)


def build_windows(
    setup: FoldSetup, grid: SkyGrid, radii: list[float], jacobian: np.ndarray, name: str
) -> tuple[SkyWindow, ...]:
    """Prepare the cut-outs of a source that are worth their while, the smallest first.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    grid : SkyGrid
        The whole map.
    radii : list of float
        Pixels that the source reaches, for each cut-out.
    jacobian : ndarray, shape (2, 2), unit pixel / deg
        Metric at the source.
    name : str
        For the names of the constants.
    """
    halves = [int(np.ceil(radius)) + 1 for radius in radii]
    sizes = [scipy.fft.next_fast_len(2 * (half + setup.reach) + 2, real=True) for half in halves]
    largest = WORTH * float(np.sqrt(grid.size[0] * grid.size[1]))
    used = [(half, size) for half, size in zip(halves, sizes, strict=True) if size <= largest]
    if not used:
        return ()
    # A source may stand `reach` and two pixels beyond the map.
    margin = setup.reach + 2 + used[-1][0] + (0 if setup.before_psf else setup.reach)
    vectors, solid_angle, exposure = setup.shared(("sky", margin), lambda: _padded_sky(setup, grid, margin))
    return tuple(
        SkyWindow(
            setup, half, size, margin, vectors, solid_angle, exposure,
            build_transfer(setup, (size, size), jacobian, f"{name}.{half}"),
        )
        for half, size in used
    )  # fmt: skip


def _padded_sky(setup: FoldSetup, grid: SkyGrid, margin: int) -> tuple[Any, Any, Exposed]:
    """Return unit vectors, solid angle and exposure on the map with a margin, zero where no light comes from."""
    extra = max(margin - grid.pad, 0)
    cut = max(grid.pad - margin, 0)
    inner = (slice(None), *(slice(cut, n + 2 * grid.pad - cut) for n in setup.shape))
    around_map = ((0, 0), (extra, extra), (extra, extra))
    vectors = np.pad(grid.vectors.get_value(borrow=True)[inner], around_map, mode="edge")
    solid_angle = np.pad(grid.solid_angle.get_value(borrow=True)[inner[1:]], around_map[1:])
    if setup.before_psf:
        planes = np.pad(grid.exposure.planes.get_value(borrow=True)[inner], around_map)
    else:
        planes = np.pad(grid.exposure.planes.get_value(borrow=True), ((0, 0), (margin, margin), (margin, margin)))
    return (
        constant(vectors, f"sky.{margin}.vectors"),
        constant(solid_angle, f"sky.{margin}.solid_angle"),
        Exposed(constant(planes, f"sky.{margin}.exposure"), grid.exposure.amplitudes),
    )


def radii_of(start: float, *, fixed: bool) -> list[float]:
    """Return the radii of the cut-outs of a source that reaches `start` pixels at its start."""
    return [start] if fixed else [step * start for step in STEPS]

