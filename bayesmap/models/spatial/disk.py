"""Uniform disk or ellipse with a soft edge."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import scipy.special

from bayesmap.models.parameter import Parameter
from bayesmap.models.spatial.base import SpatialModel, elliptical_radius_squared
from bayesmap.models.spatial.columns import erf, uniform_column

EDGE_95 = 2.326174307353347
"""erf(EDGE_95 / 2) = 0.9: `edge_width` is where the edge falls from 95 % to 5 %."""
N_EDGE = 7
"""Gauss-Hermite nodes over the edge: a soft edge is a mixture of that many hard ones."""
N_ANGLE = 64
_HERMITE_NODES, _HERMITE_WEIGHTS = np.polynomial.hermite.hermgauss(N_EDGE)


class DiskSpatialModel(SpatialModel):
    r"""Uniform disk or ellipse with a soft edge, normalised to one.

    .. math:: \phi = \frac{N}{2} \mathrm{erfc}\left(\kappa\,\frac{\rho - 1}{w}\right),\qquad \kappa = 2.326

    with the elliptical radius :math:`\rho` (one on the edge) and the edge width w, given as a fraction of the
    radius (Gammapy's `DiskSpatialModel`, which does not normalise the edge; here N does).

    Parameters
    ----------
    lon_0, lat_0 : Quantity
        Position. Default 0 deg.
    r_0 : Quantity
        Major semi-axis. Default 1 deg.
    e : float
        Eccentricity, frozen. Default 0.
    phi : Quantity
        Position angle of the major axis from North towards East, frozen. Default 0 deg.
    edge_width : float
        Width of the edge as a fraction of the radius, frozen. Default 0.01.
    frame : str
        ``"icrs"``, ``"galactic"`` or ``"fk5"``.
    """

    tag = ("DiskSpatialModel", "disk")
    size_name = "r_0"
    lon_0 = Parameter("lon_0", 0.0, "deg")
    lat_0 = Parameter("lat_0", 0.0, "deg", min=-90.0, max=90.0)
    r_0 = Parameter("r_0", 1.0, "deg", min=0.0)
    e = Parameter("e", 0.0, min=0.0, max=1.0, frozen=True)
    phi = Parameter("phi", 0.0, "deg", min=-180.0, max=180.0, frozen=True)
    edge_width = Parameter("edge_width", 0.01, min=0.0, max=1.0, frozen=True)

    @staticmethod
    def evaluate(xp: ModuleType, x: Any, y: Any, *, r_0: Any, e: Any, phi: Any, edge_width: Any) -> Any:
        """Return the brightness in sr-1 at offsets (x, y) in deg."""
        squared = elliptical_radius_squared(xp, x, y, r_0, e, phi)
        at_centre = squared <= 0.0
        rho = xp.where(at_centre, 0.0, xp.sqrt(xp.where(at_centre, 1.0, squared)))
        edge = 0.5 * (1.0 - erf(xp, EDGE_95 * (rho - 1.0) / edge_width))
        return edge / (_solid_angle(xp, r_0, e) * (1.0 + _edge_variance(edge_width)))

    @staticmethod
    def column_nodes(n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return Gauss-Chebyshev nodes and weights: the flux of a unit disk in columns is 2 sqrt(1 - u^2) / pi."""
        nodes, weights = scipy.special.roots_chebyu(n)
        return nodes, weights / weights.sum()

    @staticmethod
    def column(xp: ModuleType, lattice: Any, node: Any, centre: Any, scale: Any) -> Any:
        """Return the B-spline moments of a uniform chord of half length scale * sqrt(1 - node^2)."""
        return uniform_column(xp, lattice - centre, scale * xp.sqrt(1.0 - node * node))

    @staticmethod
    def mixture(xp: ModuleType, *, edge_width: Any, **values: Any) -> tuple[tuple[Any, Any], ...]:
        """Return (scale, weight) of the hard disks that the soft one is a mixture of; flux goes with the area."""
        spread = xp.sqrt(2.0 * _edge_variance(edge_width))
        scales = [1.0 + spread * node for node in _HERMITE_NODES]
        norm = np.sqrt(np.pi) * (1.0 + _edge_variance(edge_width))
        return tuple(
            (scale, weight * scale * scale / norm) for scale, weight in zip(scales, _HERMITE_WEIGHTS, strict=True)
        )

    @staticmethod
    def reach(size: float) -> float:
        """Return the radius in deg that holds the disk with the softest edge allowed."""
        return 1.1 * size


def _edge_variance(edge_width: Any) -> Any:
    """Return the variance of the edge's place, in units of the radius: the erfc is a Gaussian's integral."""
    return 0.5 * (edge_width / EDGE_95) ** 2


def _solid_angle(xp: ModuleType, r_0: Any, e: Any) -> Any:
    """Return the solid angle of the ellipse in sr: the integral of 1 - cos(radius) over direction."""
    total = 0.0
    for angle in np.arange(N_ANGLE) * np.pi / N_ANGLE:
        radius = r_0 * (np.pi / 180.0) * xp.sqrt((1.0 - e * e) / (1.0 - (e * np.cos(angle)) ** 2))
        total = total + 2.0 * xp.sin(0.5 * radius) ** 2
    return total * (2.0 * np.pi / N_ANGLE)
