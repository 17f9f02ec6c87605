"""The one gate from quantities to float64 arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from bayesmap.errors import UnitsError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

CANONICAL = {
    "energy": "TeV",
    "exposure": "cm2 s",
    "angle": "deg",
    "solid_angle": "sr",
    "dnde": "cm-2 s-1 TeV-1",
}


def to_float64(value: Any, unit: str | u.UnitBase, name: str) -> FloatArray:
    """Convert a value to a read-only float64 array in a given unit.

    Parameters
    ----------
    value : Quantity, str, number or array
        A plain number or array is taken to be in `unit` already; a string is a number with its unit
        (``"1 TeV"``). The data are copied.
    unit : str or Unit
        The unit of the result.
    name : str
        What the value is, for the error message.

    Returns
    -------
    ndarray
        C-contiguous, native byte order, not writeable; the shape of `value`.

    Raises
    ------
    UnitsError
        If the unit cannot be converted (BM-GE-005), or the value is not numeric.

    Examples
    --------
    >>> from bayesmap.units import to_float64
    >>> float(to_float64("500 GeV", "TeV", "energy"))
    0.5
    """
    target = parse_unit(unit, name)
    try:
        if value is None:
            raise TypeError("nothing is no number")  # noqa: TRY301 - NumPy would make it NaN
        if isinstance(value, str):
            value = u.Quantity(value)
        elif isinstance(value, list | tuple) and any(isinstance(item, u.Quantity | str) for item in value):
            value = u.Quantity([u.Quantity(item) for item in value])
        elif not isinstance(value, u.Quantity) and hasattr(value, "unit"):
            value = u.Quantity(value)
        if isinstance(value, u.Quantity):
            value = value.value if value.unit == target else value.to_value(target)
        return freeze(value)
    except (u.UnitConversionError, u.UnitTypeError, TypeError, ValueError) as error:
        raise UnitsError(
            "BM-GE-005",
            what=f"{name} is {_short(value)}",
            rule=f"It must be numeric, in {_spell(target)} or a unit that converts to it ({error})",
            remedy=f"Give a number in {_spell(target)}, or a Quantity",
        ) from error


def parse_unit(text: str | u.UnitBase | None, name: str) -> u.UnitBase:
    """Read a unit, refusing what astropy does not know.

    Parameters
    ----------
    text : str, Unit or None
        None and the empty string mean dimensionless.
    name : str
        What carries the unit, for the error message.

    Returns
    -------
    Unit

    Raises
    ------
    UnitsError
        If the text is not a unit (BM-GE-005).
    """
    try:
        return u.Unit(text or "")
    except (ValueError, TypeError) as error:
        raise UnitsError(
            "BM-GE-005",
            what=f"{name} has the unit {str(text)!r}",
            rule="It must be a unit that astropy reads",
            remedy="Correct it, for example to 'cm2 s', 'TeV' or 'sr-1'",
        ) from error


def freeze(array: Any, dtype: type = np.float64) -> NDArray[Any]:
    """Copy an array into C order and native byte order, and make the copy read-only.

    Parameters
    ----------
    array : array_like
        Any numeric array.
    dtype : type
        The type of the copy.

    Returns
    -------
    ndarray
    """
    frozen: NDArray[Any] = np.array(array, dtype=dtype, order="C", copy=True)
    frozen.setflags(write=False)
    return frozen


def _spell(unit: u.UnitBase) -> str:
    return str(unit) or "plain numbers"


def _short(value: Any) -> str:
    """One line that shows a value and its unit without printing an array."""
    unit = getattr(value, "unit", None)
    if unit is not None:
        return f"in {str(unit)!r}"
    return f"{type(value).__name__} {str(value)[:40]!r}"
