"""Models with tables or parts in the Gammapy 2 model format: templates, piecewise norms, EBL, compounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.errors import BayesmapError, ConfigError, ProblemList, raise_problems
from bayesmap.io.parameter_schema import read_number
from bayesmap.io.safe_yaml import check_keys, unknown_type, wrong_kind
from bayesmap.io.template_path import resolve_input
from bayesmap.models.component import ModelComponent
from bayesmap.models.spatial.gaussian_process_norm import GaussianProcessNormSpatialModel
from bayesmap.models.spatial.gaussian_process_sky import GaussianProcessSpatialModel
from bayesmap.models.spatial.piecewise_norm import PiecewiseNormSpatialModel
from bayesmap.models.spectral import (
    CompoundSpectralModel,
    EBLAbsorptionNormSpectralModel,
    PiecewiseNormSpectralModel,
    TemplateSpectralModel,
)
from bayesmap.models.spectral.compound import OPERATORS, SIDES

WITH_TABLE = (
    EBLAbsorptionNormSpectralModel,
    PiecewiseNormSpatialModel,
    PiecewiseNormSpectralModel,
    TemplateSpectralModel,
)
TABLE_KEYS = {"lon": "lon", "lat": "lat", "energy": "energy", "param": "param", "data": "values", "values": "values"}
"""Setting -> key of the document."""
Read = Callable[[str, Any, str], ModelComponent]
"""Reads a part: kind, data, path."""


def read_settings(model: type[ModelComponent], data: Mapping[str, Any], path: str, read: Read, rules: Any) -> Any:
    """Return the settings of a spectral model that has tables or parts.

    Parameters
    ----------
    model : type
        One of `READERS`.
    data : dict
        The document's entry, whose ``type`` was read.
    path : str
        Where it stands.
    read : callable
        Reads a part of a compound.
    rules : FileRules
        Which files may be named.

    Raises
    ------
    ConfigError
        BM-CF-001 unknown key, 006 unknown operator, 007 a key missing or of the wrong kind, and what
        `read_number` and the parts refuse.
    BayesmapIOError
        A file that may not be read, or is no table model.
    """
    return READERS[model](data, path, read, rules)


def _compound(data: Mapping[str, Any], path: str, read: Read, _: Any) -> dict[str, Any]:
    check_keys(data, ("type", *SIDES, "operator"), path, required=("type", *SIDES, "operator"))
    if data["operator"] not in tuple(OPERATORS):
        raise unknown_type(f"{path}.operator", "operator", data["operator"], tuple(OPERATORS))
    parts: dict[str, Any] = {}
    problems: list[BayesmapError] = []
    for side in SIDES:
        try:
            parts[side] = read("spectral", data[side], f"{path}.{side}")
        except ProblemList as error:
            problems.extend(error.problems)
        except BayesmapError as error:
            problems.append(error)
    raise_problems(problems)
    return parts | {"operator": data["operator"]}


def _piecewise(data: Mapping[str, Any], path: str, _: Read, __: Any) -> dict[str, Any]:
    check_keys(data, ("type", "parameters", "energy", "interp"), path, required=("type", "energy"))
    interp = {"interp": data["interp"]} if "interp" in data else {}
    return {"energy": _table(data["energy"], f"{path}.energy"), **interp}


def _piecewise_sky(data: Mapping[str, Any], path: str, _: Read, __: Any) -> dict[str, Any]:
    check_keys(data, ("type", "parameters", "frame", "lon", "lat", "interp"), path, required=("type", "lon", "lat"))
    own = {key: data[key] for key in ("interp", "frame") if key in data}
    return {key: _table(data[key], f"{path}.{key}") for key in ("lon", "lat")} | own


def _field(data: Mapping[str, Any], path: str, _: Read, __: Any) -> dict[str, Any]:
    sizes = ("width", "boundary", "modes")
    check_keys(data, ("type", "parameters", "frame", "kernel", *sizes), path, required=("type", "width"))
    numbers = {key: tuple(_numbers(data[key], f"{path}.{key}")) for key in sizes if key in data}
    whole = {"modes": tuple(map(int, numbers["modes"]))} if "modes" in numbers else {}
    return {key: data[key] for key in ("frame", "kernel") if key in data} | numbers | whole


def _template(data: Mapping[str, Any], path: str, _: Read, __: Any) -> dict[str, Any]:
    check_keys(data, ("type", "parameters", "energy", "values"), path, required=("type", "energy", "values"))
    return {key: _table(data[key], f"{path}.{key}") for key in ("energy", "values")}


def _ebl(data: Mapping[str, Any], path: str, _: Read, rules: Any) -> dict[str, Any]:
    if "filename" not in data:
        tables = ("energy", "param", "values")
        check_keys(data, ("type", "parameters", *tables), path, required=("type", *tables))
        energy, param, values = (_table(data[key], f"{path}.{key}") for key in tables)
        return {"energy": energy, "param": param, "data": values}
    check_keys(data, ("type", "parameters", "filename"), path, required=("type",))
    where = f"{path}.filename"
    if not isinstance(data["filename"], str):
        raise wrong_kind(where, data["filename"], "the name of a FITS file")
    file = resolve_input(data["filename"], where=where, root=rules.root, allow_paths=rules.allow_paths, env=rules.env)
    try:
        model = EBLAbsorptionNormSpectralModel.read(file)
    except BayesmapError as error:
        raise type(error)(error.code, what=f"{where}: {error.what}", rule=error.rule, remedy=error.remedy) from error
    return {name: getattr(model, name) for name in model.settings}


READERS: dict[type[ModelComponent], Callable[[Mapping[str, Any], str, Read, Any], dict[str, Any]]] = {
    CompoundSpectralModel: _compound,
    EBLAbsorptionNormSpectralModel: _ebl,
    GaussianProcessNormSpatialModel: _field,
    GaussianProcessSpatialModel: _field,
    PiecewiseNormSpatialModel: _piecewise_sky,
    PiecewiseNormSpectralModel: _piecewise,
    TemplateSpectralModel: _template,
}


def _table(item: Any, path: str) -> u.Quantity:
    """Return numbers with their unit: ``{data: [...], unit: TeV}``."""
    check_keys(item, ("data", "unit"), path, required=("data", "unit"))
    if not isinstance(item["unit"], str):
        raise wrong_kind(f"{path}.unit", item["unit"], "the text of a unit")
    numbers = _numbers(item["data"], f"{path}.data")
    try:
        return u.Quantity(np.array(numbers, dtype=np.float64), item["unit"])
    except (ValueError, TypeError) as error:
        raise ConfigError(
            "BM-CF-030",
            what=f"{path}: {' '.join(str(error).split())[:120]}",
            rule="A table holds rows of one length, and a unit that astropy reads",
            remedy="Correct it",
        ) from error


def _numbers(item: Any, path: str) -> list[Any]:
    """Return numbers of a list, or of a list of lists."""
    if not isinstance(item, list | tuple):
        raise wrong_kind(path, item, "a list of numbers")
    return [
        _numbers(entry, f"{path}[{k}]") if isinstance(entry, list | tuple) else read_number(entry, f"{path}[{k}]")
        for k, entry in enumerate(item)
    ]


def tables_to_dict(component: ModelComponent) -> dict[str, Any]:
    """Return a model with tables as a document, without its parameters."""
    tables = {TABLE_KEYS[name]: getattr(component, name) for name in component.settings if name in TABLE_KEYS}
    data: dict[str, Any] = {"type": component.tag[0]}
    data |= {key: _as_item(table) for key, table in tables.items()}
    return data | {name: getattr(component, name) for name in ("frame", "interp") if name in component.settings}


def no_code(component: ModelComponent) -> ConfigError:
    """Make the error about a model that is a formula in Python."""
    return ConfigError(
        "BM-CF-031",
        what=f"{type(component).__name__} is a formula in Python",
        rule="A model file holds no code",
        remedy="Keep the formula in your script, or write a class of your own: see docs/extend.md",
    )


def live_document(model: Any, data: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the document of a live Gammapy spectrum with its tables in place of file names, parts too.

    Parameters
    ----------
    model : gammapy SpectralModel
        Live model.
    data : dict
        What its `to_dict` returned.
    path : str
        Where it stands.

    Raises
    ------
    ConfigError
        BM-CF-032 for a table that is interpolated in another way than the file format says.
    """
    kind = type(model).__name__
    if kind == "CompoundSpectralModel":
        parts = {side: live_document(getattr(model, side), data[side], f"{path}.{side}") for side in SIDES}
        return data | parts
    interpolators = {"TemplateSpectralModel": "_evaluate", "EBLAbsorptionNormSpectralModel": "_evaluate_table_model"}
    if kind not in interpolators:
        return data
    table = getattr(model, interpolators[kind])
    scale, inner = type(table.scale).__name__, table._interpolate
    if scale != "LogScale" or inner.method != "linear" or inner.fill_value is not None:
        raise ConfigError(
            "BM-CF-032",
            what=f"{path}: the table of {kind} is interpolated with {scale}, method {inner.method!r}",
            rule="Tables are interpolated in the logarithm of their values, and go on beyond their ends",
            remedy="Make the model with Gammapy's own settings",
        )
    if kind == "TemplateSpectralModel":
        return data
    tables = {"energy": model.energy, "param": u.Quantity(model.param), "values": model.data}
    kept = {key: value for key, value in data.items() if key != "filename"}
    return kept | {key: _as_item(table) for key, table in tables.items()}


def _as_item(table: u.Quantity) -> dict[str, Any]:
    return {"data": np.asarray(table.value, dtype=np.float64).tolist(), "unit": str(table.unit)}
