"""How one source is folded: which image it needs, and the change from one to the other as its size grows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.compact import CompactImage, build_compact_image
from bayesmap.fold.cube import cube_templates
from bayesmap.fold.field import FieldImage, build_field_image
from bayesmap.fold.fixed import FixedImage, brightness_templates, build_fixed_image, evaluate_templates
from bayesmap.fold.kernel import build_tables, lattice_factor
from bayesmap.fold.moments import build_moments
from bayesmap.fold.pixelmap import PixelMap, build_pixel_map, frame_rotation, tangent_basis, unit_vector
from bayesmap.fold.placement import Image, Piece, Place, assemble, locate, outside, weighted
from bayesmap.fold.point import PointImage, build_point_image
from bayesmap.fold.positions import check_position
from bayesmap.fold.setup import FoldSetup
from bayesmap.fold.sizes import samples_needed
from bayesmap.fold.wide import build_sky_grid
from bayesmap.fold.wide_source import (
    WideSource,
    build_wide_source,
    fine_fits,
    has_fixed_shape,
    image_ranges,
    rotated,
)
from bayesmap.irf.psf import RadialPSF
from bayesmap.models.sky import SkyModel
from bayesmap.models.spatial.base import SpatialModel, ellipse_matrix
from bayesmap.models.spatial.constant import ConstantSpatialModel
from bayesmap.models.spatial.gaussian_process_sky import GaussianProcessSpatialModel
from bayesmap.models.spatial.template import TemplateSpatialModel

GROWTH = 2.0
"""A size without a declared maximum may grow to this many times its start where its cut-out is fixed."""
COARSE_TAIL = 2
"""Lattice points a pixel of the PSF's tail for shapes: they smooth it more than a point does."""
SMALLEST_REACH = 2.2
"""Pixels that the cut-out of a free shape reaches at least, however small its start."""
LARGEST_BANK, COARSEST = 6e8, 4
"""Bytes of the PSF's transforms above which a large source gets a coarser lattice, down to so many points a pixel."""


@dataclass(frozen=True)
class FreeSource:
    """A source with at least one free spatial parameter.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    model : SpatialModel
        At its start values.
    pixel_map : PixelMap
        From the sky to pixels around the start.
    rotation : ndarray, shape (3, 3)
        From the model's frame to the map's.
    point, compact : PointImage, CompactImage, optional
        Image of a point, and of a small or edged shape.
    wide : WideSource, optional
        Images of a shape that is known by its samples.
    """

    setup: FoldSetup
    model: SpatialModel
    pixel_map: PixelMap
    rotation: np.ndarray
    point: PointImage | None = None
    compact: CompactImage | None = None
    wide: WideSource | None = None

    def images(self, mixing: Any, vector: Any, values: dict[str, Any]) -> tuple[Image, ...]:
        """Return the images whose shares of the predicted counts add up, n_reco planes.

        Parameters
        ----------
        mixing : tensor, shape (n_reco, n_true), unit cm-2 s-1
            Flux per true-energy bin times its share in each reconstructed-energy bin.
        vector : tensor, shape (3,)
            Position as a unit vector of the model's frame.
        values : dict
            Shape parameters in canonical units.
        """
        place = locate(self.pixel_map, rotated(self.rotation, vector), self.setup.shape, self.pad)
        if self.point is not None:
            return (Image(self.point.pieces(mixing, place)),)
        images: list[tuple[Any, tuple[Piece, ...]]] = []
        if self.wide is not None:
            images += [(share, (piece,)) for share, piece in self.wide.images(mixing, vector, place, values)]
        if self.compact is not None:
            share = 1.0 if self.wide is None else self.wide.share_of_moments(values)
            images.append((share, self._compact(mixing, place, values)))
        if len(images) == 1:
            return (Image(images[0][1]),)
        inputs = (mixing, *values.values(), vector, place.i_y, place.i_x, place.d_y, place.d_x)
        return tuple(Image(pieces, share, inputs) for share, pieces in images)

    @property
    def not_negative(self) -> bool:
        """True if the image of a positive flux is never negative: samples of a wide shape may ring."""
        return self.wide is None

    @property
    def pad(self) -> int:
        """Pixels beyond the edge of the map where the source may stand."""
        return self.setup.reach + 2

    def no_support(self, vector: Any, values: dict[str, Any]) -> Any:
        """Return True where the posterior has no support: off the padded map, beyond the cut-out, a negative size."""
        away = outside(self.pixel_map, rotated(self.rotation, vector), self.setup.shape, self.pad)
        for name in self.model.size_names:
            away = pt.or_(away, values[name] < 0.0)
        if self.compact is None:
            return away
        if self.compact.half >= _whole_map(self.setup):
            return away
        too_large = self.model.extent(pt, **values) * _scale(self.pixel_map) > self.compact.half - 1
        if self.wide is not None:
            too_large = pt.and_(too_large, self.wide.share_of_moments(values) > 0.0)
        return pt.or_(away, too_large)

    def _compact(self, mixing: Any, place: Place, values: dict[str, Any]) -> tuple[Piece, ...]:
        """Return the compact image; the ellipse goes to pixels by the metric at the start."""
        if self.compact is None:
            raise AssertionError("a source without a compact image asked for it")
        xx, xy, yy = ellipse_matrix(pt, *self.model.ellipse(pt, **values))
        (a, b), (c, d) = self.pixel_map.jacobian @ self._turn()
        pixels = (
            a * a * xx + 2.0 * a * b * xy + b * b * yy,
            a * c * xx + (a * d + b * c) * xy + b * d * yy,
            c * c * xx + 2.0 * c * d * xy + d * d * yy,
        )
        return self.compact.pieces(mixing, place, pixels, values)

    def _turn(self) -> np.ndarray:
        """Return the matrix from East and North of the model's frame to those of the map's, at the start."""
        model_basis = tangent_basis(*self.model.position) @ self.rotation.T
        return self.pixel_map.basis[1:] @ model_basis[1:].T


def _scale(pixel_map: PixelMap) -> float:
    """Return the pixels per degree along the tighter direction at the start."""
    return float(np.linalg.svd(pixel_map.jacobian)[1].max())


def build_source(setup: FoldSetup, model: SkyModel) -> FreeSource | FixedImage | FieldImage:
    """Choose and prepare the image of a source.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    model : SkyModel
        The source at its start values.
    """
    spatial = model.spatial_model
    if spatial.image_kind == "fixed":  # type: ignore[attr-defined]
        return _fixed_brightness(setup, spatial, model.name)  # type: ignore[arg-type]
    source: FreeSource | FieldImage
    if isinstance(spatial, GaussianProcessSpatialModel):
        source = build_field_image(setup, spatial, model.name)
    else:
        source = _free_source(setup, spatial, model.name)  # type: ignore[arg-type]
    if any(not parameter.frozen for parameter in spatial.parameters):
        return source
    values = {name: pt.as_tensor(value) for name, value in spatial.canonical_values.items()}
    vector = pt.as_tensor(unit_vector(np, *spatial.position))  # type: ignore[attr-defined]
    shape = shape_values(values)
    templates = evaluate_templates(
        setup, lambda _, mixing: assemble(weighted(source.images(mixing, vector, shape)), setup.shape)
    )
    return build_fixed_image(setup, templates, model.name)


def shape_values(values: dict[str, Any]) -> dict[str, Any]:
    """Return the spatial parameters without the position."""
    return {name: value for name, value in values.items() if name not in ("lon_0", "lat_0")}


def _free_source(setup: FoldSetup, spatial: SpatialModel, name: str) -> FreeSource:
    rotation = frame_rotation(spatial.frame, setup.geom.frame)
    direction = rotation @ unit_vector(np, *spatial.position)
    lon = float(np.rad2deg(np.arctan2(direction[1], direction[0])))
    lat = float(np.rad2deg(np.arctan2(direction[2], np.hypot(direction[0], direction[1]))))
    check_position(setup.geom, setup.reach, name, lon, lat)
    width = float(np.hypot(*setup.shape)) * np.sqrt(float(np.median(setup.geom.solid_angle()))) * 180.0 / np.pi
    pixel_map = build_pixel_map(setup.geom, lon, lat, width)
    source = FreeSource(setup, spatial, pixel_map, rotation)
    factor = lattice_factor(setup.psf, pixel_map.jacobian) if isinstance(setup.psf, RadialPSF) else 8
    if spatial.image_kind == "point":
        tables = build_tables(setup.psf, pixel_map.jacobian, setup.n_psf, factor, setup.reach)
        return dataclasses.replace(source, point=build_point_image(setup, tables, name))
    radius, needs_wide, needs_compact = _cut_out(setup, spatial, _scale(pixel_map))
    if needs_compact:
        radius = min(radius, float(_whole_map(setup)))
        tables = build_tables(
            setup.psf,
            pixel_map.jacobian,
            setup.n_psf,
            _affordable(setup, factor // 2, radius),
            setup.reach,
            COARSE_TAIL,
        )
        moments = build_moments(spatial, _largest(spatial), _scale(pixel_map), radius)
        source = dataclasses.replace(source, compact=build_compact_image(setup, tables, moments, radius, name))
    if needs_wide:
        wide = build_wide_source(setup, spatial, pixel_map, rotation, _scale(pixel_map), name)
        source = dataclasses.replace(source, wide=wide)
    return source


def _affordable(setup: FoldSetup, factor: int, radius: float) -> int:
    """Return the lattice points a pixel for which the transforms of the PSF do not grow beyond `LARGEST_BANK`."""
    side = 2.0 * (radius + setup.reach)
    while factor > COARSEST and 8.0 * setup.n_psf * (factor * side) ** 2 > LARGEST_BANK:
        factor //= 2
    return factor


def _whole_map(setup: FoldSetup) -> int:
    """Return the pixels from a source beyond which none of its light can reach the map."""
    return max(setup.shape) + 2 * setup.reach + 4


def _cut_out(setup: FoldSetup, spatial: SpatialModel, scale: float) -> tuple[float, bool, bool]:
    """Return the compact radius in pixels, and whether images by samples and the compact image are needed."""
    fixed_shape = has_fixed_shape(spatial)
    start = spatial.shape_values
    if not spatial.smooth_when_wide:
        pixels = spatial.extent(np, **_largest(spatial)) * scale
        return float(max(pixels, 0.0 if fixed_shape else SMALLEST_REACH)), False, True
    major, e, _ = spatial.ellipse(np, **start)
    minor = major * scale * np.sqrt(1.0 - e**2)
    extent = float(spatial.extent(np, **start)) * scale
    if fixed_shape:
        grid = setup.shared("grid", lambda: build_sky_grid(setup))
        by_samples = samples_needed(minor, fine=fine_fits(setup, grid, extent)) is not None
        return extent + 0.5, by_samples, not by_samples
    ranges = image_ranges(setup, spatial)
    unit, last = extent / (major * scale), ranges[-1].high
    # Of a round shape the moments are for small sizes only; an elongated one may be long while it is thin.
    elongated = GROWTH * major * scale if minor < last and len(ranges) == 1 else 0.0
    return float(unit * max(elongated, last) + 0.5), True, True


def _largest(spatial: SpatialModel) -> dict[str, float]:
    """Return the shape parameters at the largest extent that the fit allows.

    A size goes up to its maximum, or to `GROWTH` times its start; another free parameter to its maximum.
    """
    values = dict(spatial.shape_values)
    for parameter in spatial.parameters:
        if parameter.frozen or parameter.name not in values:
            continue
        if np.isfinite(parameter.max):
            values[parameter.name] = parameter.max * parameter.canonical_factor
        elif parameter.name in spatial.size_names:
            values[parameter.name] = GROWTH * parameter.canonical_value
    return values


def _fixed_brightness(setup: FoldSetup, spatial: ConstantSpatialModel | TemplateSpatialModel, name: str) -> FixedImage:
    lon, lat = setup.geom.center
    jacobian = build_pixel_map(setup.geom, lon, lat, 1.0).jacobian
    if isinstance(spatial, ConstantSpatialModel):
        value = spatial.canonical_values["value"]
        return build_fixed_image(
            setup, brightness_templates(setup, jacobian, lambda lon, lat: np.full(lon.shape, value)), name
        )
    rotation = frame_rotation(setup.geom.frame, spatial.frame)

    def to_frame(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y, z = np.tensordot(rotation, unit_vector(np, lon, lat), axes=1)
        return np.rad2deg(np.arctan2(y, x)), np.rad2deg(np.arctan2(z, np.hypot(x, y)))

    if spatial.energy_dependent:
        templates, energies = cube_templates(setup, jacobian, spatial, to_frame)
        return build_fixed_image(setup, templates, name, energies)
    templates = brightness_templates(setup, jacobian, lambda lon, lat: spatial.plane_brightness(*to_frame(lon, lat), 0))
    return build_fixed_image(setup, templates, name)
