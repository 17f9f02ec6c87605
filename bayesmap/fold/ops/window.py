"""Cut a window out of an image at a place known only at run time, and its adjoint: place a window on an empty image."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt
from jax import lax
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from bayesmap.fold.ops.linear import NumpyOp


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
