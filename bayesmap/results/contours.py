r"""Credible contours in two parameters: the highest-density region of the draws.

The density is a Gaussian kernel estimate in the whitened plane (bandwidth :math:`n^{-1/6}`, Scott's rule), its level
the quantile of the density at the draws themselves, so that the region holds the stated mass of them.

References
----------
Hyndman 1996, The American Statistician 50, 120 (highest-density regions by density quantiles).
"""

from __future__ import annotations

from dataclasses import dataclass

import contourpy
import numpy as np
import scipy.ndimage

GRID = 240
"""Points of the density's grid on each axis."""


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


def credible_contour(x: np.ndarray, y: np.ndarray, mass: float, numpoints: int) -> Contour:
    """Return the contour of the highest-density region of draws.

    Parameters
    ----------
    x, y : ndarray
        Draws.
    mass : float
        Probability inside, 0 < mass < 1.
    numpoints : int
        Points to return.
    """
    points = np.stack([np.ravel(x), np.ravel(y)])
    mean = points.mean(axis=1, keepdims=True)
    root = np.linalg.cholesky(np.cov(points))
    white = np.linalg.solve(root, points - mean)
    edges, density = _density(white)
    centers = 0.5 * (edges[1:] + edges[:-1])
    at_draws = scipy.ndimage.map_coordinates(density, (white - centers[0]) / (centers[1] - centers[0]), order=1)
    level = float(np.quantile(at_draws, 1.0 - mass))
    found = contourpy.contour_generator(centers, centers, density.T).lines(level)
    lines = [np.asarray(line) for line in found]
    pieces = tuple((root @ line.T + mean).T for line in sorted(lines, key=_length, reverse=True))
    resampled = _resample(pieces[0], numpoints)
    return Contour(resampled[:, 0], resampled[:, 1], pieces, mass)


def _density(white: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of a square grid that holds all draws, and the kernel density on it."""
    bandwidth = white.shape[1] ** (-1.0 / 6.0)
    reach = float(np.abs(white).max()) + 4.0 * bandwidth
    edges = np.linspace(-reach, reach, GRID + 1)
    histogram, _, _ = np.histogram2d(white[0], white[1], bins=(edges, edges))
    return edges, scipy.ndimage.gaussian_filter(histogram, bandwidth / (edges[1] - edges[0]), mode="constant")


def _length(line: np.ndarray) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def _resample(line: np.ndarray, numpoints: int) -> np.ndarray:
    """Return points evenly spaced along a closed line, in units of its extent on each axis."""
    scale = np.ptp(line, axis=0)
    steps = np.hypot(*(np.diff(line, axis=0) / scale).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0.0, along[-1], numpoints, endpoint=False)
    return np.stack([np.interp(at, along, line[:, k]) for k in (0, 1)], axis=1)
