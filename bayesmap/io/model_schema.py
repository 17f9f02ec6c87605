"""From one entry of a document in the Gammapy 2 model format to a model, with every mistake located."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from bayesmap.errors import (
    BayesmapError,
    BayesmapInputError,
    ConfigError,
    attempt,
    located,
    raise_problems,
)
from bayesmap.io import spectral_schema
from bayesmap.io.gammapy import to_bayesmap_map
from bayesmap.io.parameter_schema import read_parameter
from bayesmap.io.safe_yaml import check_keys, unknown_type, wrong_kind
from bayesmap.io.template_path import resolve_input
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.background import BackgroundModel, FoVBackgroundModel
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter
from bayesmap.models.registry import class_names, spatial_models, spectral_models
from bayesmap.models.sky import IRF_PARTS, AnyModel, SkyModel

SKY_KEYS = ("name", "type", "spectral", "spatial", "temporal", "apply_irf", "datasets_names")
NPRED_KEYS = ("name", "type", "spectral", "spatial", "filename", "datasets_names")
BACKGROUND_KEYS = ("name", "type", "spectral", "spatial", "datasets_names")
TEMPLATE_KEYS = ("filename", "normalize", "unit")
"""Keys of a template; `unit` repeats what the file says and is not needed."""


@dataclass(frozen=True)
class FileRules:
    """Which files a document may name; see `bayesmap.io.template_path.resolve_input`."""

    root: str | PathLike[str] | None = None
    allow_paths: Sequence[str | PathLike[str]] = ()
    env: Mapping[str, str] = field(default_factory=dict)


def read_model(data: Any, path: str, rules: FileRules) -> AnyModel:
    """Return one entry of ``components``.

    Parameters
    ----------
    data : dict
        The entry.
    path : str
        Where it stands, such as ``"components[0]"``.
    rules : FileRules
        Which files it may name.

    Raises
    ------
    BayesmapError
        One problem as it is, several as a `ProblemList`; codes are listed at `bayesmap.io.yaml.read_models`.
    """
    readers: dict[str, Callable[..., AnyModel]] = {
        "SkyModel": _read_sky_model,
        "FoVBackgroundModel": _read_background,
        "TemplateNPredModel": _read_background_map,
    }
    if not isinstance(data, Mapping) or "type" not in data:
        check_keys(data, tuple(dict.fromkeys(SKY_KEYS + BACKGROUND_KEYS)), path, required=("type",))
    if data["type"] not in tuple(readers):
        raise unknown_type(f"{path}.type", "model", data["type"], tuple(readers))
    return readers[data["type"]](data, path, rules)


def _read_sky_model(data: Mapping[str, Any], path: str, rules: FileRules) -> SkyModel:
    problems: list[BayesmapError] = []
    attempt(problems, lambda: check_keys(data, SKY_KEYS, path, required=("name", "type", "spectral", "spatial")))
    attempt(problems, _refuse_unsupported, data, path)
    fields = {
        "name": attempt(problems, read_name, data.get("name", ""), f"{path}.name"),
        "datasets_names": attempt(problems, read_names, data.get("datasets_names"), f"{path}.datasets_names"),
        "apply_irf": attempt(problems, _apply_irf, data.get("apply_irf"), f"{path}.apply_irf"),
        **_components(data, path, rules, problems),
    }
    raise_problems(problems)
    return build(SkyModel, fields, path)


def _read_background(data: Mapping[str, Any], path: str, rules: FileRules) -> FoVBackgroundModel:
    problems: list[BayesmapError] = []
    attempt(problems, lambda: check_keys(data, BACKGROUND_KEYS, path, required=("type", "datasets_names")))
    name = data.get("name")
    fields = {
        "name": None if name is None else attempt(problems, read_name, name, f"{path}.name"),
        "datasets_names": attempt(problems, read_names, data.get("datasets_names"), f"{path}.datasets_names"),
        **_components(data, path, rules, problems),
    }
    raise_problems(problems)
    return build(FoVBackgroundModel, fields, path)


def _read_background_map(data: Mapping[str, Any], path: str, rules: FileRules) -> BackgroundModel:
    """Return predicted counts with a norm: of a file, or live."""
    problems: list[BayesmapError] = []
    live = ("map",) if hasattr(data.get("map"), "geom") else ()
    required = ("name", "type", "spectral", "filename")
    attempt(problems, lambda: check_keys(data, (*NPRED_KEYS, *live), path, required=required))
    if data.get("spatial") is not None:
        problems.append(_unsupported(f"{path}.spatial", "a spatial model of a TemplateNPredModel", "Remove it"))
    fields = {
        "name": attempt(problems, read_name, data.get("name", ""), f"{path}.name"),
        "datasets_names": attempt(problems, read_names, data.get("datasets_names"), f"{path}.datasets_names"),
        "spectral_model": attempt(
            problems, _read_component, "spectral", data.get("spectral"), f"{path}.spectral", rules
        ),
        "background": attempt(problems, to_bayesmap_map, data["map"]) if live else None,
    }
    if not live and not problems:
        fields["background"] = attempt(problems, _read_template, data, path, rules)
    raise_problems(problems)
    return build(BackgroundModel, fields, path)


def _components(
    data: Mapping[str, Any], path: str, rules: FileRules, problems: list[BayesmapError]
) -> dict[str, ModelComponent | None]:
    """Return the component models that an entry holds, by constructor argument."""
    return {
        f"{kind}_model": attempt(problems, _read_component, kind, data[kind], f"{path}.{kind}", rules)
        for kind in ("spectral", "spatial")
        if data.get(kind) is not None
    }


def _refuse_unsupported(data: Mapping[str, Any], path: str) -> None:
    """Refuse a temporal model, which would change the prediction and is not computed here."""
    if data.get("temporal") is not None:
        raise _unsupported(f"{path}.temporal", "a temporal model", "Remove it if the source is steady")


def _apply_irf(irf: Any, path: str) -> dict[str, bool] | None:
    """Return which parts of the response apply; what is left out does."""
    if irf is None:
        return None
    check_keys(irf, IRF_PARTS, path)
    for key, value in irf.items():
        if not isinstance(value, bool):
            raise wrong_kind(f"{path}.{key}", value, "true or false")
    return dict(irf)


def _read_component(kind: str, data: Any, path: str, rules: FileRules) -> ModelComponent:
    """Return a spectral or spatial model."""
    models = {"spectral": spectral_models, "spatial": spatial_models}[kind]()
    if not isinstance(data, Mapping) or "type" not in data:
        check_keys(data, ("type", "parameters", "frame", *TEMPLATE_KEYS), path, required=("type",))
    if data["type"] not in tuple(models):
        raise unknown_type(f"{path}.type", f"{kind} model", data["type"], class_names(models))
    model = models[data["type"]]
    problems: list[BayesmapError] = []
    holder: type[ModelComponent] | ModelComponent = model
    if model in spectral_schema.READERS:
        values = spectral_schema.read_settings(
            model, data, path, lambda kind, part, place: _read_component(kind, part, place, rules), rules
        )
        # Parameters that follow from the settings are those of an instance.
        holder = model if model.own_defaults is ModelComponent.own_defaults else build(model, values, path)
    else:
        values = attempt(problems, _settings, model, data, path, rules) or {}
    values |= attempt(problems, read_parameters, holder, data.get("parameters", ()), f"{path}.parameters") or {}
    raise_problems(problems)
    return build(model, values, path)


def _settings(model: type[ModelComponent], data: Mapping[str, Any], path: str, rules: FileRules) -> dict[str, Any]:
    """Return what a component has besides parameters: its frame, the map of a template."""
    is_template = "filename" in model.settings
    live = ("map",) if isinstance(data.get("map"), WcsNDMap) or hasattr(data.get("map"), "geom") else ()
    own = tuple(name for name in model.settings if name != "map")
    check_keys(data, ("type", "parameters", *own, *(TEMPLATE_KEYS if is_template else ()), *live), path)
    if not is_template:
        return {name: data[name] for name in own if name in data}
    if not isinstance(data.get("normalize", True), bool):
        raise wrong_kind(f"{path}.normalize", data["normalize"], "true or false")
    template = to_bayesmap_map(data["map"]) if live else _read_template(data, path, rules)
    frame = data.get("frame", template.geom.frame)
    if frame != template.geom.frame:
        raise wrong_kind(f"{path}.frame", frame, f"the frame of the map, {template.geom.frame!r}")
    filename = str(data.get("filename") or "")
    return {"map": template, "filename": filename, "normalize": data.get("normalize", True), "frame": frame}


def _read_template(data: Mapping[str, Any], path: str, rules: FileRules) -> WcsNDMap:
    where = f"{path}.filename"
    if not isinstance(data.get("filename"), str):
        raise wrong_kind(where, data.get("filename"), "the name of a FITS file")
    file = resolve_input(data["filename"], where=where, root=rules.root, allow_paths=rules.allow_paths, env=rules.env)
    try:
        return WcsNDMap.read(file)
    except BayesmapError as error:
        raise located(error, where) from error


def read_parameters(model: type[ModelComponent] | ModelComponent, items: Any, path: str) -> dict[str, Parameter]:
    """Return the parameters that a component states, by name; every mistake in one pass."""
    if not isinstance(items, list | tuple):
        raise wrong_kind(path, items, "a list of parameters")
    problems: list[BayesmapError] = []
    found: dict[str, Parameter] = {}
    for index, item in enumerate(items):
        place = f"{path}[{index}]"
        parameter = attempt(problems, read_parameter, model, item, place)
        if parameter is None:
            continue
        if parameter.name in found:
            problems.append(
                ConfigError(
                    "BM-CF-015",
                    what=f"{place}.name: parameter {parameter.name!r} is given twice",
                    rule="Each parameter may be given once",
                    remedy="Keep one of them",
                )
            )
        found[parameter.name] = parameter
    raise_problems(problems)
    return found


def build[Built](kind: Callable[..., Built], fields: Mapping[str, Any], path: str) -> Built:
    """Call a constructor; what it refuses gets the place put in front."""
    try:
        return kind(**fields)
    except BayesmapInputError as error:
        raise located(error, path) from error


def read_name(name: Any, path: str) -> str:
    """Return a text."""
    if not isinstance(name, str):
        raise wrong_kind(path, name, "a text (in quotes if it looks like a number or like yes or no)")
    return name


def read_names(names: Any, path: str) -> tuple[str, ...] | None:
    """Return a list of texts, None where there is none."""
    if names is None:
        return None
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, list | tuple):
        raise wrong_kind(path, names, "a list of dataset names")
    return tuple(read_name(item, f"{path}[{index}]") for index, item in enumerate(names))


def _unsupported(path: str, what: str, remedy: str) -> ConfigError:
    return ConfigError(
        "BM-CF-009",
        what=f"{path}: {what} is not computed",
        rule="What a file asks for is either computed or refused, never left out",
        remedy=remedy,
    )
