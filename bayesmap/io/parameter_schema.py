"""One entry of a ``parameters`` list in the Gammapy 2 model format."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import astropy.units as u

from bayesmap.errors import ConfigError
from bayesmap.io.safe_yaml import check_keys, unknown_key, unknown_type, wrong_kind
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter, limits_problem, make_parameter
from bayesmap.models.prior import PRIOR_TYPES, Prior

IGNORED_KEYS = ("interp", "scale_method", "scale_transform", "is_norm")
"""Hints to Gammapy's own optimiser and plots; they do not change the model."""
PARAMETER_KEYS = ("name", "value", "unit", "min", "max", "frozen", "error", "prior", "link", *IGNORED_KEYS)
PRIOR_PARAMETER_KEYS = ("name", "value", "unit", "error", "min", "max")


def read_parameter(model: type[ModelComponent] | ModelComponent, item: Any, path: str) -> Parameter:
    """Return one parameter of a component.

    Parameters
    ----------
    model : type or ModelComponent
        Component class, or instance where its parameters follow from its settings; it gives the names and the
        defaults of what is left out.
    item : dict
        Entry of the list.
    path : str
        Where it stands, such as ``"components[0].spectral.parameters[1]"``.

    Raises
    ------
    ConfigError
        See `bayesmap.io.yaml.read_models`.
    """
    check_keys(item, PARAMETER_KEYS, path, required=("name",))
    defaults = {parameter.name: parameter for parameter in model.default_parameters}
    if item["name"] not in tuple(defaults):
        raise unknown_key(f"{path}.name", "parameter", item["name"], tuple(defaults))
    link = item.get("link") or ""
    if not isinstance(link, str):
        raise wrong_kind(f"{path}.link", link, "a text, the same for all parameters that are linked")
    start = _in_unit(defaults[item["name"]], item, path)
    numbers = {
        key: read_number(item[key], f"{path}.{key}", nan=key != "value", infinite=key in ("min", "max"))
        for key in ("value", "min", "max", "error")
        if key in item
    }
    if not isinstance(item.get("frozen", False), bool):
        raise wrong_kind(f"{path}.frozen", item["frozen"], "true or false")
    fields = {name: getattr(start, name) for name in ("value", "min", "max", "error", "frozen")} | numbers
    _check_limits(item["name"], fields, path)
    frozen = item.get("frozen", start.frozen)
    prior = start.prior if "prior" not in item else None
    if item.get("prior") is not None:
        prior = read_prior(item["prior"], f"{path}.prior")
    return start.replace(**(fields | {"frozen": frozen, "prior": prior, "link": link}))


def _in_unit(default: Parameter, item: Mapping[str, Any], path: str) -> Parameter:
    """Return the default in the unit of the entry, its limits converted."""
    unit = item.get("unit", default.unit)
    if not isinstance(unit, str):
        raise wrong_kind(f"{path}.unit", unit, "the text of a unit")
    try:
        quantity = default.quantity.to(u.Unit(unit))
    except ValueError as error:
        raise ConfigError(
            "BM-CF-008",
            what=f"{path}.unit is {unit!r}: {' '.join(str(error).split())[:120]}",
            rule=f"The unit must convert to {default.unit or 'a plain number'!r}",
            remedy=f"Write {default.unit!r}, or another unit of that kind" if default.unit else "Leave the unit out",
        ) from error
    if u.Unit(unit) == u.Unit(default.unit):
        return default.replace(unit=unit)
    if "value" not in item:
        raise ConfigError(
            "BM-CF-007",
            what=f"{path} has the unit {unit!r} and no value",
            rule="A unit other than that of the default needs a value",
            remedy="Add the value",
        )
    return make_parameter(default, quantity).replace(unit=unit)


def _check_limits(name: str, fields: Mapping[str, Any], path: str) -> None:
    """Refuse min above max, a value outside them and a negative error, each at its place."""
    problem = limits_problem(name, fields["value"], fields["min"], fields["max"])
    if problem is not None:
        code, key = {"BM-MO-005": ("BM-CF-004", "min")}.get(problem.code, ("BM-CF-005", "value"))
        raise ConfigError(code, what=f"{path}.{key}: {problem.what}", rule=problem.rule, remedy=problem.remedy)
    if fields["error"] < 0:
        raise ConfigError(
            "BM-CF-005",
            what=f"{path}.error is {fields['error']!r}",
            rule="An error must be >= 0",
            remedy="Remove it, it is not needed",
        )


def read_number(value: Any, path: str, *, nan: bool = False, infinite: bool = False) -> float:
    """Return a number of a document as float.

    Parameters
    ----------
    value : object
        What the document holds.
    path : str
        Where.
    nan, infinite : bool
        Whether these are allowed.

    Raises
    ------
    ConfigError
        BM-CF-002 if it is not finite, BM-CF-003 if it is text, BM-CF-007 if it is neither.

    Examples
    --------
    >>> read_number(2, "components[0].spectral.parameters[0].value")
    2.0
    """
    if isinstance(value, str):
        raise ConfigError(
            "BM-CF-003",
            what=f"{path} is the text {value!r}",
            rule="It must be a number; YAML 1.1 takes a number without a point, or in quotes, for text",
            remedy=_as_number(value),
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_kind(path, value, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
        infinite = False
    if (math.isnan(number) and not nan) or (math.isinf(number) and not infinite):
        raise ConfigError(
            "BM-CF-002",
            what=f"{path} is {number}",
            rule="It must be a finite number",
            remedy="Write a number",
        )
    return number


def _as_number(text: str) -> str:
    """Say how to write the number that a text means."""
    match = re.fullmatch(r"\s*([-+]?)(\d+\.?\d*|\.\d+)(?:[eE]([-+]?)(\d+))?\s*", text)
    if not match:
        return "Write a number here and its unit under `unit`"
    sign, mantissa, exponent_sign, exponent = match.groups()
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"Write {sign}{mantissa}{f'e{exponent_sign or "+"}{exponent}' if exponent else ''} (no quotes)"


def read_prior(data: Any, path: str) -> Prior:
    """Return a prior of a document as a record.

    Parameters
    ----------
    data : dict
        With ``type``, ``parameters`` and ``weight``.
    path : str
        Where it stands.

    Raises
    ------
    ConfigError
        BM-CF-001, 002, 003, 006 or 007.
    """
    check_keys(data, ("type", "parameters", "weight"), path, required=("type",))
    if data["type"] not in tuple(PRIOR_TYPES):
        raise unknown_type(f"{path}.type", "prior", data["type"], tuple(PRIOR_TYPES))
    items = data.get("parameters", ())
    if not isinstance(items, list | tuple):
        raise wrong_kind(f"{path}.parameters", items, "a list of parameters")
    known = PRIOR_TYPES[data["type"]]
    parameters = tuple(_prior_parameter(item, f"{path}.parameters[{i}]", known) for i, item in enumerate(items))
    return Prior(data["type"], parameters, read_number(data.get("weight", 1.0), f"{path}.weight"))


def _prior_parameter(item: Any, path: str, known: tuple[str, ...]) -> tuple[str, float, str]:
    check_keys(item, PRIOR_PARAMETER_KEYS, path, required=("name", "value"))
    if item["name"] not in known:
        raise unknown_key(f"{path}.name", "prior parameter", item["name"], known)
    if not isinstance(item.get("unit", ""), str):
        raise wrong_kind(f"{path}.unit", item["unit"], "the text of a unit")
    return item["name"], read_number(item["value"], f"{path}.value", infinite=True), item.get("unit", "")
