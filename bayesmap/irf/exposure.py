"""Exposure on the bins and on the padded sky that the fold needs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from bayesmap.errors import BayesmapInputError
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import to_float64

NODE_STEP = 0.1
"""Widest bin, in ln E, between energies at which an exposure is known."""
ENERGY_INTEGRATIONS = ("binned", "interpolated")
"""How the response varies inside a true-energy bin, see `bin_exposure`."""


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


def bin_exposure(exposure: WcsNDMap, pad: int, energy_integration: str = "binned") -> BinnedExposure:
    r"""Turn an exposure map into exposure per true-energy bin on a padded sky.

    An exposure given per bin stays as it is ("binned"), or is taken as the value at the bin's geometric centre
    ("interpolated") and each half of a bin divided as below, the outermost halves by continuation.  One given at energy
    nodes makes bins **between** the nodes.

    A division is no wider than `NODE_STEP` in ln E, so that the PSF follows the energy inside it.  With
    :math:`\epsilon` log-log linear between energies k and k + 1, it has the value at its geometric centre, and the
    slope is :math:`\ln(\bar\epsilon_{k+1}/\bar\epsilon_k) / \ln(E_{k+1}/E_k)` with the mean exposures of the map; that
    the slope varies over the map enters only in second order, because the centre value is local.

    Parameters
    ----------
    exposure : WcsNDMap, shape (n_energy_true, n_lat, n_lon)
        Exposure with an edge or node energy axis.
    pad : int
        Pixels to add on each side; see `extrapolate`.
    energy_integration : str
        ``"binned"`` or ``"interpolated"``.

    Returns
    -------
    BinnedExposure
    """
    axis = exposure.geom.axes[0]
    data = to_float64(exposure.quantity, "cm2 s", "exposure")
    if axis.node_type == "edges" and energy_integration == "interpolated" and axis.nbin > 1:
        edges, slope, data = _bins_inside_bins(axis, data)
    elif axis.node_type == "edges":
        edges, slope = axis.edges, np.zeros(axis.nbin)
    else:
        edges, slope, data = _bins_between_nodes(axis.center, data)
    return BinnedExposure(edges=edges, slope=slope, data=extrapolate(data, pad), pad=pad)


def _bins_between_nodes(nodes: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return edges, slopes and centre values of bins between energy nodes; see `bin_exposure`."""
    pieces = [
        _divide(low, high, nodes[k : k + 2], data[k : k + 2], np.zeros_like(data[k]))
        for k, (low, high) in enumerate(itertools.pairwise(nodes))
    ]
    return _joined(pieces)


def _bins_inside_bins(axis: MapAxis, data: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return edges, slopes and centre values of bins inside the halves of given bins; see `bin_exposure`.

    Where a neighbour's exposure is zero, at a threshold, a bin keeps its own value.
    """
    centre = np.sqrt(axis.edges[1:] * axis.edges[:-1])
    pieces = []
    for k in range(axis.nbin):
        for low, high, first in ((axis.edges[k], centre[k], k - 1), (centre[k], axis.edges[k + 1], k)):
            pair = min(max(first, 0), axis.nbin - 2)
            pieces.append(_divide(low, high, centre[pair : pair + 2], data[pair : pair + 2], data[k]))
    return _joined(pieces)


def _divide(
    low: float, high: float, energies: np.ndarray, planes: np.ndarray, otherwise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide a range of energies on the power law through two planes.

    Returns
    -------
    tuple
        Edges, slopes and centre values; `otherwise` are the values of pixels where a plane is zero.
    """
    n = int(np.ceil(np.log(high / low) / NODE_STEP))
    width = np.log(energies[1] / energies[0])
    positive = (planes[0] > 0) & (planes[1] > 0)
    ratio = np.where(positive, planes[1], 1.0) / np.where(positive, planes[0], 1.0)
    position = (np.log(low / energies[0]) + np.log(high / low) * (np.arange(n) + 0.5) / n) / width
    values = np.stack([np.where(positive, planes[0] * ratio**t, otherwise) for t in position])
    mean = planes.mean(axis=(1, 2))
    slope = np.log(mean[1] / mean[0]) / width if np.all(mean > 0) else 0.0
    edges = low * (high / low) ** (np.arange(n + 1) / n)
    edges[-1] = high
    return edges, np.full(n, slope), values


def _joined(
    pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    edges, slopes, planes = zip(*pieces, strict=True)
    return np.concatenate([edges[0][:1], *(e[1:] for e in edges)]), np.concatenate(slopes), np.concatenate(planes)


def extrapolate(data: np.ndarray, pad: int) -> np.ndarray:
    """Continue planes log-linearly beyond their edges, first in longitude, then in latitude.

    The slope is that of the last two pixels; where one of them is zero the continuation is zero.

    Parameters
    ----------
    data : ndarray, shape (..., n_lat, n_lon)
        Values, not negative.
    pad : int
        Number of pixels to add on each side.

    Raises
    ------
    BayesmapInputError
        BM-IN-015 if the continuation is not finite.

    Examples
    --------
    >>> extrapolate(np.array([[1.0, 2.0, 4.0]]), 1)[1]
    array([0.5, 1. , 2. , 4. , 8. ])
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what follows refuses it
        wide = _extend(data, pad)
        found = np.ascontiguousarray(np.swapaxes(_extend(np.swapaxes(wide, -1, -2), pad), -1, -2))
    if not np.isfinite(found).all():
        raise BayesmapInputError(
            "BM-IN-015",
            what=f"the exposure, continued by {pad} pixels beyond the map, is not finite",
            rule="It is continued by the slope of the two outermost pixels, which must be that of a smooth exposure",
            remedy="Correct the values at the edge of the map, or cut them off",
        )
    return found


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
