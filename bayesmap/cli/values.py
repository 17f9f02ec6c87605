"""Kinds of values in a configuration: each function returns the checked value, or refuses it (BM-CF-007)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from bayesmap.io.safe_yaml import wrong_kind


def text(where: str, value: Any) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise wrong_kind(where, value, "text")
    return value


def flag(where: str, value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise wrong_kind(where, value, "true or false")
    return value


def choice(words: Sequence[str]) -> Callable[[str, Any], str]:
    """Return the reader of one of some words."""

    def read(where: str, value: Any) -> str:
        if value not in words:
            raise wrong_kind(where, value, f"one of {', '.join(words)}")
        return str(value)

    return read


LARGEST = 2**63
"""Numbers of draws, and seeds, are held in 64 bits."""


def is_whole(value: Any, low: int) -> bool:
    """Return True for a whole number from `low` on, below 2^63."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value < LARGEST


def whole(low: int) -> Callable[[str, Any], int]:
    """Return the reader of a whole number from `low` on."""

    def read(where: str, value: Any) -> int:
        if not is_whole(value, low):
            raise wrong_kind(where, value, f"a whole number >= {low}, below 2^63")
        return int(value)

    return read


def positive(where: str, value: Any, expected: str) -> float:
    """Return a finite number above zero; `expected` says in words what that is."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (math.isfinite(value) and value > 0):
        raise wrong_kind(where, value, expected)
    return float(value)


def radius(where: str, value: Any) -> float | None:
    """Return an angle in deg, or None."""
    if value is None:
        return None
    return positive(where, value, "a number of degrees > 0, or null for the whole PSF")
