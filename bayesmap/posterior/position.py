r"""Prior on the position of a moving source: one two-vector of tangent-plane offsets (x, y) in degrees.

Uniform on the sphere within a cap of radius R around the start, by default.  Gnomonic offsets r = (x, y) in radians
cover :math:`d\Omega = (1 + r^2)^{-3/2}\,dx\,dy`, so

.. math:: \ln p(x, y) = -\tfrac32\ln(1 + r^2) - \ln[2\pi(1 - \cos R)] + 2\ln\frac{\pi}{180}

References
----------
Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3 (gnomonic projection).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform

from bayesmap.fold.pixelmap import tangent_basis
from bayesmap.models.parameter import Parameter
from bayesmap.posterior.distributions import exact, fresh

RADIAN = math.pi / 180.0


@dataclass(frozen=True)
class PositionPrior:
    """Prior on a position.

    Parameters
    ----------
    lon, lat : Parameter
        At their start values; their limits are support.
    radius : float, unit deg
        Radius of the cap; infinite for a flat (improper) prior on the offsets.
    given : tuple
        Distributions of lon and lat in the parameters' units, where the user states priors on them; else empty.
    text : str
        For the table of priors.
    """

    lon: Parameter
    lat: Parameter
    radius: float
    given: tuple[Any, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        """Show it in words."""
        return self.text

    @property
    def is_proper(self) -> bool:
        """True if it has an integral."""
        return bool(self.given) or math.isfinite(self.radius)

    def build(self) -> Any:
        """Return the distribution of the offsets, shape (2,)."""
        if self.given:
            return pm.CustomDist.dist(
                exact(0.0),
                dist=self._draw_given,
                logp=self._logp_given,
                signature="()->(k)",
                class_name="Position",
                support_point=_start,
            )
        if math.isinf(self.radius):
            return pm.CustomDist.dist(
                exact(0.0),
                dist=_improper,
                logp=self._logp_flat,
                signature="()->(k)",
                class_name="FlatPosition",
                support_point=_start,
            )
        return pm.CustomDist.dist(
            exact(self.radius),
            dist=_draw_cap,
            logp=self._logp_cap,
            signature="()->(k)",
            class_name="SkyCap",
            support_point=_start,
        )

    def lon_lat(self, offsets: Any) -> tuple[Any, Any]:
        """Return longitude and latitude in the parameters' units as tensors; lon is continuous around the start."""
        basis = tangent_basis(self.lon.canonical_value, self.lat.canonical_value)
        raw = [
            float(basis[0, k]) + (offsets[0] * float(basis[1, k]) + offsets[1] * float(basis[2, k])) * RADIAN
            for k in range(3)
        ]
        start = self.lon.canonical_value * RADIAN
        # Relative to the start, so that the branch of the arctangent lies half a turn away from it.
        along = raw[0] * math.cos(start) + raw[1] * math.sin(start)
        across = raw[1] * math.cos(start) - raw[0] * math.sin(start)
        lon = self.lon.canonical_value + pt.arctan2(across, along) / RADIAN
        lat = pt.arctan2(raw[2], pt.sqrt(raw[0] ** 2 + raw[1] ** 2)) / RADIAN
        return lon / self.lon.canonical_factor, lat / self.lat.canonical_factor

    def _inside(self, offsets: Any) -> Any:
        """Return True where declared limits of longitude and latitude hold."""
        inside = pt.isfinite(offsets[0])
        for value, parameter in zip(self.lon_lat(offsets), (self.lon, self.lat), strict=True):
            if not math.isnan(parameter.min):
                inside = pt.and_(inside, value >= parameter.min)
            if not math.isnan(parameter.max):
                inside = pt.and_(inside, value <= parameter.max)
        return inside

    def _logp_cap(self, offsets: Any, radius: Any) -> Any:
        squared = pt.sum(offsets * offsets) * RADIAN**2
        inside = pt.and_(squared <= pt.tan(radius * RADIAN) ** 2, self._inside(offsets))
        area = pt.log(2.0 * math.pi * (1.0 - pt.cos(radius * RADIAN))) - 2.0 * math.log(RADIAN)
        return pt.switch(inside, -1.5 * pt.log1p(squared) - area, -np.inf)

    def _logp_flat(self, offsets: Any, _: Any) -> Any:
        return pt.switch(self._inside(offsets), 0.0, -np.inf)

    def _logp_given(self, offsets: Any, _: Any) -> Any:
        r"""Return ln p(lon) + ln p(lat) + ln abs(d(lon, lat) / d(x, y)), the latter (1 + r^2)^(-3/2) / cos(lat)."""
        lon, lat = self.lon_lat(offsets)
        squared = pt.sum(offsets * offsets) * RADIAN**2
        factors = math.log(self.lon.canonical_factor * self.lat.canonical_factor)
        slope = -1.5 * pt.log1p(squared) - pt.log(pt.cos(lat * self.lat.canonical_factor * RADIAN)) - factors
        density = pm.logp(self.given[0], lon) + pm.logp(self.given[1], lat) + slope
        return pt.switch(self._inside(offsets), density, -np.inf)

    def _draw_given(self, _: Any, size: Any) -> Any:
        """Return offsets; NaN, without support, for a draw behind the tangent plane, which has none."""
        lon = fresh(self.given[0]) * self.lon.canonical_factor * RADIAN
        lat = fresh(self.given[1]) * self.lat.canonical_factor * RADIAN
        vector = [pt.cos(lat) * pt.cos(lon), pt.cos(lat) * pt.sin(lon), pt.sin(lat)]
        basis = tangent_basis(self.lon.canonical_value, self.lat.canonical_value)
        centre, east, north = (sum(float(row[k]) * vector[k] for k in range(3)) for row in basis)
        # Else such a draw would stand for its antipode.
        return pt.stack([east, north]) / pt.switch(centre > 0.0, centre, np.nan) / RADIAN


def _start(*_: Any) -> Any:
    """Return the start: no offset."""
    return pt.zeros((2,))


class Scaled(Transform):
    """Transform z = x / scale, so that a sampler's first steps, of order one in z, are of order `scale` on the sky.

    Parameters
    ----------
    scale : float, unit deg
        About a pixel.
    """

    name = "scaled"
    ndim_supp = 1

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def forward(self, value: Any, *inputs: Any) -> Any:
        """Return z."""
        return value / self.scale

    def backward(self, value: Any, *inputs: Any) -> Any:
        """Return x."""
        return value * self.scale

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Return the logarithm of the determinant of dx/dz."""
        return value.shape[-1] * math.log(self.scale)


def _improper(_: Any, size: Any) -> Any:
    return pm.Flat.dist(size=(2,))


def _draw_cap(radius: Any, size: Any) -> Any:
    cosine = 1.0 - pm.Uniform.dist(0.0, 1.0) * (1.0 - pt.cos(radius * RADIAN))
    angle = pm.Uniform.dist(0.0, 2.0 * math.pi)
    length = pt.sqrt(1.0 - cosine**2) / cosine / RADIAN
    return pt.stack([length * pt.sin(angle), length * pt.cos(angle)])
