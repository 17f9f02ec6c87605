"""Generalised Gaussian: from a disk over the Gaussian to an exponential, with one shape parameter."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import scipy.special

from bayesmap.models.parameter import Parameter
from bayesmap.models.spatial.base import SpatialModel, elliptical_radius_squared

LARGEST_EXPONENT = 16.0
"""Nodes reach the radius where the exponent is this: less than 2e-6 of the flux lies outside, at eta = 1."""
HIGHEST_POWER = 6.0
"""Logarithm of the exponent at which it is held: exp(-400) is zero."""


class GeneralizedGaussianSpatialModel(SpatialModel):
    r"""Generalised Gaussian, round or elongated.

    .. math:: \phi = \frac{\exp\left(-\rho^{1/\eta}\right)}{2\pi a b\,\eta\,\Gamma(2\eta)}

    with the elliptical radius :math:`\rho` (one on the ellipse of semi-axes a = r_0 and
    :math:`b = r_0\sqrt{1 - e^2}`): a disk for eta towards 0, a Gaussian at 0.5, an exponential at 1 (Gammapy's
    `GeneralizedGaussianSpatialModel`). Normalised to one in the tangent
    plane; on the sphere within :math:`r_0^2` (rad).

    Parameters
    ----------
    lon_0, lat_0 : Quantity
        Position. Default 0 deg.
    r_0 : Quantity
        Major semi-axis. Default 1 deg.
    eta : float
        Shape, from 0.01 to 1. Default 0.5.
    e : float
        Eccentricity, frozen. Default 0.
    phi : Quantity
        Position angle of the major axis from North towards East, frozen. Default 0 deg.
    frame : str
        ``"icrs"``, ``"galactic"`` or ``"fk5"``.

    Examples
    --------
    >>> GeneralizedGaussianSpatialModel(r_0="0.1 deg", eta=1.0).eta.value
    1.0
    """

    tag = ("GeneralizedGaussianSpatialModel", "gauss-general")
    image_kind = "lattice"
    size_names = ("r_0",)
    lon_0 = Parameter("lon_0", 0.0, "deg")
    lat_0 = Parameter("lat_0", 0.0, "deg", min=-90.0, max=90.0)
    r_0 = Parameter("r_0", 1.0, "deg", min=0.0)
    eta = Parameter("eta", 0.5, min=0.01, max=1.0)
    e = Parameter("e", 0.0, min=0.0, max=1.0, frozen=True)
    phi = Parameter("phi", 0.0, "deg", min=-180.0, max=180.0, frozen=True)

    @staticmethod
    def evaluate(xp: ModuleType, x: Any, y: Any, *, r_0: Any, eta: Any, e: Any, phi: Any) -> Any:
        """Return the brightness in sr-1 at offsets (x, y) in deg."""
        squared = elliptical_radius_squared(xp, x, y, r_0, e, phi)
        area = r_0 * r_0 * xp.sqrt(1.0 - e * e) * (np.pi / 180.0) ** 2
        norm = 1.0 / (2.0 * np.pi * area * eta * xp.exp(_log_gamma(xp, 2.0 * eta)))
        return norm * GeneralizedGaussianSpatialModel.profile(xp, squared, eta=eta)

    @staticmethod
    def profile(xp: ModuleType, squared: Any, *, eta: Any, **values: Any) -> Any:
        """Return the brightness, one at the centre, at squared elliptical radii."""
        at_centre = squared <= 0.0
        power = xp.log(xp.where(at_centre, 1.0, squared)) / (2.0 * eta)
        held = xp.where(power < HIGHEST_POWER, power, HIGHEST_POWER)
        return xp.where(at_centre, 1.0, xp.exp(-xp.exp(held)))

    @staticmethod
    def ellipse(xp: ModuleType, *, r_0: Any, eta: Any, e: Any, phi: Any) -> tuple[Any, Any, Any]:
        """Return (r_0, e, phi)."""
        return r_0, e, phi

    @staticmethod
    def extent(xp: ModuleType, *, r_0: Any, eta: Any, e: Any, phi: Any) -> Any:
        """Return the radius in deg that the nodes reach."""
        return r_0 * LARGEST_EXPONENT**eta


def _log_gamma(xp: ModuleType, value: Any) -> Any:
    return scipy.special.gammaln(value) if xp is np else xp.gammaln(value)
