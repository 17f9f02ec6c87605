"""Brightness given as a map."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from bayesmap.errors import ModelError
from bayesmap.models.parameter import Parameter
from bayesmap.models.spatial.base import SpatialModel


class TemplateSpatialModel(SpatialModel):
    r"""Brightness given as an image, interpolated log-linearly between pixel centres, zero outside its pixels.

    .. math:: \phi(\Omega) = \exp \sum_k w_k \ln t_k

    with the bilinear weights w of the four pixel centres around the point, continued from the outermost centres to the
    edges of their pixels. Where one of the four is zero, the interpolation is linear, and constant beyond the outermost
    centres.

    Parameters
    ----------
    map : WcsNDMap
        Image; finite and not negative. With `normalize` its integral over the sphere (values times pixel solid angles)
        is scaled to one, and its unit does not matter; without, its unit must be sr-1 or equivalent.
    normalize : bool
        Default True.
    filename : str
        Where the map came from, kept for writing. Default "".
    frame : str
        Frame of the map, taken from it.
    lon_0, lat_0 : Quantity
        Centre, frozen: a template does not move.
    """

    tag = ("TemplateSpatialModel", "template")
    has_position = False
    image_kind = "fixed"
    settings: ClassVar[dict[str, Any]] = {"frame": "icrs", "map": None, "normalize": True, "filename": ""}
    lon_0 = Parameter("lon_0", 0.0, "deg", frozen=True)
    lat_0 = Parameter("lat_0", 0.0, "deg", min=-90.0, max=90.0, frozen=True)
    map: Any
    normalize: bool
    filename: str

    def __init__(self, **values: Any) -> None:
        """Take frame and centre from the map, where they are not given."""
        template = values.get("map")
        if template is not None:
            values.setdefault("frame", template.geom.frame)
            lon, lat = template.geom.center
            values.setdefault("lon_0", Parameter("lon_0", lon, "deg", frozen=True))
            values.setdefault("lat_0", Parameter("lat_0", lat, "deg", min=-90.0, max=90.0, frozen=True))
        super().__init__(**values)

    def check(self) -> None:
        """Check frame, map and that the template stays where it is."""
        super().check()
        self._check_map()
        free = [item.name for item in (self.lon_0, self.lat_0) if not item.frozen]
        if free:
            raise ModelError(
                "BM-MO-008",
                what=f"TemplateSpatialModel has free {' and '.join(free)}",
                rule="A template does not move",
                remedy="Set frozen: true on its position",
            )

    def _check_map(self) -> None:
        problem = ""
        if self.map is None:
            problem = "no map"
        elif self.map.data.squeeze().ndim != 2:
            problem = f"a map of shape {self.map.data.shape}, not one image"
        elif not np.all(np.isfinite(self.map.data)) or np.any(self.map.data < 0):
            bad = np.argwhere(~(np.isfinite(self.map.data) & (self.map.data >= 0)))
            problem = f"{len(bad)} of {self.map.data.size} pixels negative or not finite, first {bad[0].tolist()}"
        elif not np.any(self.map.data > 0):
            problem = "a map that is zero everywhere"
        if problem:
            raise ModelError(
                "BM-MO-009",
                what=f"TemplateSpatialModel {self.filename!r} has {problem}",
                rule="A template is one image, finite, not negative, somewhere positive",
                remedy="Correct the map, or choose the plane to use",
            )

    @property
    def image(self) -> np.ndarray:
        """Brightness at the pixel centres, shape (n_lat, n_lon), unit sr-1."""
        data = self.map.data.reshape(self.map.data.shape[-2:])
        if self.normalize:
            return data / np.sum(data * self.map.geom.to_image().solid_angle())
        return data * float(self.map.quantity.unit.to("sr-1"))

    def brightness(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return the brightness in sr-1 at positions in degrees of the map's frame."""
        x, y = self.map.geom.sky_to_pixel(lon, lat)
        return _interpolate(self.image, np.asarray(x), np.asarray(y))

    def __hash__(self) -> int:
        """Hash of class, centre and file name; the map itself is compared in __eq__."""
        return hash((type(self), self.parameters, self.filename))

    def __eq__(self, other: object) -> bool:
        """Compare parameters, settings and the map's values."""
        if not isinstance(other, TemplateSpatialModel):
            return NotImplemented
        same = (self.parameters, self.frame, self.normalize) == (other.parameters, other.frame, other.normalize)
        return same and bool(np.array_equal(self.image, other.image))


def _interpolate(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Interpolate at pixel coordinates by the rule of `TemplateSpatialModel`."""
    n_y, n_x = image.shape
    inside = (x >= -0.5) & (x <= n_x - 0.5) & (y >= -0.5) & (y <= n_y - 0.5)
    i, v = _cell(np.where(inside, y, 0.0), n_y)
    j, u = _cell(np.where(inside, x, 0.0), n_x)
    corners = [image[np.minimum(i + a, n_y - 1), np.minimum(j + b, n_x - 1)] for a in (0, 1) for b in (0, 1)]
    positive = np.all([corner > 0 for corner in corners], axis=0)
    logs = [np.log(np.where(positive, corner, 1.0)) for corner in corners]
    # A linear continuation towards a zero would run below it.
    linear = _blend(corners, np.minimum(np.maximum(u, 0.0), 1.0), np.minimum(np.maximum(v, 0.0), 1.0))
    return np.where(inside, np.where(positive, np.exp(_blend(logs, u, v)), linear), 0.0)


def _cell(position: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixel centre below a position, and the distance to it: outside 0 to 1 beyond the outermost centres."""
    index = np.minimum(np.maximum(np.floor(position).astype(int), 0), max(n - 2, 0))
    return index, position - index


def _blend(corners: list[np.ndarray], u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the bilinear combination of the values at the corners of the cells."""
    return (1 - v) * ((1 - u) * corners[0] + u * corners[1]) + v * ((1 - u) * corners[2] + u * corners[3])
