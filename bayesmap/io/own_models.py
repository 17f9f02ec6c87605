"""Models that Gammapy does not have, in a model file: under the key ``bayesmap``, which Gammapy passes over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bayesmap.errors import BayesmapError, ConfigError, attempt, raise_problems
from bayesmap.io.model_schema import build, read_name, read_names, read_parameters
from bayesmap.io.safe_yaml import check_keys, unknown_type, wrong_kind
from bayesmap.models.component import ModelComponent, did_you_mean
from bayesmap.models.named import NamedModel
from bayesmap.models.overdispersion import Overdispersion, OverdispersionModel
from bayesmap.models.pool import PoolDistribution, PoolModel
from bayesmap.models.response import ResponseModel, ResponseScales
from bayesmap.models.sky import AnyModel


class OwnModel(NamedTuple):
    """What a model of this package has in a file: one component, and fields that are lists of texts."""

    model: type[NamedModel]
    component: type[ModelComponent]
    fields: tuple[str, ...] = ()


OWN_MODELS = {
    "ResponseModel": OwnModel(ResponseModel, ResponseScales),
    "OverdispersionModel": OwnModel(OverdispersionModel, Overdispersion),
    "PoolModel": OwnModel(PoolModel, PoolDistribution, ("members",)),
}
SECTION_KEYS = ("models", "order", "covariance")


def is_own(model: NamedModel) -> bool:
    """Return True for a model that stands under ``bayesmap``."""
    return type(model) in [kind.model for kind in OWN_MODELS.values()]


def read_own(section: Any, path: str) -> tuple[AnyModel, ...]:
    """Return the models of a ``bayesmap`` section.

    Parameters
    ----------
    section : dict
        With ``models``: a list of mappings with ``type``, ``name``, ``datasets_names``, the component under the name
        of its kind (``response``, ``counts``, ``pool``), and for a pool its ``members``. What is left out takes its
        default, the default prior of a parameter too; ``prior: null`` means none.
    path : str
        Where it stands.

    Raises
    ------
    BayesmapError
        One problem as it is, several as a `ProblemList`; codes are listed at `bayesmap.io.yaml.read_models`.
    """
    check_keys(section, SECTION_KEYS, path)
    items = section.get("models", ())
    if not isinstance(items, list | tuple):
        raise wrong_kind(f"{path}.models", items, "a list of models")
    problems: list[BayesmapError] = []
    found = [attempt(problems, _read_model, item, f"{path}.models[{index}]") for index, item in enumerate(items)]
    raise_problems(problems)
    return tuple(model for model in found if model is not None)


def _read_model(data: Any, path: str) -> AnyModel:
    if not isinstance(data, Mapping) or "type" not in data:
        check_keys(data, ("name", "type", "datasets_names"), path, required=("type",))
    if data["type"] not in tuple(OWN_MODELS):
        raise unknown_type(f"{path}.type", "model of bayesmap", data["type"], tuple(OWN_MODELS))
    kind = OWN_MODELS[data["type"]]
    ((part, attribute),) = kind.model.component_fields.items()
    problems: list[BayesmapError] = []
    keys = ("name", "type", "datasets_names", part, *kind.fields)
    attempt(problems, lambda: check_keys(data, keys, path, required=("type", *kind.fields)))
    values: dict[str, Any] = {
        "datasets_names": attempt(problems, read_names, data.get("datasets_names"), f"{path}.datasets_names"),
        attribute: attempt(problems, _read_component, kind.component, data.get(part, {}), f"{path}.{part}"),
    }
    if "name" in data:
        values["name"] = attempt(problems, read_name, data["name"], f"{path}.name")
    for field in kind.fields:
        values[field] = attempt(problems, read_names, data.get(field), f"{path}.{field}") or ()
    raise_problems(problems)
    return build(kind.model, values, path)  # type: ignore[return-value]


def _read_component(kind: type[ModelComponent], data: Any, path: str) -> ModelComponent:
    check_keys(data, ("parameters", *kind.settings), path)
    settings = {name: read_name(data[name], f"{path}.{name}") for name in kind.settings if name in data}
    parameters = read_parameters(kind, data.get("parameters", ()), f"{path}.parameters")
    return build(kind, settings | parameters, path)


def in_order(models: tuple[AnyModel, ...], order: Any, path: str) -> tuple[AnyModel, ...]:
    """Return models in the order of a list of their names; as they are where there is no list.

    Raises
    ------
    ConfigError
        BM-CF-060 if the list does not name each model once.
    """
    if order is None:
        return models
    given = read_names(order, path) or ()
    table = {model.name: model for model in models}
    if len(given) != len(models) or set(given) != set(table):
        strange = [name for name in given if name not in table or given.count(name) > 1]
        left_out = [name for name in table if name not in given]
        first = (strange or left_out or ["nothing"])[0]
        hint = did_you_mean(first, tuple(table)) if strange and first not in table else "Correct it, or remove it"
        raise ConfigError(
            "BM-CF-060",
            what=f"{path} has {len(given)} names for {len(models)} models; at fault is {first!r}",
            rule=f"It names each model once, out of {', '.join(table)}",
            remedy=hint,
        )
    return tuple(table[name] for name in given)
