"""Exposure on the bins and on the padded sky that the fold needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import to_float64


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

    An exposure given per bin stays as it is.  One given at energy nodes makes bins **between** the nodes: with
    :math:`\epsilon` log-log linear between nodes k and k + 1, the value at the geometric centre is
    :math:`\sqrt{\epsilon_k \epsilon_{k+1}}`, and the slope is
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
        edges = axis.center
        mean = data.mean(axis=(1, 2))
        positive = (mean[1:] > 0) & (mean[:-1] > 0)
        ratio = np.where(positive, mean[1:], 1.0) / np.where(positive, mean[:-1], 1.0)
        slope = np.log(ratio) / np.log(edges[1:] / edges[:-1])
        data = np.sqrt(data[1:] * data[:-1])
    return BinnedExposure(edges=edges, slope=slope, data=extrapolate(data, pad), pad=pad)


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
