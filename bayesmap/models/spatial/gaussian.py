"""Gaussian source, round or elongated."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from bayesmap.models.parameter import Parameter
from bayesmap.models.spatial.base import SpatialModel, elliptical_radius_squared
from bayesmap.models.spatial.columns import Strips, gaussian_column

N_SIGMA = 6.0
"""Columns reach this many standard deviations: 2e-9 of the flux lies outside."""


class GaussianSpatialModel(SpatialModel):
    r"""Gaussian on the sphere, normalised to one.

    .. math::
        \phi = N \exp\left(-\frac{1 - \cos\theta}{2 a}\right),\quad a = 1 - \cos\sigma_\psi,\quad
        N = \left[4\pi \bar a \left(1 - e^{-1/\bar a}\right)\right]^{-1}

    :math:`\sigma_\psi` is the radius of the ellipse with semi-axes :math:`\sigma` and :math:`\sigma\sqrt{1-e^2}`
    in the direction of the point, :math:`\bar a` the geometric mean of a along the axes (formula of Gammapy's
    `GaussianSpatialModel`; round: the von Mises-Fisher distribution).

    Parameters
    ----------
    lon_0, lat_0 : Quantity
        Position. Default 0 deg.
    sigma : Quantity
        Major semi-axis. Default 1 deg.
    e : float
        Eccentricity, frozen. Default 0.
    phi : Quantity
        Position angle of the major axis from North towards East, frozen. Default 0 deg.
    frame : str
        ``"icrs"``, ``"galactic"`` or ``"fk5"``.
    """

    tag = ("GaussianSpatialModel", "gauss")
    size_names = ("sigma",)
    smooth_when_wide = True
    lon_0 = Parameter("lon_0", 0.0, "deg")
    lat_0 = Parameter("lat_0", 0.0, "deg", min=-90.0, max=90.0)
    sigma = Parameter("sigma", 1.0, "deg", min=0.0)
    e = Parameter("e", 0.0, min=0.0, max=1.0, frozen=True)
    phi = Parameter("phi", 0.0, "deg", min=-180.0, max=180.0, frozen=True)

    @staticmethod
    def evaluate(xp: ModuleType, x: Any, y: Any, *, sigma: Any, e: Any, phi: Any) -> Any:
        """Return the brightness in sr-1 at offsets (x, y) in deg."""
        squared = x * x + y * y
        rho_squared = elliptical_radius_squared(xp, x, y, sigma, e, phi)
        at_centre = rho_squared <= 0.0
        sigma_squared = xp.where(at_centre, sigma * sigma, squared / xp.where(at_centre, 1.0, rho_squared))
        ratio = _half_sinc_squared(xp, squared) / _half_sinc_squared(xp, sigma_squared)
        return _norm(xp, sigma, e) * xp.exp(-0.5 * rho_squared * ratio)

    @staticmethod
    def ellipse(xp: ModuleType, *, sigma: Any, e: Any, phi: Any) -> tuple[Any, Any, Any]:
        """Return (sigma, e, phi)."""
        return sigma, e, phi

    @staticmethod
    def extent(xp: ModuleType, *, sigma: Any, e: Any, phi: Any) -> Any:
        """Return the radius in deg outside which less than 2e-9 of the flux lies."""
        return N_SIGMA * sigma

    @staticmethod
    def strips(xp: ModuleType, n: int, largest: dict[str, float], **values: Any) -> list[Strips]:
        """Return trapezoid columns of the unit Gaussian; the second coordinate does not depend on the first."""
        nodes = np.linspace(-N_SIGMA, N_SIGMA, n)
        weights = np.exp(-0.5 * nodes**2)
        return [Strips(nodes, weights / weights.sum(), lambda x, unit: gaussian_column(xp, x, unit))]


def _half_sinc_squared(xp: ModuleType, squared_deg: Any) -> Any:
    """Return (sin(t/2) / (t/2))^2 of an angle given as its square in deg2, by its series below 0.01 rad."""
    squared = squared_deg * (np.pi / 180.0) ** 2 / 4.0
    small = squared < 2.5e-5
    root = xp.sqrt(xp.where(small, 1.0, squared))
    series = 1.0 - squared / 3.0 * (1.0 - 2.0 * squared / 15.0 * (1.0 - squared / 14.0))
    return xp.where(small, series, (xp.sin(root) / root) ** 2)


def _norm(xp: ModuleType, sigma: Any, e: Any) -> Any:
    radian = np.pi / 180.0
    half_major = 0.5 * sigma * radian
    half_minor = half_major * xp.sqrt(1.0 - e * e)
    mean = 2.0 * xp.sin(half_major) * xp.sin(half_minor)
    return 1.0 / (4.0 * np.pi * mean * (-xp.expm1(-1.0 / mean)))
