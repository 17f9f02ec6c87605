"""What every spatial model is: a normalised brightness on the sphere, and columns for its sub-pixel image."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, ClassVar

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.maps.geometry import WcsGeom
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter, make_parameter
from bayesmap.models.spatial.offsets import offsets, rotate

FRAMES = ("icrs", "galactic", "fk5")


class SpatialModel(ModelComponent):
    """Base of the spatial models.

    A subclass with an extent states `evaluate`, the brightness at an offset from its centre.  Offsets are
    azimuthal-equidistant (ARC) coordinates: x = theta sin(psi) towards East, y = theta cos(psi) towards North, with
    the great-circle separation theta and the position angle psi, both in degrees of the model's frame.

    Attributes
    ----------
    has_position : bool
        True if `lon_0` and `lat_0` place the model.
    size_names : tuple of str
        Names of the parameters that scale the model (``("sigma",)``, ``("radius", "width")``), or none.
    image_kind : str
        How the fold makes its image: ``"point"``; ``"columns"`` (strips with exact B-spline moments: shapes with
        edges); ``"lattice"`` (brightness on nodes that move with the shape); ``"fixed"`` (a map that does not move).
    smooth_when_wide : bool
        True if samples at pixel centres hold the brightness of a model that is wider than a few pixels.
    """

    kind: ClassVar[str] = "spatial"
    settings: ClassVar[dict[str, Any]] = {"frame": "icrs"}
    has_position: ClassVar[bool] = True
    size_names: ClassVar[tuple[str, ...]] = ()
    image_kind: ClassVar[str] = "columns"
    smooth_when_wide: ClassVar[bool] = False
    frame: str

    @property
    def is_flux(self) -> bool:
        """True for a brightness that holds the spectrum too, cm-2 s-1 TeV-1 sr-1: it goes with a norm model."""
        return False

    def check(self) -> None:
        """Check the frame."""
        if self.frame not in FRAMES:
            raise ModelError(
                "BM-MO-007",
                what=f"{type(self).__name__} has frame {self.frame!r}",
                rule=f"A frame must be one of {', '.join(FRAMES)}",
                remedy="Write for example frame='galactic'",
            )
        self.check_size()

    def take_parameter(self, default: Parameter, value: Any) -> Parameter:
        """Return a parameter; a size below zero is refused as what it is, not as one outside its limits."""
        if default.name in self.size_names and not isinstance(value, Parameter):
            size = make_parameter(default.replace(min=math.nan, max=math.nan), value)
            if size.value < 0:
                raise self._size_error(size)
        return super().take_parameter(default, value)

    def check_size(self) -> None:
        """Refuse sizes of which one is negative, or all are zero."""
        sizes: list[Parameter] = [getattr(self, name) for name in self.size_names]
        bad = [size for size in sizes if size.value < 0] or [size for size in sizes if sum(s.value for s in sizes) == 0]
        if bad:
            raise self._size_error(bad[0])

    def _size_error(self, size: Parameter) -> ModelError:
        return ModelError(
            "BM-MO-004",
            what=f"{type(self).__name__} has {size.name} = {size.value:g} {size.unit}",
            rule=f"{' + '.join(self.size_names)} must be above zero (the point source is its limit)",
            remedy="Give a positive size, or use PointSpatialModel",
        )

    @property
    def position(self) -> tuple[float, float]:
        """Position (lon, lat) in degrees of `frame`."""
        values = self.canonical_values
        return values["lon_0"], values["lat_0"]

    @property
    def shape_values(self) -> dict[str, float]:
        """Values of all parameters but the position, in canonical units."""
        return {name: value for name, value in self.canonical_values.items() if name not in ("lon_0", "lat_0")}

    def __call__(self, lon: Any, lat: Any) -> u.Quantity:
        """Return the brightness at positions.

        Parameters
        ----------
        lon, lat : array_like or Quantity
            Position in `frame`; numbers are degrees.

        Returns
        -------
        Quantity, unit sr-1
        """
        lon, lat = np.broadcast_arrays(degrees(lon), degrees(lat))
        return u.Quantity(self.brightness(lon, lat), "sr-1")

    def evaluate_geom(self, geom: WcsGeom) -> u.Quantity:
        """Return the brightness at the pixel centres of a map's geometry, shape (n_lat, n_lon), unit sr-1."""
        lon, lat = geom.to_image().pixel_centers()
        return self(*rotate(lon, lat, geom.frame, self.frame))

    def brightness(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return the brightness in sr-1 at positions in degrees of `frame`."""
        x, y = offsets(lon, lat, *self.position) if self.has_position else (0.0 * lon, 0.0 * lat)
        return np.asarray(self.evaluate(np, x, y, **self.shape_values))

    @staticmethod
    def evaluate(xp: ModuleType, x: Any, y: Any, *args: Any, **values: Any) -> Any:
        """Return the brightness at an offset; every subclass with an extent has its own formula.

        Parameters
        ----------
        xp : module
            `numpy` or `pytensor.tensor`.
        x, y : array or tensor, unit deg
            Offsets towards East and North.
        *args : never
            Parameters are given by name; this says to type checkers that subclasses name theirs.
        **values : float or scalar tensor
            Shape parameters in canonical units, without the position.

        Returns
        -------
        array or tensor, unit sr-1
        """
        raise NotImplementedError

    @staticmethod
    def ellipse(xp: ModuleType, *args: Any, **values: Any) -> tuple[Any, Any, Any]:
        """Return the unit of the shape, an ellipse, as (major semi-axis in deg, eccentricity, position angle in deg).

        Parameters
        ----------
        xp : module
            `numpy` or `pytensor.tensor`.
        *args : never
            See `evaluate`.
        **values : float or scalar tensor
            Shape parameters in canonical units.
        """
        raise NotImplementedError

    @staticmethod
    def extent(xp: ModuleType, *args: Any, **values: Any) -> Any:
        """Return the radius in deg beyond which the shape has no light, or next to none."""
        raise NotImplementedError


def degrees(angle: Any) -> np.ndarray:
    """Return an angle in degrees, of a Quantity or of numbers in degrees."""
    return np.asarray(angle.to_value("deg") if isinstance(angle, u.Quantity) else angle, dtype=np.float64)


def position_parameters() -> tuple[Parameter, Parameter]:
    """Return the parameters `lon_0` and `lat_0` that every model with a position has."""
    return Parameter("lon_0", 0.0, "deg"), Parameter("lat_0", 0.0, "deg", min=-90.0, max=90.0)


def ellipse_matrix(xp: ModuleType, major: Any, e: Any, phi: Any) -> tuple[Any, Any, Any]:
    r"""Return the symmetric matrix :math:`Q = R\,\mathrm{diag}(a^2, b^2)\,R^T` of an ellipse as (xx, xy, yy).

    Parameters
    ----------
    xp : module
        `numpy` or `pytensor.tensor`.
    major : scalar
        Major semi-axis a; the minor one is :math:`b = a\sqrt{1 - e^2}`.
    e : scalar
        Eccentricity, 0 <= e < 1.
    phi : scalar, unit deg
        Position angle of the major axis, from North (y) towards East (x).

    Notes
    -----
    Written with :math:`e^2`, so that it is smooth at e = 0.
    """
    angle = phi * (np.pi / 180.0)
    sin, cos = xp.sin(angle), xp.cos(angle)
    squared = major * major
    shrink = e * e
    return (
        squared * (1.0 - shrink * cos * cos),
        squared * shrink * sin * cos,
        squared * (1.0 - shrink * sin * sin),
    )


def elliptical_radius_squared(xp: ModuleType, x: Any, y: Any, major: Any, e: Any, phi: Any) -> Any:
    r"""Return :math:`\rho^2 = r^T Q^{-1} r`, which is one on the ellipse; see `ellipse_matrix`."""
    xx, xy, yy = ellipse_matrix(xp, major, e, phi)
    return (yy * x * x - 2.0 * xy * x * y + xx * y * y) / (xx * yy - xy * xy)
