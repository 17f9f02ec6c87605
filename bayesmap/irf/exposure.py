"""Exposure on the bins and on the padded sky that the fold needs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import to_float64

NODE_STEP = 0.1
"""Widest bin, in ln E, between the energy nodes of an exposure."""


@dataclass(frozen=True)
class BinnedExposure:
    r"""Exposure per true-energy bin, with its power-law slope inside the bin.

    Inside bin j, :math:`\epsilon(E, x) = \epsilon_j(x)\,(E / E_{c,j})^{s_j}` with :math:`E_{c,j}` the geometric centre.

    Parameters
    ----------
    edges : ndarray, shape (n_true + 1,), unit TeV
        True-energy bin edges.
    slope : ndarray, shape (n_true,)
        s; zero for an exposure given per bin.
    data : ndarray, shape (n_true, n_lat + 2 pad, n_lon + 2 pad), unit cm2 s
        Exposure at the pixel centres of the padded sky.
    pad : int
        Number of extrapolated pixels on each side.
    """

    edges: np.ndarray
    slope: np.ndarray
    data: np.ndarray
    pad: int

    @property
    def axis(self) -> MapAxis:
        """True-energy axis of the bins."""
        return MapAxis.from_edges(self.edges, name="energy_true", unit="TeV", interp="log")


def bin_exposure(exposure: WcsNDMap, pad: int) -> BinnedExposure:
    r"""Turn an exposure map into exposure per true-energy bin on a padded sky.

    An exposure given per bin stays as it is.  One given at energy nodes makes bins **between** the nodes, no wider than
    `NODE_STEP` in ln E so that the PSF follows the energy inside them: with :math:`\epsilon` log-log linear between
    nodes k and k + 1, a bin has the value at its geometric centre, and the slope is
    :math:`\ln(\bar\epsilon_{k+1}/\bar\epsilon_k) / \ln(E_{k+1}/E_k)` with the mean exposures of the map; that the slope
    varies over the map enters only in second order, because the centre value is local.

    Parameters
    ----------
    exposure : WcsNDMap, shape (n_energy_true, n_lat, n_lon)
        Exposure with an edge or node energy axis.
    pad : int
        Pixels to add on each side; see `extrapolate`.

    Returns
    -------
    BinnedExposure
    """
    axis = exposure.geom.axes[0]
    data = to_float64(exposure.quantity, "cm2 s", "exposure")
    if axis.node_type == "edges":
        edges, slope = axis.edges, np.zeros(axis.nbin)
    else:
        edges, slope, data = _bins_between_nodes(axis.center, data)
    return BinnedExposure(edges=edges, slope=slope, data=extrapolate(data, pad), pad=pad)


def _bins_between_nodes(nodes: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return edges, slopes and centre values of bins between energy nodes; see `bin_exposure`."""
    mean = data.mean(axis=(1, 2))
    edges, slopes, planes = [nodes[:1]], [], []
    for k, (low, high) in enumerate(itertools.pairwise(nodes)):
        n = int(np.ceil(np.log(high / low) / NODE_STEP))
        edges.append(low * (high / low) ** (np.arange(1, n + 1) / n))
        positive = (data[k] > 0) & (data[k + 1] > 0)
        ratio = np.where(positive, data[k + 1], 1.0) / np.where(positive, data[k], 1.0)
        planes += [np.where(positive, data[k] * ratio ** ((i + 0.5) / n), 0.0) for i in range(n)]
        seen = mean[k] > 0 and mean[k + 1] > 0
        slopes += [np.log(mean[k + 1] / mean[k]) / np.log(high / low) if seen else 0.0] * n
    edges[-1][-1] = nodes[-1]
    return np.concatenate(edges), np.array(slopes), np.stack(planes)


def extrapolate(data: np.ndarray, pad: int) -> np.ndarray:
    """Continue planes log-linearly beyond their edges, first in longitude, then in latitude.

    The slope is that of the last two pixels; where one of them is zero the continuation is zero.

    Parameters
    ----------
    data : ndarray, shape (..., n_lat, n_lon)
        Values, not negative.
    pad : int
        Number of pixels to add on each side.

    Examples
    --------
    >>> extrapolate(np.array([[1.0, 2.0, 4.0]]), 1)[1]
    array([0.5, 1. , 2. , 4. , 8. ])
    """
    wide = _extend(data, pad)
    return np.ascontiguousarray(np.swapaxes(_extend(np.swapaxes(wide, -1, -2), pad), -1, -2))


def _extend(data: np.ndarray, pad: int) -> np.ndarray:
    steps = np.arange(1, pad + 1)
    if data.shape[-1] == 1:
        return np.repeat(data, 2 * pad + 1, axis=-1)
    left = _continue(data[..., :1], data[..., 1:2], steps)[..., ::-1]
    right = _continue(data[..., -1:], data[..., -2:-1], steps)
    return np.concatenate([left, data, right], axis=-1)


def _continue(last: np.ndarray, before: np.ndarray, steps: np.ndarray) -> np.ndarray:
    positive = (last > 0) & (before > 0)
    ratio = np.where(positive, last, 1.0) / np.where(positive, before, 1.0)
    return np.where(positive, last * ratio**steps, 0.0)
