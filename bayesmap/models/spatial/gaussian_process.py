"""What the correlated fields have in common: a box on the sky, hyperparameters, and independent weights of sines."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, ClassVar, Self

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.maps.geometry import WcsGeom
from bayesmap.models.component import did_you_mean
from bayesmap.models.default_priors import default_prior
from bayesmap.models.parameter import Parameter, make_parameter
from bayesmap.models.prior import Prior
from bayesmap.models.spatial.base import SpatialModel, degrees
from bayesmap.models.spatial.hilbert import KERNELS, HilbertBasis, build_basis
from bayesmap.models.spatial.offsets import offsets, rotate

WEIGHT = Prior("Normal", mu=0.0, sigma=1.0)
MARGIN = 1.001
"""Side of the box over the extent of the pixel centres it was made for."""
LARGEST_DOMAIN = 150.0
"""Degrees from the centre to a corner of the domain: offsets cover the sphere up to 180."""
MOST_MODES = 2000
LARGEST_WIDTH = 120.0
"""Degrees: beyond, distances on the tangent plane have nothing to do with those on the sphere."""
EXAMPLE = "Pass for example lon_0=, lat_0=, width=(4, 3), length='1 deg'; or make it by from_geom(geom, length)"
"""Remedy of most errors."""


class GaussianProcessField(SpatialModel):
    """Base of the correlated fields; see `GaussianProcessNormSpatialModel`."""

    has_position = False
    settings: ClassVar[dict[str, Any]] = {
        "frame": "icrs",
        "width": None,
        "kernel": "squared_exponential",
        "boundary": None,
        "modes": None,
    }
    lon_0 = Parameter("lon_0", 0.0, "deg", frozen=True)
    lat_0 = Parameter("lat_0", 0.0, "deg", min=-90.0, max=90.0, frozen=True)
    scatter = Parameter("scatter", 0.2, min=0.0, prior=Prior("HalfNormal", sigma=0.3))
    length = Parameter("length", 1.0, "deg", min=0.0)
    width: tuple[float, float]
    kernel: str
    boundary: tuple[float, float]
    modes: tuple[int, int]

    def __init__(self, **values: Any) -> None:
        """Take the number of sines, and the prior of the length, from the start values where they are not given."""
        length = make_parameter(type(self).length, values.get("length", type(self).length))
        if length.prior is None and length.value > 0:
            length = length.replace(prior=default_prior(type(self).__name__, length, length.value))
        settings = {name: values.get(name, default) for name, default in self.settings.items()}
        _check(type(self).__name__, length, settings)
        box = _pair(settings["width"])
        boundary, modes = build_basis(
            box, length.canonical_value, settings["kernel"], settings["boundary"], settings["modes"]
        )
        if math.prod(modes) > MOST_MODES:
            raise _unusable(
                type(self).__name__, f"{modes[0]} x {modes[1]} sines", "A longer length needs fewer of them"
            )
        made = {"length": length, "width": box, "boundary": boundary, "modes": modes}
        super().__init__(**values | made)

    @classmethod
    def from_geom(cls, geom: WcsGeom, length: Any, **values: Any) -> Self:
        """Return the field whose box holds the pixel centres of a map.

        Parameters
        ----------
        geom : WcsGeom
            Geometry of the map.
        length : float, str or Quantity
            Start value of the correlation length; the box gets as many sines as it takes.
        **values : float or Parameter
            Other arguments of the class.
        """
        lon_0, lat_0 = geom.center
        x, y = offsets(*geom.to_image().pixel_centers(), lon_0, lat_0)
        width = tuple(2.0 * MARGIN * float(np.abs(place).max()) for place in (x, y))
        place = {"lon_0": lon_0, "lat_0": lat_0, "frame": geom.frame, "width": width}
        return cls(length=length, **place | values)

    def own_defaults(self) -> tuple[Parameter, ...]:
        """Return centre and hyperparameters, and a standard-normal weight for each pair of sines."""
        weights = tuple(Parameter(name, 0.0, prior=WEIGHT) for name in self.basis.names)
        return (*type(self).default_parameters, *weights)

    def check(self) -> None:
        """Check the frame, and that the field stays where it is."""
        super().check()
        free = [item.name for item in (self.lon_0, self.lat_0) if not item.frozen]
        if free:
            raise _unusable(
                type(self).__name__,
                f"free {' and '.join(free)}",
                "A field stays where its box is, so lon_0 and lat_0 are frozen",
                "Set frozen=True on lon_0 and lat_0 (frozen: true in a model file)",
            )
        half = self.basis.half
        if math.hypot(*half) > LARGEST_DOMAIN:
            raise _unusable(
                type(self).__name__,
                f"a domain of {half[0]:g} x {half[1]:g} deg to either side",
                f"Its corners lie within {LARGEST_DOMAIN:g} deg: take a shorter length, or a smaller box",
            )

    @property
    def basis(self) -> HilbertBasis:
        """The sines."""
        half = tuple(0.5 * side * edge for side, edge in zip(self.width, self.boundary, strict=True))
        return HilbertBasis((half[0], half[1]), self.modes, self.kernel)

    def log_field(self, xp: ModuleType, lon: np.ndarray, lat: np.ndarray, **values: Any) -> Any:
        """Return f minus half its variance at positions in degrees of `frame`, of the shape of `lon`."""
        return self.basis.log_field(xp, *offsets(lon, lat, *self.position), values)

    def covariance(self, separation: Any) -> np.ndarray:
        """Return the covariance of f at two places, by their separation in degrees, that the sines stand for."""
        scatter, length = self.canonical_values["scatter"], self.canonical_values["length"]
        ratio = degrees(separation) / length
        if self.kernel == "squared_exponential":
            return np.asarray(scatter**2 * np.exp(-0.5 * ratio**2))
        return np.asarray(scatter**2 * (1.0 + math.sqrt(3.0) * ratio) * np.exp(-math.sqrt(3.0) * ratio))


def in_frame(geom: WcsGeom, frame: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixel centres of a map in degrees of a frame."""
    return rotate(*geom.to_image().pixel_centers(), geom.frame, frame)


def _pair(value: Any) -> tuple[float, float]:
    """Return one or two sides in degrees as two floats."""
    items = [value] if isinstance(value, str) or np.ndim(value) == 0 else list(value)
    sides = [u.Quantity(item) for item in items]
    numbers = [float(side.value if side.unit == u.dimensionless_unscaled else side.to_value("deg")) for side in sides]
    return numbers[0], numbers[-1]


def _check(owner: str, length: Parameter, settings: dict[str, Any]) -> None:
    if settings["kernel"] not in KERNELS:
        kernel, rule = settings["kernel"], f"The kernel is one of {', '.join(KERNELS)}"
        raise _unusable(owner, f"the kernel {kernel!r}", rule, did_you_mean(str(kernel), KERNELS))
    if settings["width"] is None:
        raise _unusable(owner, "no width", "Pass the sides of its box, or use from_geom")
    sides = _pair(settings["width"])
    if not all(0.0 < side <= LARGEST_WIDTH for side in sides):
        raise _unusable(owner, f"the width {sides}", f"Sides lie between 0 and {LARGEST_WIDTH:g} deg")
    if length.value <= 0:
        raise _unusable(owner, f"the length {length.value:g} {length.unit}", "The length starts above zero")
    boundary, modes = settings["boundary"], settings["modes"]
    if boundary is not None and not (np.shape(boundary) == (2,) and min(boundary) > 1.0):
        raise _unusable(owner, f"the boundary {boundary}", "The domain is larger than the box on both sides")
    if modes is not None and not (np.shape(modes) == (2,) and min(modes) >= 1 and all(n == int(n) for n in modes)):
        raise _unusable(owner, f"the modes {modes}", "There are two numbers of sines, one or more")


def _unusable(owner: str, what: str, rule: str, remedy: str = EXAMPLE) -> ModelError:
    return ModelError(
        "BM-MO-050",
        what=f"{owner} was given {what}",
        rule=rule,
        remedy=remedy,
    )
