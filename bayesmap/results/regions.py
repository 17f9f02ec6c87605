r"""Regions on the sky: an ellipse, and a set of polygons, as records that know their area and what lies inside.

Both are drawn in the plane of azimuthal-equidistant offsets from their centre, :math:`x = \theta\sin\psi` towards East
and :math:`y = \theta\cos\psi` towards North, with the separation :math:`\theta` and the position angle :math:`\psi`:
lengths along a radius are true angles, at the poles and at longitude 0 as elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from bayesmap.fold.pixelmap import tangent_basis
from bayesmap.maps.sphere import triangle_area, unit_vectors
from bayesmap.models.spatial.offsets import offsets
from bayesmap.units import FloatArray

AREA_ANGLES = 720
"""Directions over which the area of an ellipse is integrated: a periodic integrand, exact to rounding."""
SQUARE_DEGREES = (180.0 / math.pi) ** 2


@dataclass(frozen=True)
class EllipseRegion:
    r"""Ellipse on the sky.

    Parameters
    ----------
    name : str
        Source that it belongs to.
    meaning : str
        What it is, such as ``"position (draws)"``.
    frame : str
        ``"icrs"``, ``"galactic"`` or ``"fk5"``.
    lon, lat : float, unit deg
        Centre.
    semi_major, semi_minor : float, unit deg
        Semi-axes, true angles on the sky.
    position_angle : float, unit deg
        Of the major axis, from North towards East, 0 to 180.
    mass : float
        Probability inside; of a shape of a source NaN.
    share : float
        Share of the draws inside; NaN where there are none.
    """

    name: str
    meaning: str
    frame: str
    lon: float
    lat: float
    semi_major: float
    semi_minor: float
    position_angle: float
    mass: float = math.nan
    share: float = math.nan

    @property
    def label(self) -> str:
        """Source, what the region is, and the probability inside."""
        return _label(self)

    @property
    def radius(self) -> float:
        """Radius of the circle of the same area in the plane, deg: the geometric mean of the semi-axes."""
        return math.sqrt(self.semi_major * self.semi_minor)

    @property
    def area(self) -> float:
        r"""Solid angle in deg2, :math:`\int (1 - \cos r(\psi))\,d\psi`."""
        angle = np.arange(AREA_ANGLES) * (2.0 * np.pi / AREA_ANGLES)
        radius = 1.0 / np.hypot(np.cos(angle) / self.semi_major, np.sin(angle) / self.semi_minor)
        caps = 2.0 * np.sin(0.5 * np.deg2rad(radius)) ** 2
        return float(caps.sum() * 2.0 * np.pi / AREA_ANGLES * SQUARE_DEGREES)

    def contains(self, lon: FloatArray, lat: FloatArray) -> np.ndarray:
        """Return which positions, in degrees of the frame, lie inside."""
        x, y = offsets(np.asarray(lon, np.float64), np.asarray(lat, np.float64), self.lon, self.lat)
        angle = math.radians(self.position_angle)
        along, across = x * math.sin(angle) + y * math.cos(angle), x * math.cos(angle) - y * math.sin(angle)
        return np.asarray(np.hypot(along / self.semi_major, across / self.semi_minor) <= 1.0)

    def outline(self, n: int = 181) -> tuple[FloatArray, FloatArray]:
        """Return `n` points of the border in degrees, the first again at the end, longitude from 0 to 360."""
        turn, angle = np.linspace(0.0, 2.0 * np.pi, n), math.radians(self.position_angle)
        along, across = self.semi_major * np.cos(turn), self.semi_minor * np.sin(turn)
        x, y = along * math.sin(angle) + across * math.cos(angle), along * math.cos(angle) - across * math.sin(angle)
        return from_offsets(x, y, self.lon, self.lat)

    @property
    def outlines(self) -> tuple[tuple[FloatArray, FloatArray], ...]:
        """The only piece of the border, as of `ContourRegion.outlines`."""
        return (self.outline(),)

    def at(self, mass: float) -> EllipseRegion:
        r"""Return the ellipse that holds another probability of the same normal distribution.

        Semi-axes go with :math:`\sqrt{-2\ln(1 - m)}`; the share of the draws inside is not known.

        Examples
        --------
        >>> ellipse = EllipseRegion("crab", "position (Laplace)", "icrs", 83.63, 22.01, 0.02, 0.01, 30.0, 0.6827)
        >>> round(ellipse.at(0.95).semi_major, 4)
        0.0323
        """
        factor = math.sqrt(math.log1p(-mass) / math.log1p(-self.mass))
        major, minor = self.semi_major * factor, self.semi_minor * factor
        return replace(self, semi_major=major, semi_minor=minor, mass=mass, share=math.nan)

    def __str__(self) -> str:
        """Show centre, axes and what it holds."""
        shape = f"{self.semi_major:.4g} x {self.semi_minor:.4g} deg at {self.position_angle:.1f} deg"
        return f"{_head(self)}, semi-axes {shape}{_held(self)}"


@dataclass(frozen=True)
class ContourRegion:
    """Region with an arbitrary border, of one piece or several.

    Parameters
    ----------
    name, meaning, frame : str
        As of `EllipseRegion`.
    lon, lat : float, unit deg
        Mean direction of the draws, in the plane around which the border was drawn.
    pieces : tuple of ndarray, shape (n, 2), unit deg
        Closed borders (lon, lat), the longest first, the first point again at the end; sides are straight in the plane
        of offsets. A piece inside another one is a hole.
    mass, share : float
        As of `EllipseRegion`.
    """

    name: str
    meaning: str
    frame: str
    lon: float
    lat: float
    pieces: tuple[np.ndarray, ...]
    mass: float = math.nan
    share: float = math.nan

    @property
    def label(self) -> str:
        """Source, what the region is, and the probability inside."""
        return _label(self)

    @property
    def area(self) -> float:
        """Solid angle in deg2, of pieces without their holes."""
        centre = unit_vectors(self.lon, self.lat)
        total = 0.0
        for piece, hole in zip(self.pieces, self.holes, strict=True):
            corners = unit_vectors(piece[:, 0], piece[:, 1])
            piece_area = abs(float(triangle_area(centre, corners[:-1], corners[1:]).sum()))
            total += -piece_area if hole else piece_area
        return total * SQUARE_DEGREES

    @property
    def holes(self) -> tuple[bool, ...]:
        """Which pieces are holes: those that lie within an odd number of others."""
        flat = self._flat()
        first = [piece[0] for piece in flat]
        return tuple(
            sum(bool(_crossings(other, *first[i]) % 2) for j, other in enumerate(flat) if j != i) % 2 == 1
            for i in range(len(flat))
        )

    def contains(self, lon: FloatArray, lat: FloatArray) -> np.ndarray:
        """Return which positions, in degrees of the frame, lie inside."""
        x, y = offsets(np.asarray(lon, np.float64), np.asarray(lat, np.float64), self.lon, self.lat)
        crossings = np.sum([_crossings(piece, x, y) for piece in self._flat()], axis=0)
        return np.asarray(crossings % 2 == 1)

    @property
    def outlines(self) -> tuple[tuple[FloatArray, FloatArray], ...]:
        """Border of each piece as (lon, lat) in degrees."""
        return tuple((piece[:, 0], piece[:, 1]) for piece in self.pieces)

    def _flat(self) -> list[np.ndarray]:
        return [np.stack(offsets(piece[:, 0], piece[:, 1], self.lon, self.lat), axis=1) for piece in self.pieces]

    def __str__(self) -> str:
        """Show centre, area and what it holds."""
        number = len(self.pieces)
        return f"{_head(self)}, {number} piece{'s' if number > 1 else ''}, {self.area:.4g} deg2{_held(self)}"


Region = EllipseRegion | ContourRegion


def from_offsets(x: FloatArray, y: FloatArray, lon: float, lat: float) -> tuple[FloatArray, FloatArray]:
    """Return positions (longitude from 0 to 360) of azimuthal-equidistant offsets from a centre, all in degrees."""
    centre, east, north = tangent_basis(lon, lat)
    angle, direction = np.deg2rad(np.hypot(x, y)), np.arctan2(x, y)
    sideways = np.sin(direction)[..., None] * east + np.cos(direction)[..., None] * north
    vector = np.cos(angle)[..., None] * centre + np.sin(angle)[..., None] * sideways
    height = np.arctan2(vector[..., 2], np.hypot(vector[..., 0], vector[..., 1]))
    return np.rad2deg(np.arctan2(vector[..., 1], vector[..., 0])) % 360.0, np.rad2deg(height)


def mean_direction(lon: FloatArray, lat: FloatArray) -> tuple[float, float]:
    """Return the direction of the mean of unit vectors, deg, longitude from 0 to 360."""
    x, y, z = unit_vectors(np.ravel(lon), np.ravel(lat)).mean(axis=0)
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def _crossings(piece: np.ndarray, x: FloatArray, y: FloatArray) -> np.ndarray:
    """Return how often a ray from points towards positive x crosses a closed line."""
    total = np.zeros(np.shape(x), dtype=np.int64)
    for (x0, y0), (x1, y1) in pairwise(piece):
        between = (y0 > y) != (y1 > y)
        # Where the ends differ, the slope is finite.
        step = 1.0 if y1 == y0 else y1 - y0
        total += between & (x < x0 + (y - y0) / step * (x1 - x0))
    return total


def percent(mass: float) -> str:
    """Return a probability in per cent, such as 68.27 %.

    Examples
    --------
    >>> percent(0.95), percent(0.682689)
    ('95 %', '68.27 %')
    """
    return f"{100.0 * mass:.4g} %"


def _label(region: Region) -> str:
    held = "" if math.isnan(region.mass) else f", {percent(region.mass)}"
    return f"{region.name}, {region.meaning}{held}"


def _head(region: Region) -> str:
    return f"{region.label}: ({region.lon:.4f}, {region.lat:.4f}) deg {region.frame}"


def _held(region: Region) -> str:
    return "" if math.isnan(region.share) else f", {percent(region.share)} of the draws inside"
