"""Sky models in YAML, in the format of Gammapy 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapError, ConfigError, attempt, located, raise_problems
from bayesmap.files import refuse_existing, write_whole
from bayesmap.io import spectral_schema
from bayesmap.io.covariance import (
    HasCovariance,
    ParameterCovariance,
    covariance_files,
    full_matrix,
    of_parameters,
    with_errors,
)
from bayesmap.io.document import models_and_matrix, models_from_dict
from bayesmap.io.model_schema import FileRules
from bayesmap.io.model_writer import document_of, models_to_dict
from bayesmap.io.placed_maps import map_name, place_templates
from bayesmap.io.safe_yaml import check_keys, load_yaml, wrong_kind
from bayesmap.io.xml import is_xml, read_models_xml
from bayesmap.io.xml_writer import write_models_xml
from bayesmap.io.yaml_text import check_checksum, creation, yaml_text
from bayesmap.models.background import BackgroundModel
from bayesmap.models.named import NamedModel
from bayesmap.models.sky import AnyModel, Models

__all__ = ["check_keys", "load_yaml", "models_to_dict", "read_covariance", "read_models", "write_models"]


def read_models(
    source: Any,
    *,
    root: str | PathLike[str] | None = None,
    allow_paths: Sequence[str | PathLike[str]] = (),
    env: Mapping[str, str] | None = None,
) -> Models:
    """Read sky models from Gammapy 2 YAML, a dict of the same form, live Gammapy models, or XML.

    Parameters that are left out take their defaults; keys and names that are not known are errors. All problems are
    found in one pass. Errors of parameters are those of the covariance file, where the document names one; see
    `read_covariance` for the matrix.

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
        not computed, 010 to 016 see `load_yaml`, 060 an order of other models, 061 to 063 a covariance file that
        cannot be used, 066 a checksum that is wrong.
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
        return _read_file(source, rules)[0]
    if _is_gammapy(source) or (isinstance(source, list | tuple) and all(map(_is_gammapy, source))):
        return models_from_dict(_from_gammapy(source), rules)
    raise wrong_kind("source", source, "a path, YAML text, a dict, or Models of bayesmap or Gammapy")


def read_covariance(
    source: str | PathLike[str] | Mapping[str, Any],
    *,
    root: str | PathLike[str] | None = None,
    allow_paths: Sequence[str | PathLike[str]] = (),
    env: Mapping[str, str] | None = None,
) -> ParameterCovariance:
    """Read the covariance matrix that a model file names.

    Parameters
    ----------
    source : str, path-like or dict
        YAML file, text or document, as for `read_models`.
    root, allow_paths, env
        See `read_models`.

    Returns
    -------
    ParameterCovariance
        Of all parameters that have an error and are not linked; `write_models` takes it.

    Raises
    ------
    ConfigError
        BM-CF-068 if the document names no covariance file, and what `read_models` refuses.
    BayesmapIOError
        As of `read_models`.
    """
    rules = FileRules(root, tuple(allow_paths), dict(env or {}))
    is_document = isinstance(source, Mapping)
    models, matrix = models_and_matrix(source, rules) if is_document else _read_file(source, rules)  # type: ignore[arg-type]
    if matrix is None:
        raise ConfigError(
            "BM-CF-068",
            what="the model file names no covariance file",
            rule="The matrix stands in a file of its own, named under `covariance`",
            remedy="Read errors with read_models, or write the file with write_models(..., covariance=...)",
        )
    return of_parameters(models, matrix)


def _read_file(source: str | PathLike[str], rules: FileRules) -> tuple[Models, np.ndarray | None]:
    """Read a file or text; problems in a file get its name put in front."""
    document = load_yaml(source)
    is_text = isinstance(source, str) and "\n" in source
    name = "YAML text" if is_text else Path(source).name
    if not is_text and rules.root is None:
        rules = replace(rules, root=Path(source).resolve().parent)
    problems: list[BayesmapError] = []
    found = attempt(problems, models_and_matrix, document, rules)
    if not is_text:
        problems = [located(problem, name) for problem in problems]
    attempt(problems, check_checksum, document, name)
    raise_problems(problems)
    return found  # type: ignore[return-value]


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


def write_models(
    models: Models | AnyModel,
    path: str | PathLike[str],
    *,
    covariance: HasCovariance | None = None,
    checksum: bool = True,
    overwrite: bool = False,
) -> None:
    """Write models as a YAML file that `read_models` and Gammapy 2 read, template maps beside it.

    Parameters
    ----------
    models : Models or a single model
        What to write.
    path : path-like
        YAML file, or XML if it ends in ``.xml`` (see `write_models_xml`). It appears whole or not at all.
    covariance : CovarianceResult or ParameterCovariance, optional
        Of these models, in the units of their parameters. Written beside the YAML file as Gammapy does,
        ``<name>_covariance.dat``; the parameters' errors are taken from it. Linked parameters get theirs to first
        order. Parameters without a symmetric error have rows of zeros.
    checksum : bool
        Whether the YAML file gets a checksum; False for a file that people will edit.
    overwrite : bool
        Whether existing files may be replaced. A template file that already holds the same map is left alone.

    Raises
    ------
    BayesmapIOError
        BM-IO-032 if the file, or a template file with another map, exists; BM-IO-009 if it cannot be written.
    ConfigError
        BM-CF-017 for a model that the format cannot hold; BM-CF-064, 065, 067 for a covariance that cannot be written.
    """
    path = Path(path)
    if is_xml(path):
        if covariance is not None:
            raise _no_matrix_in_xml(path)
        write_models_xml(models, path, overwrite=overwrite)
        return
    given = Models(models)  # type: ignore[arg-type]
    tables: dict[Path, str] = {}
    places: dict[str, str] = {}
    if covariance is not None:
        matrix = full_matrix(given, covariance)
        given = with_errors(given, matrix)
        tables, places = covariance_files(given, matrix, path)
    if not overwrite:
        refuse_existing([path, *tables])
    placed, maps = place_templates(given, path.parent, overwrite=overwrite)
    files = {model.name: map_name(model) for model in placed if isinstance(model, BackgroundModel)}
    document = document_of(placed, files, places) | {"metadata": creation()}
    for file, template in maps.items():
        template.write(file, overwrite=overwrite)
    for file, text in tables.items():
        write_whole(file, text)
    write_whole(path, yaml_text(document, checksum=checksum))


def _no_matrix_in_xml(path: Path) -> ConfigError:
    return ConfigError(
        "BM-CF-067",
        what=f"a covariance was given for {path.name}",
        rule="XML holds errors of parameters, no covariance",
        remedy="Write YAML, or leave out covariance=",
    )
