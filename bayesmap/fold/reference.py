"""The slow truth: the fold in plain NumPy, by direct sums, on a grid as fine as asked for.

Nothing here is shared with the fast path but the model formulas and the data: no spline tables, no transfer functions,
no cut-outs.  A point source is the PSF at its true great-circle separation, averaged over every sub-pixel; an extended
source is averaged over sub-pixels, times the exposure there, and its light is spread with the PSF table by a
convolution of samples (of all of them with all: SciPy does it with transforms, because the plain sum takes hours).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.signal

from bayesmap.dataset import MapDataset
from bayesmap.fold.pixelmap import frame_rotation, tangent_basis, unit_vector
from bayesmap.fold.setup import FoldSetup, build_setup
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.maps.geometry import WcsGeom
from bayesmap.models.background import BackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.gaussian_process_sky import GaussianProcessSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spatial.template import TemplateSpatialModel

NODES = 4
"""Points a sub-pixel and axis over which brightness and PSF are averaged: without them a disk's edge is good to a
sub-pixel only, and the mid-point rule misses a narrow PSF's curvature."""


def fold_source_map(source: np.ndarray, kernels: np.ndarray, edisp: np.ndarray) -> np.ndarray:
    r"""Fold a source map by the definition.

    .. math:: N_{iq} = \sum_j D_{ji} \sum_p K_{j,q-p}\,S_{jp}

    Parameters
    ----------
    source : ndarray, shape (n_true, n_lat + 2 r, n_lon + 2 r)
        Counts before PSF and energy dispersion (flux times exposure), on the map padded by r pixels.
    kernels : ndarray, shape (n_true, 2 r + 1, 2 r + 1)
        PSF kernels.
    edisp : ndarray, shape (n_true, n_reco)
        Energy dispersion.

    Returns
    -------
    ndarray, shape (n_reco, n_lat, n_lon)
    """
    reach = kernels.shape[-1] // 2
    n_lat, n_lon = (n - 2 * reach for n in source.shape[1:])
    folded = np.zeros((len(source), n_lat, n_lon))
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            window = source[:, reach - dy : reach - dy + n_lat, reach - dx : reach - dx + n_lon]
            folded += kernels[:, reach + dy, reach + dx][:, None, None] * window
    return np.tensordot(edisp.T, folded, axes=1)


@dataclass(frozen=True)
class FineSky:
    """Sub-pixels of the padded map.

    Parameters
    ----------
    geom : WcsGeom
        The map.
    pad, oversample : int
        Pixels of padding; sub-pixels a pixel and axis.
    """

    geom: WcsGeom
    pad: int
    oversample: int

    @property
    def solid_angle(self) -> np.ndarray:
        """Solid angle of the sub-pixels in sr, shape (n_y, n_x)."""
        n = self.oversample
        return np.repeat(np.repeat(self.geom.pad(self.pad).solid_angle(), n, 0), n, 1) / n**2

    def pixels(self, dy: float = 0.0, dx: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return pixel coordinates (y, x) of points at an offset, in sub-pixels, from the centres of the sub-pixels."""
        n = self.oversample
        y = (np.arange((self.geom.n_lat + 2 * self.pad) * n) + 0.5 + dy) / n - 0.5 - self.pad
        x = (np.arange((self.geom.n_lon + 2 * self.pad) * n) + 0.5 + dx) / n - 0.5 - self.pad
        return np.meshgrid(y, x, indexing="ij")

    def mean(self, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the mean over each sub-pixel of a function of unit vectors (3, n_y, n_x) of the map's frame."""
        offsets = (np.arange(NODES) + 0.5) / NODES - 0.5
        total: Any = 0.0
        for dy in offsets:
            for dx in offsets:
                y, x = self.pixels(dy, dx)
                total = total + function(unit_vector(np, *self.geom.pixel_to_sky(x, y)))
        return np.asarray(total / NODES**2)


def reference_npred(
    dataset: MapDataset, models: Models, *, oversample: int = 5, exposure_order: str = "true"
) -> np.ndarray:
    """Return predicted counts, shape (n_energy, n_lat, n_lon), on a grid `oversample` times finer than the pixels.

    Parameters
    ----------
    dataset : MapDataset
        Data set with a radial PSF table (or none).
    models : Models
        Sources and backgrounds.
    oversample : int
        Sub-pixels a pixel and axis, odd.
    exposure_order : str
        ``"true"`` or ``"after_psf"``.
    """
    setup = build_setup(dataset, exposure_order)
    if isinstance(setup.psf, PSFKernel):
        raise TypeError("reference_npred needs a radial PSF; fold_source_map folds with kernels")
    total = np.zeros(dataset.counts.data.shape)
    for model in models.sky_models:
        total += _source(setup, model, oversample)
    for background in models.background_models:
        cube = background.background if isinstance(background, BackgroundModel) else dataset.background
        spectrum = background.spectral_model
        norm = spectrum.evaluate(np, setup.axis.center, **spectrum.canonical_values)
        total += cube.data * norm[:, None, None]  # type: ignore[union-attr]
    if dataset.background is not None and not models.background_models:
        total += dataset.background.data
    return total


def _source(setup: FoldSetup, model: SkyModel, oversample: int) -> np.ndarray:
    spectrum = model.spectral_model
    flux = spectrum.integral(np, setup.edges[:-1], setup.edges[1:], setup.slope, **spectrum.canonical_values)
    is_point = isinstance(model.spatial_model, PointSpatialModel)
    image = _point if is_point else _extended
    images = image(setup, FineSky(setup.geom, 0 if is_point else setup.reach, oversample), model.spatial_model)
    if not setup.before_psf:
        images = images * setup.exposure_plane(0)
    return np.tensordot(setup.edisp.T * flux, images, axes=1)


def _point(setup: FoldSetup, sky: FineSky, spatial: Any) -> np.ndarray:
    """Return the PSF at the true separation of every sub-pixel, integrated over pixels."""
    direction = frame_rotation(spatial.frame, setup.geom.frame) @ unit_vector(np, *spatial.position)
    table = _table(setup.psf)
    planes = sky.mean(lambda vectors: table.evaluate(_separation(vectors, direction)))
    images = np.stack([_pixels(plane * sky.solid_angle, sky) for plane in planes])
    if setup.before_psf:
        lon, lat = np.arctan2(direction[1], direction[0]), np.arctan2(direction[2], np.hypot(*direction[:2]))
        x, y = setup.geom.sky_to_pixel(np.rad2deg([lon]), np.rad2deg([lat]))
        place = [np.asarray(y) + setup.exposure.pad, np.asarray(x) + setup.exposure.pad]
        at_source = [scipy.ndimage.map_coordinates(plane, place, order=3)[0] for plane in setup.exposure.data]
        images *= np.array(at_source)[:, None, None]
    return images


def _extended(setup: FoldSetup, sky: FineSky, spatial: Any) -> np.ndarray:
    """Return the brightness spread by the PSF on the fine grid, summed over pixels."""
    samples = sky.mean(lambda vectors: _brightness(setup, spatial, vectors)) * sky.solid_angle
    images = []
    for j in range(setup.n_true):
        light = samples * _fine_exposure(setup, sky, j) if setup.before_psf else samples
        if setup.psf is not None:
            light = scipy.signal.oaconvolve(light, _fine_kernel(setup, sky, j), mode="same")
        images.append(_pixels(light, sky))
    return np.stack(images)


def _brightness(setup: FoldSetup, spatial: Any, vectors: np.ndarray) -> np.ndarray:
    """Return the brightness in sr-1 in directions of the map's frame."""
    vectors = np.tensordot(frame_rotation(setup.geom.frame, spatial.frame), vectors, axes=1)
    if isinstance(spatial, TemplateSpatialModel | GaussianProcessSpatialModel):
        lon = np.rad2deg(np.arctan2(vectors[1], vectors[0]))
        return spatial.brightness(lon, np.rad2deg(np.arctan2(vectors[2], np.hypot(vectors[0], vectors[1]))))
    values = spatial.canonical_values
    if not spatial.has_position:
        return spatial.evaluate(np, np.zeros(vectors.shape[1:]), 0.0, **values)
    centre, east, north = tangent_basis(*spatial.position)
    separation = _separation(vectors, centre)
    angle = np.arctan2(np.tensordot(east, vectors, axes=1), np.tensordot(north, vectors, axes=1))
    shape = {name: value for name, value in values.items() if name not in ("lon_0", "lat_0")}
    return spatial.evaluate(np, separation * np.sin(angle), separation * np.cos(angle), **shape)


def _fine_exposure(setup: FoldSetup, sky: FineSky, j: int) -> np.ndarray:
    place = np.stack(sky.pixels()) + setup.exposure.pad
    return scipy.ndimage.map_coordinates(setup.exposure.data[j], place, order=3)


def _fine_kernel(setup: FoldSetup, sky: FineSky, j: int) -> np.ndarray:
    """Return the PSF of bin j around the map's centre on the sub-pixel grid, of unit sum."""
    n_lat, n_lon = setup.shape
    half = setup.reach * sky.oversample
    steps = np.arange(-half, half + 1) / sky.oversample
    y, x = np.meshgrid(steps + (n_lat - 1) / 2, steps + (n_lon - 1) / 2, indexing="ij")
    vectors = unit_vector(np, *setup.geom.pixel_to_sky(x, y))
    kernel = _table(setup.psf).evaluate(_separation(vectors, vectors[:, half, half]))[j]
    return kernel / kernel.sum()


def _table(psf: Any) -> RadialPSF:
    if not isinstance(psf, RadialPSF):
        raise TypeError("a point source needs a radial PSF in the reference")
    return psf


def _separation(vectors: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return great-circle separations in degrees, from the chord."""
    chord = np.sqrt(np.sum((vectors - direction[:, None, None]) ** 2, axis=0))
    return np.rad2deg(2.0 * np.arcsin(0.5 * chord))


def _pixels(fine: np.ndarray, sky: FineSky) -> np.ndarray:
    """Sum sub-pixels over pixels, and cut the padding off."""
    n = sky.oversample
    sums = fine.reshape(fine.shape[0] // n, n, -1, n).sum(axis=(1, 3))
    return sums[sky.pad : sums.shape[0] - sky.pad, sky.pad : sums.shape[1] - sky.pad]
