"""What every spatial model is: a normalised brightness on the sphere, and columns for its sub-pixel image."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from bayesmap.errors import ModelError
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter

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
    size_name : str
        Name of the parameter that scales the model (``"sigma"``, ``"r_0"``), or ``""``.
    """

    kind: ClassVar[str] = "spatial"
    settings: ClassVar[dict[str, Any]] = {"frame": "icrs"}
    has_position: ClassVar[bool] = True
    size_name: ClassVar[str] = ""
    frame: str

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

    def check_size(self) -> None:
        """Refuse a size that is not positive."""
        if not self.size_name:
            return
        size: Parameter = getattr(self, self.size_name)
        if size.value <= 0:
            raise ModelError(
                "BM-MO-004",
                what=f"{type(self).__name__} has {self.size_name} = {size.value:g} {size.unit}",
                rule=f"{self.size_name} must be above zero (the point source is its limit)",
                remedy="Give a positive size, or use PointSpatialModel",
            )

    @property
    def position(self) -> tuple[float, float]:
        """Position (lon, lat) in degrees of `frame`."""
        values = self.canonical_values
        return values["lon_0"], values["lat_0"]

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
