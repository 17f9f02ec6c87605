"""A factor on the sky with a free norm at each of some positions, interpolated between them."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import astropy.units as u
import numpy as np
import scipy.interpolate

from bayesmap.errors import ModelError
from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.spatial.base import SpatialModel, degrees

SCALES = ("lin", "log")
FEWEST = 4
TOLERANCE = 1e-13
"""Of the interpolant's slopes at the nodes; Gammapy's are good to 1e-6."""
TINY = float(np.finfo(np.float64).tiny)


class PiecewiseNormSpatialModel(SpatialModel):
    r"""Norms at fixed positions, interpolated by piecewise cubics with continuous slopes (Clough and Tocher).

    .. math:: f(\Omega) = \sum_k W_k(\Omega)\,n_k \quad\text{or}\quad \exp \sum_k W_k(\Omega) \ln n_k

    The weights W belong to the nodes' Delaunay triangles in longitude and latitude; they sum to one. It is a factor on
    a background (`FoVBackgroundModel`), not a source's shape, and has no value outside the nodes' convex hull.

    Parameters
    ----------
    lon, lat : Quantity
        Nodes, four or more, not on one line.
    norms : sequence of float or Parameter, optional
        Start values at the nodes, of the parameters ``norm_0``, ``norm_1``, ...; ones by default.
    interp : str
        ``"lin"``, or ``"log"``, where a norm of zero or less counts as the smallest number.
    frame : str
        Frame of the nodes.
    **values : float or Parameter
        Norms by name.

    Raises
    ------
    ModelError
        BM-MO-042 for nodes, norms or an `interp` that cannot be used.

    Examples
    --------
    >>> model = PiecewiseNormSpatialModel([0, 2, 0, 2], [0, 0, 2, 2], norms=[1, 2, 3, 4])
    >>> round(float(model(1.0, 1.0)), 6)
    2.5
    """

    tag = ("PiecewiseNormSpatialModel", "piecewise-norm")
    has_position = False
    is_norm: ClassVar[bool] = True
    image_kind = "factor"
    settings: ClassVar[dict[str, Any]] = {"frame": "icrs", "lon": None, "lat": None, "interp": "lin"}
    lon: u.Quantity
    lat: u.Quantity
    interp: str

    def __init__(self, lon: Any, lat: Any, norms: Any = None, **values: ParameterLike) -> None:
        if norms is not None:
            if len(norms) != np.size(lon):
                raise _unusable(f"{np.size(lon)} nodes and {len(norms)} norms", "There must be one norm a node")
            values = {f"norm_{k}": norm for k, norm in enumerate(norms)} | values
        super().__init__(lon=lon, lat=lat, **values)

    def take_setting(self, name: str, value: Any) -> Any:
        """Take nodes as read-only angles, and check the name of the interpolation."""
        if name in ("lon", "lat"):
            nodes = np.array(degrees(value))
            nodes.flags.writeable = False
            return u.Quantity(nodes, "deg", copy=False)
        if name == "interp" and value not in SCALES:
            raise _unusable(f"interp {value!r}", f"interp is one of {', '.join(SCALES)}")
        return value

    def own_defaults(self) -> tuple[Parameter, ...]:
        """Return one norm for each node."""
        return tuple(Parameter(f"norm_{k}", 1.0) for k in range(self.lon.size))

    def check(self) -> None:
        """Check frame and nodes."""
        super().check()
        nodes = np.stack([self.lon.value.ravel(), self.lat.value.ravel()]) if self.lon.shape == self.lat.shape else None
        if nodes is None or self.lon.ndim != 1 or not np.all(np.isfinite(nodes)):
            shapes = f"lon of shape {self.lon.shape} and lat of shape {self.lat.shape}"
            raise _unusable(shapes, "Nodes must be finite pairs")
        flat = nodes.shape[1] < FEWEST or np.linalg.matrix_rank(self._places(*nodes) - self._places(*nodes)[0]) < 2
        if flat or len(np.unique(nodes, axis=1).T) < nodes.shape[1]:
            raise _unusable(f"{nodes.shape[1]} nodes", "There must be four or more, different, not on one line")

    def __eq__(self, other: object) -> bool:
        """Compare nodes, settings and parameters."""
        if not isinstance(other, PiecewiseNormSpatialModel):
            return NotImplemented
        same = (self.parameters, self.frame, self.interp) == (other.parameters, other.frame, other.interp)
        return same and np.array_equal(self.lon, other.lon) and np.array_equal(self.lat, other.lat)

    def __hash__(self) -> int:
        """Hash of class and parameters."""
        return hash((type(self), self.parameters))

    def weights(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return W, shape (n_node,) + lon.shape, at positions in degrees of `frame`.

        Raises
        ------
        ModelError
            BM-MO-043 if a position lies outside the nodes' convex hull.
        """
        nodes = self._places(self.lon.value, self.lat.value)
        interpolant = scipy.interpolate.CloughTocher2DInterpolator(
            nodes, np.eye(len(nodes)), tol=TOLERANCE, maxiter=10000
        )
        places = self._places(lon, lat)
        found = np.moveaxis(interpolant(places).reshape(*places.shape[:-1], len(nodes)), -1, 0)
        outside = np.count_nonzero(np.isnan(found[0]))
        if outside:
            raise ModelError(
                "BM-MO-043",
                what=f"{outside} of {found[0].size} positions lie outside the nodes of PiecewiseNormSpatialModel",
                rule="It has no value outside the convex hull of its nodes",
                remedy="Put nodes around the whole map, a little beyond its corners",
            )
        return np.asarray(found)

    def factor(self, xp: ModuleType, lon: np.ndarray, lat: np.ndarray, **norms: Any) -> Any:
        """Return the factor at positions in degrees of `frame`, of the shape of `lon`.

        Parameters
        ----------
        xp : module
            `numpy` or `pytensor.tensor`.
        lon, lat : ndarray, unit deg
            Positions.
        **norms : float or scalar tensor
            Norms by name.
        """
        values = xp.stack([norms[f"norm_{k}"] for k in range(self.lon.size)])
        if self.interp == "log":
            values = xp.log(xp.where(values > TINY, values, TINY))
        total = xp.tensordot(values, self.weights(lon, lat), axes=1)
        return xp.exp(total) if self.interp == "log" else total

    def brightness(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return the factor, which has no unit."""
        return np.asarray(self.factor(np, lon, lat, **self.canonical_values))

    def __call__(self, lon: Any, lat: Any) -> u.Quantity:
        """Return the factor at positions; numbers are degrees."""
        lon, lat = np.broadcast_arrays(degrees(lon), degrees(lat))
        return u.Quantity(self.brightness(lon, lat))

    def _places(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return (lon, lat) in degrees, shape (..., 2), the longitude counted from the middle of the nodes."""
        turns = np.exp(1j * self.lon.to_value("rad"))
        middle = np.rad2deg(np.angle(turns.mean()))
        return np.stack([(np.asarray(lon) - middle + 180.0) % 360.0 - 180.0, np.asarray(lat)], axis=-1)


def _unusable(what: str, rule: str) -> ModelError:
    return ModelError(
        "BM-MO-042",
        what=f"PiecewiseNormSpatialModel was given {what}",
        rule=rule,
        remedy="Pass lon=, lat= (and norms=) of equal length, interp='lin' or 'log'",
    )
