"""Whether a run is the one that an earlier one began: what its results depend on, compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LONGEST_SHOWN = 60
"""Characters of a value in a message; longer ones are only said to differ."""


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what is different between the identities of two runs, one text for each key.

    Parameters
    ----------
    before, now : mapping
        In JSON types, or what becomes them.
    """
    now = json.loads(json.dumps(dict(now)))
    names = [name for name in now if before.get(name) != now[name]] + [name for name in before if name not in now]
    return [_difference(name, before, now) for name in names]


def _difference(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    old, new = (json.dumps(item.get(name)) for item in (before, now))
    short = all(len(text) <= LONGEST_SHOWN for text in (old, new))
    return f"{name} was {old}, is {new}" if short else f"{name} is different"
