r"""From a direction on the sky to a pixel position, as a polynomial: smooth, and the same for every projection.

astropy's projections cannot be differentiated.  Near a source the map from the tangent plane at its start,
:math:`\xi = (n\cdot e)/(n\cdot n_0),\ \eta = (n\cdot d)/(n\cdot n_0)` with unit vectors towards East e and North d,
to pixel coordinates is analytic, so a Chebyshev series reproduces it to round-off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from bayesmap.errors import GeometryError
from bayesmap.maps.geometry import WcsGeom

DEGREE = 10
TOLERANCE = 1e-8
"""Largest error of the series in pixels; the sources' positions need no more."""
LARGEST_RADIUS = 20.0
"""Degrees around the start that the series covers at most."""


def unit_vector(xp: Any, lon: Any, lat: Any) -> Any:
    """Return the unit vector(s) of a direction in degrees, shape (3, ...)."""
    lon, lat = lon * (np.pi / 180.0), lat * (np.pi / 180.0)
    return xp.stack([xp.cos(lat) * xp.cos(lon), xp.cos(lat) * xp.sin(lon), xp.sin(lat)])


def tangent_basis(lon: float, lat: float) -> np.ndarray:
    """Return the unit vectors (centre, East, North) at a direction in degrees, as rows of a (3, 3) matrix."""
    lon, lat = np.deg2rad(lon), np.deg2rad(lat)
    centre = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    east = [-np.sin(lon), np.cos(lon), 0.0]
    north = [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)]
    return np.array([centre, east, north])


def frame_rotation(from_frame: str, to_frame: str) -> np.ndarray:
    """Return the (3, 3) matrix that turns unit vectors of one frame into those of another."""
    axes = SkyCoord([0, 90, 0] * u.deg, [0, 0, 90] * u.deg, frame=from_frame).transform_to(to_frame)
    return np.asarray(axes.cartesian.xyz)


@dataclass(frozen=True)
class PixelMap:
    """Chebyshev series of pixel coordinates in tangent-plane offsets at a start position.

    Parameters
    ----------
    basis : ndarray, shape (3, 3)
        Rows: centre, East, North at the start, in the map's frame.
    radius : float
        Half width in rad of the square of tangent-plane offsets that the series covers.
    x, y : ndarray, shape (DEGREE + 1, DEGREE + 1)
        Coefficients of pixel x and y.
    """

    basis: np.ndarray
    radius: float
    x: np.ndarray
    y: np.ndarray

    def offsets(self, vector: Any) -> tuple[Any, Any]:
        """Return tangent-plane offsets in rad of a unit vector of the map's frame."""
        components = [sum(float(row[i]) * vector[i] for i in range(3)) for row in self.basis]
        return components[1] / components[0], components[2] / components[0]

    def pixel(self, xp: Any, vector: Any) -> tuple[Any, Any]:
        """Return pixel coordinates (x, y) of a unit vector."""
        xi, eta = self.offsets(vector)
        powers_xi = xp.stack(_chebyshev(xi / self.radius))
        powers_eta = xp.stack(_chebyshev(eta / self.radius))
        return (
            xp.sum(self.x * powers_xi[:, None] * powers_eta[None, :]),
            xp.sum(self.y * powers_xi[:, None] * powers_eta[None, :]),
        )

    @property
    def jacobian(self) -> np.ndarray:
        """Change of (x, y) in pixels per degree of (xi, eta) at the start, shape (2, 2)."""
        values = np.array(_chebyshev(0.0))
        slopes = np.array(_chebyshev_slope_at_zero())
        scale = np.deg2rad(1.0) / self.radius
        return scale * np.array([[slopes @ series @ values, values @ series @ slopes] for series in (self.x, self.y)])


def _chebyshev(t: Any) -> list[Any]:
    """Return T_0(t) ... T_DEGREE(t)."""
    values = [1.0 + 0.0 * t, t]
    for _ in range(DEGREE - 1):
        values.append(2.0 * t * values[-1] - values[-2])
    return values


def _chebyshev_slope_at_zero() -> list[float]:
    """Return T_n'(0): n sin(n pi / 2)."""
    return [n * float(np.sin(n * np.pi / 2.0)) for n in range(DEGREE + 1)]


def build_pixel_map(geom: WcsGeom, lon: float, lat: float, reach: float) -> PixelMap:
    """Fit the series around a start position.

    Parameters
    ----------
    geom : WcsGeom
        The map's geometry.
    lon, lat : float, unit deg
        Start position in the map's frame.
    reach : float, unit deg
        Radius to cover; made smaller (down to a quarter) until the series holds.

    Raises
    ------
    GeometryError
        BM-GE-006 if the projection is not smooth around the position (a pole or a seam of the projection).
    """
    basis = tangent_basis(lon, lat)
    radius = np.tan(np.deg2rad(min(reach, LARGEST_RADIUS)))
    for shrink in (1.0, 0.5, 0.25):
        series = _fit(geom, basis, radius * shrink)
        error = _error(geom, series)
        if error < TOLERANCE:
            return series
    raise GeometryError(
        "BM-GE-006",
        what=f"the map's projection is not smooth around lon={lon:.4f}, lat={lat:.4f} deg ({geom.frame}): "
        f"a polynomial misses it by {error:.2g} pixel",
        rule=f"Pixel coordinates must be smooth within {np.rad2deg(radius * 0.25):.2f} deg of a source that may move",
        remedy="Use a map whose projection has no pole or seam there, for example TAN centred near the source",
    )


def _fit(geom: WcsGeom, basis: np.ndarray, radius: float) -> PixelMap:
    n = DEGREE + 1
    nodes = np.cos(np.pi * (np.arange(n) + 0.5) / n)
    grid_xi, grid_eta = np.meshgrid(nodes, nodes, indexing="ij")
    x, y = _to_pixel(geom, basis, grid_xi * radius, grid_eta * radius)
    transform = np.cos(np.outer(np.arange(n), np.arccos(nodes))) * (2.0 / n)
    transform[0] *= 0.5
    return PixelMap(basis, radius, transform @ x @ transform.T, transform @ y @ transform.T)


def _to_pixel(geom: WcsGeom, basis: np.ndarray, xi: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    vector = np.tensordot(np.stack([np.ones_like(xi), xi, eta]), basis, axes=(0, 0))
    lon = np.rad2deg(np.arctan2(vector[..., 1], vector[..., 0]))
    lat = np.rad2deg(np.arctan2(vector[..., 2], np.hypot(vector[..., 0], vector[..., 1])))
    x, y = geom.sky_to_pixel(lon, lat)
    return np.asarray(x), np.asarray(y)


def _error(geom: WcsGeom, series: PixelMap) -> float:
    """Return the largest error in pixels on points between the nodes; infinite where the projection fails."""
    rng = np.random.default_rng(0)
    xi, eta = rng.uniform(-series.radius, series.radius, (2, 200))
    x, y = _to_pixel(geom, series.basis, xi, eta)
    powers_xi, powers_eta = np.array(_chebyshev(xi / series.radius)), np.array(_chebyshev(eta / series.radius))
    fit_x = np.einsum("ab,ai,bi->i", series.x, powers_xi, powers_eta)
    fit_y = np.einsum("ab,ai,bi->i", series.y, powers_xi, powers_eta)
    error = np.max(np.hypot(fit_x - x, fit_y - y))
    return float(error) if np.isfinite(error) else np.inf
