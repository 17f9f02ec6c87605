"""Constants of sources of one type in one array, so that a loop over the sources can read each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from bayesmap.fold.compact import CompactImage, PSFBank
from bayesmap.fold.point import PointImage, StampTable, constant
from bayesmap.fold.source import FreeSource
from bayesmap.fold.source_fold import Node, SourceFold
from bayesmap.fold.wide_source import WideSource
from bayesmap.fold.window import SkyWindow

FEWEST = 6
"""Sources of one type from which on they are folded in a loop: fewer are faster side by side, and compile in time."""
RECORDS = (SourceFold, Node, FreeSource, PointImage, StampTable, CompactImage, PSFBank, WideSource, SkyWindow)
"""What may hold constants of a source."""


def are_enough(n: int) -> bool:
    """Return True if so many sources of one type are folded in a loop."""
    return n >= FEWEST


def with_banks(sources: Mapping[str, SourceFold]) -> dict[str, SourceFold]:
    """Return the sources, whose constants lie in common arrays where at least `FEWEST` have the same shape."""
    found: dict[Any, list[SharedVariable]] = {}

    def note(key: Any, variable: SharedVariable) -> SharedVariable:
        found.setdefault(key, []).append(variable)
        return variable

    for name, source in sources.items():
        _changed(source, f"{name}.", (), note)
    banks = {key: _bank(key, members) for key, members in found.items() if are_enough(len(members))}
    places = {id(item): k for key in banks for k, item in enumerate(found[key])}

    def replaced(key: Any, variable: SharedVariable) -> Any:
        return variable if key not in banks else banks[key][places[id(variable)]]

    def moved(key: Any, table: StampTable) -> StampTable:
        if key not in banks:
            return table
        return dataclasses.replace(table, tables=banks[key], number=places[id(table.tables)])

    return {name: _changed(source, f"{name}.", (), replaced, moved) for name, source in sources.items()}


def _changed(
    record: Any,
    prefix: str,
    path: tuple[Any, ...],
    change: Callable[[Any, SharedVariable], Any],
    change_table: Callable[[Any, StampTable], StampTable] | None = None,
) -> Any:
    """Return a record with the source's own constants changed; `path` says where in the source it stands."""
    if isinstance(record, StampTable) and change_table is not None:
        return change_table(_key((*path, "tables"), record.tables), record)
    if isinstance(record, RECORDS):
        found = {
            item.name: _changed(getattr(record, item.name), prefix, (*path, item.name), change, change_table)
            for item in dataclasses.fields(record)
        }
        changes = {name: value for name, value in found.items() if value is not getattr(record, name)}
        return dataclasses.replace(record, **changes) if changes else record
    if isinstance(record, tuple):
        items = [_changed(item, prefix, (*path, k), change, change_table) for k, item in enumerate(record)]
        same = all(new is old for new, old in zip(items, record, strict=True))
        return record if same else tuple(items)
    if isinstance(record, SharedVariable) and str(record.name).startswith(prefix):
        return change(_key(path, record), record)
    return record


def _key(path: tuple[Any, ...], variable: SharedVariable) -> Any:
    return path, variable.type.shape


def _bank(key: Any, members: list[SharedVariable]) -> SharedVariable:
    """Return the arrays in one; those of a `StampTable`, which have an axis for it, end to end."""
    values = [item.get_value(borrow=True) for item in members]
    path, _ = key
    joined = np.concatenate(values) if path[-1] == "tables" else np.stack(values)
    return constant(joined, f"{members[0].name}, {len(members)} of them")
