"""Numbers as readers want them: as many digits as the error allows, powers of ten, units with exponents."""

from __future__ import annotations

import math
import re
from typing import Any

UNKNOWN = "\N{EN DASH}"
_RAISED = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
_EXPONENT = re.compile(r"(?<=[A-Za-z])-?\d+")


def unit(text: str) -> str:
    r"""Return a unit with raised exponents, which no line is broken in.

    Examples
    --------
    >>> unit("cm-2 s-1 TeV-1")
    'cm⁻²\xa0s⁻¹\xa0TeV⁻¹'
    """
    raised = _EXPONENT.sub(lambda found: found.group().translate(_RAISED), text)
    return raised.replace(" ", "\N{NO-BREAK SPACE}")


def number(value: Any, digits: int = 4) -> str:
    """Return a number with so many digits; a dash where it is not known.

    Examples
    --------
    >>> number(0.012341), number(1.5e-12, 3), number(None), number(123456)
    ('0.01234', '1.50 × 10⁻¹²', '–', '1.235 × 10⁵')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return UNKNOWN
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) and abs(value) < 100_000:
        return str(value)
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    if value == 0.0 or 1e-3 <= abs(value) < 1e5:
        shown = f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value) or 1.0)))}f}"
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}"


def measured(value: Any, *others: Any, error: Any) -> tuple[str, ...]:
    """Return a value, the error, and other numbers of the same kind, to two digits of the error.

    Parameters
    ----------
    value : float or None
        Value.
    *others : float or None
        For instance ends of an interval.
    error : float or None
        Error; without one, four digits are shown.

    Examples
    --------
    >>> measured(2.31234, error=0.1234)
    ('2.31', '0.12')
    >>> measured(1.02345e-12, 0.9e-12, error=5.1e-14)
    ('1.023 × 10⁻¹²', '0.051 × 10⁻¹²', '0.900 × 10⁻¹²')
    """
    known = isinstance(error, int | float) and math.isfinite(error) and error > 0.0
    if value is None or not known or not math.isfinite(value):
        return (number(value), number(error, 2), *map(number, others))
    size = max(abs(value), error)
    power = 0 if 1e-3 <= size < 1e5 else math.floor(math.log10(size))
    digits = max(0, 1 - math.floor(math.log10(error)) + power)
    tail = f" × 10{str(power).translate(_RAISED)}" if power else ""

    def show(one: Any) -> str:
        return UNKNOWN if one is None or not math.isfinite(one) else f"{one / 10.0**power:.{digits}f}{tail}"

    return tuple(map(show, (value, error, *others)))
