r"""Image of a source that is wide compared with the pixels: its brightness at pixel centres, convolved by FFT.

A brightness without power beyond the Nyquist frequency (a Gaussian of sigma above about 2.5 pixels: 1e-12) is
represented exactly by its samples, and the counts are the samples times exposure, multiplied by the PSF's transfer
function inside the first zone (`kernel.transform`).  The sky is padded by the PSF's reach, and beyond it brought
smoothly to zero, so nothing is lost or invented at the edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
import scipy.fft

from bayesmap.fold.exposed import Exposed, build_exposed
from bayesmap.fold.kernel import Hankel, hankel_table, transform
from bayesmap.fold.ops.fourier import InverseRealFFT2, RealFFT2
from bayesmap.fold.ops.window import PlaceWindow
from bayesmap.fold.pixelmap import unit_vector
from bayesmap.fold.point import constant
from bayesmap.fold.setup import TAPER, FoldSetup

LARGEST_ARC = np.deg2rad(20.0)
"""Up to this separation, in rad, the arc over its sine is a short series, which costs less than an arcsine."""


@dataclass(frozen=True)
class SkyGrid:
    """The padded sky that wide sources are sampled on.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    pad : int
        Pixels on each side: the PSF's reach and the taper.
    size : (n_y, n_x)
        Size of the FFTs.
    vectors : shared variable, shape (3, n_lat + 2 pad, n_lon + 2 pad)
        Unit vectors of the pixel centres in the map's frame.
    solid_angle : shared variable, shape (n_lat + 2 pad, n_lon + 2 pad)
        Pixel solid angle in sr times the taper.
    exposure : Exposed
        Exposure on the padded sky (before the PSF) or on the map (after it).
    """

    setup: FoldSetup
    pad: int
    size: tuple[int, int]
    vectors: Any
    solid_angle: Any
    exposure: Any

    def npred(self, mixing: Any, brightness: Any, transfer: Any) -> Any:
        """Return predicted counts, shape (n_reco, n_lat, n_lon).

        Parameters
        ----------
        mixing : tensor, shape (n_reco, n_true), unit cm-2 s-1
            Flux per true-energy bin times its share in each reconstructed-energy bin.
        brightness : tensor, shape (n_lat + 2 pad, n_lon + 2 pad), unit sr-1
            Brightness at the pixel centres.
        transfer : shared variable, shape (1 or 2, planes of the PSF, n_y, n_x // 2 + 1)
            Transfer function, see `build_transfer`.
        """
        (n_lat, n_lon), pad = self.setup.shape, self.pad
        return spread(
            self.setup, mixing, brightness * self.solid_angle, self.exposure, transfer,
            size=self.size, first=0, cut=(slice(pad, pad + n_lat), slice(pad, pad + n_lon)),
        )  # fmt: skip


def spread(
    setup: FoldSetup,
    mixing: Any,
    flux: Any,
    exposure: Exposed,
    transfer: Any,
    *,
    size: tuple[int, int],
    first: int,
    cut: tuple[slice, slice],
) -> Any:
    """Return the counts of samples of a sky, shape (n_reco, pixels of `cut`).

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    mixing : tensor, shape (n_reco, n_true), unit cm-2 s-1
        See `SkyGrid.npred`.
    flux : tensor, shape (n_y, n_x)
        Share of the source's flux in each pixel.
    exposure : Exposed
        On the same pixels (before the PSF), or on those of `cut` (after it).
    transfer : shared variable, shape (1 or 2, planes of the PSF, *half of size)
        Transfer function, see `build_transfer`.
    size : (int, int)
        Size of the FFTs.
    first : int
        Pixel of the FFT, along both axes, where the samples begin.
    cut : (slice, slice)
        Pixels of the FFT that are wanted.
    """
    forward, back = RealFFT2(*size), InverseRealFFT2(*size)

    def transformed(planes: Any) -> Any:
        return forward(PlaceWindow(*size)(planes, first, first))

    if not setup.before_psf:
        spectrum = transformed(flux[None])
        planes = back(pt.stack(_multiply(spectrum, transfer)))[:, *cut]
        return setup.mix_exposed(mixing, planes, exposure.spread(exposure.planes))
    spectrum = transformed(exposure.planes * flux[None])
    if _has_few_terms(setup, exposure, transfer):
        # One transfer function for each reconstructed energy and term: a product of real matrices.
        weights = (mixing[:, None, :] * exposure.amplitudes.T[None]).reshape((-1, setup.n_true))  # type: ignore[union-attr]
        combined = pt.tensordot(weights, transfer[0], axes=1)
        combined = combined.reshape((-1, exposure.amplitudes.shape[1], *transfer.type.shape[2:]))  # type: ignore[union-attr]
        return back(pt.stack([pt.sum(combined * spectrum[k][None], axis=1) for k in range(2)]))[:, *cut]
    real, imag = (setup.to_convolve(mixing, exposure.spread(spectrum[k])) for k in range(2))
    return back(setup.mix_convolved(mixing, *_multiply((real, imag), transfer)))[:, *cut]


def _has_few_terms(setup: FoldSetup, exposure: Exposed, transfer: Any) -> bool:
    few = exposure.amplitudes is not None and exposure.amplitudes.shape[1] * setup.axis.nbin <= 2 * setup.n_true
    return few and transfer.type.shape[0] == 1 and not setup.psf_in_reco


def _multiply(spectrum: Any, transfer: Any) -> tuple[Any, Any]:
    """Return the product of a half spectrum and a transfer function, real and imaginary part."""
    if transfer.type.shape[0] == 1:
        return spectrum[0] * transfer[0], spectrum[1] * transfer[0]
    return (
        spectrum[0] * transfer[0] - spectrum[1] * transfer[1],
        spectrum[0] * transfer[1] + spectrum[1] * transfer[0],
    )


def build_sky_grid(setup: FoldSetup) -> SkyGrid:
    """Prepare the padded sky of a dataset."""
    pad = setup.reach + TAPER
    geom = setup.geom.pad(pad)
    size = tuple(scipy.fft.next_fast_len(n + 2 * pad, real=True) for n in setup.shape)
    lon, lat = geom.pixel_centers()
    weights = geom.solid_angle() * np.outer(_taper(setup.shape[0], pad), _taper(setup.shape[1], pad))
    return SkyGrid(
        setup=setup,
        pad=pad,
        size=size,
        vectors=constant(unit_vector(np, lon, lat), "sky.vectors"),
        solid_angle=constant(weights, "sky.solid_angle"),
        exposure=build_exposed(setup.exposure_plane(pad if setup.before_psf else 0), "sky.exposure"),
    )


def build_transfer(setup: FoldSetup, size: tuple[int, int], jacobian: np.ndarray, name: str, factor: int = 1) -> Any:
    """Return the PSF's transfer function for the metric at a source, as a shared variable.

    Its first axis is (real, imaginary), or (real) alone: a PSF that is the same in opposite directions has no more.
    """
    spectrum = transform(setup.psf, jacobian, setup.n_psf, size, factor, table=lambda highest: _table(setup, highest))
    parts = [spectrum.real, spectrum.imag] if np.any(spectrum.imag) else [spectrum.real]
    return constant(np.stack(parts), f"{name}.transfer")


def _table(setup: FoldSetup, highest: float) -> Hankel:
    """Return the transform of the dataset's PSF, the widest one that was worked out if it reaches far enough."""
    known: dict[float, Hankel] = setup.shared("hankel", dict)
    if not any(limit >= highest for limit in known):
        limit = 2.0 ** np.ceil(np.log2(highest))
        known[limit] = hankel_table(setup.psf, limit)  # type: ignore[arg-type]
    return known[max(known)]


def _taper(n: int, pad: int) -> np.ndarray:
    """Return one inside, falling as a squared cosine over the last `TAPER` pixels on each side."""
    steps = (np.arange(TAPER) + 0.5) / TAPER
    ramp = np.sin(0.5 * np.pi * steps) ** 2
    return np.concatenate([ramp, np.ones(n + 2 * pad - 2 * TAPER), ramp[::-1]])


def arc_offsets(vectors: Any, centre: Any, east: Any, north: Any, largest: float = np.pi) -> tuple[Any, Any]:
    r"""Return azimuthal-equidistant offsets in degrees of unit vectors from a centre.

    .. math:: (x, y) = \frac{\theta}{\sin\theta}\,(n\cdot e,\ n\cdot d),\qquad
              \theta = 2\arcsin\frac{|n - n_0|}{2}

    from the chord, which is exact for small angles where an arccos is not.

    Parameters
    ----------
    vectors : tensor, shape (3, ...)
        Unit vectors n.
    centre, east, north : tensor, shape (3,)
        Unit vectors of the centre and of the directions East and North there.
    largest : float, unit rad
        No vector is further from the centre.
    """
    across = (slice(None), *(None,) * (vectors.ndim - 1))
    quarter = _quarter_chord_squared(vectors, centre)
    near = largest < LARGEST_ARC
    ratio = (_near_angle_over_sine(quarter, largest) if near else _angle_over_sine(quarter)) * (180.0 / np.pi)
    return ratio * pt.sum(vectors * east[across], axis=0), ratio * pt.sum(vectors * north[across], axis=0)


def separation_squared(vectors: Any, centre: Any) -> Any:
    """Return the squared great-circle separation in deg^2 of unit vectors from a centre."""
    quarter = _quarter_chord_squared(vectors, centre)
    sine_squared = 4.0 * quarter * (1.0 - quarter)
    return sine_squared * (_angle_over_sine(quarter) * (180.0 / np.pi)) ** 2


def _quarter_chord_squared(vectors: Any, centre: Any) -> Any:
    """Return sin^2(theta / 2), from the chord."""
    difference = vectors - centre[(slice(None), *(None,) * (vectors.ndim - 1))]
    return pt.sum(difference * difference, axis=0) / 4.0


def _near_angle_over_sine(quarter: Any, largest: float) -> Any:
    r"""Return the same by its series, :math:`\sum_n \frac{4^n (n!)^2}{(2n+1)!} q^n`, to rounding up to an angle."""
    highest = np.sin(0.5 * largest) ** 2
    n = max(2, int(np.ceil(np.log(1e-17) / np.log(highest))))
    coefficients = np.cumprod([1.0, *(2.0 * k / (2.0 * k + 1.0) for k in range(1, n + 1))])
    total: Any = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = coefficient + quarter * total
    return total


def _angle_over_sine(quarter: Any) -> Any:
    """Return theta / sin(theta) of q = sin^2(theta / 2): its series below 2e-3 rad, else by the arcsine."""
    small = quarter < 1e-6
    safe = pt.where(small, 0.25, quarter)
    root = pt.sqrt(safe)
    exact = pt.arcsin(root) / (root * pt.sqrt(1.0 - safe))
    series = 1.0 + quarter * (2.0 / 3.0) * (1.0 + quarter * 0.8)
    return pt.where(small, series, exact)
