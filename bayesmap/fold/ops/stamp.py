r"""The image of a point source: a weighted sum of slices of a spline table, and its adjoint.

A table holds B-spline coefficients of the pixel-integrated PSF on a lattice of `factor` points a pixel, rearranged by
phase: ``tables[s, a, b, j, y, x]`` is the coefficient of table s at lattice point ``(factor * y + a, factor * x + b)``
for true-energy bin j.  With the spline weights :math:`w_{kl}` of the source's sub-pixel position,

.. math:: \mathrm{stamp}_{jyx} = \sum_{kl} w_{kl}\, \mathrm{tables}_{s,\,a+k,\,b+l,\,j,\,y_0+y,\,x_0+x} .

Tables of the same shape lie in one array: a loop over their sources reads each without a copy.

Of a table that reaches beyond the map only the part (n_y, n_x) from (y_0, x_0) on is worked out.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt
from jax import lax
from jax.custom_derivatives import linear_call
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from bayesmap.fold.ops.linear import NumpyOp

TAPS = 4


class SplineStamp(NumpyOp):
    """``sum_kl w[k, l] * tables[s, a + k, b + l, :, y0:y0 + n_y, x0:x0 + n_x]``; linear in the weights (TAPS, TAPS)."""

    __props__ = ("n_y", "n_x")

    def __init__(self, n_y: int, n_x: int) -> None:
        self.n_y, self.n_x = n_y, n_x

    def make_node(self, tables: Any, corner: Any, weights: Any) -> Apply:
        tables, weights, corner = pt.as_tensor(tables), pt.as_tensor(weights), pt.as_tensor(corner, dtype="int64")
        output = pt.tensor(dtype="float64", shape=(tables.type.shape[3], self.n_y, self.n_x))
        return Apply(self, [tables, corner, weights], [output])

    def infer_shape(self, node: Any, shapes: Any) -> list:
        return [(shapes[0][3], pt.constant(self.n_y), pt.constant(self.n_x))]

    def connection_pattern(self, node: Any) -> list:
        return [[False], [False], [True]]

    def compute(self, tables: np.ndarray, corner: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.tensordot(weights, _part(tables, corner, self.n_y, self.n_x), axes=2)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        tables, corner, _ = inputs
        weights = SplineStampAdjoint()(tables, corner, cotangents[0])
        return [disconnected_type(), disconnected_type(), weights]


class SplineStampAdjoint(NumpyOp):
    """``w[k, l] = sum_jyx tables[s, a + k, b + l, j, y0 + y, x0 + x] * image[j, y, x]``; linear in the image."""

    __props__ = ()

    def make_node(self, tables: Any, corner: Any, image: Any) -> Apply:
        tables, image, corner = pt.as_tensor(tables), pt.as_tensor(image), pt.as_tensor(corner, dtype="int64")
        return Apply(self, [tables, corner, image], [pt.tensor(dtype="float64", shape=(TAPS, TAPS))])

    def infer_shape(self, node: Any, shapes: Any) -> list:
        return [(pt.constant(TAPS), pt.constant(TAPS))]

    def connection_pattern(self, node: Any) -> list:
        return [[False], [False], [True]]

    def compute(self, tables: np.ndarray, corner: np.ndarray, image: np.ndarray) -> np.ndarray:
        return np.tensordot(_part(tables, corner, *image.shape[1:]), image, axes=3)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        tables, corner, image = inputs
        n_y, n_x = image.type.shape[1:]
        return [disconnected_type(), disconnected_type(), SplineStamp(n_y, n_x)(tables, corner, cotangents[0])]


def _part(tables: np.ndarray, corner: np.ndarray, n_y: int, n_x: int) -> np.ndarray:
    """Return the slice of a table that `corner`, the integers (s, a, b, y0, x0), and the sizes name."""
    s, a, b, y, x = (int(i) for i in corner)
    return tables[s, a : a + TAPS, b : b + TAPS, :, y : y + n_y, x : x + n_x]


def _rows(tables, corner, n_y, n_x):  # type: ignore[no-untyped-def]
    """Return the slice row by row of taps in JAX, TAPS arrays of shape (TAPS, n_true, n_y, n_x).

    In one piece, XLA would copy it before anything is done with it.
    """
    s, a, b, y, x = (corner[i] for i in range(5))
    zero = jnp.zeros_like(a)
    size = (1, 1, TAPS, tables.shape[3], n_y, n_x)
    return [lax.dynamic_slice(tables, (s, a + k, b, zero, y, x), size)[0, 0] for k in range(TAPS)]


def _pair(n_y: int, n_x: int) -> tuple[Any, Any]:
    """Return stamp and adjoint in JAX as functions of ((tables, corner), linear argument).

    Both are given to JAX (`linear_call`): differentiating the stamp it would keep every slice it has read.
    """

    def stamp(place, weights):  # type: ignore[no-untyped-def]
        tables, corner = place
        rows = _rows(tables, corner, n_y, n_x)
        return sum(weights[k, i] * rows[k][i] for k in range(TAPS) for i in range(TAPS))

    def adjoint(place, image):  # type: ignore[no-untyped-def]
        tables, corner = place
        rows = _rows(tables, corner, n_y, n_x)
        return jnp.stack([row.reshape(TAPS, -1) @ image.ravel() for row in rows])

    return stamp, adjoint


@jax_funcify.register(SplineStamp)
def _jax_stamp(op: SplineStamp, **kwargs: Any) -> Any:
    stamp, adjoint = _pair(op.n_y, op.n_x)
    return lambda tables, corner, weights: linear_call(stamp, adjoint, (tables, corner), weights)


@jax_funcify.register(SplineStampAdjoint)
def _jax_stamp_adjoint(op: SplineStampAdjoint, **kwargs: Any) -> Any:
    def apply(tables, corner, image):  # type: ignore[no-untyped-def]
        stamp, adjoint = _pair(*image.shape[1:])
        return linear_call(adjoint, stamp, (tables, corner), image)

    return apply
