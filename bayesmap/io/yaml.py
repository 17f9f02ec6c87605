"""Sky models in YAML, in the format of Gammapy 2."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from bayesmap.errors import BayesmapError, ConfigError, ProblemList
from bayesmap.io import spectral_schema
from bayesmap.io.links import links_to_labels
from bayesmap.io.model_schema import FileRules, located, models_from_dict
from bayesmap.io.placed_maps import map_name, place_templates
from bayesmap.io.safe_yaml import check_keys, load_yaml, wrong_kind
from bayesmap.io.whole_file import refuse_existing, write_whole, yaml_text
from bayesmap.io.xml import is_xml, read_models_xml
from bayesmap.io.xml_writer import write_models_xml
from bayesmap.models.background import BackgroundModel, FoVBackgroundModel
from bayesmap.models.component import ModelComponent
from bayesmap.models.named import NamedModel
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.models.sky import AnyModel, Models, SkyModel
from bayesmap.models.spectral.compound import SIDES, CompoundSpectralModel

__all__ = ["check_keys", "load_yaml", "models_to_dict", "read_models", "write_models"]


def read_models(
    source: Any,
    *,
    root: str | PathLike[str] | None = None,
    allow_paths: Sequence[str | PathLike[str]] = (),
    env: Mapping[str, str] | None = None,
) -> Models:
    """Read sky models from Gammapy 2 YAML, a dict of the same form, live Gammapy models, or XML.

    Parameters that are left out take their defaults; keys and names that are not known are errors. All problems are
    found in one pass.

    Parameters
    ----------
    source : str, path-like, dict, Models or gammapy Models
        A str with a line break is YAML text, other str are paths; files that end in ``.xml`` are read by
        `read_models_xml`.
    root : path-like, optional
        Folder that template file names start at; for a file its own folder by default.
    allow_paths : sequence of path-like
        Further folders or files that templates may be read from.
    env : dict, optional
        Variables that file names may use, such as ``{"GAMMAPY_DATA": "..."}``; the environment is not looked at.

    Returns
    -------
    Models

    Raises
    ------
    ConfigError
        BM-CF-001 unknown key or parameter, 002 value not finite, 003 a number as text, 004 min above max, 005 value
        outside the limits, 006 unknown type, 007 a key missing or of the wrong kind, 008 unit, 009 asks for what is
        not computed, 010 to 016 see `load_yaml`.
    ModelError
        BM-MO-011 a name twice, and what the model classes refuse.
    BayesmapIOError
        BM-IO-012 to 016: a file that may not be read, or is not there.
    ProblemList
        If there are several problems.
    """
    rules = FileRules(root, tuple(allow_paths), dict(env or {}))
    if isinstance(source, Models | NamedModel):
        return Models(source)  # type: ignore[arg-type]
    if isinstance(source, Mapping):
        return models_from_dict(source, rules)
    if is_xml(source):
        return read_models_xml(source, root=root, allow_paths=allow_paths, env=env)
    if isinstance(source, str | PathLike):
        return _read_file(source, rules)
    if _is_gammapy(source) or (isinstance(source, list | tuple) and all(map(_is_gammapy, source))):
        return models_from_dict(_from_gammapy(source), rules)
    raise wrong_kind("source", source, "a path, YAML text, a dict, or Models of bayesmap or Gammapy")


def _read_file(source: str | PathLike[str], rules: FileRules) -> Models:
    """Read a file or text; problems in a file get its name put in front."""
    document = load_yaml(source)
    if isinstance(source, str) and "\n" in source:
        return models_from_dict(document, rules)
    path = Path(source)
    root = path.resolve().parent if rules.root is None else rules.root
    try:
        return models_from_dict(document, FileRules(root, rules.allow_paths, rules.env))
    except ProblemList as error:
        raise ProblemList([located(problem, path.name) for problem in error.problems]) from error
    except BayesmapError as error:
        raise located(error, path.name) from error


def _is_gammapy(source: Any) -> bool:
    return any(kind.__module__.partition(".")[0] == "gammapy" for kind in type(source).__mro__)


def _from_gammapy(source: Any) -> dict[str, Any]:
    """Return live Gammapy models as a document, template maps as they are.

    `Models.to_dict` of Gammapy is not used, because it writes template maps to disk.
    """
    models = list(source) if isinstance(source, Sequence) else [source]
    if getattr(source, "_penalties", None):
        raise ConfigError(
            "BM-CF-009",
            what="the Gammapy models hold penalties",
            rule="Penalties are priors here",
            remedy="Pass priors to the fit",
        )
    if hasattr(source, "update_link_label"):
        source.update_link_label()  # as Gammapy does before it writes or prints
    elif len({id(item) for model in models for item in model.parameters}) < sum(len(m.parameters) for m in models):
        raise ConfigError(
            "BM-CF-009",
            what="the list of Gammapy models holds linked parameters",
            rule="Only a Models object gives labels to its links",
            remedy="Pass gammapy.modeling.models.Models(list)",
        )
    components = [model.to_dict(full_output=True) for model in models]
    for model, component in zip(models, components, strict=True):
        template = getattr(getattr(model, "spatial_model", None), "map", None)
        if template is not None:
            component["spatial"] |= {"map": template, "filename": component["spatial"].get("filename") or ""}
        if type(model).__name__ == "TemplateNPredModel":
            component |= {"map": model.map, "filename": component.get("filename") or ""}
        if "spectral" in component:
            place = f"spectral model of {model.name!r}"
            component["spectral"] = spectral_schema.live_document(model.spectral_model, component["spectral"], place)
    return {"components": components}


def models_to_dict(models: Models | AnyModel) -> dict[str, Any]:
    """Return models as a document in the Gammapy 2 format, made of plain dicts, lists, numbers and text.

    Parameters
    ----------
    models : Models or a single model
        What to convert.

    Returns
    -------
    dict
        `read_models` gives the same models from it, Gammapy 2 reads the same values.

    Raises
    ------
    ConfigError
        BM-CF-017 for a model that the format cannot hold.
    """
    return _document(Models(models), {})  # type: ignore[arg-type]


def _document(models: Models, files: Mapping[str, str]) -> dict[str, Any]:
    """Return the document; `files` has the files of background maps by the names of the models."""
    return {"components": [_model_to_dict(model, files) for model in links_to_labels(models)]}


def _model_to_dict(model: AnyModel, files: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(model, BackgroundModel):
        return _background_map_to_dict(model, files)
    if not isinstance(model, SkyModel | FoVBackgroundModel):
        raise ConfigError(
            "BM-CF-044",
            what=f"{type(model).__name__} {model.name!r} is no model of Gammapy",
            rule="The YAML format holds SkyModel and FoVBackgroundModel",
            remedy="Write the others in Python, and add them to what read_models returns",
        )
    data: dict[str, Any] = {"name": model.name, "type": model.tag[0]}
    if isinstance(model, SkyModel) and not all(model.apply_irf.values()):
        data["apply_irf"] = dict(model.apply_irf)
    if model.datasets_names is not None:
        data["datasets_names"] = list(model.datasets_names)
    return data | {kind: _component_to_dict(component) for kind, component in model.components.items()}


def _background_map_to_dict(model: BackgroundModel, files: Mapping[str, str]) -> dict[str, Any]:
    """Return a background with its own map as Gammapy's TemplateNPredModel."""
    if model.name not in files:
        raise ConfigError(
            "BM-CF-017",
            what=f"BackgroundModel {model.name!r} carries its own map",
            rule="The YAML format names the file of a map",
            remedy="Use write_models, which writes the map beside the YAML file",
        )
    data = {"name": model.name, "type": "TemplateNPredModel", "filename": files[model.name]}
    names = {} if model.datasets_names is None else {"datasets_names": list(model.datasets_names)}
    return data | names | {"spectral": _component_to_dict(model.spectral_model)}


def _component_to_dict(component: ModelComponent) -> dict[str, Any]:
    if isinstance(component, CompoundSpectralModel):
        parts = {side: _component_to_dict(getattr(component, side)) for side in SIDES}
        return {"type": component.tag[0], **parts, "operator": component.operator}
    if isinstance(component, spectral_schema.WITH_TABLE):
        return spectral_schema.tables_to_dict(component) | {"parameters": _parameters_to_list(component)}
    if not component.tag:
        raise spectral_schema.no_code(component)
    settings = {name: getattr(component, name) for name in component.settings if name != "map"}
    if settings.get("filename") == "":
        raise ConfigError(
            "BM-CF-017",
            what=f"{type(component).__name__} has no file name",
            rule="The YAML format names the file of a template",
            remedy="Use write_models, which writes the map beside the YAML file, or pass filename=",
        )
    return {"type": component.tag[0], **settings, "parameters": _parameters_to_list(component)}


def _parameters_to_list(component: ModelComponent) -> list[dict[str, Any]]:
    parameters = zip(component.parameters, component.default_parameters, strict=True)
    return [_parameter_to_dict(parameter, default) for parameter, default in parameters]


def _parameter_to_dict(parameter: Parameter, default: Parameter) -> dict[str, Any]:
    """Return what differs from the default; limits wherever there is one, because units may differ."""
    data: dict[str, Any] = {"name": parameter.name, "value": parameter.value, "unit": parameter.unit}
    if not math.isnan(parameter.error):
        data["error"] = parameter.error
    for key in ("min", "max"):
        if not (math.isnan(getattr(parameter, key)) and math.isnan(getattr(default, key))):
            data[key] = getattr(parameter, key)
    if parameter.frozen or default.frozen:
        data["frozen"] = parameter.frozen
    if parameter.prior is not None:
        data["prior"] = _prior_to_dict(parameter)
    if parameter.link:
        data["link"] = parameter.link
    return data


def _prior_to_dict(parameter: Parameter) -> dict[str, Any]:
    prior = parameter.prior
    if not isinstance(prior, Prior):
        raise ConfigError(
            "BM-CF-017",
            what=f"parameter {parameter.name!r} has the prior {prior!r}",
            rule="The YAML format holds priors that are stated by name, as bayesmap.Prior",
            remedy="Pass this prior to the fit, and leave it out of the models",
        )
    parameters = [{"name": name, "value": value, "unit": unit} for name, value, unit in prior.parameters]
    return {"type": prior.type, "parameters": parameters, "weight": prior.weight}


def write_models(models: Models | AnyModel, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write models as a YAML file that `read_models` and Gammapy 2 read, template maps beside it.

    Parameters
    ----------
    models : Models or a single model
        What to write.
    path : path-like
        YAML file, or XML if it ends in ``.xml`` (see `write_models_xml`). It appears whole or not at all.
    overwrite : bool
        Whether existing files may be replaced. A template file that already holds the same map is left alone.

    Raises
    ------
    BayesmapIOError
        BM-IO-032 if the file, or a template file with another map, exists; BM-IO-009 if it cannot be written.
    ConfigError
        BM-CF-017 for a model that the format cannot hold.
    """
    path = Path(path)
    if is_xml(path):
        write_models_xml(models, path, overwrite=overwrite)
        return
    if not overwrite:
        refuse_existing([path])
    placed, maps = place_templates(Models(models), path.parent, overwrite=overwrite)  # type: ignore[arg-type]
    files = {model.name: map_name(model) for model in placed if isinstance(model, BackgroundModel)}
    document = _document(placed, files) | {"metadata": {"creator": "bayesmap"}}
    for file, template in maps.items():
        template.write(file, overwrite=overwrite)
    write_whole(path, yaml_text(document))
