r"""The pixel-integrated PSF as a spline table, and its Fourier transform.

For a source at pixel position s, the PSF puts into pixel q the fraction
:math:`K(q - s) = \int_{pixel} \mathrm{psf}(|J^{-1}(q + x - s)|)\,d^2x`, with J the map's metric (pixels per degree)
at the
source.  K is tabulated on a lattice of `factor` points a pixel and interpolated by cubic B-splines: twice continuously
differentiable in s, exactly flux-conserving (the weights sum to one and every phase of the lattice has the same sum),
and not negative (the coefficients are not: the approximation is taken in the cone of non-negative splines).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.interpolate
import scipy.ndimage
import scipy.special

from bayesmap.errors import ResponseError
from bayesmap.fold.ops.stamp import TAPS
from bayesmap.irf.psf import PSFKernel, RadialPSF

Hankel = Callable[[np.ndarray], np.ndarray]
"""Frequencies in rad/deg -> transform of each plane of a radial PSF."""
HANKEL_NODES = (2000, 8000)
"""Least and largest number of nodes of a transform in frequency."""
GAUSS_NODES = 2
"""Gauss-Legendre nodes per lattice cell and axis."""
COARSE, FINE, FINEST = 8, 16, 32
"""Lattice points a pixel; which one is used depends on the narrowest plane, see `lattice_factor`."""
SPLIT_REACH = 14
"""A PSF that reaches further, in pixels, is split into core and tail."""
CORE_REACH, TAIL_FACTOR = 8, 4
"""Pixels that the core reaches; lattice points a pixel of the tail."""


@dataclass(frozen=True)
class SplineTable:
    """B-spline coefficients of the pixel-integrated PSF.

    Parameters
    ----------
    coefficients : ndarray, shape (n_true, n, n)
        Coefficients on the lattice, centre at (n - 1) / 2; the sum of each plane is factor squared times its flux.
    factor : int
        Lattice points a pixel.
    reach : int
        Pixels beyond which the PSF is zero.
    first : int
        Plane of the PSF that the table begins with.
    """

    coefficients: np.ndarray
    factor: int
    reach: int
    first: int = 0

    @property
    def window(self) -> int:
        """Side of the window of pixels that a source's stamp fills."""
        return 2 * self.reach + 2

    def polyphase(self) -> np.ndarray:
        """Return one of the tables of `SplineStamp`: shape (factor + TAPS, factor + TAPS, n_true, window, window).

        Entry [a, b, j, y, x] is the coefficient at lattice point factor * y + a - origin with
        origin = factor * reach + factor + 1, so that the stamp of a source at sub-pixel offset d starts at phase
        a = factor - ceil(factor * d).
        """
        factor, window = self.factor, self.window
        phases = factor + TAPS
        half = (self.coefficients.shape[-1] - 1) // 2
        first = half - (factor * self.reach + factor + 1)
        index = first + factor * np.arange(window)[None, :] + np.arange(phases)[:, None]
        padded, offset = _zero_padded(self.coefficients, index)
        planes = padded[:, index + offset, :][:, :, :, index + offset]
        return np.ascontiguousarray(planes.transpose(1, 3, 0, 2, 4))


def _zero_padded(planes: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, int]:
    before = max(0, -int(index.min()))
    after = max(0, int(index.max()) - planes.shape[-1] + 1)
    return np.pad(planes, ((0, 0), (before, after), (before, after))), before


def lattice_factor(psf: RadialPSF, jacobian: np.ndarray) -> int:
    """Return the lattice points a pixel that the narrowest PSF plane needs for about 1e-4 of its peak.

    The measure is the radius, in pixels, at which the plane has fallen to half its central value.
    """
    scale = np.sqrt(abs(np.linalg.det(jacobian)))
    radii = [psf.rad[np.argmax(plane < 0.5 * plane[0])] for plane in psf.data]
    narrowest = scale * min(radii)
    if narrowest >= 0.7:
        return COARSE
    return FINE if narrowest >= 0.2 else FINEST


def build_tables(
    psf: RadialPSF | PSFKernel | None,
    jacobian: np.ndarray,
    n_true: int,
    factor: int,
    largest_reach: int,
    tail_factor: int = TAIL_FACTOR,
) -> tuple[SplineTable, ...]:
    """Build the spline tables of a PSF for the metric at a source; its image is the sum of theirs.

    A radial PSF that reaches far is split into a core on the fine lattice and a smooth tail on a coarse one, which is a
    small part of the memory and time.

    Parameters
    ----------
    psf : RadialPSF, PSFKernel or None
        A radial table on the true-energy bins; a pixel kernel, which has no sub-pixel content and is shifted smoothly
        by the spline on its own pixels; or None for a perfect instrument.
    jacobian : ndarray, shape (2, 2), unit pixel / deg
        Change of pixel position with tangent-plane offset at the source.
    n_true : int
        Number of true-energy bins.
    factor : int
        Lattice points a pixel (even), for radial tables and None.
    largest_reach : int
        Pixels beyond which no pixel of the map can be.
    tail_factor : int
        Lattice points a pixel (even) for the tail.
    """
    if isinstance(psf, PSFKernel):
        values = psf.data / psf.data.sum(axis=(1, 2))[:, None, None]
        return (_table(values, 1, (values.shape[-1] - 1) // 2),)
    if psf is None:
        edge = np.abs(np.arange(-factor, factor + 1)) * 2
        profile = np.where(edge < factor, 1.0, np.where(edge == factor, 0.5, 0.0))
        plane = np.outer(profile, profile)
        return (SplineTable(np.repeat(plane[None], n_true, axis=0), factor, 1),)
    reach = radial_reach(psf, jacobian)
    if reach <= SPLIT_REACH:
        values = pixel_integrals(psf, jacobian, factor, reach)
        check_flux(values.sum(axis=(1, 2)) / factor**2)
        return (_table(values, factor, reach),)
    core = pixel_integrals(psf, jacobian, factor, CORE_REACH + 1)
    tail = pixel_integrals(psf, jacobian, tail_factor, reach)
    core, tail = core * _core_share(core.shape[-1], factor), tail * (1.0 - _core_share(tail.shape[-1], tail_factor))
    check_flux(core.sum(axis=(1, 2)) / factor**2 + tail.sum(axis=(1, 2)) / tail_factor**2)
    seen = min(reach, largest_reach)
    cut = tail_factor * (reach - seen)
    tail = tail[:, cut : tail.shape[1] - cut, cut : tail.shape[2] - cut]
    return _table(core, factor, CORE_REACH + 1), _table(tail, tail_factor, seen)


def _core_share(n: int, factor: int) -> np.ndarray:
    """Return the core's share on a lattice of n points: one within half CORE_REACH, falling smoothly to zero at it."""
    steps = (np.arange(n) - (n - 1) // 2) / factor
    t = (np.hypot(steps[:, None], steps[None, :]) / CORE_REACH - 0.5) / 0.5
    t = np.minimum(np.maximum(t, 0.0), 1.0)
    return 1.0 - t**5 * (126.0 - 420.0 * t + 540.0 * t**2 - 315.0 * t**3 + 70.0 * t**4)


def _table(lattice_values: np.ndarray, factor: int, reach: int) -> SplineTable:
    """Return non-negative spline coefficients of lattice values, of unit flux."""
    margin = 2 * max(factor, 2)
    padded = np.pad(lattice_values, ((0, 0), (margin, margin), (margin, margin)))
    exact = np.stack([scipy.ndimage.spline_filter(plane, order=3, mode="mirror") for plane in padded])
    cone = np.where(exact > 0.0, exact, 0.0)
    cone *= (padded.sum(axis=(1, 2)) / cone.sum(axis=(1, 2)))[:, None, None]
    return SplineTable(cone, factor, reach)


def radial_reach(psf: RadialPSF, jacobian: np.ndarray) -> int:
    """Return the pixels from the centre that hold a radial PSF and half a pixel."""
    return int(np.ceil(float(np.max(psf.max_radius)) * np.linalg.svd(jacobian)[1].max() + 0.5))


def pixel_integrals(psf: RadialPSF, jacobian: np.ndarray, factor: int, reach: int) -> np.ndarray:
    """Integrate a radial PSF over a pixel around each lattice point within `reach` pixels.

    Returns
    -------
    ndarray, shape (n_true, n, n)
        Fractions of the flux, n = 2 * factor * (reach + 1) + 1, centre in the middle.
    """
    inverse = np.linalg.inv(jacobian)
    n_cells = factor * (2 * (reach + 1) + 1)
    nodes, weights = np.polynomial.legendre.leggauss(GAUSS_NODES)
    offsets = ((np.arange(n_cells)[:, None] + 0.5 * (nodes + 1.0)) / factor - reach - 1.5).ravel()
    x, y = offsets[None, :], offsets[:, None]
    radius = np.hypot(inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y)
    cell_weights = np.outer(weights, weights) * 0.25 * abs(np.linalg.det(inverse)) * np.deg2rad(1.0) ** 2 / factor**2
    shape = (n_cells, GAUSS_NODES, n_cells, GAUSS_NODES)
    planes = [
        np.einsum("aibj,ij->ab", plane.reshape(shape), cell_weights) for plane in psf.normalised().evaluate(radius)
    ]
    rows = np.lib.stride_tricks.sliding_window_view(np.stack(planes), factor, axis=1).sum(axis=-1)
    return np.lib.stride_tricks.sliding_window_view(rows, factor, axis=2).sum(axis=-1)


def check_flux(sums: np.ndarray) -> None:
    """Refuse a PSF whose flux the lattice misses.

    Raises
    ------
    ResponseError
        BM-IR-011 if a plane integrates to one by more than 1e-3 off: it is too narrow for the pixels.
    """
    worst = int(np.argmax(np.abs(sums - 1.0)))
    if not abs(sums[worst] - 1.0) <= 1e-3:
        raise ResponseError(
            "BM-IR-011",
            what=f"the PSF at energy {worst} (counted from 0) integrates to {sums[worst]:.5f} on the lattice of the "
            "fold, points a fraction of a pixel apart",
            rule="The lattice must hold the PSF's flux within 1e-3: this one is too narrow for the pixels",
            remedy="Use smaller pixels, or leave out the PSF (psf=None) where it is that narrow",
        )


def transform(
    psf: RadialPSF | PSFKernel | None,
    jacobian: np.ndarray,
    n_true: int,
    shape: tuple[int, int],
    factor: int = 1,
    table: Callable[[float], Hankel] | None = None,
) -> np.ndarray:
    r"""Return the transfer function from a band-limited sky to pixel counts, on the real-FFT grid.

    For a radial table :math:`\hat K(k) = \hat{\mathrm{psf}}(J^T k)\,\mathrm{sinc}(k_x/2)\,\mathrm{sinc}(k_y/2)`,
    taken inside
    the first zone only: a sky without power beyond the Nyquist frequency needs no more, and gets no aliasing.  For a
    pixel kernel it is the kernel's own discrete transform.

    Parameters
    ----------
    psf, jacobian, n_true
        See `build_table`.
    shape : (n_y, n_x)
        Size of the FFT.
    factor : int
        Samples of the sky a pixel and axis; one for a pixel kernel.
    table : callable, optional
        Highest frequency -> `hankel_table` of the PSF, where it is known already.

    Returns
    -------
    ndarray, shape (n_true, n_y, n_x // 2 + 1), complex
    """
    if isinstance(psf, PSFKernel):
        return kernel_transform(psf.data, shape)
    k_y = 2.0 * np.pi * factor * np.fft.fftfreq(shape[0])[:, None]
    k_x = 2.0 * np.pi * factor * np.fft.rfftfreq(shape[1])[None, :]
    box = np.sinc(k_y / (2.0 * np.pi)) * np.sinc(k_x / (2.0 * np.pi))
    if psf is None:
        return np.repeat(box[None], n_true, axis=0).astype(complex)
    sky_x = jacobian[0, 0] * k_x + jacobian[1, 0] * k_y
    sky_y = jacobian[0, 1] * k_x + jacobian[1, 1] * k_y
    frequency = np.hypot(sky_x, sky_y)
    spectrum = radial_transform(psf, frequency) if table is None else table(float(frequency.max()))(frequency)
    return (spectrum * box).astype(complex)


def kernel_transform(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the real FFT of pixel kernels whose centre is moved to the origin."""
    half_y, half_x = kernel.shape[-2] // 2, kernel.shape[-1] // 2
    padded = np.zeros((kernel.shape[0], *shape))
    padded[:, : kernel.shape[-2], : kernel.shape[-1]] = kernel
    return np.fft.rfft2(np.roll(padded, (-half_y, -half_x), axis=(1, 2)))


def radial_transform(psf: RadialPSF, frequency: np.ndarray) -> np.ndarray:
    """Return the transform of a radial PSF at frequencies in rad/deg; see `hankel_table`."""
    return np.asarray(hankel_table(psf, float(frequency.max()))(frequency))


def hankel_table(psf: RadialPSF, highest: float) -> Hankel:
    r"""Return :math:`2\pi\int r\,\mathrm{psf}(r) J_0(\kappa r)\,dr` as a function of frequencies up to `highest`.

    Gauss-Legendre on every segment of the table (split so that the Bessel function turns by less than a radian a node),
    then a cubic spline in frequency, with twenty nodes for a radian of the PSF's largest radius, but no fewer and no
    more than `HANKEL_NODES`.
    """
    normalised = psf.normalised()
    least, most = HANKEL_NODES
    n = min(max(least, int(np.ceil(highest * float(np.max(psf.max_radius)) * 20.0))), most)
    grid = np.linspace(0.0, highest * 1.0001 + 1e-12, n)
    radii, weights = _radial_nodes(normalised, grid[-1])
    values = normalised.evaluate(radii) * (2.0 * np.pi * np.deg2rad(radii) * weights)
    table = values @ scipy.special.j0(np.outer(radii, grid))
    table /= table[:, :1]
    return scipy.interpolate.CubicSpline(grid, table, axis=1)


def _radial_nodes(psf: RadialPSF, highest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return radii in deg and weights in rad for integrals over the table up to the largest radius."""
    limits = np.unique(np.concatenate([[0.0], psf.rad, np.atleast_1d(psf.max_radius)]))
    limits = limits[limits <= np.max(psf.max_radius)]
    nodes, weights = np.polynomial.legendre.leggauss(6)
    pieces = []
    for low, high in itertools.pairwise(limits):
        n = max(1, int(np.ceil((high - low) * highest / 4.0)))
        edges = np.linspace(low, high, n + 1)
        half = 0.5 * np.diff(edges)[:, None]
        pieces.append(np.stack([(edges[:-1, None] + half * (nodes + 1.0)).ravel(), (half * weights).ravel()]))
    radii, steps = np.concatenate(pieces, axis=1)
    return radii, np.deg2rad(steps)
