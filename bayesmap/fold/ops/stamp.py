r"""The image of a point source: a weighted sum of slices of a spline table, and its adjoint.

The table holds B-spline coefficients of the pixel-integrated PSF on a lattice of `factor` points a pixel, rearranged by
phase: ``table[a, b, j, y, x]`` is the coefficient at lattice point ``(factor * y + a, factor * x + b)`` for true-energy
bin j.  With the spline weights :math:`w_{kl}` of the source's sub-pixel position,

.. math:: \mathrm{stamp}_{jyx} = \sum_{kl} w_{kl}\, \mathrm{table}_{a+k,\,b+l,\,j,\,y,\,x} .
"""

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

TAPS = 4


class SplineStamp(NumpyOp):
    """``sum_kl w[k, l] * table[a + k, b + l]``; linear in the weights (TAPS, TAPS), adjoint `SplineStampAdjoint`."""

    __props__ = ()

    def make_node(self, table: Any, a: Any, b: Any, weights: Any) -> Apply:
        table, weights = pt.as_tensor(table), pt.as_tensor(weights)
        a, b = pt.as_tensor(a, dtype="int64"), pt.as_tensor(b, dtype="int64")
        output = pt.tensor(dtype="float64", shape=table.type.shape[2:])
        return Apply(self, [table, a, b, weights], [output])

    def infer_shape(self, fgraph: Any, node: Any, shapes: Any) -> list:
        return [tuple(shapes[0][2:])]

    def connection_pattern(self, node: Any) -> list:
        return [[False], [False], [False], [True]]

    def compute(self, table: np.ndarray, a: Any, b: Any, weights: np.ndarray) -> np.ndarray:
        return np.tensordot(weights, table[int(a) : int(a) + TAPS, int(b) : int(b) + TAPS], axes=2)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        table, a, b, _ = inputs
        weights = SplineStampAdjoint()(table, a, b, cotangents[0])
        return [disconnected_type(), disconnected_type(), disconnected_type(), weights]


class SplineStampAdjoint(NumpyOp):
    """``w[k, l] = sum_jyx table[a + k, b + l, j, y, x] * image[j, y, x]``; linear in the image."""

    __props__ = ()

    def make_node(self, table: Any, a: Any, b: Any, image: Any) -> Apply:
        table, image = pt.as_tensor(table), pt.as_tensor(image)
        a, b = pt.as_tensor(a, dtype="int64"), pt.as_tensor(b, dtype="int64")
        return Apply(self, [table, a, b, image], [pt.tensor(dtype="float64", shape=(TAPS, TAPS))])

    def infer_shape(self, fgraph: Any, node: Any, shapes: Any) -> list:
        return [(pt.constant(TAPS), pt.constant(TAPS))]

    def connection_pattern(self, node: Any) -> list:
        return [[False], [False], [False], [True]]

    def compute(self, table: np.ndarray, a: Any, b: Any, image: np.ndarray) -> np.ndarray:
        return np.tensordot(table[int(a) : int(a) + TAPS, int(b) : int(b) + TAPS], image, axes=3)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        table, a, b, _ = inputs
        image = SplineStamp()(table, a, b, cotangents[0])
        return [disconnected_type(), disconnected_type(), disconnected_type(), image]


def _slices(table, a, b):  # type: ignore[no-untyped-def]
    """Return table[a:a + TAPS, b:b + TAPS]."""
    return lax.dynamic_slice(table, (a, b, 0, 0, 0), (TAPS, TAPS, *table.shape[2:]))


@jax_funcify.register(SplineStamp)
def _jax_stamp(op: SplineStamp, **kwargs: Any) -> Any:
    def stamp(table, a, b, weights):  # type: ignore[no-untyped-def]
        return jnp.tensordot(weights, _slices(table, a, b), axes=2)

    return stamp


@jax_funcify.register(SplineStampAdjoint)
def _jax_stamp_adjoint(op: SplineStampAdjoint, **kwargs: Any) -> Any:
    def adjoint(table, a, b, image):  # type: ignore[no-untyped-def]
        return jnp.tensordot(_slices(table, a, b), image, axes=3)

    return adjoint
