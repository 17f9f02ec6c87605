r"""Batched real two-dimensional FFT and its inverse, as linear Ops on real arrays.

The half spectrum is stored with a first axis (real, imaginary).  With :math:`F` the real FFT and :math:`c` = 1 on the
columns that are their own mirror (zero and, for even lengths, Nyquist) and 2 elsewhere,

.. math:: F^T z = N\,F^{-1}(z / c), \qquad (F^{-1})^T y = (c / N)\,F y,

so each Op's pullback is the other Op with a column weight.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt
import scipy.fft
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from bayesmap.fold.ops.linear import NumpyOp


def column_weights(n_x: int) -> np.ndarray:
    """Return how often each column of a half spectrum occurs in the whole one, shape (n_x // 2 + 1,)."""
    weights = np.full((n_x // 2 + 1,), 2.0)
    weights[0] = 1.0
    if n_x % 2 == 0:
        weights[-1] = 1.0
    return weights


class RealFFT2(NumpyOp):
    """Real FFT over the last two axes: (..., n_y, n_x) -> (2, ..., n_y, n_x // 2 + 1)."""

    __props__ = ("n_y", "n_x")

    def __init__(self, n_y: int, n_x: int) -> None:
        self.n_y, self.n_x = n_y, n_x

    def make_node(self, image: Any) -> Apply:
        image = pt.as_tensor(image)
        shape = (2, *image.type.shape[:-2], self.n_y, self.n_x // 2 + 1)
        return Apply(self, [image], [pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node: Any, shapes: Any) -> list:
        return [(pt.constant(2), *shapes[0][:-2], pt.constant(self.n_y), pt.constant(self.n_x // 2 + 1))]

    def compute(self, image: np.ndarray) -> np.ndarray:
        spectrum = scipy.fft.rfft2(image, s=(self.n_y, self.n_x))
        return np.stack([spectrum.real, spectrum.imag])

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        (cotangent,) = cotangents
        weighted = cotangent / column_weights(self.n_x)
        return [(self.n_y * self.n_x) * InverseRealFFT2(self.n_y, self.n_x)(weighted)]


class InverseRealFFT2(NumpyOp):
    """Inverse real FFT: (2, ..., n_y, n_x // 2 + 1) -> (..., n_y, n_x)."""

    __props__ = ("n_y", "n_x")

    def __init__(self, n_y: int, n_x: int) -> None:
        self.n_y, self.n_x = n_y, n_x

    def make_node(self, spectrum: Any) -> Apply:
        spectrum = pt.as_tensor(spectrum)
        shape = (*spectrum.type.shape[1:-2], self.n_y, self.n_x)
        return Apply(self, [spectrum], [pt.tensor(dtype="float64", shape=shape)])

    def infer_shape(self, node: Any, shapes: Any) -> list:
        return [(*shapes[0][1:-2], pt.constant(self.n_y), pt.constant(self.n_x))]

    def compute(self, spectrum: np.ndarray) -> np.ndarray:
        return scipy.fft.irfft2(spectrum[0] + 1j * spectrum[1], s=(self.n_y, self.n_x))

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        (cotangent,) = cotangents
        weights = column_weights(self.n_x) / (self.n_y * self.n_x)
        return [RealFFT2(self.n_y, self.n_x)(cotangent) * weights]


@jax_funcify.register(RealFFT2)
def _jax_rfft2(op: RealFFT2, **kwargs: Any) -> Any:
    def rfft2(image):  # type: ignore[no-untyped-def]
        spectrum = jnp.fft.rfft2(image)
        return jnp.stack([spectrum.real, spectrum.imag])

    return rfft2


@jax_funcify.register(InverseRealFFT2)
def _jax_irfft2(op: InverseRealFFT2, **kwargs: Any) -> Any:
    def irfft2(spectrum):  # type: ignore[no-untyped-def]
        return jnp.fft.irfft2(spectrum[0] + 1j * spectrum[1], s=(op.n_y, op.n_x))

    return irfft2
