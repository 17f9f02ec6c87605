"""A smooth random factor on the sky: a log-Gaussian field of mean one."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.models.spatial.base import degrees
from bayesmap.models.spatial.gaussian_process import GaussianProcessField
from bayesmap.models.spatial.offsets import offsets


class GaussianProcessNormSpatialModel(GaussianProcessField):
    r"""Correlated factor on a background: what is not known of its shape, with its size and its length unknown too.

    .. math:: g(\Omega) = e^{f(\Omega) - \frac12 \mathrm{var} f(\Omega)},\qquad
              f \sim \mathrm{GP}(0, k),\qquad
              k(d) = s^2 e^{-d^2/2l^2}\ \text{or}\ s^2 (1 + \sqrt3 d/l)\, e^{-\sqrt3 d/l}

    with mean one at every position before the data are seen. The process is a sum of sines on a box around the centre
    (see `bayesmap.models.spatial.hilbert`), whose weights ``mode_<j>_<k>`` are independent standard-normal parameters
    (the non-centred form). Distances are those of azimuthal-equidistant offsets from the centre.

    It is a factor on a background (`FoVBackgroundModel`), not a source's shape, and has no value outside its box.

    Parameters
    ----------
    scatter : float
        s, the standard deviation of f: about the fraction by which the factor leaves one. Default 0.2, prior
        half-normal of width 0.3.
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
    >>> model = GaussianProcessNormSpatialModel(lon_0="83.6 deg", lat_0="22 deg", width=(4, 3), length="1.5 deg")
    >>> model.modes, len(model.parameters)
    ((6, 6), 32)
    >>> print(model(83.0, 22.5).round(3))
    0.98
    """

    tag = ("GaussianProcessNormSpatialModel", "gp-norm")
    is_norm: ClassVar[bool] = True
    image_kind = "factor"

    def factor(self, xp: ModuleType, lon: np.ndarray, lat: np.ndarray, **values: Any) -> Any:
        """Return the factor at positions in degrees of `frame`, of the shape of `lon`.

        Parameters
        ----------
        xp : module
            `numpy` or `pytensor.tensor`.
        lon, lat : ndarray, unit deg
            Positions.
        **values : float or scalar tensor
            Parameters in canonical units.

        Raises
        ------
        ModelError
            BM-MO-051 for positions outside the box.
        """
        lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        places = offsets(lon, lat, *self.position)
        outside = np.any([np.abs(place) > 0.5 * side for place, side in zip(places, self.width, strict=True)], axis=0)
        if np.any(outside):
            raise ModelError(
                "BM-MO-051",
                what=f"{np.count_nonzero(outside)} of {outside.size} positions lie outside the box of "
                f"{type(self).__name__}, {self.width[0]:g} x {self.width[1]:g} deg around {self.position}",
                rule="The field has no value outside its box",
                remedy="Make the box as wide as the map: from_geom(geom, length)",
            )
        return xp.exp(self.log_field(xp, lon, lat, **values))

    def brightness(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return the factor, which has no unit."""
        return np.asarray(self.factor(np, lon, lat, **self.canonical_values))

    def __call__(self, lon: Any, lat: Any) -> u.Quantity:
        """Return the factor at positions; numbers are degrees."""
        return u.Quantity(self.brightness(degrees(lon), degrees(lat)))
