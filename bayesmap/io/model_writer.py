"""From models to a document in the Gammapy 2 model format, of plain dicts, lists, numbers and text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bayesmap.errors import ConfigError
from bayesmap.io import spectral_schema
from bayesmap.io.links import links_to_labels
from bayesmap.io.own_models import OWN_MODELS, is_own
from bayesmap.models.background import BackgroundModel, FoVBackgroundModel
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.models.sky import AnyModel, Models, SkyModel
from bayesmap.models.spectral.compound import SIDES, CompoundSpectralModel


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
        BM-CF-017, 044 for a model that the format cannot hold.
    """
    return document_of(Models(models), {}, {})  # type: ignore[arg-type]


def document_of(models: Models, files: Mapping[str, str], covariance: Mapping[str, str]) -> dict[str, Any]:
    """Return models as a document; what Gammapy has no model for stands under the key ``bayesmap``.

    Parameters
    ----------
    models : Models
        What to convert.
    files : dict
        Names of the files of background maps, by the names of the models.
    covariance : dict
        Names of the covariance files, by their places ``covariance`` and ``bayesmap.covariance``.
    """
    labelled = links_to_labels(models)
    shared = [model for model in labelled if not is_own(model)]
    own = [model for model in labelled if is_own(model)]
    document: dict[str, Any] = {"components": [_model_to_dict(model, files) for model in shared]}
    if own:
        section: dict[str, Any] = {"models": [_own_to_dict(model) for model in own]}
        if [*shared, *own] != list(labelled):
            section["order"] = list(models.names)
        if "bayesmap.covariance" in covariance:
            section["covariance"] = covariance["bayesmap.covariance"]
        document["bayesmap"] = section
    if "covariance" in covariance:
        document["covariance"] = covariance["covariance"]
    return document


def _own_to_dict(model: Any) -> dict[str, Any]:
    """Return a model that only this package has: its fields, its component under the name of its kind."""
    data: dict[str, Any] = {"name": model.name, "type": model.tag[0]}
    if model.datasets_names is not None:
        data["datasets_names"] = list(model.datasets_names)
    data |= {field: list(getattr(model, field)) for field in OWN_MODELS[model.tag[0]].fields}
    for kind, component in model.components.items():
        settings = {name: getattr(component, name) for name in component.settings}
        data[kind] = settings | {"parameters": _parameters_to_list(component)}
    return data


def _model_to_dict(model: AnyModel, files: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(model, BackgroundModel):
        return _background_map_to_dict(model, files)
    if not isinstance(model, SkyModel | FoVBackgroundModel):
        raise ConfigError(
            "BM-CF-044",
            what=f"{type(model).__name__} {model.name!r} has no place in a model file",
            rule=f"The YAML format holds its models, and of this package {', '.join(OWN_MODELS)}",
            remedy="Write others in Python, and add them to what read_models returns",
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
    stated = {name: getattr(component, name) for name in component.settings if name != "map"}
    settings = {name: list(value) if isinstance(value, tuple) else value for name, value in stated.items()}
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
    if parameter.prior is not None or default.prior is not None:
        data["prior"] = None if parameter.prior is None else _prior_to_dict(parameter)
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
