"""What of a dataset the fold needs, worked out once: true-energy bins, responses on them, exposure on a padded sky."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytensor.tensor as pt
import scipy.interpolate
import scipy.ndimage

from bayesmap.dataset import MapDataset
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.exposure import BinnedExposure, bin_exposure
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom

TAPER = 12
"""Pixels, beyond the reach of the PSF, over which a sky is brought smoothly to zero before an FFT."""
MARGIN = 8
"""No pixel of the map is further than its side and this many pixels from a source on it: the PSF is not needed
beyond."""


@dataclass(frozen=True)
class FoldSetup:
    """One dataset, ready to fold.

    Parameters
    ----------
    geom : WcsGeom
        Sky geometry of the counts.
    axis : MapAxis
        Reconstructed energy.
    edges, slope : ndarray
        True-energy bin edges in TeV, and the exposure's power-law slope inside each bin.
    edisp : ndarray, shape (n_true, n_reco)
        Energy dispersion on these bins.
    psf : RadialPSF, PSFKernel or None
        PSF on these bins, or on those of reconstructed energy.
    psf_energy : str
        ``"true"``: the PSF acts before the energy dispersion; ``"reco"``: after it, as HAWC states it.
    exposure : BinnedExposure
        Exposure on the sky padded by `exposure.pad`.
    reach : int
        Pixels that the PSF reaches.
    exposure_order : str
        ``"true"``: exposure at the true position, before the PSF; ``"after_psf"``: at the pixel, after it.
    energy_integration : str
        How the response varies inside a true-energy bin, see `build_setup`.
    notes : tuple of str
        What the user should know about the responses.
    """

    geom: WcsGeom
    axis: MapAxis
    edges: np.ndarray
    slope: np.ndarray
    edisp: np.ndarray
    psf: RadialPSF | PSFKernel | None
    exposure: BinnedExposure
    reach: int
    exposure_order: str
    psf_energy: str = "true"
    energy_integration: str = "binned"
    notes: tuple[str, ...] = ()
    _shared: dict[Any, Any] = field(init=False, default_factory=dict, repr=False, compare=False)

    def shared(self, key: Any, build: Callable[[], Any]) -> Any:
        """Return what several sources have in common, made at the first call with its key."""
        if key not in self._shared:
            self._shared[key] = build()
        return self._shared[key]

    @property
    def n_true(self) -> int:
        """Number of true-energy bins."""
        return len(self.slope)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pixels (n_lat, n_lon)."""
        return self.geom.n_lat, self.geom.n_lon

    @property
    def before_psf(self) -> bool:
        """True if the exposure multiplies the sky, False if it multiplies the convolved image."""
        return self.exposure_order == "true"

    @property
    def psf_in_reco(self) -> bool:
        """True if there is one PSF for each bin of reconstructed energy."""
        return self.psf_energy == "reco"

    @property
    def n_psf(self) -> int:
        """Number of planes of the PSF."""
        return self.axis.nbin if self.psf_in_reco else self.n_true

    def mix(self, mixing: Any, planes: Any) -> Any:
        """Return counts per reconstructed-energy bin of images per plane of the PSF.

        Parameters
        ----------
        mixing : tensor, shape (n_reco, n_true)
            Weights, see `PointImage.pieces`.
        planes : tensor, shape (n_psf, ...)
            Images.
        """
        if self.psf_in_reco:
            return planes * pt.sum(mixing, axis=1)[(slice(None), *(None,) * (planes.ndim - 1))]
        return pt.tensordot(mixing, planes, axes=1)

    def mix_exposed(self, mixing: Any, planes: Any, exposure: Any) -> Any:
        """Return the same of images that are multiplied by an exposure of shape (n_true, ...)."""
        if self.psf_in_reco:
            return planes * pt.tensordot(mixing, exposure, axes=1)
        return pt.tensordot(mixing, planes * exposure, axes=1)

    def to_convolve(self, mixing: Any, exposure: Any) -> Any:
        """Return the weights of the sky per plane of the PSF: its exposure, energy dispersed if the PSF comes after."""
        return pt.tensordot(mixing, exposure, axes=1) if self.psf_in_reco else exposure

    def mix_convolved(self, mixing: Any, real: Any, imag: Any) -> Any:
        """Return, stacked, the spectra per reconstructed-energy bin of what was weighted by `to_convolve`."""
        if self.psf_in_reco:
            return pt.stack([real, imag])
        return pt.stack([pt.tensordot(mixing, real, axes=1), pt.tensordot(mixing, imag, axes=1)])

    def exposure_plane(self, pad: int) -> np.ndarray:
        """Return the exposure on the sky padded by fewer pixels, shape (n_true, n_lat + 2 pad, n_lon + 2 pad)."""
        cut = self.exposure.pad - pad
        n_lat, n_lon = self.shape
        return self.exposure.data[:, cut : cut + n_lat + 2 * pad, cut : cut + n_lon + 2 * pad]


def build_setup(dataset: MapDataset, exposure_order: str = "true", energy_integration: str = "binned") -> FoldSetup:
    """Work out what the fold needs of a dataset.

    Parameters
    ----------
    dataset : MapDataset
        Checked dataset.
    exposure_order : str
        ``"true"`` or ``"after_psf"``.
    energy_integration : str
        ``"binned"``: a response given per true-energy bin is constant inside the bin; ``"interpolated"``: it is the
        response at the bin's geometric centre, the exposure log-log linear between centres, the PSF linear and the rows
        of the energy dispersion by monotone cubics in log energy. A response given at energy nodes is always
        interpolated.
    """
    geom = dataset.counts.geom.to_image()
    reach = min(psf_reach(dataset.psf, geom), max(geom.n_lat, geom.n_lon) + MARGIN)
    exposure = bin_exposure(dataset.exposure, pad=2 * reach + TAPER + 4, energy_integration=energy_integration)
    edisp, notes = _edisp_on_bins(dataset, exposure)
    in_reco = dataset.psf is not None and dataset.psf.axis.name == "energy"
    return FoldSetup(
        geom=geom,
        axis=dataset.counts.geom.axes[0],
        edges=exposure.edges,
        slope=exposure.slope,
        edisp=edisp,
        psf=_psf_on_bins(dataset.psf, dataset.counts.geom.axes[0] if in_reco else exposure.axis),
        exposure=exposure,
        reach=reach,
        exposure_order=exposure_order,
        psf_energy="reco" if in_reco else "true",
        energy_integration=energy_integration,
        notes=notes,
    )


def psf_reach(psf: RadialPSF | PSFKernel | None, geom: WcsGeom) -> int:
    """Return the pixels that the PSF reaches, half a pixel and the metric's change over the map included."""
    if psf is None:
        return 1
    if isinstance(psf, PSFKernel):
        return max(psf.data.shape[-2:]) // 2
    pixel = float(np.sqrt(np.min(geom.solid_angle()))) * 180.0 / np.pi
    return int(np.ceil(float(np.max(psf.max_radius)) / pixel + 0.5)) + 1


def _psf_on_bins(psf: RadialPSF | PSFKernel | None, axis: MapAxis) -> RadialPSF | PSFKernel | None:
    """Return the PSF at the geometric centres of the bins: a radial table interpolated, a kernel that of its bin."""
    if isinstance(psf, PSFKernel) and len(psf.data) != axis.nbin:
        parent = np.searchsorted(psf.axis.edges, axis.center) - 1
        return PSFKernel(axis, psf.data[parent], psf.notes).normalised()
    if isinstance(psf, RadialPSF):
        return psf.resample(axis).normalised()
    return None if psf is None else psf.normalised()


def _edisp_on_bins(dataset: MapDataset, exposure: BinnedExposure) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the energy dispersion from the bins to reconstructed energy.

    A matrix that only states the overlap of bins (perfect resolution) is made anew for bins between nodes; any other is
    interpolated in log energy between its rows; see `_interpolate_rows`.
    """
    axis = dataset.counts.geom.axes[0]
    given = dataset.edisp
    if given is None:
        return EnergyDispersion.from_diagonal(exposure.axis, axis).data, ()
    if dataset.exposure.geom.axes[0].node_type == "edges" and len(given.data) == len(exposure.slope):
        return given.data, ()
    if given.is_diagonal:
        note = "energy dispersion is the overlap of bins: made anew for the bins of the fold"
        return EnergyDispersion.from_diagonal(exposure.axis, axis).data, (note,)
    return _interpolate_rows(given, exposure), ("energy dispersion interpolated in log energy to the bins of the fold",)


def _interpolate_rows(edisp: EnergyDispersion, exposure: BinnedExposure) -> np.ndarray:
    """Interpolate by monotone cubics in log energy, flat beyond the first and last row.

    Monotone cubics stay, to round-off, between the rows' values, so no probability is negative; straight lines would
    smear the migration by up to a quarter of a bin.  The sums of the rows are interpolated likewise and the entries
    scaled to them: entries interpolated one by one do not keep a sum of one.
    """
    rows = np.log(edisp.axis_true.center)
    centre = np.log(exposure.axis.center)
    inside = np.minimum(np.maximum(centre, rows[0]), rows[-1])
    entries = scipy.interpolate.PchipInterpolator(rows, edisp.data)(inside)
    sums = scipy.interpolate.PchipInterpolator(rows, edisp.data.sum(axis=1))(inside)
    given = entries.sum(axis=1)
    return np.asarray(entries * (sums / np.where(given > 0.0, given, 1.0))[:, None])


def exposure_spline(exposure: np.ndarray) -> np.ndarray:
    r"""Return cubic B-spline coefficients for a smooth, non-negative interpolation of the exposure.

    .. math:: c = \epsilon - \tfrac16 \delta^2 \epsilon

    along each axis in turn: a local interpolant of fourth order, exact for cubic polynomials (de Boor's
    quasi-interpolant).  Where it would be negative, next to pixels of zero exposure, c is the exposure itself, which
    only smooths the edge.
    """
    coefficients = exposure
    for axis in (-1, -2):
        second = scipy.ndimage.correlate1d(coefficients, [1.0, -2.0, 1.0], axis=axis, mode="nearest")
        sharp = coefficients - second / 6.0
        coefficients = np.where(sharp < 0.0, coefficients, sharp)
    return np.ascontiguousarray(coefficients)


def spline_coefficients(values: np.ndarray) -> np.ndarray:
    """Return the coefficients of `exposure_spline` for smooth values of either sign."""
    coefficients = values
    for axis in (-1, -2):
        second = scipy.ndimage.correlate1d(coefficients, [1.0, -2.0, 1.0], axis=axis, mode="nearest")
        coefficients = coefficients - second / 6.0
    return np.ascontiguousarray(coefficients)
