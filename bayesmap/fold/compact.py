r"""Image of a source that is small or has edges: its moments on a fine lattice, then the PSF's spline table.

The moments M of the source on the lattice are those of `fold.moments`. The counts are
:math:`N(q) = \sum_m M_m\,C_{f q - m}` with the coefficients C of the PSF's spline; the sum is done phase by phase of
the lattice with FFTs on pixels.  As M and C are not negative, neither is N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
import scipy.fft

from bayesmap.fold.exposed import Exposed, build_exposed
from bayesmap.fold.kernel import SplineTable
from bayesmap.fold.moments import Moments
from bayesmap.fold.ops.fourier import InverseRealFFT2, RealFFT2
from bayesmap.fold.ops.window import CutWindow, PlaceWindow
from bayesmap.fold.placement import Piece, Place, around, upsampling
from bayesmap.fold.point import constant
from bayesmap.fold.setup import FoldSetup, exposure_spline
from bayesmap.irf.exposure import extrapolate


@dataclass(frozen=True)
class PSFBank:
    """Transforms of the phases of one spline table.

    Parameters
    ----------
    factor : int
        Lattice points a pixel.
    reach : int
        Pixels that the table reaches.
    size : int
        Side of the FFTs in pixels.
    spectrum : shared variable, shape (2, factor ** 2, n_true, size, size // 2 + 1)
        Real and imaginary.
    """

    factor: int
    reach: int
    size: int
    spectrum: Any


@dataclass(frozen=True)
class CompactImage:
    """Images of a compact source per true-energy bin.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    moments : Moments
        The source on the lattice.
    half : int
        Whole pixels that the lattice reaches on each side of the source's pixel.
    banks : tuple of PSFBank
        Transforms of the PSF's spline tables, whose images add up.
    exposure : Exposed
        Spline coefficients of the exposure, or its plane; see `PointImage`.
    """

    setup: FoldSetup
    moments: Moments
    half: int
    banks: tuple[PSFBank, ...]
    exposure: Any

    @property
    def margin(self) -> int:
        """Pixels of the padded sky around the map."""
        return self.setup.exposure.pad + self.half

    def pieces(
        self, mixing: Any, place: Place, ellipse: tuple[Any, Any, Any], values: dict[str, Any]
    ) -> tuple[Piece, ...]:
        """Return predicted counts, n_reco planes.

        Parameters
        ----------
        mixing : tensor, shape (n_reco, n_true), unit cm-2 s-1
            Flux per true-energy bin times its share in each reconstructed-energy bin.
        place : Place
            Position.
        ellipse : tuple of tensor
            (xx, xy, yy) of L L^T in pixel^2.
        values : dict
            Shape parameters.
        """
        pieces = []
        for bank in self.banks:
            before = bank.reach + self.half
            window = self._window(bank, mixing, place, self._moments(bank.factor, place, ellipse, values))
            pieces.append(around(window, place, (before, before)))
        return tuple(pieces)

    def _window(self, bank: PSFBank, mixing: Any, place: Place, moments: Any) -> Any:
        """Return the counts in the window of one table, shape (n_reco, n, n)."""
        before = bank.reach + self.half
        n = 2 * before + 2
        back = InverseRealFFT2(bank.size, bank.size)
        spectrum = RealFFT2(bank.size, bank.size)(self._phases(bank, moments, place))
        real, imag = _contract(self._per_plane(spectrum, mixing), bank.spectrum)
        if self.setup.before_psf:
            return back(self.setup.mix_convolved(mixing, real, imag))[:, :n, :n]
        shift = self.margin - before
        exposure = CutWindow(n, n)(self.exposure.planes, place.i_y + shift, place.i_x + shift)
        planes = back(pt.stack([real, imag]))[:, :n, :n]
        return self.setup.mix_exposed(mixing, planes, self.exposure.spread(exposure))

    def _per_plane(self, spectrum: Any, mixing: Any) -> Any:
        """Return spectra of the phases for each plane of the PSF (or one for all), from those of the exposure's."""
        if not self.setup.before_psf or (self.exposure.amplitudes is None and not self.setup.psf_in_reco):
            return spectrum
        first = self.setup.to_convolve(mixing, self.exposure.spread(spectrum.transpose(2, 0, 1, 3, 4)))
        return first.transpose(1, 2, 0, 3, 4)

    def _moments(self, factor: int, place: Place, ellipse: tuple[Any, Any, Any], values: dict[str, Any]) -> Any:
        """Return M on the lattice, shape (n, n) with n = factor * (2 half + 2)."""
        lattice = np.arange(factor * (2 * self.half + 2)) - float(factor * self.half)
        xx, xy, yy = (factor * factor * entry for entry in ellipse)
        return self.moments.on_lattice(lattice, (factor * place.d_y, factor * place.d_x), (xx, xy, yy), values)

    def _phases(self, bank: PSFBank, moments: Any, place: Place) -> Any:
        """Return the phases of the moments on padded pixels, times the exposure where it comes before the PSF.

        Shape (factor ** 2, planes of the exposure or 1, size, size).
        """
        coarse = 2 * self.half + 2
        moments = moments[None]
        if self.setup.before_psf:
            moments = moments * self._fine_exposure(bank.factor, place)
        split = moments.reshape((-1, coarse, bank.factor, coarse, bank.factor))
        split = split.transpose(2, 4, 0, 1, 3).reshape((bank.factor**2, -1, coarse, coarse))
        return PlaceWindow(bank.size, bank.size)(split, 0, 0)

    def _fine_exposure(self, factor: int, place: Place) -> Any:
        """Return the planes of the exposure at the lattice points, shape (r, n, n)."""
        coarse = 2 * self.half + 2
        shift = self.margin - self.half - 1
        window = CutWindow(coarse + 3, coarse + 3)(self.exposure.planes, place.i_y + shift, place.i_x + shift)
        upsample = upsampling(coarse, factor)
        return pt.tensordot(pt.tensordot(window, upsample, axes=[[1], [1]]), upsample, axes=[[1], [1]])


def _contract(spectrum: Any, bank: Any) -> tuple[Any, Any]:
    """Return sum over phases of spectrum times bank, real and imaginary, shape (n_true, size, size // 2 + 1)."""
    real, imag = spectrum[0], spectrum[1]
    return (
        pt.sum(real * bank[0] - imag * bank[1], axis=0),
        pt.sum(real * bank[1] + imag * bank[0], axis=0),
    )


def build_compact_image(
    setup: FoldSetup, tables: tuple[SplineTable, ...], moments: Moments, radius: float, name: str
) -> CompactImage:
    """Prepare the constants of a compact source.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    tables : tuple of SplineTable
        PSF at the source.
    moments : Moments
        How the source is put on the lattice.
    radius : float
        Pixels that the source may reach.
    name : str
        For the names of the constants.
    """
    half = int(np.ceil(radius)) + 2
    return CompactImage(
        setup=setup,
        moments=moments,
        half=half,
        banks=tuple(_bank(table, half, f"{name}.psf_{table.factor}") for table in tables),
        exposure=setup.shared(("exposure", half), lambda: _exposure(setup, half)),
    )


def _exposure(setup: FoldSetup, half: int) -> Exposed:
    exposure = extrapolate(setup.exposure.data, half)
    return build_exposed(exposure_spline(exposure) if setup.before_psf else exposure, f"exposure.{half}")


def _bank(table: SplineTable, half: int, name: str) -> PSFBank:
    """Return the transforms of C[f r - p] for the phases p, shifted so that windows start at pixel zero.

    With moments at lattice points m = f a + p - f half and pixels q' = q - (whole pixel), the window index of q' is
    q' + half + reach, and N[w] = sum_ap M[a, p] C[f (w - a - reach) - p].
    """
    factor, reach = table.factor, table.reach
    size = scipy.fft.next_fast_len(2 * (half + reach) + 2, real=True)
    centre = (table.coefficients.shape[-1] - 1) // 2
    phases = np.arange(factor)
    index = centre + factor * (np.arange(2 * reach + 2) - reach)[None, :] - phases[:, None]
    low = max(0, -int(index.min()))
    high = max(0, int(index.max()) - table.coefficients.shape[-1] + 1)
    padded = np.pad(table.coefficients, ((0, 0), (low, high), (low, high)))
    planes = padded[:, index + low, :][:, :, :, index + low].transpose(1, 3, 0, 2, 4)
    spectrum = scipy.fft.rfft2(planes.reshape(factor**2, -1, 2 * reach + 2, 2 * reach + 2), s=(size, size))
    return PSFBank(factor, reach, size, constant(np.stack([spectrum.real, spectrum.imag]), name))
