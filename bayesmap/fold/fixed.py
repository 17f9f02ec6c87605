r"""Images of sources whose shape and position are frozen, worked out once when the model is built.

The likelihood is then a small contraction, :math:`N = \sum_j F_j D_{ji} T_j`, with the templates T per unit flux.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import scipy.fft

from bayesmap.fold.kernel import kernel_transform, radial_transform
from bayesmap.fold.point import constant
from bayesmap.fold.setup import TAPER, FoldSetup
from bayesmap.fold.wide import _taper
from bayesmap.irf.psf import PSFKernel, RadialPSF

SUBPIXELS = 4
"""Samples a pixel and axis of a template: it may hold structure finer than the map's pixels."""


@dataclass(frozen=True)
class FixedImage:
    """Templates of a frozen source inside the window of the map where they are not zero.

    Parameters
    ----------
    edisp : ndarray, shape (n_true, n_reco)
        Energy dispersion.
    templates : shared variable, shape (n_true, h, w), unit cm2 s
        Counts per unit flux.
    corner : (i, j)
        First pixel of the window.
    shape : (n_lat, n_lon)
        Pixels of the map.
    """

    edisp: np.ndarray
    templates: Any
    corner: tuple[int, int]
    shape: tuple[int, int]

    def npred(self, flux: Any) -> Any:
        """Return predicted counts, shape (n_reco, n_lat, n_lon), for a flux per true-energy bin."""
        window = pt.tensordot(self.edisp.T * flux, self.templates, axes=1)
        height, width = self.templates.type.shape[1:]
        (i, j), (n_lat, n_lon) = self.corner, self.shape
        return pt.pad(window, ((0, 0), (i, n_lat - i - height), (j, n_lon - j - width)))


def build_fixed_image(setup: FoldSetup, templates: np.ndarray, name: str) -> FixedImage:
    """Keep the part of the templates that is not zero."""
    used = np.any(templates != 0.0, axis=0)
    rows, columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    if len(rows) == 0:
        rows = columns = np.array([0])
    window = templates[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return FixedImage(setup.edisp, constant(window, f"{name}.templates"), (rows[0], columns[0]), setup.shape)


def evaluate_templates(setup: FoldSetup, npred: Callable[[FoldSetup, Any], Any]) -> np.ndarray:
    """Evaluate a source's image for unit flux in every true-energy bin by its own graph, in plain NumPy.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    npred : callable
        Builds the counts graph for a flux; here with an energy dispersion that keeps the true-energy bins apart.
    """
    counts = npred(setup, pt.as_tensor(np.ones(setup.n_true)))
    return np.asarray(pytensor.function([], counts, mode=pytensor.compile.mode.Mode(linker="py", optimizer=None))())


def brightness_templates(
    setup: FoldSetup, jacobian: np.ndarray, brightness: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Fold a brightness that does not depend on free parameters.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    jacobian : ndarray, shape (2, 2), unit pixel / deg
        Metric of the map.
    brightness : callable
        (lon, lat) in degrees of the map's frame -> sr-1.

    Returns
    -------
    ndarray, shape (n_true, n_lat, n_lon), unit cm2 s
    """
    pad = setup.reach + TAPER
    n_y, n_x = (scipy.fft.next_fast_len(n + 2 * pad, real=True) for n in setup.shape)
    fine = _fine_sky(setup, pad, brightness)
    exposure = setup.exposure_plane(pad)
    planes = []
    for j in range(setup.n_true):
        sky = fine * np.repeat(np.repeat(exposure[j], SUBPIXELS, 0), SUBPIXELS, 1) if setup.before_psf else fine
        image = _fold_plane(setup, j, jacobian, sky, (n_y, n_x))
        image = image[pad : pad + setup.shape[0], pad : pad + setup.shape[1]]
        planes.append(image if setup.before_psf else image * exposure[j][pad:-pad, pad:-pad])
    return np.stack(planes)


def _fine_sky(setup: FoldSetup, pad: int, brightness: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Return brightness times solid angle on a sky SUBPIXELS times finer."""
    n_lat, n_lon = (n + 2 * pad for n in setup.shape)
    offsets_y = (np.arange(n_lat * SUBPIXELS) + 0.5) / SUBPIXELS - 0.5 - pad
    offsets_x = (np.arange(n_lon * SUBPIXELS) + 0.5) / SUBPIXELS - 0.5 - pad
    lon, lat = setup.geom.pixel_to_sky(*np.meshgrid(offsets_x, offsets_y))
    solid_angle = setup.geom.pad(pad).solid_angle() * np.outer(_taper(setup.shape[0], pad), _taper(setup.shape[1], pad))
    per_sample = np.repeat(np.repeat(solid_angle, SUBPIXELS, 0), SUBPIXELS, 1) / SUBPIXELS**2
    return brightness(lon, lat) * per_sample


def _fold_plane(
    setup: FoldSetup, j: int, jacobian: np.ndarray, sky: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Convolve one fine plane with the PSF of bin j and integrate over pixels."""
    if isinstance(setup.psf, PSFKernel):
        pixels = sky.reshape(sky.shape[0] // SUBPIXELS, SUBPIXELS, -1, SUBPIXELS).sum(axis=(1, 3))
        spectrum = scipy.fft.rfft2(pixels, s=size) * kernel_transform(setup.psf.data[j : j + 1], size)[0]
        return scipy.fft.irfft2(spectrum, s=size)
    n_y, n_x = size[0] * SUBPIXELS, size[1] * SUBPIXELS
    k_y = 2.0 * np.pi * np.fft.fftfreq(n_y)[:, None] * SUBPIXELS
    k_x = 2.0 * np.pi * np.fft.rfftfreq(n_x)[None, :] * SUBPIXELS
    transfer = np.sinc(k_y / (2.0 * np.pi)) * np.sinc(k_x / (2.0 * np.pi))
    if setup.psf is not None:
        sky_x = jacobian[0, 0] * k_x + jacobian[1, 0] * k_y
        sky_y = jacobian[0, 1] * k_x + jacobian[1, 1] * k_y
        transfer = transfer * radial_transform(_plane(setup.psf, j), np.hypot(sky_x, sky_y))[0]
    # A sample stands at the centre of its sub-pixel: half a pixel less half a sub-pixel from the pixel's centre.
    shift = (SUBPIXELS - 1) / (2.0 * SUBPIXELS)
    phase = np.exp(1j * shift * k_y) * np.exp(1j * shift * k_x)
    image = scipy.fft.irfft2(scipy.fft.rfft2(sky, s=(n_y, n_x)) * transfer * phase, s=(n_y, n_x))
    return image[::SUBPIXELS, ::SUBPIXELS] * SUBPIXELS**2


def _plane(psf: RadialPSF, j: int) -> RadialPSF:
    """Return one true-energy bin of a radial table."""
    axis = psf.axis.slice(j, j + 1)
    return RadialPSF(axis, psf.rad, psf.data[j : j + 1], np.atleast_1d(psf.max_radius)[j : j + 1])
