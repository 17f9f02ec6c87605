"""Windows of images at places known only at run time.

`CutWindow` and its adjoint `PlaceWindow` for windows inside the image; `SeenWindow` and its adjoint `AddWindow` for
those that may reach beyond it, where an image is zero and what is added is lost.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt
from jax import lax
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from bayesmap.fold.ops.linear import NumpyOp

IN_BOUNDS = lax.GatherScatterMode.PROMISE_IN_BOUNDS


class CutWindow(NumpyOp):
    """``image[..., i:i + n_y, j:j + n_x]``; linear in the image, adjoint `PlaceWindow`."""

    __props__ = ("n_y", "n_x")

    def __init__(self, n_y: int, n_x: int) -> None:
        self.n_y, self.n_x = n_y, n_x

    def make_node(self, image: Any, i: Any, j: Any) -> Apply:
        image, i, j = pt.as_tensor(image), pt.as_tensor(i, dtype="int64"), pt.as_tensor(j, dtype="int64")
        shape = (*image.type.shape[:-2], self.n_y, self.n_x)
        return Apply(self, [image, i, j], [pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node: Any, shapes: Any) -> list:
        return [(*shapes[0][:-2], pt.constant(self.n_y), pt.constant(self.n_x))]

    def connection_pattern(self, node: Any) -> list:
        return [[True], [False], [False]]

    def compute(self, image: np.ndarray, i: Any, j: Any) -> np.ndarray:
        return np.ascontiguousarray(image[..., int(i) : int(i) + self.n_y, int(j) : int(j) + self.n_x])

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        image, i, j = inputs
        n_y, n_x = image.type.shape[-2:]
        return [PlaceWindow(n_y, n_x)(cotangents[0], i, j), disconnected_type(), disconnected_type()]


class PlaceWindow(NumpyOp):
    """Zeros of (..., n_y, n_x) with the window at (i, j); linear in the window, adjoint `CutWindow`."""

    __props__ = ("n_y", "n_x")

    def __init__(self, n_y: int, n_x: int) -> None:
        self.n_y, self.n_x = n_y, n_x

    def make_node(self, window: Any, i: Any, j: Any) -> Apply:
        window, i, j = pt.as_tensor(window), pt.as_tensor(i, dtype="int64"), pt.as_tensor(j, dtype="int64")
        shape = (*window.type.shape[:-2], self.n_y, self.n_x)
        return Apply(self, [window, i, j], [pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node: Any, shapes: Any) -> list:
        return [(*shapes[0][:-2], pt.constant(self.n_y), pt.constant(self.n_x))]

    def connection_pattern(self, node: Any) -> list:
        return [[True], [False], [False]]

    def compute(self, window: np.ndarray, i: Any, j: Any) -> np.ndarray:
        image = np.zeros((*window.shape[:-2], self.n_y, self.n_x))
        image[..., int(i) : int(i) + window.shape[-2], int(j) : int(j) + window.shape[-1]] = window
        return image

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        window, i, j = inputs
        n_y, n_x = window.type.shape[-2:]
        return [CutWindow(n_y, n_x)(cotangents[0], i, j), disconnected_type(), disconnected_type()]


@jax_funcify.register(CutWindow)
def _jax_cut_window(op: CutWindow, **kwargs: Any) -> Any:
    def cut(image, i, j):  # type: ignore[no-untyped-def]
        lead = (0,) * (image.ndim - 2)
        return lax.dynamic_slice(image, (*lead, i, j), (*image.shape[:-2], op.n_y, op.n_x))

    return cut


@jax_funcify.register(PlaceWindow)
def _jax_place_window(op: PlaceWindow, **kwargs: Any) -> Any:
    def place(window, i, j):  # type: ignore[no-untyped-def]
        image = jnp.zeros((*window.shape[:-2], op.n_y, op.n_x))
        return lax.dynamic_update_slice(image, window, (*(0,) * (window.ndim - 2), i, j))

    return place


class AddWindow(NumpyOp):
    """``image`` plus the part of a window, whose first pixel is (i, j), that lies on it; linear in both."""

    __props__ = ()

    def make_node(self, image: Any, window: Any, i: Any, j: Any) -> Apply:
        image, window = pt.as_tensor(image), pt.as_tensor(window)
        i, j = pt.as_tensor(i, dtype="int64"), pt.as_tensor(j, dtype="int64")
        return Apply(self, [image, window, i, j], [pt.tensor(dtype="float64", shape=image.type.shape)])

    def infer_shape(self, node: Any, shapes: Any) -> list:
        return [shapes[0]]

    def connection_pattern(self, node: Any) -> list:
        return [[True], [True], [False], [False]]

    def compute(self, image: np.ndarray, window: np.ndarray, i: Any, j: Any) -> np.ndarray:
        total = image.copy()
        ours, theirs = _overlap(image.shape[-2:], window.shape[-2:], (int(i), int(j)))
        total[ours] += window[theirs]
        return total

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        _, window, i, j = inputs
        n_y, n_x = window.type.shape[-2:]
        seen = SeenWindow(n_y, n_x)(cotangents[0], i, j)
        return [cotangents[0], seen, disconnected_type(), disconnected_type()]


class SeenWindow(NumpyOp):
    """``image[..., i:i + n_y, j:j + n_x]``, zero beyond the image; linear in the image."""

    __props__ = ("n_y", "n_x")

    def __init__(self, n_y: int, n_x: int) -> None:
        self.n_y, self.n_x = n_y, n_x

    def make_node(self, image: Any, i: Any, j: Any) -> Apply:
        image, i, j = pt.as_tensor(image), pt.as_tensor(i, dtype="int64"), pt.as_tensor(j, dtype="int64")
        shape = (*image.type.shape[:-2], self.n_y, self.n_x)
        return Apply(self, [image, i, j], [pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node: Any, shapes: Any) -> list:
        return [(*shapes[0][:-2], pt.constant(self.n_y), pt.constant(self.n_x))]

    def connection_pattern(self, node: Any) -> list:
        return [[True], [False], [False]]

    def compute(self, image: np.ndarray, i: Any, j: Any) -> np.ndarray:
        window = np.zeros((*image.shape[:-2], self.n_y, self.n_x))
        ours, theirs = _overlap(image.shape[-2:], (self.n_y, self.n_x), (int(i), int(j)))
        window[theirs] = image[ours]
        return window

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        image, i, j = inputs
        empty = pt.zeros(image.type.shape)
        return [AddWindow()(empty, cotangents[0], i, j), disconnected_type(), disconnected_type()]


def _overlap(image: tuple[int, ...], window: tuple[int, ...], first: tuple[int, int]) -> tuple[Any, Any]:
    """Return the parts of an image and of a window where they overlap, as indices of the last axes."""
    ours: list[Any] = [...]
    theirs: list[Any] = [...]
    for n, size, start in zip(image, window, first, strict=True):
        low, high = min(max(start, 0), n), min(max(start + size, 0), n)
        ours.append(slice(low, high))
        theirs.append(slice(low - start, high - start))
    return tuple(ours), tuple(theirs)


def _moved(array: Any, shift: Any, axis: int) -> Any:
    """Return an array moved along an axis by up to its length, zeros where nothing comes from."""
    n = array.shape[axis]
    widths = [(0, 0)] * array.ndim
    widths[axis] = (n, n)
    return lax.dynamic_slice_in_dim(jnp.pad(array, widths), n - jnp.clip(shift, -n, n), n, axis)


def _add(image: Any, window: Any, i: Any, j: Any) -> Any:
    starts = []
    for axis, start in ((image.ndim - 2, i), (image.ndim - 1, j)):
        n, size = image.shape[axis], min(window.shape[axis], image.shape[axis])
        # Of a window larger than the image the part that may be seen.
        skipped = jnp.clip(-start, 0, window.shape[axis] - size)
        window = lax.dynamic_slice_in_dim(window, skipped, size, axis)
        inside = jnp.clip(start + skipped, 0, n - size)
        window = _moved(window, start + skipped - inside, axis)
        starts.append(inside)
    # Not a slice that is updated: differentiated, that copies the whole image.
    dimensions = lax.ScatterDimensionNumbers(
        update_window_dims=tuple(range(image.ndim)),
        inserted_window_dims=(),
        scatter_dims_to_operand_dims=(image.ndim - 2, image.ndim - 1),
    )
    return lax.scatter_add(
        image, jnp.stack(starts), window, dimensions, indices_are_sorted=True, unique_indices=True, mode=IN_BOUNDS
    )


def _see(n_y: int, n_x: int, image: Any, i: Any, j: Any) -> Any:
    for axis, start, size in ((image.ndim - 2, i, n_y), (image.ndim - 1, j, n_x)):
        n = image.shape[axis]
        part = min(size, n)
        skipped = jnp.clip(-start, 0, size - part)
        inside = jnp.clip(start + skipped, 0, n - part)
        image = _moved(lax.dynamic_slice_in_dim(image, inside, part, axis), inside - start - skipped, axis)
        if part < size:
            empty = jnp.zeros((*image.shape[:axis], size, *image.shape[axis + 1 :]))
            image = lax.dynamic_update_slice_in_dim(empty, image, skipped, axis)
    return image


@jax_funcify.register(AddWindow)
def _jax_add_window(op: AddWindow, **kwargs: Any) -> Any:
    return _add


@jax_funcify.register(SeenWindow)
def _jax_seen_window(op: SeenWindow, **kwargs: Any) -> Any:
    return partial(_see, op.n_y, op.n_x)
