"""How one source is folded: which image it needs, and the change from one to the other as its size grows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.errors import ModelError
from bayesmap.fold.compact import CompactImage, build_compact_image
from bayesmap.fold.cube import cube_templates
from bayesmap.fold.field import FieldImage, build_field_image
from bayesmap.fold.fixed import FixedImage, brightness_templates, build_fixed_image, evaluate_templates
from bayesmap.fold.kernel import build_tables, lattice_factor
from bayesmap.fold.moments import build_moments
from bayesmap.fold.ops.lazy import lazy_share
from bayesmap.fold.pixelmap import PixelMap, build_pixel_map, frame_rotation, tangent_basis, unit_vector
from bayesmap.fold.placement import Piece, Place, assemble, locate, outside
from bayesmap.fold.point import PointImage, build_point_image
from bayesmap.fold.setup import FoldSetup
from bayesmap.fold.wide import SkyGrid, arc_offsets, build_sky_grid, build_transfer
from bayesmap.fold.window import SkyWindow, build_windows, radii_of
from bayesmap.irf.psf import RadialPSF
from bayesmap.models.sky import SkyModel
from bayesmap.models.spatial.base import SpatialModel, ellipse_matrix
from bayesmap.models.spatial.constant import ConstantSpatialModel
from bayesmap.models.spatial.gaussian_process_sky import GaussianProcessSpatialModel
from bayesmap.models.spatial.template import TemplateSpatialModel

BLEND_LOW, BLEND_HIGH = 2.0, 3.0
"""Pixels of minor-axis sigma between which the image goes over from `compact` to `wide`; both are exact there: samples
of a Gaussian alias by exp(-(pi sigma)^2 / 2), 3e-9 at two pixels."""
GROWTH = 2.0
"""A size without a declared maximum may grow to this many times its start where its cut-out is fixed."""
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
    wide : (SkyGrid, shared variable), optional
        Image of a wide shape on the whole map: the grid, and the PSF's transfer function.
    windows : tuple of SkyWindow
        The same in cut-outs, for sizes that they hold.
    """

    setup: FoldSetup
    model: SpatialModel
    pixel_map: PixelMap
    rotation: np.ndarray
    point: PointImage | None = None
    compact: CompactImage | None = None
    wide: tuple[SkyGrid, Any] | None = None
    windows: tuple[SkyWindow, ...] = ()

    def pieces(self, mixing: Any, vector: Any, values: dict[str, Any]) -> tuple[Piece, ...]:
        """Return predicted counts, n_reco planes.

        Parameters
        ----------
        mixing : tensor, shape (n_reco, n_true), unit cm-2 s-1
            Flux per true-energy bin times its share in each reconstructed-energy bin.
        vector : tensor, shape (3,)
            Position as a unit vector of the model's frame.
        values : dict
            Shape parameters in canonical units.
        """
        rotated = self._rotated(vector)
        place = locate(self.pixel_map, rotated, self.setup.shape, self.pad)
        if self.point is not None:
            return self.point.pieces(mixing, place)
        share = self._wide_share(values)
        placed = [mixing, *values.values(), place.i_y, place.i_x, place.d_y, place.d_x]
        compact = () if self.compact is None else self._compact(mixing, place, values)
        images: list[tuple[Any, tuple[Piece, ...]]] = [(1.0 - share, compact)] if compact else []
        shares = self._window_shares(share, values)
        for part, window in zip(shares, self.windows, strict=False):
            images.append((part, (self._in_window(window, mixing, vector, rotated, place, values),)))
        if self.wide is not None and len(shares) > len(self.windows):
            images.append((shares[-1], (self._wide(mixing, vector, rotated, values),)))
        if len(images) == 1:
            return images[0][1]
        inputs = [*placed, vector, rotated]
        return tuple(piece for part, pieces in images for piece in _lazily(part, pieces, inputs))

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
        away = outside(self.pixel_map, self._rotated(vector), self.setup.shape, self.pad)
        for name in self.model.size_names:
            away = pt.or_(away, values[name] < 0.0)
        if self.compact is None:
            return away
        if self.compact.half >= _whole_map(self.setup):
            return away
        too_large = self.model.extent(pt, **values) * _scale(self.pixel_map) > self.compact.half - 1
        if self.wide is not None:
            too_large = pt.and_(too_large, self._wide_share(values) < 1.0)
        return pt.or_(away, too_large)

    def _rotated(self, vector: Any) -> Any:
        return pt.stack([sum(float(row[i]) * vector[i] for i in range(3)) for row in self.rotation])

    def _wide_share(self, values: dict[str, Any]) -> Any:
        """Return the share of the wide image: 0 below BLEND_LOW, 1 above BLEND_HIGH, twice differentiable."""
        if self.wide is None or self.compact is None:
            return 1.0
        major, e, _ = self.model.ellipse(pt, **values)
        minor = major * pt.sqrt(1.0 - e**2) * _scale(self.pixel_map)
        t = (minor - BLEND_LOW) / (BLEND_HIGH - BLEND_LOW)
        t = pt.minimum(pt.maximum(t, 0.0), 1.0)
        return t**3 * (10.0 - 15.0 * t + 6.0 * t * t)

    def _window_shares(self, share: Any, values: dict[str, Any]) -> list[Any]:
        """Return the share of each cut-out, and of the whole map where the size may go beyond the last.

        One of them has all of the wide image's share: that which holds the source.
        """
        if self.wide is None:
            return []
        if self.windows and self.fixed_shape:
            return [share]
        radius = self.model.extent(pt, **values) * _scale(self.pixel_map)
        left, shares = share * pt.ones(()), []
        for window in self.windows:
            held = pt.le(radius, window.half - 1)
            shares.append(pt.switch(held, left, 0.0))
            left = pt.switch(held, 0.0, left)
        return [*shares, left]

    @property
    def fixed_shape(self) -> bool:
        """True if only the position is free."""
        return _fixed_shape(self.model)

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

    def _wide(self, mixing: Any, vector: Any, rotated: Any, values: dict[str, Any]) -> Piece:
        if self.wide is None:
            raise AssertionError("a source without a wide image asked for it")
        grid, transfer = self.wide
        return Piece(grid.npred(mixing, self._brightness(grid.vectors, vector, rotated, values), transfer), 0, 0)

    def _in_window(
        self, window: SkyWindow, mixing: Any, vector: Any, rotated: Any, place: Place, values: dict[str, Any]
    ) -> Piece:
        return window.piece(mixing, place, self._brightness(window.directions(place), vector, rotated, values))

    def _brightness(self, vectors: Any, vector: Any, rotated: Any, values: dict[str, Any]) -> Any:
        """Return the brightness in sr-1 in the directions of some pixels."""
        east, north = _directions(vector)
        x, y = arc_offsets(vectors, rotated, self._rotated(east), self._rotated(north))
        return self.model.evaluate(pt, x, y, **values)

    def _turn(self) -> np.ndarray:
        """Return the matrix from East and North of the model's frame to those of the map's, at the start."""
        model_basis = tangent_basis(*self.model.position) @ self.rotation.T
        return self.pixel_map.basis[1:] @ model_basis[1:].T


def _lazily(share: Any, pieces: tuple[Piece, ...], inputs: list[Any]) -> list[Piece]:
    """Return the share of pieces, which are worked out only where it is not zero."""
    windows = lazy_share(share, [piece.window for piece in pieces], inputs)
    return [Piece(window, piece.i, piece.j) for window, piece in zip(windows, pieces, strict=True)]


def _scale(pixel_map: PixelMap) -> float:
    """Return the pixels per degree along the tighter direction at the start."""
    return float(np.linalg.svd(pixel_map.jacobian)[1].max())


def _directions(vector: Any) -> tuple[Any, Any]:
    """Return East and North unit vectors at a direction of the model's frame (undefined exactly at its poles)."""
    horizontal = pt.sqrt(vector[0] ** 2 + vector[1] ** 2)
    east = pt.stack([-vector[1] / horizontal, vector[0] / horizontal, 0.0 * vector[0]])
    north = pt.stack([-vector[2] * vector[0] / horizontal, -vector[2] * vector[1] / horizontal, horizontal])
    return east, north


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
        setup, lambda _, mixing: assemble(source.pieces(mixing, vector, shape), setup.shape)
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
    check_position(setup, name, lon, lat)
    width = float(np.hypot(*setup.shape)) * np.sqrt(float(np.median(setup.geom.solid_angle()))) * 180.0 / np.pi
    pixel_map = build_pixel_map(setup.geom, lon, lat, width)
    source = FreeSource(setup, spatial, pixel_map, rotation)
    factor = lattice_factor(setup.psf, pixel_map.jacobian) if isinstance(setup.psf, RadialPSF) else 8
    if spatial.image_kind == "point":
        tables = build_tables(setup.psf, pixel_map.jacobian, setup.n_psf, factor, setup.reach)
        return dataclasses.replace(source, point=build_point_image(setup, tables, name))
    radius, needs_wide, needs_compact = _cut_out(spatial, _scale(pixel_map))
    if needs_compact:
        radius = min(radius, float(_whole_map(setup)))
        tables = build_tables(
            setup.psf, pixel_map.jacobian, setup.n_psf, _affordable(setup, factor // 2, radius), setup.reach
        )
        moments = build_moments(spatial, _largest(spatial), _scale(pixel_map), radius)
        source = dataclasses.replace(source, compact=build_compact_image(setup, tables, moments, radius, name))
    if needs_wide:
        source = _with_wide(setup, source, name)
    return source


def _with_wide(setup: FoldSetup, source: FreeSource, name: str) -> FreeSource:
    """Return the source with its wide images."""
    spatial, jacobian = source.model, source.pixel_map.jacobian
    grid = setup.shared("grid", lambda: build_sky_grid(setup))
    fixed = _fixed_shape(spatial)
    start = float(spatial.extent(np, **spatial.shape_values)) * _scale(source.pixel_map)
    windows = build_windows(setup, grid, radii_of(start, fixed=fixed), jacobian, name)
    transfer = None if windows and fixed else build_transfer(setup, grid.size, jacobian, name)
    return dataclasses.replace(source, wide=(grid, transfer), windows=windows)


def _fixed_shape(spatial: SpatialModel) -> bool:
    return all(item.frozen for item in spatial.parameters if item.name not in ("lon_0", "lat_0"))


def _affordable(setup: FoldSetup, factor: int, radius: float) -> int:
    """Return the lattice points a pixel for which the transforms of the PSF do not grow beyond `LARGEST_BANK`."""
    side = 2.0 * (radius + setup.reach)
    while factor > COARSEST and 8.0 * setup.n_psf * (factor * side) ** 2 > LARGEST_BANK:
        factor //= 2
    return factor


def _whole_map(setup: FoldSetup) -> int:
    """Return the pixels from a source beyond which none of its light can reach the map."""
    return max(setup.shape) + 2 * setup.reach + 4


def _cut_out(spatial: SpatialModel, scale: float) -> tuple[float, bool, bool]:
    """Return the compact radius in pixels, and whether the wide and the compact image are needed."""
    fixed_shape = _fixed_shape(spatial)
    start = spatial.shape_values
    if not spatial.smooth_when_wide:
        pixels = spatial.extent(np, **_largest(spatial)) * scale
        return float(max(pixels, 0.0 if fixed_shape else SMALLEST_REACH)), False, True
    major, e, _ = spatial.ellipse(np, **start)
    minor = major * scale * np.sqrt(1.0 - e**2)
    needs_wide = not fixed_shape or minor > BLEND_LOW
    needs_compact = not fixed_shape or minor < BLEND_HIGH
    growth = 1.0 if fixed_shape else GROWTH
    unit = spatial.extent(np, **start) / major
    elongated = growth * major * scale if minor < BLEND_HIGH else 0.0
    return float(unit * max(elongated, 0.0 if fixed_shape else BLEND_HIGH) + 0.5), needs_wide, needs_compact


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


def check_position(setup: FoldSetup, name: str, lon: float, lat: float) -> None:
    """Refuse a source that stands beyond the padded map.

    Raises
    ------
    ModelError
        BM-MO-001 with the distance to the map's edge.
    """
    x, y = (float(np.squeeze(v)) for v in setup.geom.sky_to_pixel(np.array([lon]), np.array([lat])))
    n_lat, n_lon = setup.shape
    beyond = max(-0.5 - x, x - n_lon + 0.5, -0.5 - y, y - n_lat + 0.5)
    if not beyond <= setup.reach:
        pixel = np.sqrt(float(np.median(setup.geom.solid_angle()))) * 180.0 / np.pi
        centre = setup.geom.center
        raise ModelError(
            "BM-MO-001",
            what=f"source {name!r} at lon={lon:.4f}, lat={lat:.4f} deg ({setup.geom.frame}) stands "
            f"{beyond * pixel:.2f} deg outside the map around ({centre[0]:.4f}, {centre[1]:.4f}) deg",
            rule=f"A source must lie on the map or within the PSF's reach of it ({setup.reach * pixel:.2f} deg)",
            remedy="Correct its position or frame, or remove it from the models",
        )
