r"""Response with free scales: energy dispersion on a stretched energy axis, and weights between PSF widths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
import scipy.interpolate

from bayesmap.fold.point import constant
from bayesmap.models.response import LARGEST_PSF_SCALE, SMALLEST_PSF_SCALE

PSF_NODES = (
    SMALLEST_PSF_SCALE,
    SMALLEST_PSF_SCALE**0.5,
    1.0,
    LARGEST_PSF_SCALE**0.5,
    LARGEST_PSF_SCALE,
)
"""Widths at which the PSF is folded. Between them images are combined by the Lagrange polynomial in ln s: error for a
Gaussian PSF at most 4e-4 of its peak, none at the nodes, of which s = 1 is one. Far out, where the PSF is below that,
the sum may be negative by as much: there must be a background, or the model has no support there."""


@dataclass(frozen=True)
class StretchedDispersion:
    r"""Energy dispersion in which what was assigned to energy E is assigned to s E.

    .. math:: D_{ji}(s) = C_j(\ln E_{i+1} - \ln s) - C_j(\ln E_i - \ln s)

    with the cumulative probability :math:`C_j` of true-energy bin j, a monotone cubic in ln E through its values at the
    edges :math:`E_i` (no probability is negative), continued linearly beyond the first and the last edge with the
    slope it has there: what would be found just outside moves in when the scale changes.

    Parameters
    ----------
    knots : ndarray, shape (n_reco + 2,), unit ln TeV
        Where the polynomial of each interval starts: below, between and above the edges.
    edges : ndarray, shape (n_reco + 1,), unit ln TeV
        Edges of the bins.
    coefficients : shared variable, shape (4, n_reco + 2, n_true)
        Of the cubics, highest power first.
    """

    knots: np.ndarray
    edges: np.ndarray
    coefficients: Any

    def matrix(self, scale: Any) -> Any:
        """Return D, shape (n_true, n_reco), for a scale (scalar tensor)."""
        x = self.edges - pt.log(scale)
        index = pt.sum(pt.ge(x[:, None], self.edges[None, :]), axis=1)
        step = (x - pt.take(self.knots, index))[:, None]
        cubic, square, slope, value = (pt.take(self.coefficients[k], index, axis=0) for k in range(4))
        cumulative = ((cubic * step + square) * step + slope) * step + value
        return (cumulative[1:] - cumulative[:-1]).T


def build_stretched(edisp: np.ndarray, energy_edges: np.ndarray, name: str) -> StretchedDispersion:
    """Prepare the stretched form of an energy dispersion.

    Parameters
    ----------
    edisp : ndarray, shape (n_true, n_reco)
        Probabilities.
    energy_edges : ndarray, shape (n_reco + 1,), unit TeV
        Edges of reconstructed energy.
    name : str
        For the name of the constant.
    """
    edges = np.log(energy_edges)
    cumulative = np.concatenate([np.zeros((len(edisp), 1)), np.cumsum(edisp, axis=1)], axis=1).T
    if len(edges) == 2:
        slope = cumulative[1] / (edges[1] - edges[0])
        inner = np.stack([0.0 * slope, 0.0 * slope, slope, cumulative[0]])[:, None, :]
        ends = (slope, slope)
    else:
        cubics = scipy.interpolate.PchipInterpolator(edges, cumulative, axis=0)
        inner = cubics.c
        ends = tuple(cubics.derivative()(edge) for edge in (edges[0], edges[-1]))
    below, above = (
        np.stack([0.0 * end, 0.0 * end, end, value])[:, None, :]
        for end, value in zip(ends, (cumulative[0], cumulative[-1]), strict=True)
    )
    coefficients = np.concatenate([below, inner, above], axis=1)
    return StretchedDispersion(np.append(edges[0], edges), edges, constant(coefficients, f"{name}.stretched_edisp"))


def psf_weights(scale: Any) -> Any:
    """Return the Lagrange weights in ln s of the images at `PSF_NODES`, shape (5,); they add up to one."""
    nodes, x = np.log(PSF_NODES), pt.log(scale)
    weights = []
    for k, node in enumerate(nodes):
        others = np.delete(nodes, k)
        weights.append(pt.prod((x - others) / (node - others)))
    return pt.stack(weights)
