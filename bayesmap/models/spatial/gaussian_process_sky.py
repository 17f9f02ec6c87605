"""Diffuse emission of unknown shape: a log-Gaussian field on a box of the sky."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.models.spatial.gaussian_process import GaussianProcessField
from bayesmap.models.spatial.offsets import offsets

POINTS = 8
"""Points of the integral a sine and axis; of a smooth function that is zero at the ends the sum is exact to 1e-6."""
FEWEST_POINTS = 64


class GaussianProcessSpatialModel(GaussianProcessField):
    r"""Brightness that is an unknown smooth function, positive, with an integral of one.

    .. math:: \phi(\Omega) = \frac{w(\Omega)\,e^{f(\Omega) - \frac12 \mathrm{var} f(\Omega)}}
              {\int w\, e^{f - \frac12 \mathrm{var} f}\, d\Omega},\qquad f \sim \mathrm{GP}(0, k)

    with the process of `GaussianProcessNormSpatialModel`, and a window w that is one in the box and falls smoothly to
    zero at the ends of the domain (`boundary` times the box). Before the data are seen the mean emission is flat there.

    It does not move. The fold samples it at pixel centres: `length` should be several pixels.

    Parameters
    ----------
    scatter : float
        s, the standard deviation of f: the logarithm of the brightness varies by about it. Default 0.5, prior
        half-normal of width 1.
    length : Quantity
        l, the correlation length. Default 1 deg, prior log-normal around the start value, of width 0.3.
    lon_0, lat_0 : Quantity
        Centre of the box, frozen.
    width : pair of float or Quantity
        Sides of the box, East and North, unit deg; `from_geom` takes them from a map.
    kernel : str
        ``"squared_exponential"``, or ``"matern32"``, which is rougher and needs more sines.
    boundary : (float, float), optional
        Domain of the sines over the box on either side; by default as large as the start length needs.
    modes : (int, int), optional
        Sines along each side; by default as many as the start length needs. Shorter lengths are not resolved.
    frame : str
        Frame of the centre and of the directions.

    Raises
    ------
    ModelError
        BM-MO-050 for a box, kernel or sines that cannot be used.

    Examples
    --------
    >>> model = GaussianProcessSpatialModel(lon_0="83.6 deg", lat_0="22 deg", width=(4, 3), length="1.5 deg")
    >>> len(model.parameters), bool(model(83.6, 22.0) > model(83.6, 26.0))
    (32, True)
    """

    tag = ("GaussianProcessSpatialModel", "gp")
    image_kind: ClassVar[str] = "field"
    lon_0 = GaussianProcessField.lon_0
    lat_0 = GaussianProcessField.lat_0
    scatter = Parameter("scatter", 0.5, min=0.0, prior=Prior("HalfNormal", sigma=1.0))
    length = GaussianProcessField.length

    def brightness_at(self, xp: ModuleType, x: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Any:
        """Return the brightness in sr-1 at offsets from the centre.

        Parameters
        ----------
        xp : module
            `numpy` or `pytensor.tensor`.
        x, y : ndarray, unit deg
            Azimuthal-equidistant offsets, East and North.
        values : dict
            Shape parameters by name, in canonical units.
        """
        shape = self._window(x, y) * xp.exp(self.basis.log_field(xp, x, y, values))
        return shape / self._integral(xp, values)

    def brightness(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return the brightness in sr-1 at positions in degrees of `frame`."""
        lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        return np.asarray(self.brightness_at(np, *offsets(lon, lat, *self.position), self.shape_values))

    def _integral(self, xp: ModuleType, values: Mapping[str, Any]) -> Any:
        r"""Return :math:`\int w\,e^{f - var f / 2}\,d\Omega` by a sum over the domain."""
        places = []
        for half, number in zip(self.basis.half, self.modes, strict=True):
            points = max(FEWEST_POINTS, POINTS * number)
            places.append((np.arange(points) + 0.5) / points * 2.0 * half - half)
        y, x = np.meshgrid(places[1], places[0], indexing="ij")
        step = (places[0][1] - places[0][0]) * (places[1][1] - places[1][0]) * (math.pi / 180.0) ** 2
        weights = step * self._window(x, y) * np.sinc(np.hypot(x, y) / 180.0)
        return xp.sum(weights * xp.exp(self.basis.log_field(xp, x, y, values)))

    def _window(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return w at offsets: one in the box, zero outside the domain, with two continuous derivatives between."""
        result = np.ones(np.shape(x))
        for place, side, half in zip((x, y), self.width, self.basis.half, strict=True):
            t = np.minimum(np.maximum((half - np.abs(place)) / (half - 0.5 * side), 0.0), 1.0)
            result = result * t**3 * (10.0 - 15.0 * t + 6.0 * t**2)
        return result
