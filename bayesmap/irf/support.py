"""Which bins an event can reach at all, whatever the sky looks like."""

from __future__ import annotations

import numpy as np

from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.maps.map import WcsNDMap
from bayesmap.maps.sphere import separation
from bayesmap.units import BoolArray


def reachable_bins(exposure: WcsNDMap, psf: RadialPSF | PSFKernel | None, edisp: EnergyDispersion) -> BoolArray:
    """Select the reconstructed bins that some position and energy with exposure can fill.

    A square of pixels around each exposed pixel, wide enough for the reach of the psf, at every reconstructed energy
    that the energy dispersion allows: never too small, perhaps too large.

    Parameters
    ----------
    exposure : WcsNDMap, shape (n_true, n_lat, n_lon)
        Exposure.
    psf : RadialPSF, PSFKernel or None
        Point spread function.
    edisp : EnergyDispersion
        Energy dispersion.

    Returns
    -------
    ndarray of bool, shape (n_reco, n_lat, n_lon)
    """
    reach = _reach_in_pixels(exposure, psf)
    shape = (edisp.axis.nbin, *exposure.data.shape[1:])
    found = np.zeros(shape, dtype=bool)
    for n, plane in enumerate(exposure.data):
        near = _widen(_widen(plane > 0, reach[n], axis=0), reach[n], axis=1)
        found[edisp.data[n] > 0] |= near
    return found


def _reach_in_pixels(exposure: WcsNDMap, psf: RadialPSF | PSFKernel | None) -> np.ndarray:
    """Return how many pixels an event can move, one number per true energy."""
    axis, geom = exposure.geom.axes[0], exposure.geom
    if psf is None:
        return np.ones(axis.nbin, dtype=int)
    if isinstance(psf, PSFKernel):
        return np.full(axis.nbin, max(psf.data.shape[1:]) // 2 + 1)
    y, x = np.meshgrid(np.linspace(0, geom.n_lat - 1, 5), np.linspace(0, geom.n_lon - 1, 5), indexing="ij")
    here = geom.pixel_to_sky(x, y)
    steps = [separation(*here, *geom.pixel_to_sky(x + dx, y + dy)) for dx, dy in ((1, 0), (0, 1))]
    smallest = float(np.nanmin(steps))
    radius = float(np.max(psf.max_radius)) if psf.max_radius is not None else float(psf.rad[-1])
    pixels = min(int(np.ceil(radius / smallest)) + 1, max(geom.n_lat, geom.n_lon)) if smallest > 0 else geom.n_lon
    return np.full(axis.nbin, pixels)


def _widen(image: BoolArray, n: int, axis: int) -> BoolArray:
    """Select all pixels within n of a selected one along an axis, by differences of a running sum."""
    pad = [(0, 0), (0, 0)]
    pad[axis] = (n + 1, n)
    total = np.cumsum(np.pad(image, pad).astype(np.int64), axis=axis)
    size = image.shape[axis]
    ahead = np.take(total, np.arange(2 * n + 1, 2 * n + 1 + size), axis=axis)
    behind = np.take(total, np.arange(size), axis=axis)
    return ahead > behind
