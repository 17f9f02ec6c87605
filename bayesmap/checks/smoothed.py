r"""Significance of a residual under a kernel around each pixel.

Two kernels.  A disk sums counts, which stay Poisson numbers: the significance is the signed root of the deviance
(`residual_significance`), which is :math:`\pm\sqrt{TS}` of a free norm of the expected counts in the disk.  A Gaussian
weighs them; its significance is the smoothed excess over its standard deviation,

.. math:: S = \frac{\sum_i w_i\,(n_i - \mu_i)}{\sqrt{\sum_i w_i^2\,\mu_i}}.

Where :math:`\mu` is even under the kernel, that is the score of a source of that shape, to first order in its amplitude
:math:`\pm\sqrt{TS}` of the source.  Where the model is true and enough counts lie under the kernel, both are standard
normal variables; where it was fitted to the same counts, they are a little narrower.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.ndimage

from bayesmap.checks.residuals import check_cubes, significance_image
from bayesmap.errors import BayesmapInputError

KERNELS = ("disk", "gauss")
TRUNCATE = 4.0
"""Standard deviations at which the Gaussian kernel ends."""


def smoothed_significance(
    counts: np.ndarray,
    npred: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    kernel: str = "disk",
    size: float = 2.0,
) -> np.ndarray:
    """Return the significance of the energy-summed residual under a kernel around each pixel.

    Parameters
    ----------
    counts, npred : numpy.ndarray, shape (n_energy, n_lat, n_lon)
        Counts and expected counts.
    mask : numpy.ndarray of bool, same shape, optional
        True where a bin takes part.
    kernel : str
        ``"disk"`` (radius `size`) or ``"gauss"`` (standard deviation `size`).
    size : float
        In pixels; 0 takes each pixel for itself.

    Returns
    -------
    numpy.ndarray, shape (n_lat, n_lon)
        Significance; NaN in pixels that are outside the mask at every energy, or where nothing can be expected under a
        Gaussian kernel. Neighbouring pixels share counts.

    Raises
    ------
    BayesmapInputError
        BM-CK-001 if the shapes differ, BM-CK-002 for numbers that cannot be used, BM-CK-003 for the size, BM-FT-003
        for another kernel.

    Examples
    --------
    >>> npred = np.full((1, 9, 9), 25.0)
    >>> smoothed_significance(npred + 5.0, npred, kernel="gauss", size=0.0)[0, 0].round(3)
    np.float64(1.0)
    """
    if kernel not in KERNELS:
        raise BayesmapInputError(
            "BM-FT-003",
            what=f"kernel is {kernel!r}",
            rule=f"It must be one of {', '.join(KERNELS)}",
            remedy="Use one of these words",
        )
    if kernel == "disk":
        return significance_image(counts, npred, mask=mask, radius=size)
    counts, npred, selected = check_cubes(counts, npred, mask, size)
    weights = _gauss(size)
    excess = np.where(selected, counts - npred, 0.0).sum(axis=0)
    expected = np.where(selected, npred, 0.0).sum(axis=0)
    numerator = _convolve(excess, weights)
    variance = _convolve(expected, weights**2)
    known = selected.any(axis=0) & (variance > 0.0)
    return np.where(known, numerator / np.sqrt(np.where(known, variance, 1.0)), np.nan)


def _gauss(size: float) -> np.ndarray:
    """Return the weights of a kernel along one axis; the plane's are their products."""
    if size == 0.0:
        return np.ones(1)
    at = np.arange(-math.ceil(TRUNCATE * size), math.ceil(TRUNCATE * size) + 1)
    return np.asarray(np.exp(-0.5 * (at / size) ** 2))


def _convolve(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum an image under a kernel; beyond the edges is nothing."""
    for axis in (0, 1):
        image = scipy.ndimage.correlate1d(image, weights, axis=axis, mode="constant")
    return image
