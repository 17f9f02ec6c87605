"""Where a source stands: its pixel position as a graph, and the pieces of the map that it fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.ops.lazy import lazy_share
from bayesmap.fold.ops.window import AddWindow, CutWindow
from bayesmap.fold.pixelmap import PixelMap
from bayesmap.models.spatial.columns import cubic_bspline


@dataclass(frozen=True)
class Place:
    """Pixel position of a source: whole pixel (i_y, i_x), an integer tensor, and offset (d_y, d_x) in [0, 1)."""

    i_y: Any
    i_x: Any
    d_y: Any
    d_x: Any


def locate(pixel_map: PixelMap, vector: Any, shape: tuple[int, int], pad: int) -> Place:
    """Return the place of a unit vector on the map.

    Parameters
    ----------
    pixel_map : PixelMap
        Series around the source's start.
    vector : tensor, shape (3,)
        Unit vector in the map's frame.
    shape : (n_lat, n_lon)
        Pixels of the map.
    pad : int
        Pixels beyond the edge that a source may stand in. Further out the index is held, so that no memory outside the
        canvas is touched; the posterior has no support there (see `outside`).
    """
    x, y = pixel_map.pixel(pt, vector)
    whole_y, whole_x = pt.floor(y), pt.floor(x)
    i_y = pt.cast(pt.minimum(pt.maximum(whole_y, -pad), shape[0] - 1 + pad), "int64")
    i_x = pt.cast(pt.minimum(pt.maximum(whole_x, -pad), shape[1] - 1 + pad), "int64")
    return Place(i_y, i_x, y - whole_y, x - whole_x)


def outside(pixel_map: PixelMap, vector: Any, shape: tuple[int, int], pad: int) -> Any:
    """Return a boolean tensor: True where the posterior has no support because the source left the padded map."""
    xi, eta = pixel_map.offsets(vector)
    x, y = pixel_map.pixel(pt, vector)
    off_series = pt.or_(pt.abs(xi) > pixel_map.radius, pt.abs(eta) > pixel_map.radius)
    off_x = pt.or_(x < -pad, x > shape[1] - 1 + pad)
    off_y = pt.or_(y < -pad, y > shape[0] - 1 + pad)
    return pt.or_(off_series, pt.or_(off_x, off_y))


def spline_weights(fraction: Any, n: int = 4) -> Any:
    """Return cubic B-spline weights of `n` neighbours; the second one lies `fraction` before the point."""
    return cubic_bspline(pt, fraction - (np.arange(n) - 1.0))


def upsampling(coarse: int, factor: int) -> np.ndarray:
    """Return the matrix from coarse + 3 spline coefficients to factor * coarse lattice points."""
    points = 1.0 + np.arange(factor * coarse) / factor
    return np.asarray(cubic_bspline(np, points[:, None] - np.arange(coarse + 3)[None, :]))


def sample(coefficients: Any, place: Place, margin: int) -> Any:
    """Return a spline image at the place, shape (n_planes,); `margin` pixels of the image lie before the map."""
    window = CutWindow(4, 4)(coefficients, place.i_y + margin - 1, place.i_x + margin - 1)
    weights = spline_weights(place.d_y)[:, None] * spline_weights(place.d_x)[None, :]
    return pt.sum(window * weights, axis=(-2, -1))


@dataclass(frozen=True)
class Piece:
    """A part of an image.

    Parameters
    ----------
    window : tensor, shape (n_planes, n_y, n_x)
        Values; what lies beyond the map is lost.
    i, j : int or integer tensors
        Pixel of the map where the window begins, along y and x.
    """

    window: Any
    i: Any
    j: Any

    def __rmul__(self, factor: Any) -> Piece:
        """Return the piece times a scalar."""
        return Piece(factor * self.window, self.i, self.j)


@dataclass(frozen=True)
class Image:
    """One way to work out the counts of a source, where there are several.

    Parameters
    ----------
    pieces : tuple of Piece
        What it adds up from.
    share : scalar tensor, optional
        What the pieces are multiplied by. Where it is zero they need not be worked out.
    inputs : tuple of tensor
        What the pieces depend on besides constants and shared arrays.
    """

    pieces: tuple[Piece, ...]
    share: Any = None
    inputs: tuple[Any, ...] = ()

    def weighted(self) -> tuple[Piece, ...]:
        """Return the pieces times the share, worked out only where it is not zero."""
        if self.share is None:
            return self.pieces
        windows = lazy_share(self.share, [piece.window for piece in self.pieces], self.inputs)
        return tuple(Piece(window, piece.i, piece.j) for window, piece in zip(windows, self.pieces, strict=True))

    def __rmul__(self, factor: Any) -> Image:
        """Return the image times a scalar."""
        return Image(tuple(factor * piece for piece in self.pieces), self.share, (*self.inputs, factor))


def weighted(images: Sequence[Image]) -> list[Piece]:
    """Return the pieces of all images, each times its image's share."""
    return [piece for image in images for piece in image.weighted()]


def around(window: Any, place: Place, before: tuple[Any, Any]) -> Piece:
    """Return the piece whose pixel `before` is the source's whole pixel."""
    return Piece(window, place.i_y - before[0], place.i_x - before[1])


def assemble(pieces: Sequence[Piece], shape: tuple[int, int]) -> Any:
    """Return the map planes that pieces add up to, shape (n_planes, *shape); at least one piece."""
    whole = [piece.window for piece in pieces if _fills(piece, shape)]
    total = sum(whole[1:], whole[0]) if whole else pt.zeros((pieces[0].window.type.shape[0], *shape))
    for piece in pieces:
        if not _fills(piece, shape):
            total = AddWindow()(total, piece.window, piece.i, piece.j)
    return total


def _fills(piece: Piece, shape: tuple[int, int]) -> bool:
    return isinstance(piece.i, int) and isinstance(piece.j, int) and piece.window.type.shape[-2:] == shape
