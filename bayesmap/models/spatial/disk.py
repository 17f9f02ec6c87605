"""Uniform disk or ellipse with a soft edge."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import scipy.special

from bayesmap.models.parameter import Parameter
from bayesmap.models.spatial.base import SpatialModel, elliptical_radius_squared
from bayesmap.models.spatial.columns import Strips, erf, erfc, uniform_column

EDGE_95 = 2.326174307353347
"""erf(EDGE_95 / 2) = 0.9: `edge_width` is where the edge falls from 95 % to 5 %."""
N_EDGE = 7
"""Gauss-Hermite nodes over the edge: a soft edge is a mixture of that many hard ones."""
HERMITE_PIXELS = 0.8
"""Standard deviation in pixels of the edge up to which they are close enough."""
EDGE_SIGMAS, EDGE_STEP = 4.0, 0.8
"""Beyond it: standard deviations that the nodes reach, and pixels between them at most."""
SMALLEST_EDGE = 1e-9
"""Held standard deviation of the edge, where it only keeps quotients finite."""
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
    size_names = ("r_0",)
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
        return edge / (_solid_angle(xp, r_0, e) * edge_norm(xp, edge_width))

    @staticmethod
    def ellipse(xp: ModuleType, *, r_0: Any, e: Any, phi: Any, edge_width: Any) -> tuple[Any, Any, Any]:
        """Return (r_0, e, phi)."""
        return r_0, e, phi

    @staticmethod
    def extent(xp: ModuleType, *, r_0: Any, e: Any, phi: Any, edge_width: Any) -> Any:
        """Return the radius of the largest of the disks that the soft one is a mixture of."""
        return r_0 * (1.0 + EDGE_SIGMAS * edge_width / (np.sqrt(2.0) * EDGE_95))

    @staticmethod
    def strips(xp: ModuleType, n: int, largest: dict[str, float], *, edge_width: Any, **values: Any) -> list[Strips]:
        """Return the columns of hard disks, whose mixture the soft one is; flux goes with the area.

        The flux of a unit disk in columns is 2 sqrt(1 - u^2) / pi: Gauss-Chebyshev nodes.
        """
        nodes, weights = scipy.special.roots_chebyu(n)
        weights = weights / weights.sum()
        return [
            Strips(scale * nodes, share * weights, _chords(xp, scale * np.sqrt(1.0 - nodes**2)))
            for scale, share in _hard_disks(xp, edge_width, largest)
        ]


def _chords(xp: ModuleType, half: Any) -> Any:
    """Return the profile of uniform columns of half lengths `half`."""
    return lambda x, unit: uniform_column(xp, x, unit * half[:, None])


def _hard_disks(xp: ModuleType, edge_width: Any, largest: dict[str, float]) -> list[tuple[Any, Any]]:
    """Return (radius, flux) of hard disks: the edge's place is Gaussian, with the variance of `_edge_variance`.

    Gauss-Hermite nodes where the edge is narrower than the pixel; else the trapezoid rule, close enough for the pixels.
    """
    sigma = xp.sqrt(_edge_variance(edge_width))
    pixels = largest["pixels"] * np.sqrt(_edge_variance(largest["edge_width"]))
    if pixels <= HERMITE_PIXELS:
        places, weights = _HERMITE_NODES * np.sqrt(2.0), _HERMITE_WEIGHTS
    else:
        places = np.linspace(-EDGE_SIGMAS, EDGE_SIGMAS, max(13, int(np.ceil(2.0 * EDGE_SIGMAS * pixels / EDGE_STEP))))
        weights = np.exp(-0.5 * places**2)
    scales = [1.0 + sigma * place for place in places]
    # A radius below zero, which only the widest edges reach (3.3 sigma), counts as none.
    areas = [weight * xp.where(scale > 0.0, scale, 0.0) ** 2 for scale, weight in zip(scales, weights, strict=True)]
    total = sum(areas)
    return [(scale, area / total) for scale, area in zip(scales, areas, strict=True)]


def _edge_variance(edge_width: Any) -> Any:
    """Return the variance of the edge's place, in units of the radius: the erfc is a Gaussian's integral."""
    return 0.5 * (edge_width / EDGE_95) ** 2


def edge_norm(xp: ModuleType, edge_width: Any) -> Any:
    r"""Return the flux of the soft-edged disk over that of the hard one, which Gammapy leaves in.

    :math:`E[R^2; R > 0]` of a radius R that is Gaussian around one:
    :math:`(1 + \sigma^2)\,\Phi(1/\sigma) + \sigma\varphi(1/\sigma)`.
    """
    sigma = xp.sqrt(_edge_variance(edge_width) + SMALLEST_EDGE**2)
    density = xp.exp(-0.5 / sigma**2) / np.sqrt(2.0 * np.pi)
    return (1.0 + sigma**2) * (1.0 - 0.5 * erfc(xp, 1.0 / (np.sqrt(2.0) * sigma))) + sigma * density


def _solid_angle(xp: ModuleType, r_0: Any, e: Any) -> Any:
    """Return the solid angle of the ellipse in sr: the integral of 1 - cos(radius) over direction."""
    total = 0.0
    for angle in np.arange(N_ANGLE) * np.pi / N_ANGLE:
        radius = r_0 * (np.pi / 180.0) * xp.sqrt((1.0 - e * e) / (1.0 - (e * np.cos(angle)) ** 2))
        total = total + 2.0 * xp.sin(0.5 * radius) ** 2
    return total * (2.0 * np.pi / N_ANGLE)
