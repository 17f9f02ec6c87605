"""Integrals over the sphere of functions that are linear in the angular distance."""

from __future__ import annotations

import numpy as np

from bayesmap.units import FloatArray


def cumulative_integral(rad: FloatArray, values: FloatArray, stop: float) -> FloatArray:
    """Integrate 2 pi sin(r) f(r) dr from 0 to each node and on to `stop`, exactly for a piecewise linear f.

    On a segment around m with half-width h, f = f_m + s (r - m):

        int sin(r) f dr = 2 f_m sin(m) sin(h) + 2 s cos(m) (sin(h) - h cos(h)),

    which keeps its digits for segments of any width. Within the first node f is constant.

    Parameters
    ----------
    rad : ndarray, shape (n,)
        Increasing distances, deg.
    values : ndarray, shape (n,)
        f at the nodes, sr-1.
    stop : float
        Upper end, deg, at most ``rad[-1]``; f is interpolated there.

    Returns
    -------
    ndarray
        Integrals from 0 to 0, to the nodes below `stop`, and to `stop`.
    """
    inner = rad[(rad > 0) & (rad < stop)]
    nodes = np.concatenate([[0.0], inner, [stop]])
    f = np.interp(nodes, rad, values)
    r = np.deg2rad(nodes)
    middle, half = 0.5 * (r[1:] + r[:-1]), 0.5 * np.diff(r)
    slope = np.diff(f) / (2.0 * half)
    segments = (f[1:] + f[:-1]) * np.sin(middle) * np.sin(half) + 2.0 * slope * np.cos(middle) * _sine_minus(half)
    return np.concatenate([[0.0], 2.0 * np.pi * np.cumsum(segments)])


def _sine_minus(h: FloatArray) -> FloatArray:
    """Return sin(h) - h cos(h), by its series where the difference would cancel (error below 1e-14 at 0.1)."""
    series = h**3 / 3.0 * (1.0 - h**2 / 10.0 * (1.0 - h**2 / 28.0 * (1.0 - h**2 / 54.0 * (1.0 - h**2 / 88.0))))
    return np.where(np.abs(h) < 0.1, series, np.sin(h) - h * np.cos(h))
