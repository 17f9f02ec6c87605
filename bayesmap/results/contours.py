r"""Credible contours in two parameters: the highest-density region of the draws.

The density is a Gaussian kernel estimate in the whitened plane (bandwidth :math:`n^{-1/6}`, Scott's rule), its level
the quantile of the density at the draws themselves, so that the region holds the stated mass of them.

References
----------
Hyndman 1996, The American Statistician 50, 120 (highest-density regions by density quantiles).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import contourpy
import numpy as np
import scipy.ndimage

GRID = 240
"""Points of the density's grid on each axis."""
Limits = tuple[float, float]
REACH = 4.0
"""Bandwidths that a kernel reaches."""
FREE: Limits = (-np.inf, np.inf)
"""Of a parameter without limits."""


@dataclass(frozen=True)
class Contour:
    """Border of a credible region.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Points of the longest piece, evenly spaced along it; the last is not the first.
    pieces : tuple of ndarray, shape (m, 2)
        All closed pieces, as they were found.
    mass : float
        Probability inside.
    """

    x: np.ndarray
    y: np.ndarray
    pieces: tuple[np.ndarray, ...]
    mass: float


def credible_contour(
    x: np.ndarray, y: np.ndarray, mass: float, numpoints: int, *, limits: tuple[Limits, Limits] = (FREE, FREE)
) -> Contour:
    """Return the contour of the highest-density region of draws.

    Parameters
    ----------
    x, y : ndarray
        Draws.
    mass : float
        Probability inside, 0 < mass < 1.
    numpoints : int
        Points to return.
    limits : ((low, high), (low, high))
        Limits of x and of y, infinite where there is none: the region ends at them.
    """
    points = np.stack([np.ravel(x), np.ravel(y)])
    frame = _frame(points, _near(points, limits))
    white = frame.to_white(points)
    axes, density = _density(white, frame.limits)
    places = [(row - axis[0]) / (axis[1] - axis[0]) for row, axis in zip(white, axes, strict=True)]
    at_draws = scipy.ndimage.map_coordinates(density, places, order=1)
    level = float(np.quantile(at_draws, 1.0 - mass))
    found = contourpy.contour_generator(x=axes[0], y=axes[1], z=density.T, fill_type="OuterOffset").filled(
        level, np.inf
    )
    lines = [
        points[start:end]
        for points, offsets in zip(*found, strict=True)
        for start, end in itertools.pairwise(map(int, offsets))
    ]
    pieces = tuple(frame.to_values(line.T).T for line in sorted(lines, key=_length, reverse=True))
    resampled = _resample(pieces[0], numpoints)
    return Contour(resampled[:, 0], resampled[:, 1], pieces, mass)


@dataclass(frozen=True)
class _Frame:
    """Whitened plane, in which a limit of a parameter is a line along an axis.

    Parameters
    ----------
    mean : ndarray, shape (2, 1)
        Of the draws.
    root : ndarray, shape (2, 2)
        Square root of their covariance: triangular, the parameter with limits first; diagonal if both have some.
    limits : tuple of (low, high)
        In the plane.
    values : tuple of (low, high)
        The same in the parameters' units.
    """

    mean: np.ndarray
    root: np.ndarray
    limits: tuple[Limits, Limits]
    values: tuple[Limits, Limits]

    def to_white(self, values: np.ndarray) -> np.ndarray:
        return np.linalg.solve(self.root, values - self.mean)

    def to_values(self, white: np.ndarray) -> np.ndarray:
        """Return values; a point on a limit is exactly on it."""
        found = self.root @ white + self.mean
        for row, at, ends, exact in zip(found, white, self.limits, self.values, strict=True):
            for end, value in zip(ends, exact, strict=True):
                if np.isfinite(end):
                    row[at == end] = value
        return found


def _near(points: np.ndarray, limits: tuple[Limits, Limits]) -> tuple[Limits, Limits]:
    """Return the limits that the kernel of a draw reaches over; others change nothing."""
    reach = REACH * points.shape[1] ** (-1.0 / 6.0) * points.std(axis=1)
    low = [
        pair[0] if row.min() - far < pair[0] else -np.inf for row, far, pair in zip(points, reach, limits, strict=True)
    ]
    high = [
        pair[1] if row.max() + far > pair[1] else np.inf for row, far, pair in zip(points, reach, limits, strict=True)
    ]
    return (low[0], high[0]), (low[1], high[1])


def _frame(points: np.ndarray, limits: tuple[Limits, Limits]) -> _Frame:
    mean, covariance = points.mean(axis=1, keepdims=True), np.cov(points)
    limited = [bool(np.any(np.isfinite(pair))) for pair in limits]
    if all(limited):
        root = np.diag(np.sqrt(np.diag(covariance)))
    elif limited[1]:
        root = np.linalg.cholesky(covariance[::-1, ::-1])[::-1, ::-1]
    else:
        root = np.linalg.cholesky(covariance)
    low, high = ([(end - mean[k, 0]) / root[k, k] for end in limits[k]] for k in (0, 1))
    return _Frame(mean, root, ((low[0], low[1]), (high[0], high[1])), limits)


def _density(white: np.ndarray, limits: tuple[Limits, Limits]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the axes of a grid that holds all draws, and the kernel density on it.

    Draws are reflected at limits, so that the density does not fall towards them.
    """
    bandwidth = white.shape[1] ** (-1.0 / 6.0)
    axes, cells = [], []
    for row, (low, high) in zip(white, limits, strict=True):
        start, end = max(float(row.min()) - REACH * bandwidth, low), min(float(row.max()) + REACH * bandwidth, high)
        axes.append(np.linspace(start, end, GRID))
        step = (end - start) / (GRID - 1)
        cells.append((step, np.linspace(start - 0.5 * step, end + 0.5 * step, GRID + 1)))
    (step_x, edges_x), (step_y, edges_y) = cells
    histogram, _, _ = np.histogram2d(white[0], white[1], bins=(edges_x, edges_y))
    for k, (axis, ends) in enumerate(zip(axes, limits, strict=True)):
        # The cells at a limit reach half beyond it: they hold half as many draws.
        for place, end in ((0, ends[0]), (-1, ends[1])):
            if axis[place] == end:
                np.moveaxis(histogram, k, 0)[place] *= 2.0
    # "mirror" reflects at the centre of the last cell: where there is no limit nothing lies within reach of the end.
    return axes, scipy.ndimage.gaussian_filter(histogram, (bandwidth / step_x, bandwidth / step_y), mode="mirror")


def _length(line: np.ndarray) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def _resample(line: np.ndarray, numpoints: int) -> np.ndarray:
    """Return points evenly spaced along a closed line, in units of its extent on each axis."""
    scale = np.ptp(line, axis=0)
    steps = np.hypot(*(np.diff(line, axis=0) / scale).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0.0, along[-1], numpoints, endpoint=False)
    return np.stack([np.interp(at, along, line[:, k]) for k in (0, 1)], axis=1)
