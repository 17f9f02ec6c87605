"""Images of a source by its samples: in cut-outs, or on the whole map where it may be larger than they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.pixelmap import PixelMap
from bayesmap.fold.placement import Piece, Place
from bayesmap.fold.setup import FoldSetup
from bayesmap.fold.sizes import Range, fits, radii, ranges_of, samples_needed, shares
from bayesmap.fold.wide import SkyGrid, arc_offsets, build_sky_grid, build_transfer
from bayesmap.fold.window import SkyWindow, build_window, fft_side
from bayesmap.irf.psf import PSFKernel
from bayesmap.models.spatial.base import SpatialModel


@dataclass(frozen=True)
class WideSource:
    """Images by samples.

    Parameters
    ----------
    model : SpatialModel
        At its start values.
    rotation : ndarray, shape (3, 3)
        From the model's frame to the map's.
    scale : float
        Pixels per degree.
    ranges : tuple of Range
        Images of a free size by their samples a pixel; none for a fixed shape.
    windows : tuple of SkyWindow
        Cut-outs, by samples a pixel and then by size.
    whole : (SkyGrid, shared variable), optional
        The whole map, and the PSF's transfer function on it.
    """

    model: SpatialModel
    rotation: np.ndarray
    scale: float
    ranges: tuple[Range, ...]
    windows: tuple[SkyWindow, ...]
    whole: tuple[SkyGrid, Any] | None

    def images(self, mixing: Any, vector: Any, place: Place, values: dict[str, Any]) -> list[tuple[Any, Piece]]:
        """Return (share, predicted counts) of every image; arguments as of `FreeSource.pieces`."""
        found: list[tuple[Any, Piece]] = []
        parts = self._shares(values)
        for window, part in zip(self.windows, parts, strict=False):
            brightness = self._brightness(window.directions(place), vector, values, 2.0 * window.half)
            found.append((part, window.piece(mixing, place, brightness)))
        if self.whole is not None:
            grid, transfer = self.whole
            brightness = self._brightness(grid.vectors, vector, values, float(np.hypot(*grid.size)))
            planes = grid.npred(mixing, brightness, transfer)
            found.append((parts[-1], Piece(planes, 0, 0)))
        return found

    def share_of_moments(self, values: dict[str, Any]) -> Any:
        """Return the share that is left for the moments."""
        return shares(self.ranges, self._minor(values))[-1]

    def _shares(self, values: dict[str, Any]) -> list[Any]:
        """Return the share of each cut-out, and of the whole map.

        Of several with the same samples one has all: the smallest that holds the source.
        """
        if not self.ranges:
            return [pt.ones(())]
        by_factor = dict(
            zip((item.factor for item in self.ranges), shares(self.ranges, self._minor(values)), strict=False)
        )
        radius = self.model.extent(pt, **values) * self.scale
        left, found = by_factor[1], []
        for window in self.windows:
            if window.factor > 1:
                found.append(by_factor[window.factor])
                continue
            held = pt.le(radius, window.half - 1)
            found.append(pt.switch(held, left, 0.0))
            left = pt.switch(held, 0.0, left)
        return [*found, left]

    def _minor(self, values: dict[str, Any]) -> Any:
        major, e, _ = self.model.ellipse(pt, **values)
        return major * pt.sqrt(1.0 - e**2) * self.scale

    def _brightness(self, vectors: Any, vector: Any, values: dict[str, Any], pixels: float) -> Any:
        """Return the brightness in sr-1 in the directions of some pixels, so many pixels away at most."""
        east, north = _directions(vector)
        # Pixels are smaller here and there; twice as far is far enough.
        largest = min(np.pi, np.deg2rad(2.0 * pixels / self.scale))
        centre, east, north = (rotated(self.rotation, item) for item in (vector, east, north))
        x, y = arc_offsets(vectors, centre, east, north, largest)
        return self.model.evaluate(pt, x, y, **values)


def rotated(rotation: np.ndarray, vector: Any) -> Any:
    """Return a vector turned by a matrix of numbers."""
    return pt.stack([sum(float(row[i]) * vector[i] for i in range(3)) for row in rotation])


def _directions(vector: Any) -> tuple[Any, Any]:
    """Return East and North unit vectors at a direction of the model's frame (undefined exactly at its poles)."""
    horizontal = pt.sqrt(vector[0] ** 2 + vector[1] ** 2)
    east = pt.stack([-vector[1] / horizontal, vector[0] / horizontal, 0.0 * vector[0]])
    north = pt.stack([-vector[2] * vector[0] / horizontal, -vector[2] * vector[1] / horizontal, horizontal])
    return east, north


def has_fixed_shape(spatial: SpatialModel) -> bool:
    """Return True if only the position may be free."""
    return all(item.frozen for item in spatial.parameters if item.name not in ("lon_0", "lat_0"))


def image_ranges(setup: FoldSetup, spatial: SpatialModel) -> tuple[Range, ...]:
    """Return the images of a free size: of a round shape and a PSF that is no pixel kernel also the fine ones."""
    is_round = all(item.frozen and item.value == 0.0 for item in spatial.parameters if item.name == "e")
    return ranges_of(fine=is_round and not isinstance(setup.psf, PSFKernel))


def build_wide_source(
    setup: FoldSetup, spatial: SpatialModel, pixel_map: PixelMap, rotation: np.ndarray, scale: float, name: str
) -> WideSource:
    """Prepare the images by samples of a source that has some.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    spatial : SpatialModel
        At its start values.
    pixel_map : PixelMap
        From the sky to pixels around the start.
    rotation : ndarray, shape (3, 3)
        From the model's frame to the map's.
    scale : float
        Pixels per degree.
    name : str
        For the names of the constants.
    """
    grid = setup.shared("grid", lambda: build_sky_grid(setup))
    start = spatial.shape_values
    extent = float(spatial.extent(np, **start)) * scale
    major, e, _ = spatial.ellipse(np, **start)
    minor = float(major) * scale * float(np.sqrt(1.0 - e**2))
    if has_fixed_shape(spatial):
        ranges: tuple[Range, ...] = ()
        wanted = [(samples_needed(minor, fine=fine_fits(setup, grid, extent)) or 1, extent)]
    else:
        ranges = image_ranges(setup, spatial)
        wanted = radii(extent, extent / minor, ranges)
    # Of one sample a pixel, only where that is less work than the whole map.
    used = [(f, radius) for f, radius in wanted if f > 1 or fits(fft_side(setup, radius, 1), grid.size)]
    # The finest first: its transform of the PSF goes furthest, and serves the others.
    built = [build_window(setup, grid, radius, f, pixel_map.jacobian, name) for f, radius in reversed(used)]
    windows = tuple(reversed(built))
    whole = None
    if ranges or not windows:
        whole = (grid, build_transfer(setup, grid.size, pixel_map.jacobian, name))
    return WideSource(spatial, rotation, scale, ranges, windows, whole)


def fine_fits(setup: FoldSetup, grid: SkyGrid, radius: float) -> bool:
    """Return True if a fixed shape may have more samples a pixel than one."""
    return not isinstance(setup.psf, PSFKernel) and fits(fft_side(setup, radius, 1), grid.size)
