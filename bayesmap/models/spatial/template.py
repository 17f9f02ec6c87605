"""Brightness given as a map: an image, or a cube over true energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.maps.geometry import WcsGeom
from bayesmap.models.parameter import Parameter
from bayesmap.models.spatial.base import SpatialModel, degrees
from bayesmap.models.spatial.offsets import rotate
from bayesmap.units import to_float64

BRIGHTNESS, FLUX = "sr-1", "cm-2 s-1 TeV-1 sr-1"


class TemplateSpatialModel(SpatialModel):
    r"""Brightness given as a map, interpolated log-linearly between pixel centres, zero outside its pixels.

    .. math:: \phi(\Omega) = \exp \sum_k w_k \ln t_k

    with the bilinear weights w of the four pixel centres around the point, continued from the outermost centres to the
    edges of their pixels. Where one of the four is zero, the interpolation is linear, and constant beyond the outermost
    centres. A cube is interpolated likewise along ln E, between the centres (nodes) of its energy axis, and continued
    as a power law to the axis' ends; it is zero beyond.

    Parameters
    ----------
    map : WcsNDMap
        Image, or cube with the axis ``energy_true`` (or ``energy``); finite and not negative. With `normalize` its
        integral over the sphere (values times pixel solid angles) is scaled to one, at every energy, and its unit does
        not matter; without, its unit must be sr-1 or equivalent, or, for a cube, cm-2 s-1 TeV-1 sr-1 or equivalent: it
        then holds the spectrum too, and goes with a norm model.
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
        elif self.map.data.ndim > 3 or (self.map.data.ndim == 3 and not self._energy_axis):
            problem = f"a map of shape {self.map.data.shape}, neither one image nor a cube over true energy"
        elif not np.all(np.isfinite(self.map.data)) or np.any(self.map.data < 0):
            bad = np.argwhere(~(np.isfinite(self.map.data) & (self.map.data >= 0)))
            problem = f"{len(bad)} of {self.map.data.size} pixels negative or not finite, first {bad[0].tolist()}"
        elif not np.any(self.map.data > 0):
            problem = "a map that is zero everywhere"
        if problem:
            raise ModelError(
                "BM-MO-009",
                what=f"{self._title} has {problem}",
                rule="A template is one image or a cube, finite, not negative, somewhere positive",
                remedy="Pass map=, for example WcsNDMap.read(path)"
                if self.map is None
                else "Correct the map, or choose the plane to use",
            )
        self._check_planes()

    def _check_planes(self) -> None:
        """Refuse a cube that cannot be normalised at each energy, or whose unit is none of a brightness."""
        if self.normalize:
            empty = np.flatnonzero(np.all(self._cube == 0.0, axis=(1, 2)))
            problem = f"{len(empty)} planes that are zero everywhere, first {empty[0]}" if len(empty) else ""
            remedy = "Leave those energies out, or pass normalize=False"
        else:
            known = [BRIGHTNESS, FLUX] if self.energy_dependent else [BRIGHTNESS]
            fits = any(self.map.unit.is_equivalent(unit) for unit in known)
            problem = "" if fits else f"unit {str(self.map.unit)!r}"
            remedy = f"Convert it to {' or '.join(known)}, or pass normalize=True"
        if problem:
            raise ModelError(
                "BM-MO-040",
                what=f"{self._title} has a map with {problem}",
                rule="A normalised template has light at every energy; another has the unit of a brightness",
                remedy=remedy,
            )

    @property
    def _title(self) -> str:
        """Class and file name, for messages."""
        return f"TemplateSpatialModel {self.filename!r}" if self.filename else "TemplateSpatialModel"

    @property
    def _energy_axis(self) -> Any:
        """The axis of energy, or None."""
        return next((axis for axis in self.map.geom.axes if axis.name in ("energy_true", "energy")), None)

    @property
    def energy_dependent(self) -> bool:
        """True for a cube of more than one plane."""
        return len(self._cube) > 1

    @property
    def is_flux(self) -> bool:
        """True for a cube in cm-2 s-1 TeV-1 sr-1, which holds the spectrum too."""
        return not self.normalize and bool(self.map.unit.is_equivalent(FLUX))

    @property
    def energies(self) -> np.ndarray:
        """Energies in TeV of the planes of a cube."""
        return np.asarray(self._energy_axis.center * u.Unit(self._energy_axis.unit).to("TeV"))

    @property
    def energy_range(self) -> tuple[float, float]:
        """First and last energy in TeV at which a cube is not zero: half a step beyond its nodes, or its edges."""
        axis, nodes = self._energy_axis, self.energies
        if axis.node_type == "edges":
            edges = np.asarray(axis.edges * u.Unit(axis.unit).to("TeV"))
            return float(edges[0]), float(edges[-1])
        return float(nodes[0] ** 1.5 / nodes[1] ** 0.5), float(nodes[-1] ** 1.5 / nodes[-2] ** 0.5)

    @property
    def _cube(self) -> np.ndarray:
        """Values of the map, shape (n_plane, n_lat, n_lon)."""
        return np.asarray(self.map.data.reshape(-1, *self.map.data.shape[-2:]))

    def plane(self, index: int) -> np.ndarray:
        """Return the brightness of a plane at the pixel centres, shape (n_lat, n_lon).

        Unit sr-1, or cm-2 s-1 TeV-1 sr-1 for a cube that holds the spectrum.
        """
        data = self._cube[index]
        if self.normalize:
            return np.asarray(data / np.sum(data * self.map.geom.to_image().solid_angle()))
        return np.asarray(data * float(self.map.unit.to(FLUX if self.is_flux else BRIGHTNESS)))

    @property
    def image(self) -> np.ndarray:
        """Brightness at the pixel centres of a template of one plane, shape (n_lat, n_lon), unit sr-1."""
        return self.plane(0)

    @property
    def planes(self) -> np.ndarray:
        """Brightness of all planes, shape (n_plane, n_lat, n_lon)."""
        return np.stack([self.plane(index) for index in range(len(self._cube))])

    def brightness(self, lon: np.ndarray, lat: np.ndarray, energy: Any = None) -> np.ndarray:
        """Return the brightness at positions in degrees of the map's frame.

        Parameters
        ----------
        lon, lat : ndarray, unit deg
            Positions.
        energy : ndarray, unit TeV
            Energies, for a cube; they broadcast with the positions.

        Raises
        ------
        ModelError
            BM-MO-041 for a cube without energies.
        """
        if not self.energy_dependent:
            return self.plane_brightness(lon, lat, 0)
        if energy is None:
            raise ModelError(
                "BM-MO-041",
                what=f"{self._title} was evaluated without energy",
                rule="The brightness of a cube depends on energy",
                remedy="Pass energy=",
            )
        lon, lat, energy = np.broadcast_arrays(lon, lat, energy)
        below, fraction = place_between(self.energies, energy)
        low, high = self.energy_range
        total = np.zeros(lon.shape)
        for k in np.unique(below):
            here = (below == k) & (energy >= low) & (energy <= high)
            ends = [self.plane_brightness(lon[here], lat[here], index) for index in (int(k), int(k) + 1)]
            total[here] = between(ends[0], ends[1], fraction[here])
        return total

    def plane_brightness(self, lon: np.ndarray, lat: np.ndarray, index: int) -> np.ndarray:
        """Return the brightness of one plane at positions in degrees of the map's frame."""
        return self.points(lon, lat).interpolate(self.plane(index))

    def points(self, lon: np.ndarray, lat: np.ndarray) -> TemplatePoints:
        """Return the place of positions in degrees of the map's frame among the pixels, the same for every plane."""
        x, y = self.map.geom.sky_to_pixel(lon, lat)
        return template_points(np.asarray(x), np.asarray(y), self._cube.shape[-2:])

    def __call__(self, lon: Any, lat: Any, energy: u.Quantity | None = None) -> u.Quantity:
        """Return the brightness at positions, and for a cube at energies; see `SpatialModel.__call__`."""
        given = None if energy is None else to_float64(energy, "TeV", "energy")
        lon, lat = np.broadcast_arrays(degrees(lon), degrees(lat))
        return u.Quantity(self.brightness(lon, lat, given), FLUX if self.is_flux else BRIGHTNESS)

    def evaluate_geom(self, geom: WcsGeom) -> u.Quantity:
        """Return the brightness at the pixel centres, for a cube also at the centres of the bins of true energy."""
        lon, lat = rotate(*geom.to_image().pixel_centers(), geom.frame, self.frame)
        if not self.energy_dependent:
            return self(lon, lat)
        axis = geom.axis("energy_true")
        return self(lon[None], lat[None], (axis.center * u.Unit(axis.unit))[:, None, None])

    def __hash__(self) -> int:
        """Hash of class, centre and file name; the map itself is compared in __eq__."""
        return hash((type(self), self.parameters, self.filename))

    def __eq__(self, other: object) -> bool:
        """Compare parameters, settings and the map's values."""
        if not isinstance(other, TemplateSpatialModel):
            return NotImplemented
        same = (self.parameters, self.frame, self.normalize) == (other.parameters, other.frame, other.normalize)
        return same and self.map.geom.is_close(other.map.geom) and bool(np.array_equal(self.planes, other.planes))


def place_between(nodes: np.ndarray, energy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the node below each energy (the last but one at most), and the fraction of the way to the next in ln E."""
    below = np.clip(np.searchsorted(nodes, energy, side="right") - 1, 0, len(nodes) - 2)
    return below, np.log(energy / nodes[below]) / np.log(nodes[below + 1] / nodes[below])


def between(low: np.ndarray, high: np.ndarray, fraction: Any) -> np.ndarray:
    """Return low^(1 - f) high^f; where one is zero, the straight line from low to high, held at its ends."""
    positive = (low > 0.0) & (high > 0.0)
    logs = (1.0 - fraction) * np.log(np.where(positive, low, 1.0)) + fraction * np.log(np.where(positive, high, 1.0))
    held = np.minimum(np.maximum(fraction, 0.0), 1.0)
    return np.where(positive, np.exp(logs), (1.0 - held) * low + held * high)


@dataclass(frozen=True)
class TemplatePoints:
    """Positions among the pixels of a template.

    Parameters
    ----------
    inside : ndarray of bool
        True on the map.
    corners : tuple of ndarray of int
        Flat indices of the four pixels around each position, x changing fastest.
    u, v : ndarray
        Distance in x and y from the first of them, pixels; outside 0 to 1 beyond the outermost centres.
    """

    inside: np.ndarray
    corners: tuple[np.ndarray, ...]
    u: np.ndarray
    v: np.ndarray

    def interpolate(self, image: np.ndarray) -> np.ndarray:
        """Interpolate an image by the rule of `TemplateSpatialModel`."""
        flat = image.ravel()
        lit = flat > 0.0
        logs = np.log(np.where(lit, flat, 1.0))
        values = np.exp(_blend([logs[corner] for corner in self.corners], self.u, self.v))
        if not np.all(lit):
            dark = ~np.all([lit[corner] for corner in self.corners], axis=0)
            # A linear continuation towards a zero would run below it.
            held = [np.minimum(np.maximum(place[dark], 0.0), 1.0) for place in (self.u, self.v)]
            values[dark] = _blend([flat[corner[dark]] for corner in self.corners], *held)
        return np.where(self.inside, values, 0.0)


def template_points(x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> TemplatePoints:
    """Return the place of pixel coordinates in a template of a shape (n_y, n_x)."""
    n_y, n_x = shape
    inside = (x >= -0.5) & (x <= n_x - 0.5) & (y >= -0.5) & (y <= n_y - 0.5)
    i, v = _cell(np.where(inside, y, 0.0), n_y)
    j, u = _cell(np.where(inside, x, 0.0), n_x)
    corners = tuple(np.minimum(i + a, n_y - 1) * n_x + np.minimum(j + b, n_x - 1) for a in (0, 1) for b in (0, 1))
    return TemplatePoints(inside, corners, u, v)


def _cell(position: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixel centre below a position, and the distance to it: outside 0 to 1 beyond the outermost centres."""
    index = np.minimum(np.maximum(np.floor(position).astype(int), 0), max(n - 2, 0))
    return index, position - index


def _blend(corners: list[np.ndarray], u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the bilinear combination of the values at the corners of the cells."""
    return (1 - v) * ((1 - u) * corners[0] + u * corners[1]) + v * ((1 - u) * corners[2] + u * corners[3])
