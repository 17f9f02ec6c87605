"""Priors of a configuration: those of the model files, or written as a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import astropy.units as u

from bayesmap.errors import BayesmapError, ConfigError, raise_problems
from bayesmap.io.parameter_schema import read_number, read_prior
from bayesmap.io.safe_yaml import check_keys, wrong_kind
from bayesmap.models.prior import PRIOR_TYPES, Prior


def read_priors(data: Any, path: str) -> dict[str, Prior]:
    """Return the priors of a mapping from parameter names, every mistake in one pass.

    Parameters
    ----------
    data : dict
        Name -> prior: ``{type: Normal, parameters: [{name: mu, value: 2.5}, ...]}`` as in model files, or the short
        form ``{type: Normal, mu: 2.5, sigma: 0.5}``, where an argument is a number in the parameter's unit or a text
        with a unit, such as ``"3e-11 cm-2 s-1 TeV-1"``.
    path : str
        Where it stands.

    Raises
    ------
    ConfigError
        BM-CF-001 to 003 and 006 to 008, see `bayesmap.io.yaml.read_models`.
    ProblemList
        If there are several problems.
    """
    if not isinstance(data, Mapping):
        raise wrong_kind(path, data, "a mapping of parameters to priors")
    problems: list[BayesmapError] = []
    priors: dict[str, Prior] = {}
    for name, item in data.items():
        try:
            priors[str(name)] = _read(item, f"{path}.{name}")
        except BayesmapError as error:
            problems.append(error)
    raise_problems(problems)
    return priors


def _read(item: Any, path: str) -> Prior:
    if not isinstance(item, Mapping) or "type" not in item or "parameters" in item:
        return read_prior(item, path)
    if item["type"] not in tuple(PRIOR_TYPES):
        return read_prior({"type": item["type"]}, path)  # which says so
    known = PRIOR_TYPES[item["type"]]
    check_keys(item, ("type", "weight", *known), path)
    arguments = {name: value for name, value in item.items() if name not in ("type", "weight")}
    parameters = tuple((name, *_argument(value, f"{path}.{name}")) for name, value in arguments.items())
    return Prior(item["type"], parameters, read_number(item.get("weight", 1.0), f"{path}.weight"))


def _argument(value: Any, path: str) -> tuple[float, str]:
    """Return number and unit of an argument of the short form."""
    if not isinstance(value, str) or len(value.split(maxsplit=1)) < 2:
        return read_number(value, path, infinite=True), ""
    number, unit = value.split(maxsplit=1)
    try:
        u.Unit(unit)
        return float(number), unit
    except ValueError as error:
        raise ConfigError(
            "BM-CF-008",
            what=f"{path} is {value!r}: {' '.join(str(error).split())[:120]}",
            rule="An argument is a number, or a text of a number, a space and a unit",
            remedy='Write for example "3e-11 cm-2 s-1 TeV-1"',
        ) from error
