r"""Exposure as what images are multiplied by: a few planes, where it has so few.

An exposure is smooth, and mostly a sum of a few separable terms, :math:`\epsilon_j(x) = \sum_r a_{jr}\,e_r(x)`: then
r planes are transformed instead of one for each true energy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.point import constant

TOLERANCE = 1e-8
"""Largest error of the sum, as a fraction of each plane's peak."""
LARGEST_SHARE = 0.6
"""Planes left, as a fraction of all, up to which the sum is worth its while."""
SAMPLES = 4096
"""Pixels that the terms are found on; the error is that of all pixels."""


@dataclass(frozen=True)
class Exposed:
    """An exposure on some pixels.

    Parameters
    ----------
    planes : shared variable, shape (r, n_y, n_x)
        e, or the exposure itself.
    amplitudes : ndarray, shape (n_true, r), optional
        a; None for the exposure itself.
    """

    planes: Any
    amplitudes: np.ndarray | None

    def spread(self, planes: Any) -> Any:
        """Return images for each true energy from those for each plane, along the first axis."""
        return planes if self.amplitudes is None else pt.tensordot(self.amplitudes, planes, axes=1)


def build_exposed(exposure: np.ndarray, name: str) -> Exposed:
    """Find the terms of an exposure.

    Parameters
    ----------
    exposure : ndarray, shape (n_true, n_y, n_x), unit cm2 s
        Exposure, or its spline coefficients.
    name : str
        Of the shared variable.
    """
    found = separate(exposure)
    if found is None:
        return Exposed(constant(exposure, name), None)
    return Exposed(constant(found[1], name), found[0])


def separate(
    values: np.ndarray, tolerance: float = TOLERANCE, faintest: float = 1.0
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return amplitudes and planes of the fewest terms within a tolerance, or None if they are hardly fewer planes.

    Parameters
    ----------
    values : ndarray, shape (n, n_y, n_x)
        Planes.
    tolerance : float
        Largest error, as a fraction of each plane's peak times the pixel's brightness.
    faintest : float
        Brightness of a pixel, in units of the brightest, below which it counts as that bright.
    """
    flat = values.reshape(len(values), -1)
    peak = np.abs(flat).max(axis=1)
    scale = np.where(peak > 0.0, peak, 1.0)[:, None]
    scaled = flat / scale
    brightness = np.linalg.norm(scaled, axis=0)
    scaled = scaled / np.maximum(brightness / max(brightness.max(), 1e-300), faintest)
    sample = scaled[:, :: max(1, flat.shape[1] // SAMPLES)]
    vectors, sizes, _ = np.linalg.svd(sample, full_matrices=False)
    r = int(np.count_nonzero(sizes > 1e-2 * tolerance * sizes[0]))
    if r > int(LARGEST_SHARE * len(values)):
        return None
    base = vectors[:, :r]
    if np.max(np.abs(base @ (base.T @ scaled) - scaled)) > tolerance:
        return None
    return scale * base, (base.T @ (flat / scale)).reshape(r, *values.shape[1:])
