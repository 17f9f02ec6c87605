r"""The pixel-integrated PSF as a spline table, and its Fourier transform.

For a source at pixel position s, the PSF puts into pixel q the fraction
:math:`K(q - s) = \int_{pixel} \mathrm{psf}(|J^{-1}(q + x - s)|)\,d^2x`, with J the map's metric (pixels per degree) at the
source.  K is tabulated on a lattice of `factor` points a pixel and interpolated by cubic B-splines: twice continuously
differentiable in s, exactly flux-conserving (the weights sum to one and every phase of the lattice has the same sum),
and not negative (the coefficients are not: the approximation is taken in the cone of non-negative splines).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.interpolate
import scipy.ndimage
import scipy.special

from bayesmap.errors import ResponseError
from bayesmap.fold.ops.stamp import TAPS
from bayesmap.irf.psf import PSFKernel, RadialPSF

GAUSS_NODES = 2
"""Gauss-Legendre nodes per lattice cell and axis."""
COARSE, FINE, FINEST = 8, 16, 32
"""Lattice points a pixel; which one is used depends on the narrowest plane, see `lattice_factor`."""


@dataclass(frozen=True)
class SplineTable:
    """B-spline coefficients of the pixel-integrated PSF.

    Parameters
    ----------
    coefficients : ndarray, shape (n_true, n, n)
        Coefficients on the lattice, centre at (n - 1) / 2; the sum of each plane is factor squared.
    factor : int
        Lattice points a pixel.
    reach : int
        Pixels beyond which the PSF is zero.
    """

    coefficients: np.ndarray
    factor: int
    reach: int

    @property
    def window(self) -> int:
        """Side of the window of pixels that a source's stamp fills."""
        return 2 * self.reach + 2

    def polyphase(self) -> np.ndarray:
        """Return the table of `SplineStamp`: shape (factor + TAPS, factor + TAPS, n_true, window, window).

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


def build_table(psf: RadialPSF | PSFKernel | None, jacobian: np.ndarray, n_true: int, factor: int) -> SplineTable:
    """Build the spline table of a PSF for the metric at a source.

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
    """
    if isinstance(psf, PSFKernel):
        values = psf.data
        return _table(values, 1, (values.shape[-1] - 1) // 2)
    if psf is None:
        edge = np.abs(np.arange(-factor, factor + 1)) * 2
        profile = np.where(edge < factor, 1.0, np.where(edge == factor, 0.5, 0.0))
        plane = np.outer(profile, profile)
        return SplineTable(np.repeat(plane[None], n_true, axis=0), factor, 1)
    cells, reach = radial_cells(psf, jacobian, factor)
    return _table(_box_sums(cells, factor), factor, reach)


def _table(lattice_values: np.ndarray, factor: int, reach: int) -> SplineTable:
    """Return non-negative spline coefficients of lattice values, of unit flux."""
    margin = 2 * max(factor, 2)
    padded = np.pad(lattice_values, ((0, 0), (margin, margin), (margin, margin)))
    exact = np.stack([scipy.ndimage.spline_filter(plane, order=3, mode="mirror") for plane in padded])
    cone = np.where(exact > 0.0, exact, 0.0)
    cone *= (factor**2 / cone.sum(axis=(1, 2)))[:, None, None]
    return SplineTable(cone, factor, reach)


def radial_cells(psf: RadialPSF, jacobian: np.ndarray, factor: int) -> tuple[np.ndarray, int]:
    """Integrate a radial PSF over the cells of the lattice.

    Returns
    -------
    cells : ndarray, shape (n_true, n, n)
        Fractions with unit sum per plane, n = factor * (2 * reach + 1).
    reach : int
        Pixels from the centre that hold the PSF and half a pixel.

    Raises
    ------
    ResponseError
        BM-IR-007 if the cells miss the PSF's normalisation by more than 1e-3: it is too narrow for the pixels.
    """
    inverse = np.linalg.inv(jacobian)
    reach_deg = float(np.max(psf.max_radius))
    reach = int(np.ceil(reach_deg * np.linalg.svd(jacobian)[1].max() + 0.5))
    n_cells = factor * (2 * reach + 1)
    nodes, weights = np.polynomial.legendre.leggauss(GAUSS_NODES)
    offsets = ((np.arange(n_cells)[:, None] + 0.5 * (nodes + 1.0)) / factor - reach - 0.5).ravel()
    x, y = offsets[None, :], offsets[:, None]
    radius = np.hypot(inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y)
    cell_weights = np.outer(weights, weights) * 0.25 * abs(np.linalg.det(inverse)) * np.deg2rad(1.0) ** 2 / factor**2
    shape = (n_cells, GAUSS_NODES, n_cells, GAUSS_NODES)
    cells = np.stack(
        [np.einsum("aibj,ij->ab", plane.reshape(shape), cell_weights) for plane in psf.normalised().evaluate(radius)]
    )
    sums = cells.sum(axis=(1, 2))
    worst = int(np.argmax(np.abs(sums - 1.0)))
    if not abs(sums[worst] - 1.0) <= 1e-3:
        raise ResponseError(
            "BM-IR-007",
            what=f"PSF plane {worst} integrates to {sums[worst]:.5f} on a lattice of 1/{factor} pixel",
            rule="The lattice must hold the PSF's flux within 1e-3",
            remedy="Use smaller pixels, or leave out the PSF (psf=None) where it is that narrow",
        )
    return cells / sums[:, None, None], reach


def _box_sums(cells: np.ndarray, factor: int) -> np.ndarray:
    """Return the sum over one pixel around each lattice point; lattice points lie at cell corners."""
    n = cells.shape[-1]
    sums = np.zeros((cells.shape[0], n + 2 * factor + 1, n + 2 * factor + 1))
    sums[:, factor + 1 : factor + 1 + n, factor + 1 : factor + 1 + n] = cells
    # Cumulative sums leave round-off where the value is zero: np.add.reduceat would too; sum windows directly instead.
    rows = np.lib.stride_tricks.sliding_window_view(sums[:, 1:], factor, axis=1).sum(axis=-1)
    return np.lib.stride_tricks.sliding_window_view(rows[:, :, 1:], factor, axis=2).sum(axis=-1)


def transform(psf: RadialPSF | PSFKernel | None, jacobian: np.ndarray, n_true: int, shape: tuple[int, int]) -> np.ndarray:
    r"""Return the transfer function from a band-limited sky to pixel counts, on the real-FFT grid.

    For a radial table :math:`\hat K(k) = \hat{\mathrm{psf}}(J^T k)\,\mathrm{sinc}(k_x/2)\,\mathrm{sinc}(k_y/2)`, taken inside
    the first zone only: a sky without power beyond the Nyquist frequency needs no more, and gets no aliasing.  For a
    pixel kernel it is the kernel's own discrete transform.

    Parameters
    ----------
    psf, jacobian, n_true
        See `build_table`.
    shape : (n_y, n_x)
        Size of the FFT.

    Returns
    -------
    ndarray, shape (n_true, n_y, n_x // 2 + 1), complex
    """
    if isinstance(psf, PSFKernel):
        return kernel_transform(psf.data, shape)
    k_y = 2.0 * np.pi * np.fft.fftfreq(shape[0])[:, None]
    k_x = 2.0 * np.pi * np.fft.rfftfreq(shape[1])[None, :]
    box = np.sinc(k_y / (2.0 * np.pi)) * np.sinc(k_x / (2.0 * np.pi))
    if psf is None:
        return np.repeat(box[None], n_true, axis=0).astype(complex)
    sky_x = jacobian[0, 0] * k_x + jacobian[1, 0] * k_y
    sky_y = jacobian[0, 1] * k_x + jacobian[1, 1] * k_y
    return (radial_transform(psf, np.hypot(sky_x, sky_y)) * box).astype(complex)


def kernel_transform(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the real FFT of pixel kernels whose centre is moved to the origin."""
    half_y, half_x = kernel.shape[-2] // 2, kernel.shape[-1] // 2
    padded = np.zeros((kernel.shape[0], *shape))
    padded[:, : kernel.shape[-2], : kernel.shape[-1]] = kernel
    return np.fft.rfft2(np.roll(padded, (-half_y, -half_x), axis=(1, 2)))


def radial_transform(psf: RadialPSF, frequency: np.ndarray) -> np.ndarray:
    r"""Return :math:`2\pi\int r\,\mathrm{psf}(r) J_0(\kappa r)\,dr` at frequencies in rad/deg.

    Gauss-Legendre on every segment of the table (split so that the Bessel function turns by less than a radian a node),
    then a cubic spline in frequency.
    """
    normalised = psf.normalised()
    grid = np.linspace(0.0, float(frequency.max()) * 1.0001 + 1e-12, 2000)
    radii, weights = _radial_nodes(normalised, grid[-1])
    values = normalised.evaluate(radii) * (2.0 * np.pi * np.deg2rad(radii) * weights)
    table = values @ scipy.special.j0(np.outer(radii, grid))
    table /= table[:, :1]
    return np.asarray(scipy.interpolate.CubicSpline(grid, table, axis=1)(frequency))


def _radial_nodes(psf: RadialPSF, highest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return radii in deg and weights in rad for integrals over the table up to the largest radius."""
    limits = np.unique(np.concatenate([[0.0], psf.rad, np.atleast_1d(psf.max_radius)]))
    limits = limits[limits <= np.max(psf.max_radius)]
    nodes, weights = np.polynomial.legendre.leggauss(6)
    pieces = []
    for low, high in zip(limits[:-1], limits[1:], strict=True):
        n = max(1, int(np.ceil((high - low) * highest / 4.0)))
        edges = np.linspace(low, high, n + 1)
        half = 0.5 * np.diff(edges)[:, None]
        pieces.append(np.stack([(edges[:-1, None] + half * (nodes + 1.0)).ravel(), (half * weights).ravel()]))
    radii, steps = np.concatenate(pieces, axis=1)
    return radii, np.deg2rad(steps)
