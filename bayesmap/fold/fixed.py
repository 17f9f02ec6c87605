r"""Images of sources whose shape and position are frozen, worked out once when the model is built.

The likelihood is then a small contraction, :math:`N = \sum_j F_j D_{ji} T_j`, with the templates T per unit flux.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import scipy.fft
import scipy.ndimage

from bayesmap.fold.kernel import kernel_transform, radial_transform
from bayesmap.fold.placement import Piece
from bayesmap.fold.point import constant
from bayesmap.fold.setup import TAPER, FoldSetup, exposure_spline
from bayesmap.fold.wide import _taper
from bayesmap.irf.psf import PSFKernel, RadialPSF

SUBPIXELS = 4
"""Sub-pixels a pixel and axis of a template: it may hold structure finer than the map's pixels."""
AVERAGE_NODES = 3
"""Gauss-Legendre nodes a sub-pixel and axis: an interpolated template has kinks, its value at the centre is too
coarse."""


@dataclass(frozen=True)
class EnergyNodes:
    """Energies at which the brightness is folded.

    Parameters
    ----------
    energy : ndarray, shape (n,), unit TeV
        Energies.
    weight : ndarray, shape (n,), unit TeV
        Weight of the spectrum there, the exposure's slope inside the bin included.
    parent : ndarray, shape (n,)
        True-energy bin.
    """

    energy: np.ndarray
    weight: np.ndarray
    parent: np.ndarray


@dataclass(frozen=True)
class FixedImage:
    """Templates of a frozen source inside the window of the map where they are not zero.

    Parameters
    ----------
    templates : shared variable, shape (n_true, h, w) or (n_reco, n_true, h, w), unit cm2 s
        Counts per unit flux; with the reconstructed energy first where the PSF depends on it. Of a cube: for each of
        `energies` instead of each true-energy bin.
    corner : (i, j)
        First pixel of the window.
    shape : (n_lat, n_lon)
        Pixels of the map.
    energies : EnergyNodes, optional
        Energies at which a cube is folded.
    """

    templates: Any
    corner: tuple[int, int]
    shape: tuple[int, int]
    energies: EnergyNodes | None = None

    def mixing(self, edisp: Any, flux: Any, spectrum: Callable[[np.ndarray], Any]) -> Any:
        """Return what `npred` takes, shape (n_reco, n_true), or for a cube (n_reco, n).

        Parameters
        ----------
        edisp : array or tensor, shape (n_true, n_reco)
            Energy dispersion.
        flux : tensor, shape (n_true,)
            Flux per bin, which a cube does not use.
        spectrum : callable
            Energies in TeV -> dN/dE, or the factor on a cube that holds the spectrum.
        """
        if self.energies is None:
            return edisp.T * flux
        return edisp.T[:, self.energies.parent] * (self.energies.weight * spectrum(self.energies.energy))

    def pieces(self, mixing: Any) -> tuple[Piece]:
        """Return predicted counts, n_reco planes, for the flux of `PointImage.pieces`."""
        if self.templates.ndim == 4:
            window = pt.sum(mixing[:, :, None, None] * self.templates, axis=1)
        else:
            window = pt.tensordot(mixing, self.templates, axes=1)
        return (Piece(window, *self.corner),)


def build_fixed_image(
    setup: FoldSetup, templates: np.ndarray, name: str, energies: EnergyNodes | None = None
) -> FixedImage:
    """Keep the part of the templates that is not zero."""
    used = np.any(templates != 0.0, axis=tuple(range(templates.ndim - 2)))
    rows, columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    if len(rows) == 0:
        rows = columns = np.array([0])
    window = templates[..., rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    corner = (int(rows[0]), int(columns[0]))
    return FixedImage(constant(window, f"{name}.templates"), corner, setup.shape, energies)


def evaluate_templates(setup: FoldSetup, npred: Callable[[FoldSetup, Any], Any]) -> np.ndarray:
    """Evaluate a source's image for unit flux in every true-energy bin by its own graph, in plain NumPy.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    npred : callable
        (setup, mixing) -> graph of the counts; called with a setup that keeps apart what `FixedImage` needs.
    """
    if not setup.psf_in_reco:
        return _evaluate(npred(setup, pt.as_tensor(np.eye(setup.n_true))))
    planes = [npred(setup, pt.as_tensor(_only(j, setup))) for j in range(setup.n_true)]
    return np.stack([_evaluate(plane) for plane in planes], axis=1)


def _evaluate(counts: Any) -> np.ndarray:
    return np.asarray(pytensor.function([], counts, mode=pytensor.compile.mode.Mode(linker="py", optimizer=None))())


def _only(j: int, setup: FoldSetup) -> np.ndarray:
    """Return a mixing of one true-energy bin, the same in every bin of reconstructed energy."""
    mixing = np.zeros((setup.axis.nbin, setup.n_true))
    mixing[:, j] = 1.0
    return mixing


@dataclass(frozen=True)
class FinePlanes:
    """What is needed to fold a fine sky.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    jacobian : ndarray, shape (2, 2), unit pixel / deg
        Metric of the map.
    """

    setup: FoldSetup
    jacobian: np.ndarray

    @property
    def pad(self) -> int:
        """Pixels of sky around the map."""
        return self.setup.reach + TAPER

    def at_bin(self, j: int) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function from a fine sky to the counts per unit flux in true-energy bin j.

        Its shape is (n_lat, n_lon), or (n_reco, n_lat, n_lon) where the PSF depends on reconstructed energy.
        """
        setup, pad = self.setup, self.pad
        size = tuple(scipy.fft.next_fast_len(n + 2 * pad, real=True) for n in setup.shape)
        planes = range(setup.n_psf) if setup.psf_in_reco else (j,)
        folds = [_plane_fold(setup, i, self.jacobian, size) for i in planes]
        before = _fine_exposure(setup, pad, j) if setup.before_psf else 1.0
        after = 1.0 if setup.before_psf else setup.exposure_plane(0)[j]

        def images(fine: np.ndarray) -> np.ndarray:
            window = (slice(pad, pad + setup.shape[0]), slice(pad, pad + setup.shape[1]))
            found = [fold(fine * before)[window] * after for fold in folds]
            return np.stack(found) if setup.psf_in_reco else found[0]

        return images


def brightness_templates(
    setup: FoldSetup, jacobian: np.ndarray, brightness: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Fold a brightness that does not depend on free parameters.

    Error against a direct sum on a much finer grid: up to 3e-4 of the plane's peak for a template that changes by 40 %
    from pixel to pixel; up to 5e-3 along an edge at which a template ends abruptly inside the map.

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
    ndarray, shape (n_true, n_lat, n_lon) or (n_reco, n_true, n_lat, n_lon), unit cm2 s
    """
    planes = FinePlanes(setup, jacobian)
    fine = fine_sky(setup, planes.pad, brightness)
    return np.stack([planes.at_bin(j)(fine) for j in range(setup.n_true)], axis=-3)


def _fine_offsets(n: int, pad: int) -> np.ndarray:
    """Return the centres of the sub-pixels of n pixels and the padding, in pixels of the map."""
    return (np.arange((n + 2 * pad) * SUBPIXELS) + 0.5) / SUBPIXELS - 0.5 - pad


def fine_sky(setup: FoldSetup, pad: int, brightness: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the mean brightness of sub-pixels times their solid angle, tapered at the rim."""
    mean = sum(weight * brightness(lon, lat) for weight, lon, lat in fine_places(setup, pad))
    return np.asarray(mean * fine_solid_angle(setup, pad))


def fine_places(setup: FoldSetup, pad: int) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Return (weight, lon, lat), lon and lat of one place in every sub-pixel: the nodes of the mean over it."""
    nodes, weights = np.polynomial.legendre.leggauss(AVERAGE_NODES)
    centre_y, centre_x = (_fine_offsets(n, pad) for n in setup.shape)
    for (node_y, weight_y), (node_x, weight_x) in itertools.product(zip(nodes, weights, strict=True), repeat=2):
        x, y = np.meshgrid(centre_x + 0.5 * node_x / SUBPIXELS, centre_y + 0.5 * node_y / SUBPIXELS)
        yield 0.25 * weight_y * weight_x, *setup.geom.pixel_to_sky(x, y)


def fine_solid_angle(setup: FoldSetup, pad: int) -> np.ndarray:
    """Return the solid angle of the sub-pixels in sr, tapered at the rim."""
    solid_angle = setup.geom.pad(pad).solid_angle() * np.outer(_taper(setup.shape[0], pad), _taper(setup.shape[1], pad))
    return np.asarray(np.repeat(np.repeat(solid_angle, SUBPIXELS, 0), SUBPIXELS, 1) / SUBPIXELS**2)


def _fine_exposure(setup: FoldSetup, pad: int, j: int) -> np.ndarray:
    """Return the exposure of bin j at the centres of the sub-pixels, by the spline that moving sources use."""
    place = np.meshgrid(*(_fine_offsets(n, pad) + setup.exposure.pad for n in setup.shape), indexing="ij")
    return scipy.ndimage.map_coordinates(exposure_spline(setup.exposure.data[j]), place, order=3, prefilter=False)


def _plane_fold(
    setup: FoldSetup, j: int, jacobian: np.ndarray, size: tuple[int, int]
) -> Callable[[np.ndarray], np.ndarray]:
    r"""Return the convolution of fine planes with plane j of the PSF, the sub-pixels of each pixel summed.

    The sum of the n sub-pixels of a pixel has the transfer function
    :math:`\mathrm{sinc}(k/2) / \mathrm{sinc}(k/2n)` along each axis.
    """
    if isinstance(setup.psf, PSFKernel):
        kernel = kernel_transform(setup.psf.data[j : j + 1], size)[0]
        return lambda sky: scipy.fft.irfft2(scipy.fft.rfft2(_pixel_sums(sky), s=size) * kernel, s=size)
    n_y, n_x = size[0] * SUBPIXELS, size[1] * SUBPIXELS
    k_y = 2.0 * np.pi * np.fft.fftfreq(n_y)[:, None] * SUBPIXELS
    k_x = 2.0 * np.pi * np.fft.rfftfreq(n_x)[None, :] * SUBPIXELS
    transfer = _sum_transfer(k_y) * _sum_transfer(k_x)
    if setup.psf is not None:
        sky_x = jacobian[0, 0] * k_x + jacobian[1, 0] * k_y
        sky_y = jacobian[0, 1] * k_x + jacobian[1, 1] * k_y
        transfer = transfer * radial_transform(_plane(setup.psf, j), np.hypot(sky_x, sky_y))[0]
    # A sub-pixel's light stands at its centre: half a pixel less half a sub-pixel from the pixel's centre.
    shift = (SUBPIXELS - 1) / (2.0 * SUBPIXELS)
    transfer = transfer * (np.exp(1j * shift * k_y) * np.exp(1j * shift * k_x))

    def fold(sky: np.ndarray) -> np.ndarray:
        image = scipy.fft.irfft2(scipy.fft.rfft2(sky, s=(n_y, n_x)) * transfer, s=(n_y, n_x))
        return np.asarray(image[::SUBPIXELS, ::SUBPIXELS] * SUBPIXELS**2)

    return fold


def _pixel_sums(sky: np.ndarray) -> np.ndarray:
    return np.asarray(sky.reshape(sky.shape[0] // SUBPIXELS, SUBPIXELS, -1, SUBPIXELS).sum(axis=(1, 3)))


def _sum_transfer(k: np.ndarray) -> np.ndarray:
    """Return the transfer function of the mean over a pixel's sub-pixels, at frequencies in rad/pixel."""
    turns = k / (2.0 * np.pi)
    return np.sinc(turns) / np.sinc(turns / SUBPIXELS)


def _plane(psf: RadialPSF, j: int) -> RadialPSF:
    """Return one true-energy bin of a radial table."""
    axis = psf.axis.slice(j, j + 1)
    return RadialPSF(axis, psf.rad, psf.data[j : j + 1], np.atleast_1d(psf.max_radius)[j : j + 1])
