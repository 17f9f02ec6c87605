"""Text, records and stored posteriors: how they are read, and whether what was read is what they say."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import yaml

from bayesmap.cli.config import read_config
from bayesmap.cli.inputs import collect_inputs
from bayesmap.errors import BayesmapError, raise_problems
from bayesmap.io.datasets import read_datasets
from bayesmap.io.fermi import read_fermi_isotropic
from bayesmap.io.model_writer import models_to_dict
from bayesmap.io.xml import read_models_xml
from bayesmap.io.xml_writer import models_to_xml
from bayesmap.io.yaml import read_covariance, read_models
from bayesmap.models.sky import Models
from bayesmap.report import write_report

HINTS = ("interp", "scale_method", "scale_transform", "is_norm", "metadata", "checksum", "covariance", "order")
"""Keys that do not change the model, or are compared elsewhere."""
SILENT = {"", "~", "null", "Null", "NULL"}
TRUE, FALSE = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}, {
    "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF",
}  # fmt: skip


def models_yaml(path: Path) -> list[str]:
    """Read a model file; return what was read otherwise than it says."""
    models = read_models(path)
    return lost(_plain_yaml(path), back(models_to_dict, models), "")


def back(write: Callable[..., Any], value: Any) -> Any:
    """Return what was read, written again; that this fails is no refusal of the input."""
    try:
        return write(value)
    except BayesmapError as error:
        raise RuntimeError(f"what was read cannot be written: {error}") from error


def config_yaml(path: Path) -> list[str]:
    """Read a configuration and all that it names; return what was read otherwise than it says."""
    config = read_config(path)
    _, problems = collect_inputs(config)
    raise_problems(problems)
    document = _plain_yaml(path)
    plain = {key: getattr(config, key) for key in document if key not in ("priors", "flux_points", "models", "maps")}
    for key in ("dataset", "weights", "output"):
        if key in document:
            plain[key] = document[key] if getattr(config, key).name == Path(document[key]).name else "another path"
    plain["sample"] = "false" if config.sample is None else config.sample
    plain["profiles"] = list(config.profiles) if not isinstance(config.profiles, str) else config.profiles
    if isinstance(config.datasets, tuple):
        plain["datasets"] = [_entry(item) for item in config.datasets]
    given = {key: value for key, value in document.items() if key in plain}
    return lost(given, plain, "")


def _entry(item: Any) -> dict[str, Any]:
    fields = {key: getattr(item, key) for key in ("type", "name", "psf_max_radius", "irf")}
    files = {key: getattr(item, key) for key in ("file", "weights", "background", "arf", "rmf")}
    named = {key: value.name for key, value in files.items() if value is not None}
    return fields | named | {"maps": {key: value.name for key, value in item.maps.items()}}


def datasets_yaml(path: Path) -> list[str]:
    """Read a list of data sets."""
    found = read_datasets(path)
    said = [(str(item["name"]), str(item["type"])) for item in _plain_yaml(path)["datasets"]]
    return [] if [(item.name, type(item).__name__) for item in found] == said else [f"{said} read otherwise"]


def _plain_yaml(path: Path) -> Any:
    """Return a document in which every scalar is the text that stands there."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def lost(said: Any, read: Any, where: str) -> list[str]:
    """Return the places of a document whose value is not in what was read."""
    if isinstance(said, dict) and isinstance(read, dict):
        if "name" in said and "value" in said and "unit" in read:
            return _parameter(said, read, where)
        found = []
        for key, value in said.items():
            if key in HINTS or value in ([], {}) or (isinstance(value, str) and value in SILENT):
                continue
            place = f"{where}.{key}".lstrip(".")
            given = [value] if key in ("datasets_names", "members") and isinstance(value, str) else value
            found += [f"{place} was passed over"] if key not in read else lost(given, read[key], place)
        return found
    if isinstance(said, list) and isinstance(read, list | tuple):
        named = {item.get("name"): item for item in read if isinstance(item, dict)}
        if said and all(isinstance(item, dict) and "name" in item and item["name"] in named for item in said):
            pairs = [(item, named[item["name"]], item["name"]) for item in said]
        elif len(said) == len(read):
            pairs = [(one, other, str(n)) for n, (one, other) in enumerate(zip(said, read, strict=True))]
        else:
            return [f"{where} has {len(said)} entries, {len(read)} were read"]
        return [item for one, other, name in pairs for item in lost(one, other, f"{where}[{name}]")]
    return [] if _scalar(said, read) else [f"{where}: {said!r:.60} was read as {read!r:.60}"]


def _parameter(said: dict[str, Any], read: dict[str, Any], where: str) -> list[str]:
    """Compare a parameter, whatever unit it is kept in."""
    unit = u.Unit(said.get("unit", "") or read["unit"] or "")
    found = []
    for key in ("value", "min", "max"):
        if key in said and not _close(
            said[key], float((read.get(key, math.nan) * u.Unit(read["unit"])).to_value(unit))
        ):
            found.append(f"{where}.{key}: {said[key]!r} was read as {read.get(key)!r} {read['unit']}")
    rest = {key: value for key, value in said.items() if key not in ("value", "min", "max", "unit", "error")}
    defaults = {"frozen": False, "link": "", "prior": None}
    return found + lost(rest, defaults | read, where)


def _scalar(said: Any, read: Any) -> bool:
    if isinstance(said, str) and isinstance(read, str) and said != read and said.strip() and read.strip():
        try:
            return bool(u.Unit(said) == u.Unit(read))  # a unit is spelled in many ways
        except ValueError:
            return False
    if isinstance(said, str) and isinstance(read, bool):
        return said in (TRUE if read else FALSE)
    if isinstance(said, str) and isinstance(read, int | float):
        return _close(said, float(read))
    return (said in SILENT and read is None) or (isinstance(said, str) and str(read) == said)


def _close(said: str, read: float) -> bool:
    """Compare the text of a number, as people read it, with what was read."""
    text = said.strip().replace(".inf", "inf").replace(".nan", "nan").replace(".Inf", "inf").replace(".NaN", "nan")
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        number = float(int(text, 0)) if re.fullmatch(r"[-+]?0[xb][0-9a-fA-F]+", text) else math.nan
        if math.isnan(number):
            return False
    if math.isnan(number):
        return math.isnan(read)
    return number == read or math.isclose(number, read, rel_tol=1e-12)


def models_xml(path: Path) -> list[str]:
    """Read an XML library; return parameters whose number is not value x scale."""
    models = read_models_xml(path)
    said = _xml_numbers(path.read_text(encoding="utf-8"))
    found = [f"source {name!r} was passed over" for name in {key[0] for key in said} - set(models.names)]
    for model in models:
        own = {key: number for key, number in said.items() if key[0] == model.name}
        kinds = [type(item).__name__ for item in model.components.values()]
        if "CompoundSpectralModel" in kinds:  # a table times a norm, which the writer has no words for
            values = [item.value for item in model.named_parameters.values()]
            found += [f"{key}: {number}" for key, number in own.items() if not any(map(same(number), values))]
            continue
        read = _xml_numbers(back(models_to_xml, Models(model)))
        found += [
            f"{key}: {number} was read as {read.get(key)}"
            for key, number in own.items()
            if key in read and not same(number)(read[key])
        ]
    return found


def same(number: float) -> Callable[[float], bool]:
    """Return whether another number is the same within 1e-9."""
    return lambda other: math.isclose(number, other, rel_tol=1e-9, abs_tol=0)


def _xml_numbers(text: str) -> dict[tuple[str, str], float]:
    root = ET.fromstring(text)
    return {
        (source.get("name", ""), item.get("name", "")): float(item.get("value", "nan")) * float(item.get("scale", "1"))
        for source in root.iter("source")
        for item in source.iter("parameter")
    }


def covariance_table(path: Path) -> list[str]:
    """Read models with their covariance file; return whether the matrix is that of the table."""
    found = read_covariance(path.parent / "with.yaml")
    head, *rows = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    bars = [place for place, character in enumerate(head) if character == "|"]
    cells = [[line[one + 1 : other].strip() for one, other in pairwise(bars)] for line in rows]
    said = {(row[0], cells[k][0]): float(value) for row in cells for k, value in enumerate(row[1:])}
    names = {name: name for name in found.names}
    wrong = [
        f"{one}, {other}"
        for i, one in enumerate(names)
        for j, other in enumerate(names)
        if not math.isclose(said.get((one, other), math.nan), found.matrix[i, j], rel_tol=1e-9, abs_tol=0)
    ]
    return [f"covariance of {item} read otherwise" for item in wrong]


def spectrum_table(path: Path) -> list[str]:
    """Read a text table; compare it with its first two columns."""
    energy, values = read_fermi_isotropic(path)
    rows = [line.split("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines()]
    said = np.array([[float(item) for item in row[:2]] for row in rows if row])
    same = np.array_equal(said[:, 0], energy.to_value("MeV")) and np.array_equal(said[:, 1], values.value)
    return [] if same and np.all(np.isfinite(said)) and np.all(said >= 0) else ["numbers read otherwise"]


class Page(HTMLParser):
    """What could do harm in a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.harm: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Note scripts, handlers and what is loaded from elsewhere."""
        if tag in ("script", "iframe", "object", "embed", "link", "form", "base"):
            self.harm.append(f"<{tag}>")
        for key, value in attrs:
            if key.startswith("on") or (
                key in ("src", "href", "action") and not str(value).startswith(("#", "data:image/png"))
            ):
                self.harm.append(f"{tag} {key}={value!r:.40}")

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.words += data


def report(path: Path) -> list[str]:
    """Write the report of a folder; return harm in the page, and trust that the records do not give."""
    folder = path.parent
    made = write_report(folder / "report.html", folder, overwrite=True)
    page = Page(made.read_text(encoding="utf-8"))
    records = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("result", "summary", "check")
               if (folder / f"{name}.json").is_file()}  # fmt: skip
    found = [f"the page holds {item}" for item in page.harm]
    if any(ord(character) < 32 and character not in "\n\t" for character in page.words):
        found.append("the page holds control characters")
    trusted = "Fit and posterior are to be trusted" in page.words
    verdict = records.get("summary", {}).get("verdict", {})
    deserved = records["result"].get("success") is True and verdict.get("ok") is True and not verdict.get("reasons")
    if trusted and not deserved:
        found.append("the page says 'to be trusted', the records do not")
    return found
