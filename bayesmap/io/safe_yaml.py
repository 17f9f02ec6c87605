"""YAML from strangers: bounded, without tags, aliases or double keys."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from bayesmap.errors import BayesmapIOError, ConfigError
from bayesmap.models.component import did_you_mean

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 50_000
"""Bound on scalars, lists and mappings together: a megabyte of "[]," would otherwise become 50 MB of objects."""

LARGEST = 2**63
"""Whole numbers are smaller."""
PLAIN = "A YAML file may hold plain mappings, lists, numbers and text only, each key once"

# YAML 1.1 reads 83:37:57 as a number to the base 60 and 010 as 8: both would be wrong values without a word.
_MISLEADING_NUMBER = re.compile(r"[-+]?(?:0[0-9_]+|[0-9][0-9_]*(?::[0-9]+)+)(?:\.[0-9_]*)?")


class _Loader(yaml.CSafeLoader):
    """The safe C loader, which also refuses double and merged keys and keeps misleading numbers as text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise _refused("BM-CF-011", key, "a merge key (<<)", "Write the keys out")
            if not isinstance(key, yaml.ScalarNode):
                raise _refused("BM-CF-016", key, "a key that is a list or mapping", "Write a word as the key")
            if key.value in seen:
                raise _refused("BM-CF-015", key, f"the key {key.value!r} twice in one mapping", "Keep one of them")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float | str:
    if _MISLEADING_NUMBER.fullmatch(node.value):
        return str(node.value)
    if node.tag != "tag:yaml.org,2002:int":
        return loader.construct_yaml_float(node)
    number = int(loader.construct_yaml_int(node))
    if abs(number) >= LARGEST:
        remedy = "Write a large number with a point and an exponent, such as 1.0e+20"
        what = f"a whole number of {len(str(abs(number)))} digits"
        raise _refused("BM-CF-002", node, what, remedy, "A whole number lies between -2^63 and 2^63")
    return number


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def load_yaml(
    source: str | PathLike[str],
    *,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
    max_nodes: int = MAX_NODES,
) -> dict[str, Any]:
    r"""Load a YAML document whose top is a mapping, without trusting who wrote it.

    Parameters
    ----------
    source : str or path-like
        Path of a file, or the text itself: a str that holds a line break is text.
    max_bytes, max_depth, max_nodes : int
        Largest size, deepest nesting and largest number of values.

    Returns
    -------
    dict

    Raises
    ------
    BayesmapIOError
        BM-IO-016 if the file is not there or cannot be read.
    ConfigError
        BM-CF-002 a whole number beyond 2^63, BM-CF-007 top is no mapping, BM-CF-010 a tag, BM-CF-011 an alias or
        merge, BM-CF-012 too deep, BM-CF-013 too large, BM-CF-014 empty, BM-CF-015 a key twice, BM-CF-016 no YAML.

    Examples
    --------
    >>> load_yaml("a: 1.0e-8\nb: [x]\n")
    {'a': 1e-08, 'b': ['x']}
    """
    name, data = _read(source, max_bytes)
    try:
        text = data.decode()
        _check_events(text, max_depth, max_nodes)
        document = yaml.load(text, Loader=_Loader)
    except ConfigError as error:
        raise ConfigError(
            error.code, what=f"{name}: {error.what}", rule=error.rule, remedy=error.remedy
        ) from error.__cause__
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # libyaml has a limit of its own and meets it while it looks ahead, before the events of the outer levels come.
        deep = "nesting depth" in str(error)
        raise ConfigError(
            "BM-CF-012" if deep else "BM-CF-016",
            what=f"{name}: {' '.join(str(error).split())}",
            rule=f"A YAML file may have {max_depth} levels" if deep else "The file must be YAML 1.1 in UTF-8",
            remedy="Flatten the file" if deep else "Correct it at the place named",
        ) from error
    if document is None:
        raise ConfigError(
            "BM-CF-014", what=f"{name} is empty", rule="It must hold a mapping", remedy="Name the right file"
        )
    if not isinstance(document, dict):
        raise ConfigError(
            "BM-CF-007",
            what=f"{name} holds a {type(document).__name__} at its top",
            rule="It must hold a mapping",
            remedy='Begin with a key, such as "components:"',
        )
    return document


def _read(source: str | PathLike[str], max_bytes: int) -> tuple[str, bytes]:
    """Return a name for messages and at most `max_bytes` of data."""
    if isinstance(source, str) and "\n" in source:
        name, data = "YAML text", source.encode()
    else:
        path = Path(source)
        name = path.name
        try:
            with path.open("rb") as file:
                data = file.read(max_bytes + 1)
        except (OSError, ValueError) as error:
            raise BayesmapIOError(
                "BM-IO-016",
                what=f"{path} cannot be read: {error}",
                rule="It must be a YAML file (a str is taken as text only if it holds a line break)",
                remedy="Correct the path",
            ) from error
    if len(data) > max_bytes:
        raise ConfigError(
            "BM-CF-013",
            what=f"{name} has more than {max_bytes:,} bytes",
            rule="A YAML file may not be larger",
            remedy="Split the file, or keep data in FITS files",
        )
    return name, data


def _check_events(text: str, max_depth: int, max_nodes: int) -> None:
    """Walk through the parser's events, which build nothing, and refuse what is not plain data."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _refused("BM-CF-011", event, f"an alias (*{event.anchor})", "Write the value out")
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if not isinstance(event, yaml.NodeEvent):
            continue
        nodes += 1
        depth += isinstance(event, yaml.CollectionStartEvent)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refused("BM-CF-010", event, f"the tag {tag!r}", "Remove it: only plain data are read")
        if depth > max_depth:
            rule = f"A YAML file may have {max_depth} levels"
            raise _refused("BM-CF-012", event, f"more than {max_depth} levels", "Flatten the file", rule)
        if nodes > max_nodes:
            rule = f"A YAML file may hold {max_nodes:,} values"
            raise _refused("BM-CF-013", event, f"more than {max_nodes:,} values", "Keep data in FITS files", rule)


def _refused(code: str, place: Any, what: str, remedy: str, rule: str = PLAIN) -> ConfigError:
    mark = place.start_mark
    return ConfigError(
        code,
        what=f"line {mark.line + 1}, column {mark.column + 1} holds {what}",
        rule=rule,
        remedy=remedy,
    )


def check_keys(
    mapping: Any, allowed: tuple[str, ...] | list[str] | set[str], path: str, *, required: tuple[str, ...] = ()
) -> None:
    """Check that a piece of a document is a mapping with known keys only.

    Parameters
    ----------
    mapping : object
        The piece.
    allowed : sequence of str
        Keys it may have.
    path : str
        Where it stands, such as ``"components[0].spectral"``; ``""`` for the top.
    required : tuple of str
        Keys it must have.

    Raises
    ------
    ConfigError
        BM-CF-001 for an unknown key, with the nearest known one; BM-CF-007 if it is no mapping or misses a key.
    """
    if not isinstance(mapping, Mapping):
        raise wrong_kind(path, mapping, "a mapping of keys to values")
    known = tuple(allowed)
    for key in mapping:
        if key not in known:
            raise unknown_key(f"{path}.{key}".lstrip("."), "key", key, known)
    for key in required:
        if key not in mapping:
            raise ConfigError(
                "BM-CF-007",
                what=f"{path or 'the top of the document'} has no {key!r}",
                rule=f"It must have {', '.join(required)}",
                remedy=f"Add {key!r}",
            )


def unknown_key(path: str, noun: str, name: Any, known: tuple[str, ...]) -> ConfigError:
    """Return the error for a name that is not known, with the nearest one that is."""
    close = get_close_matches(str(name), known, n=1, cutoff=0.5)
    remove = "Remove it, or use one of these" if known else "Remove it"
    return ConfigError(
        "BM-CF-001",
        what=f"{path}: unknown {noun} {name!r}",
        rule=f"Known are {', '.join(known) or 'none'}",
        remedy=f"Did you mean {close[0]!r}? Otherwise remove it" if close else remove,
    )


def unknown_type(path: str, noun: str, name: Any, known: tuple[str, ...]) -> ConfigError:
    """Return the error for a type that is not known, with the nearest one that is; it is needed, unlike a key."""
    error = unknown_key(path, noun, name, known)
    return ConfigError("BM-CF-006", what=error.what, rule=error.rule, remedy=did_you_mean(str(name), known))


def wrong_kind(path: str, value: Any, expected: str) -> ConfigError:
    """Return the error for a value of the wrong kind."""
    return ConfigError(
        "BM-CF-007",
        what=f"{path or 'the top of the document'} is {type(value).__name__} {str(value)[:40]!r}",
        rule=f"It must be {expected}",
        remedy="Correct it",
    )
