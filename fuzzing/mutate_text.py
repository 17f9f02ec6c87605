"""Damage to text: tokens removed, repeated, exchanged, replaced by extremes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import yaml

Rng = np.random.Generator
TOKEN = re.compile(r"[A-Za-z_][\w.\-]*|[-+]?\d[\d.eE+\-]*|\"[^\"]*\"|'[^']*'|\n *|[^\s\w]| +")
SCALARS = (
    "0", "-1", "1e-8", "1.0e-8", "1.0e+308", "-1.0e+308", "1.0e+400", "1.0e-320", ".nan", ".inf", "-.inf", "true",
    "null", "~", "yes", "''", "\"\"", "[]", "{}", "[1, 2]", "{a: b}", "010", "83:37:57", "0x1F", "1_000", "1" * 400,
    "9" * 5000, "2026-01-01", "!!python/object/apply:os.system [id]", "&a x", "*a", "<<: x", "? x", "| \n x", "\u00e9",
    "\u202e", "\U0001f52d", "\x1b[31m", "\x00", "\ud7ff", "x" * 3000, "../../etc/passwd", "/etc/passwd", "~/x",
    "$HOME/x",
    "${HOME}/x", "http://127.0.0.1:9/x", "file:///etc/passwd", ".", "..", "deg", "TeV", "GeV", "cm-2 s-1 TeV-1",
    "m-2 s-1 GeV-1", "banana", "crab", "toy", "PointSpatialModel", "GaussianPrior", "UniformPrior", "spectral",
)  # fmt: skip
XML_SCALARS = (
    "0", "-1", "1e-8", "1e308", "1e400", "1e-320", "nan", "inf", "-inf", "", "1 2", "0x10", "1_0", "true", "2",
    "&lt;", "&#x1b;", "&bomb;", "\u00e9", "\u0663", "x" * 3000, "9" * 400, "../../etc/passwd", "/etc/passwd",
    "http://127.0.0.1:9/x", "$HOME/x", "PowerLaw", "Gaussian", "Index", "DiffuseSource", "<![CDATA[x]]>", "<!--",
)  # fmt: skip
JSON_SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 3, 10**400, 1e308, 1e-320, float("nan"), float("inf"), "", "banana", "1.0", [], {}, [1],
    {"a": 1}, [[]], "<script>alert(1)</script>", "\x1b[31m", "\u202e", "x" * 3000, "' onload='x", "&amp;", 0.5, [None],
)  # fmt: skip


YAML_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 2.5, 0.0, -0.0, 1e-8, 1e308, -1e308, 1e-320, 10**400, float("nan"), float("inf"),
    -float("inf"), "", "banana", "1.0", "1e-8", [], {}, [1, 2], {"a": 1}, [[]], [None], "deg", "TeV", "GeV", "rad",
    "cm-2 s-1 TeV-1", "m-2 s-1 GeV-1", "1 TeV", "TeV banana", "crab", "toy", "crab.spectral.index", "x" * 3000,
    "PowerLawSpectralModel", "GaussianSpatialModel", "PointSpatialModel", "PowerLawNormSpectralModel", "UniformPrior",
    "GaussianPrior", "HalfNormal", "SkyModel", "FoVBackgroundModel", "ResponseModel", "icrs", "galactic", "fk5", "all",
    "\x1b[31m", "\u202e", "2.0 * {crab.spectral.index}", "{crab", "__class__", "dataset.fits", "template.fits", "..",
    "/etc/passwd", "http://127.0.0.1:9/x", "name", "value", "min", "max", "unit", "frozen", "link", "prior", "error",
)  # fmt: skip


def mutate(text: str, rng: Rng, scalars: tuple[str, ...] = SCALARS) -> tuple[str, str]:
    """Change a text in one to three places."""
    said = []
    for _ in range(int(rng.integers(1, 4))):
        text, what = _one(text, rng, scalars)
        said.append(what)
    return text, "; ".join(said)


def _one(text: str, rng: Rng, scalars: tuple[str, ...]) -> tuple[str, str]:
    tokens = [(found.start(), found.end()) for found in TOKEN.finditer(text)]
    if not tokens:
        return text, "nothing left to change"
    (start, end), (other_start, other_end) = (tokens[int(rng.integers(len(tokens)))] for _ in range(2))
    token, other = text[start:end], text[other_start:other_end]
    kind = int(rng.integers(10))
    if kind <= 3:
        new = scalars[int(rng.integers(len(scalars)))]
        return text[:start] + new + text[end:], f"{token[:20]!r} at {start} becomes {new[:30]!r}"
    if kind == 4:
        return text[:start] + text[end:], f"{token[:20]!r} at {start} removed"
    if kind == 5:
        return text[:end] + token + text[end:], f"{token[:20]!r} at {start} twice"
    if kind == 6:
        return text[:start] + other + text[end:], f"{token[:20]!r} at {start} becomes {other[:20]!r}"
    lines = text.splitlines(keepends=True)
    row = int(rng.integers(len(lines)))
    if kind == 7:
        return "".join(lines[:row] + lines[row + 1 :]), f"line {row + 1} removed"
    if kind == 8:
        return "".join(lines[: row + 1] + lines[row:]), f"line {row + 1} twice"
    return _whole(text, rng, start)


def _whole(text: str, rng: Rng, start: int) -> tuple[str, str]:
    """Change the shape of a document."""
    kinds: tuple[tuple[str, Callable[[], str]], ...] = (
        ("cut", lambda: text[:start]),
        ("nested 3000 deep", lambda: text[:start] + "[" * 3000 + "]" * 3000 + text[start:]),
        ("nested 25 deep", lambda: text[:start] + "[" * 25 + "]" * 25 + text[start:]),
        ("tabs", lambda: text.replace("    ", "\t")),
        ("a byte order mark", lambda: "\ufeff" + text),
        ("two documents", lambda: text + "---\n" + text),
        ("a large scalar", lambda: text[:start] + "y" * int(rng.integers(10, 1_200_000)) + text[start:]),
        ("upper case", text.upper),
        ("carriage returns", lambda: text.replace("\n", "\r\n")),
        ("sixty thousand values", lambda: text + "more: [" + "0," * 60_000 + "]\n"),
    )
    said, make = kinds[int(rng.integers(len(kinds)))]
    return make(), said


def mutate_bytes(text: str, rng: Rng) -> tuple[bytes, str]:
    """Put bytes that are no UTF-8, or flip bits."""
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    if not data:
        return bytes(data), "empty"
    place = int(rng.integers(len(data)))
    if rng.random() < 0.5:
        data[place] ^= 1 << int(rng.integers(8))
        return bytes(data), f"bit flipped at {place}"
    return bytes(data[:place]) + rng.bytes(3) + bytes(data[place:]), f"noise at {place}"


def mutate_yaml(text: str, rng: Rng) -> tuple[str, str]:
    """Change values, keys or the shape of a document, in one to three places; the text is YAML that can be read."""
    document, said = mutate_tree(yaml.safe_load(text), rng, YAML_VALUES)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True), f"as a document: {said}"


def mutate_xml(text: str, rng: Rng) -> tuple[str, str]:
    """Change values of attributes in one to three places: what is left can be read."""
    said = []
    for _ in range(int(rng.integers(1, 4))):
        places = list(re.finditer(r'="([^"]*)"', text))
        place, other = (places[int(rng.integers(len(places)))] for _ in range(2))
        plain = [item for item in XML_SCALARS if not {"<", '"'} & set(item)]
        new = other[1] if rng.random() < 0.4 else plain[int(rng.integers(len(plain)))]
        said.append(f"attribute {place[1][:20]!r} at {place.start(1)} becomes {new[:20]!r}")
        text = text[: place.start(1)] + new + text[place.end(1) :]
    return text, "; ".join(said)


def mutate_json(document: Any, rng: Rng) -> tuple[str, str]:
    """Change a record; the text is what `json` writes."""
    changed, said = mutate_tree(document, rng, JSON_SCALARS)
    return json.dumps(changed), said


def mutate_tree(document: Any, rng: Rng, values: tuple[Any, ...]) -> tuple[Any, str]:
    """Change values, keys or the shape of a document, in one to three places."""
    said = []
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(document))
        holder, key = places[int(rng.integers(len(places)))]
        kind = int(rng.integers(6))
        if kind <= 3 or not isinstance(holder, dict):
            other, place = places[int(rng.integers(len(places)))]
            new = values[int(rng.integers(len(values)))] if kind else other[place]
            holder[key] = copy.deepcopy(new)
            said.append(f"{key!r} becomes {str(holder[key])[:20]!r}")
        elif kind == 4:
            del holder[key]
            said.append(f"{key!r} removed")
            if not document:
                break
        else:
            holder[str(values[int(rng.integers(len(values)))])[:50]] = copy.deepcopy(holder[key])
            said.append(f"{key!r} under another name too")
    return document, "; ".join(said)


def _places(node: Any) -> Any:
    """Yield (container, key) of every value of a document."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(pairs):
        yield node, key
        yield from _places(value)
