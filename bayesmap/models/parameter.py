"""One parameter of a model: a value with unit, limits, error and prior."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import astropy.units as u

from bayesmap.errors import ModelError, UnitsError
from bayesmap.units import to_float64

ParameterLike = Any
"""What a model accepts for a parameter: float, str, `astropy.units.Quantity` or `Parameter`."""

CANONICAL_UNITS = (
    "",
    "TeV",
    "TeV-1",
    "cm-2 s-1 TeV-1",
    "cm-2 s-1 TeV-1 sr-1",
    "cm-2 s-1",
    "TeV cm-2 s-1",
    "deg",
    "sr-1",
    "sr",
    "cm2 s",
)


@dataclass(frozen=True, eq=False)
class Parameter:
    """A named number of a model, with what is known about it.

    Nothing changes a parameter: `with_value` and `replace` return new ones.

    Parameters
    ----------
    name : str
        Name inside its model, for example ``"index"``.
    value : float
        Value in `unit`; finite.
    unit : str
        Unit that `value`, `min`, `max` and `error` are in.
    min, max : float
        Hard limits in `unit`; NaN means none. Only these are support of the posterior.
    frozen : bool
        True if the fit leaves the parameter alone.
    error : float
        Standard deviation in `unit`; NaN where not known.
    prior : object
        Prior, or None for the default one.
    link : str
        Qualified name of the parameter that this one equals (``"crab.spectral.index"``), or an expression with such
        names in braces (``"2 * {crab.spectral.index}"``, values in the parameters' units); see `bayesmap.models.link`.
        A linked parameter is not free, and its own limits are checked at the start only. Default ``""``: no link.

    Raises
    ------
    ModelError
        BM-MO-003 value or error not usable, BM-MO-005 min above max, BM-MO-006 value outside the limits.
    UnitsError
        BM-GE-005 if `unit` is not a unit.

    Examples
    --------
    >>> Parameter("amplitude", 3.0, "cm-2 s-1 GeV-1").canonical_value
    3000.0
    """

    name: str
    value: float
    unit: str = ""
    min: float = math.nan
    max: float = math.nan
    frozen: bool = False
    error: float = math.nan
    prior: Any = field(default=None)
    link: str = ""

    def __post_init__(self) -> None:
        """Take numbers as float64 and check them."""
        for key in ("value", "min", "max", "error"):
            object.__setattr__(self, key, float(getattr(self, key)))
        object.__setattr__(self, "frozen", bool(self.frozen))
        object.__setattr__(self, "unit", unit_string(self.unit, self.name))
        problem = limits_problem(self.name, self.value, self.min, self.max)
        if problem is not None:
            raise problem
        if self.error < 0 or math.isinf(self.error):
            raise ModelError(
                "BM-MO-003",
                what=f"parameter {self.name!r} has error {self.error!r}",
                rule="An error must be a finite number >= 0, or NaN where it is not known",
                remedy="Leave `error` out, or pass a standard deviation",
            )

    def _key(self) -> tuple[Any, ...]:
        numbers = (self.value, self.min, self.max, self.error)
        known = tuple(None if math.isnan(number) else number for number in numbers)
        return (self.name, u.Unit(self.unit), self.frozen, self.prior, self.link, *known)

    def __eq__(self, other: object) -> bool:
        """Compare every field; two NaN are equal, equal units may be written differently."""
        if not isinstance(other, Parameter):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        """Hash of the name and numbers."""
        return hash((self.name, self.value))

    @property
    def free(self) -> bool:
        """True if a fit varies the parameter by itself: it is neither frozen nor linked."""
        return not (self.frozen or self.link)

    @property
    def quantity(self) -> u.Quantity:
        """Value with its unit."""
        return u.Quantity(self.value, self.unit)

    @property
    def canonical_unit(self) -> str:
        """Unit used inside bayesmap for this kind of quantity (TeV, deg, cm-2 s-1 TeV-1, ...)."""
        unit = u.Unit(self.unit)
        for canonical in CANONICAL_UNITS:
            if unit.is_equivalent(canonical):
                return canonical
        raise UnitsError(
            "BM-GE-005",
            what=f"parameter {self.name!r} has unit {self.unit!r}",
            rule=f"A unit must be convertible to one of {', '.join(map(repr, CANONICAL_UNITS))}",
            remedy="Give the parameter in such a unit",
        )

    @property
    def canonical_factor(self) -> float:
        """Factor that turns a number in `unit` into one in `canonical_unit`."""
        return float(u.Unit(self.unit).to(self.canonical_unit))

    @property
    def canonical_value(self) -> float:
        """Value in `canonical_unit`."""
        return self.value * self.canonical_factor

    def to_unit_value(self, value: Any) -> float:
        """Return `value` (float in `unit`, Quantity or str) as float in the parameter's unit."""
        if isinstance(value, str):
            value = parse_quantity(value, self)
        return float(to_float64(value, self.unit, self.name))

    def with_value(self, value: Any) -> Parameter:
        """Return the same parameter with another value (float in `unit`, Quantity or str)."""
        return replace(self, value=self.to_unit_value(value))

    def replace(self, **changes: Any) -> Parameter:
        """Return the same parameter with some fields changed."""
        return replace(self, **changes)


def limits_problem(name: str, value: float, low: float, high: float) -> ModelError | None:
    """Return what is wrong with a value and its limits, or None.

    Parameters
    ----------
    name : str
        Name for the message.
    value, low, high : float
        Value, lower and upper limit in one unit; NaN limits mean none.
    """
    if not math.isfinite(value):
        return ModelError(
            "BM-MO-003",
            what=f"parameter {name!r} has value {value!r}",
            rule="A value must be a finite number",
            remedy="Pass a finite start value",
        )
    if low > high:
        return ModelError(
            "BM-MO-005",
            what=f"parameter {name!r} has min {low!r} above max {high!r}",
            rule="min must not exceed max",
            remedy="Exchange them, or leave one out",
        )
    if value < low or value > high:
        return ModelError(
            "BM-MO-006",
            what=f"parameter {name!r} has value {value!r} outside its limits [{limit_text(low)}, {limit_text(high)}]",
            rule="A value must lie inside min and max",
            remedy="Change the value, or widen the limits",
        )
    return None


def limit_text(limit: float, form: str = "") -> str:
    """Return a number that is NaN where there is none, for messages; `form` as of `format`, all digits by default."""
    return "none" if math.isnan(limit) else format(limit, form)


def unit_string(unit: Any, name: str) -> str:
    """Return `unit` (str or astropy unit) as a string that astropy and Gammapy read.

    Raises
    ------
    UnitsError
        BM-GE-005 if it is not a unit.
    """
    try:
        parsed = u.Unit(unit)
        return unit.strip() if isinstance(unit, str) else str(parsed.to_string("fits"))
    except (ValueError, TypeError) as exc:
        raise UnitsError(
            "BM-GE-005",
            what=f"parameter {name!r} has unit {unit!r}: {exc}",
            rule="A unit must be one that astropy.units reads",
            remedy='Write for example "cm-2 s-1 TeV-1"',
        ) from exc


def parse_quantity(text: str, default: Parameter) -> u.Quantity:
    """Return a string such as ``"1e-12 cm-2 s-1 TeV-1"`` as a Quantity in the units of `default`'s kind.

    Raises
    ------
    UnitsError
        BM-GE-005 if the string is no number with unit, or its unit does not convert.
    """
    try:
        quantity = u.Quantity(text)
    except (ValueError, TypeError) as exc:
        raise UnitsError(
            "BM-GE-005",
            what=f"parameter {default.name!r} was given as {text!r}",
            rule="A string must hold a number and a unit",
            remedy=f'Write for example "{default.value:g} {default.unit}"',
        ) from exc
    to_float64(quantity, default.unit, default.name)
    return quantity


def make_parameter(default: Parameter, value: ParameterLike) -> Parameter:
    """Return the parameter `default` with a user's value in place of its own.

    Parameters
    ----------
    default : Parameter
        Gives name, limits and frozen flag, and the unit of bare numbers.
    value : float, str, Quantity or Parameter
        A float is in the unit of `default`; a string or Quantity keeps its own unit, and the limits are
        converted to it; a Parameter is taken as it is, if name and unit fit.

    Raises
    ------
    ModelError
        BM-MO-002 if a Parameter of another name is given.
    UnitsError
        BM-GE-005 if the unit does not fit.

    Examples
    --------
    >>> make_parameter(Parameter("reference", 1.0, "TeV", frozen=True), "300 GeV").quantity
    <Quantity 300. GeV>
    """
    if isinstance(value, Parameter):
        if value.name != default.name:
            raise ModelError(
                "BM-MO-002",
                what=f"a Parameter named {value.name!r} was given for {default.name!r}",
                rule="Names must agree",
                remedy=f"Use parameter.replace(name={default.name!r})",
            )
        to_float64(value.quantity, default.unit, default.name)
        return value
    if isinstance(value, str):
        value = parse_quantity(value, default)
    if not isinstance(value, u.Quantity):
        return default.with_value(value)
    to_float64(value, default.unit, default.name)
    factor = float(u.Unit(default.unit).to(value.unit))
    return default.replace(
        value=float(value.value),
        unit=unit_string(value.unit, default.name),
        min=default.min * factor,
        max=default.max * factor,
        error=default.error * factor,
    )
