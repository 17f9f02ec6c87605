"""Thick spherical shell seen in projection: given by its inner radius and width, or by its outer radius and a ratio."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from bayesmap.models.parameter import Parameter
from bayesmap.models.spatial.base import SpatialModel
from bayesmap.models.spatial.columns import SMALLEST_WIDTH, Strips, semi_ellipse_moment

THINNEST = 5e-3
"""Thickness over mean radius at which the image of a thinner shell is held: its spread of 1.4e-3 of the radius is not
seen, and differences of two balls keep their digits."""


class ShellSpatialModel(SpatialModel):
    r"""Spherical shell of even emissivity, in projection.

    .. math:: \phi = \frac{3}{2\pi (r_o^3 - r_i^3)} \left[\sqrt{r_o^2 - \theta^2}_+ - \sqrt{r_i^2 - \theta^2}_+\right]

    with the separation :math:`\theta`, :math:`r_i` = radius and :math:`r_o` = radius + width (Gammapy's
    `ShellSpatialModel`). Normalised to one in the tangent plane; on the sphere within :math:`r_o^2/6` (rad).

    Parameters
    ----------
    lon_0, lat_0 : Quantity
        Position. Default 0 deg.
    radius : Quantity
        Inner radius. Default 1 deg.
    width : Quantity
        Thickness. Default 0.2 deg. In the fit it may be zero: the image of a thin shell is its limit.
    frame : str
        ``"icrs"``, ``"galactic"`` or ``"fk5"``.

    Examples
    --------
    >>> shell = ShellSpatialModel(radius="0.3 deg", width="0.1 deg")
    >>> float(shell(0.5, 0.0).value)
    0.0
    """

    tag = ("ShellSpatialModel", "shell")
    size_names = ("radius", "width")
    lon_0 = Parameter("lon_0", 0.0, "deg")
    lat_0 = Parameter("lat_0", 0.0, "deg", min=-90.0, max=90.0)
    radius = Parameter("radius", 1.0, "deg", min=0.0)
    width = Parameter("width", 0.2, "deg", min=0.0)

    @staticmethod
    def evaluate(xp: ModuleType, x: Any, y: Any, *, radius: Any, width: Any) -> Any:
        """Return the brightness in sr-1 at offsets (x, y) in deg."""
        return _projected(xp, x * x + y * y, radius, width)

    @staticmethod
    def ellipse(xp: ModuleType, *, radius: Any, width: Any) -> tuple[Any, Any, Any]:
        """Return the outer radius; a shell is round."""
        mean = radius + 0.5 * width
        return mean * (1.0 + 0.5 * _thickness(xp, width / mean)), 0.0, 0.0

    @staticmethod
    def extent(xp: ModuleType, *, radius: Any, width: Any) -> Any:
        """Return the outer radius in deg."""
        return ShellSpatialModel.ellipse(xp, radius=radius, width=width)[0]

    @staticmethod
    def strips(xp: ModuleType, n: int, largest: dict[str, float], *, radius: Any, width: Any) -> list[Strips]:
        """Return the columns through the hollow and those on both sides of it."""
        half = 0.5 * _thickness(xp, width / (radius + 0.5 * width))
        return _shell_strips(xp, n, (1.0 - half) / (1.0 + half))


class Shell2SpatialModel(SpatialModel):
    r"""Spherical shell of even emissivity, in projection, by its outer radius and relative thickness.

    .. math:: \phi = \frac{3}{2\pi (r_o^3 - r_i^3)} \left[\sqrt{r_o^2 - \theta^2}_+ - \sqrt{r_i^2 - \theta^2}_+\right],
              \quad r_o = r_0,\ r_i = (1 - \eta)\, r_0

    That is the shape of `ShellSpatialModel`.

    Parameters
    ----------
    lon_0, lat_0 : Quantity
        Position. Default 0 deg.
    r_0 : Quantity
        Outer radius. Default 1 deg.
    eta : float
        Thickness over outer radius, from 0.02 to 1 (a ball). Default 0.2.
    frame : str
        ``"icrs"``, ``"galactic"`` or ``"fk5"``.

    Examples
    --------
    >>> shell = Shell2SpatialModel(r_0="0.4 deg", eta=0.25)
    >>> same = ShellSpatialModel(radius="0.3 deg", width="0.1 deg")
    >>> bool(abs(shell(0.2, 0.1) / same(0.2, 0.1) - 1) < 1e-12)
    True
    """

    tag = ("Shell2SpatialModel", "shell2")
    size_names = ("r_0",)
    lon_0 = Parameter("lon_0", 0.0, "deg")
    lat_0 = Parameter("lat_0", 0.0, "deg", min=-90.0, max=90.0)
    r_0 = Parameter("r_0", 1.0, "deg", min=0.0)
    eta = Parameter("eta", 0.2, min=0.02, max=1.0)

    @staticmethod
    def evaluate(xp: ModuleType, x: Any, y: Any, *, r_0: Any, eta: Any) -> Any:
        """Return the brightness in sr-1 at offsets (x, y) in deg."""
        return _projected(xp, x * x + y * y, (1.0 - eta) * r_0, eta * r_0)

    @staticmethod
    def ellipse(xp: ModuleType, *, r_0: Any, eta: Any) -> tuple[Any, Any, Any]:
        """Return the outer radius; a shell is round."""
        return r_0, 0.0, 0.0

    @staticmethod
    def extent(xp: ModuleType, *, r_0: Any, eta: Any) -> Any:
        """Return the outer radius in deg."""
        return r_0

    @staticmethod
    def strips(xp: ModuleType, n: int, largest: dict[str, float], *, r_0: Any, eta: Any) -> list[Strips]:
        """Return the columns through the hollow and those on both sides of it."""
        return _shell_strips(xp, n, 1.0 - eta)


def _projected(xp: ModuleType, squared: Any, inner: Any, width: Any) -> Any:
    """Return the brightness in sr-1 at squared separations in deg2; the difference of roots without cancellation."""
    outer = inner + width
    radian = np.pi / 180.0
    norm = 1.5 / (np.pi * radian**2 * (outer * outer + outer * inner + inner * inner))
    root_outer, root_inner = _root(xp, outer * outer - squared), _root(xp, inner * inner - squared)
    hollow = squared < inner * inner
    path = (outer + inner) / xp.where(hollow, root_outer + root_inner, 1.0)
    return norm * xp.where(hollow, path, root_outer / width)


def _root(xp: ModuleType, value: Any) -> Any:
    positive = value > 0.0
    return xp.where(positive, xp.sqrt(xp.where(positive, value, 1.0)), 0.0)


def _thickness(xp: ModuleType, ratio: Any) -> Any:
    """Return thickness over mean radius, held at `THINNEST` from below; two (a ball) stays two."""
    return xp.sqrt(ratio * ratio + (THINNEST * (1.0 - 0.5 * ratio)) ** 2)


def _shell_strips(xp: ModuleType, n: int, hollow: Any) -> list[Strips]:
    r"""Return the columns of a shell of outer radius one.

    A column at u crosses two balls of half lengths :math:`h = \sqrt{1 - u^2}` and :math:`\sqrt{t^2 - u^2}`; the flux
    per u is :math:`\frac34 (1 + t) / q` inside the hollow t and :math:`\frac34 (1 - u^2) / ((1 - t) q)` outside,
    :math:`q = 1 + t + t^2`. Gauss-Legendre nodes in each part.
    """
    volume = 1.0 + hollow + hollow * hollow
    nodes, weights = np.polynomial.legendre.leggauss(n)
    through = hollow * nodes
    inner = Strips(through, weights * (0.75 * hollow * (1.0 + hollow) / volume), _hollow_profile(xp, through, hollow))
    nodes, weights = np.polynomial.legendre.leggauss(n // 2 + 3)
    z = 0.5 * (1.0 + nodes)
    beside = hollow + (1.0 - hollow) * z
    flux = 0.375 * weights * (1.0 - z) * (1.0 + beside) * (1.0 - hollow) / volume
    profile = _ball_profile(xp, beside)
    return [inner, Strips(beside, flux, profile), Strips(-beside, flux, profile)]


def _hollow_profile(xp: ModuleType, node: Any, hollow: Any) -> Any:
    """Return the profile of columns through the hollow: a long semi-ellipse less a short one."""

    def profile(x: Any, unit: Any) -> Any:
        scale = unit * unit + SMALLEST_WIDTH**2
        outer = xp.sqrt(scale * (1.0 - node * node))[:, None]
        inner = xp.sqrt(scale * (hollow * hollow - node * node) + SMALLEST_WIDTH**4)[:, None]
        moments = semi_ellipse_moment(xp, x, outer) - semi_ellipse_moment(xp, x, inner)
        return moments / (0.5 * np.pi * (outer * outer - inner * inner))

    return profile


def _ball_profile(xp: ModuleType, node: Any) -> Any:
    """Return the profile of columns that miss the hollow: one semi-ellipse."""

    def profile(x: Any, unit: Any) -> Any:
        half = xp.sqrt((unit * unit + SMALLEST_WIDTH**2) * (1.0 - node) * (1.0 + node))[:, None]
        return semi_ellipse_moment(xp, x, half) / (0.5 * np.pi * half * half)

    return profile
