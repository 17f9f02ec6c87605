"""The slow truth: the fold in plain NumPy, by direct sums, on a grid as fine as asked for.

Nothing here is shared with the fast path but the model formulas and the data: no splines, no Fourier transform, no
cut-outs.  A point source is the PSF at its true great-circle separation from every sub-pixel; an extended source is
sampled on sub-pixels, times the exposure there, and its light is spread with the PSF table by a direct sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.signal

from bayesmap.dataset import MapDataset
from bayesmap.fold.pixelmap import frame_rotation, tangent_basis, unit_vector
from bayesmap.fold.setup import FoldSetup, build_setup
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.models.background import BackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spatial.template import TemplateSpatialModel


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
    vectors : ndarray, shape (3, n_y, n_x)
        Unit vectors in the map's frame.
    solid_angle : ndarray, shape (n_y, n_x)
        In sr.
    pad, oversample : int
        Pixels of padding; sub-pixels a pixel and axis.
    """

    vectors: np.ndarray
    solid_angle: np.ndarray
    pad: int
    oversample: int


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
    sky = _fine_sky(setup, oversample)
    total = np.zeros(dataset.counts.data.shape)
    for model in models.sky_models:
        total += _source(setup, sky, model)
    for background in models.background_models:
        cube = background.background if isinstance(background, BackgroundModel) else dataset.background
        spectrum = background.spectral_model
        norm = spectrum.evaluate(np, setup.axis.center, **spectrum.canonical_values)
        total += cube.data * norm[:, None, None]  # type: ignore[union-attr]
    if dataset.background is not None and not models.background_models:
        total += dataset.background.data
    return total


def _fine_sky(setup: FoldSetup, oversample: int) -> FineSky:
    pad = setup.reach
    n_lat, n_lon = (n + 2 * pad for n in setup.shape)
    y = (np.arange(n_lat * oversample) + 0.5) / oversample - 0.5 - pad
    x = (np.arange(n_lon * oversample) + 0.5) / oversample - 0.5 - pad
    lon, lat = setup.geom.pixel_to_sky(*np.meshgrid(x, y))
    solid_angle = np.repeat(np.repeat(setup.geom.pad(pad).solid_angle(), oversample, 0), oversample, 1)
    return FineSky(unit_vector(np, lon, lat), solid_angle / oversample**2, pad, oversample)


def _source(setup: FoldSetup, sky: FineSky, model: SkyModel) -> np.ndarray:
    spectrum = model.spectral_model
    flux = spectrum.integral(np, setup.edges[:-1], setup.edges[1:], setup.slope, **spectrum.canonical_values)
    is_point = isinstance(model.spatial_model, PointSpatialModel)
    images = _point(setup, sky, model.spatial_model) if is_point else _extended(setup, sky, model.spatial_model)
    if not setup.before_psf:
        images = images * setup.exposure_plane(0)
    return np.tensordot(setup.edisp.T * flux, images, axes=1)


def _point(setup: FoldSetup, sky: FineSky, spatial: Any) -> np.ndarray:
    """Return the PSF at the true separation of every sub-pixel, integrated over pixels."""
    direction = frame_rotation(spatial.frame, setup.geom.frame) @ unit_vector(np, *spatial.position)
    separation = _separation(sky.vectors, direction)
    images = np.stack([_pixels(plane * sky.solid_angle, sky) for plane in _table(setup.psf).evaluate(separation)])
    if setup.before_psf:
        lon, lat = np.arctan2(direction[1], direction[0]), np.arctan2(direction[2], np.hypot(*direction[:2]))
        x, y = setup.geom.sky_to_pixel(np.rad2deg([lon]), np.rad2deg([lat]))
        place = [np.asarray(y) + setup.exposure.pad, np.asarray(x) + setup.exposure.pad]
        at_source = [scipy.ndimage.map_coordinates(plane, place, order=3)[0] for plane in setup.exposure.data]
        images *= np.array(at_source)[:, None, None]
    return images


def _extended(setup: FoldSetup, sky: FineSky, spatial: Any) -> np.ndarray:
    """Return the sampled brightness spread by the PSF on the fine grid, summed over pixels."""
    samples = _brightness(setup, sky, spatial) * sky.solid_angle
    images = []
    for j in range(setup.n_true):
        light = samples * _fine_exposure(setup, sky, j) if setup.before_psf else samples
        if setup.psf is not None:
            light = scipy.signal.oaconvolve(light, _fine_kernel(setup, sky, j), mode="same")
        images.append(_pixels(light, sky))
    return np.stack(images)


def _brightness(setup: FoldSetup, sky: FineSky, spatial: Any) -> np.ndarray:
    rotation = frame_rotation(setup.geom.frame, spatial.frame)
    vectors = np.tensordot(rotation, sky.vectors, axes=1)
    if isinstance(spatial, TemplateSpatialModel):
        lon = np.rad2deg(np.arctan2(vectors[1], vectors[0]))
        return spatial.brightness(lon, np.rad2deg(np.arctan2(vectors[2], np.hypot(vectors[0], vectors[1]))))
    values = spatial.canonical_values
    if not spatial.has_position:
        return spatial.evaluate(np, np.zeros(sky.solid_angle.shape), 0.0, **values)
    centre, east, north = tangent_basis(*spatial.position)
    separation = _separation(vectors, centre)
    angle = np.arctan2(np.tensordot(east, vectors, axes=1), np.tensordot(north, vectors, axes=1))
    shape = {name: value for name, value in values.items() if name not in ("lon_0", "lat_0")}
    return spatial.evaluate(np, separation * np.sin(angle), separation * np.cos(angle), **shape)


def _fine_exposure(setup: FoldSetup, sky: FineSky, j: int) -> np.ndarray:
    n_lat, n_lon = (n + 2 * sky.pad for n in setup.shape)
    offset = setup.exposure.pad - sky.pad
    y = (np.arange(n_lat * sky.oversample) + 0.5) / sky.oversample - 0.5 + offset
    x = (np.arange(n_lon * sky.oversample) + 0.5) / sky.oversample - 0.5 + offset
    return scipy.ndimage.map_coordinates(setup.exposure.data[j], np.meshgrid(y, x, indexing="ij"), order=3)


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
