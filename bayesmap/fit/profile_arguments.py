"""Checks of what the profile methods of `MapFit` are called with, and the values that they mean."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapInputError
from bayesmap.models.parameter import Parameter

FEWEST_POINTS = 4
"""Of a contour."""


def grid(
    parameter: Parameter,
    values: Iterable[Any] | None,
    bounds: Any,
    nvalues: int,
    center: float,
    error: float,
    limits: tuple[float, float],
) -> np.ndarray:
    """Return the values of a curve, shape (n,).

    Parameters
    ----------
    parameter : Parameter
        Which.
    values : iterable of float or Quantity, optional
        The values themselves; the next two are then not used.
    bounds : float or (float, float)
        A number of standard deviations to both sides, cut at the limits, or the ends.
    nvalues : int
        How many, evenly spaced.
    center, error : float
        Best value and standard deviation.
    limits : (float, float)
        Ends of the parameter's support.

    Raises
    ------
    BayesmapInputError
        BM-FT-030 for what makes no grid, BM-FT-031 for values outside the limits, BM-FT-032 for a number of standard
        deviations of a parameter that has none.
    """
    if values is not None:
        found = np.array([parameter.to_unit_value(value) for value in values], dtype=np.float64)
        if not found.size or not np.all(np.isfinite(found)):
            raise _no_grid(f"values are {found.tolist()}", "They are one or more finite numbers")
    else:
        if not isinstance(nvalues, int | np.integer) or nvalues < 1:
            raise _no_grid(f"nvalues is {nvalues!r}", "It is a whole number, at least 1")
        low, high = _ends(parameter, bounds, center, error, limits)
        found = np.linspace(low, high, int(nvalues))
    beyond = found[(found < limits[0]) | (found > limits[1])]
    if beyond.size:
        raise BayesmapInputError(
            "BM-FT-031",
            what=f"values of {parameter.name} outside its limits: {beyond.size}, for example {beyond[0]:g}",
            rule=f"It is between {limits[0]:g} and {limits[1]:g} {parameter.unit}".rstrip(),
            remedy="Leave them out, or change the limits of the parameter",
        )
    return found


def _ends(
    parameter: Parameter, bounds: Any, center: float, error: float, limits: tuple[float, float]
) -> tuple[float, float]:
    if isinstance(bounds, int | float | np.number):
        if not (math.isfinite(bounds) and bounds > 0):
            raise _no_grid(f"bounds is {bounds!r}", "A number of standard deviations is above zero")
        if not math.isfinite(error):
            raise BayesmapInputError(
                "BM-FT-032",
                what=f"{parameter.name} has no standard deviation",
                rule="A range in standard deviations needs one; a parameter at its limit has none",
                remedy="Pass bounds=(smallest, largest), or values",
            )
        reach = float(bounds) * error
        return max(center - reach, limits[0]), min(center + reach, limits[1])
    try:
        low, high = (parameter.to_unit_value(end) for end in bounds)
    except (TypeError, ValueError) as error_:
        raise _no_grid(f"bounds is {bounds!r}", "It is one number, or two") from error_
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise _no_grid(f"bounds are {low:g} and {high:g}", "The first is below the second, both finite")
    return low, high


def _no_grid(what: str, rule: str) -> BayesmapInputError:
    return BayesmapInputError(
        "BM-FT-030",
        what=what,
        rule=rule,
        remedy="Write for example bounds=2 (standard deviations), bounds=(1.5, 2.5), or values=[1.8, 2.0, 2.2]",
    )


def check_points(numpoints: int) -> None:
    """Refuse a number of points that outlines nothing.

    Raises
    ------
    BayesmapInputError
        BM-FT-033.
    """
    if not isinstance(numpoints, int | np.integer) or numpoints < FEWEST_POINTS:
        raise BayesmapInputError(
            "BM-FT-033",
            what=f"numpoints is {numpoints!r}",
            rule=f"A contour has a whole number of points, at least {FEWEST_POINTS}",
            remedy="Write for example 100",
        )
