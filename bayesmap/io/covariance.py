"""Covariance matrices beside model files, in the table format of Gammapy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bayesmap.errors import ConfigError
from bayesmap.io.covariance_table import format_table, parse_table, read_text
from bayesmap.io.model_schema import FileRules
from bayesmap.io.own_models import is_own
from bayesmap.io.safe_yaml import wrong_kind
from bayesmap.io.template_path import resolve_input
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.component import ModelComponent, did_you_mean
from bayesmap.models.link import link_order, slopes
from bayesmap.models.sky import Models
from bayesmap.models.spectral.compound import SIDES, CompoundSpectralModel

SAME_ERROR = 1e-9
"""An error that a model file states is kept if it is the table's to this relative difference: its last digits."""


class HasCovariance(Protocol):
    """What can be written: names and matrix, as of `CovarianceResult` and `ParameterCovariance`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Qualified names of parameters that are not linked."""

    @property
    def matrix(self) -> np.ndarray:
        """Covariance in the parameters' units; rows of NaN for parameters without a symmetric error."""


@dataclass(frozen=True)
class ParameterCovariance:
    """Covariance of the parameters that have an error.

    Attributes
    ----------
    names : tuple of str
        Qualified names, without linked parameters.
    matrix : ndarray, shape (n, n)
        In the parameters' units.
    """

    names: tuple[str, ...]
    matrix: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Standard deviations, shape (n,)."""
        return np.sqrt(np.diag(self.matrix))


def load_covariance(document: Mapping[str, Any], models: Models, rules: FileRules) -> np.ndarray | None:
    """Return the matrix of a document's covariance file for all parameters of its models; None if it names none.

    Parameters
    ----------
    document : dict
        Model file. ``bayesmap.covariance`` holds all parameters and goes before ``covariance``, which holds those of
        Gammapy's models.
    models : Models
        What the document says.
    rules : FileRules
        Which files may be read.

    Returns
    -------
    ndarray, shape (n, n), or None
        In the order of ``models.parameters``; rows of zeros for parameters without an error.

    Raises
    ------
    ConfigError
        BM-CF-061 to 063.
    BayesmapIOError
        BM-IO-012 to 016.
    """
    place, file = "covariance", document.get("covariance")
    names = _gammapy_names(models)
    if document.get("bayesmap", {}).get("covariance") is not None:
        place, file = "bayesmap.covariance", document["bayesmap"]["covariance"]
        names = {name: name for name in models.parameters}
    if file is None:
        return None
    if not isinstance(file, str):
        raise wrong_kind(place, file, "the name of a file")
    path = resolve_input(file, where=place, root=rules.root, allow_paths=rules.allow_paths, env=rules.env)
    found = parse_table(read_text(path, place), place, tuple(names.values()))
    table = tuple(models.parameters)
    where = [table.index(name) for name in names]
    matrix = np.zeros((len(table), len(table)))
    matrix[np.ix_(where, where)] = found
    return matrix


def with_errors(models: Models, matrix: np.ndarray) -> Models:
    """Return models with the errors of a matrix over all their parameters; those of zero rows stay as they are."""
    changed = {}
    for (name, item), variance in zip(models.parameters.items(), np.diag(matrix), strict=True):
        error = float(np.sqrt(variance))
        if error > 0 and not abs(item.error - error) <= SAME_ERROR * error:
            changed[name] = item.replace(error=error)
    return models.with_parameters(changed) if changed else models


def of_parameters(models: Models, matrix: np.ndarray) -> ParameterCovariance:
    """Return the part of a matrix over all parameters that belongs to those with an error that are not linked."""
    table = models.parameters
    kept = [k for k, item in enumerate(table.values()) if matrix[k, k] > 0 and not item.link]
    return ParameterCovariance(tuple(list(table)[k] for k in kept), matrix[np.ix_(kept, kept)])


def full_matrix(models: Models, covariance: HasCovariance) -> np.ndarray:
    r"""Return the covariance of all parameters of models, :math:`J C J^T` for linked ones.

    Parameters
    ----------
    models : Models
        What is to be written.
    covariance : CovarianceResult or ParameterCovariance
        C.

    Returns
    -------
    ndarray, shape (n, n)
        In the order of ``models.parameters``; rows of zeros for those without an error, as Gammapy writes them.

    Raises
    ------
    ConfigError
        BM-CF-064 if it does not belong to the models, BM-CF-065 if it holds no numbers.
    """
    table = models.parameters
    matrix = np.asarray(covariance.matrix, dtype=np.float64)
    _check_names(covariance.names, matrix, models)
    usable = ~np.isnan(np.diag(matrix))
    inner = matrix[np.ix_(usable, usable)]
    if not np.any(usable) or not np.all(np.isfinite(inner)):
        raise ConfigError(
            "BM-CF-065",
            what=f"the covariance of {len(matrix)} parameters holds no usable numbers",
            rule="A row is finite, or all NaN for a parameter at its limit, and there is one that is finite",
            remedy="See its `reasons`: a failed covariance is not written",
        )
    names = [name for name, is_used in zip(covariance.names, usable, strict=True) if is_used]
    rows = dict(zip(names, np.eye(len(names)), strict=True))
    for name in link_order(table):
        parts = [slope * rows[other] for other, slope in slopes(name, table).items() if other in rows]
        if parts:
            rows[name] = np.sum(parts, axis=0)
    jacobian = np.array([rows.get(name, np.zeros(len(names))) for name in table])
    return jacobian @ inner @ jacobian.T


def covariance_files(models: Models, matrix: np.ndarray, path: Path) -> tuple[dict[Path, str], dict[str, str]]:
    """Return the covariance files beside a model file, path -> text, and place in the document -> file name.

    Gammapy gets the part of its own models, and there is a second file with everything if there are others.

    Parameters
    ----------
    models : Models
        What is written.
    matrix : ndarray
        As of `full_matrix`.
    path : Path
        The model file.
    """
    files, places = {}, {}
    table, names = tuple(models.parameters), _gammapy_names(models)
    shared = [table.index(name) for name in names]
    if shared:
        places["covariance"] = f"{path.stem}_covariance.dat"
        text = format_table(tuple(names.values()), matrix[np.ix_(shared, shared)])
        files[path.parent / places["covariance"]] = text
    if any(is_own(model) for model in models):
        places["bayesmap.covariance"] = f"{path.stem}_covariance_bayesmap.dat"
        files[path.parent / places["bayesmap.covariance"]] = format_table(table, matrix)
    return files, places


def _gammapy_names(models: Models) -> dict[str, str]:
    """Return our name -> Gammapy's name of all parameters that Gammapy reads, in its order."""
    names: dict[str, str] = {}
    for model in models:
        if is_own(model):
            continue
        # To Gammapy a background is always called after its data set.
        first = f"{model.dataset_name}-bkg" if isinstance(model, FoVBackgroundModel) else model.name
        for kind, component in model.components.items():
            ours = (f"{model.name}.{kind}.{item.name}" for item in component.parameters)
            names |= zip(ours, _bare_names(component, f"{first}.{kind}"), strict=True)
    return names


def _bare_names(component: ModelComponent, prefix: str) -> Iterator[str]:
    if isinstance(component, CompoundSpectralModel):
        for side in SIDES:
            yield from _bare_names(getattr(component, side), f"{prefix}.{side}")
    else:
        yield from (f"{prefix}.{item.name}" for item in component.parameters)


def _check_names(names: tuple[str, ...], matrix: np.ndarray, models: Models) -> None:
    table = models.parameters
    strange = [name for name in names if name not in table or table[name].link]
    if not strange and matrix.shape == (len(names), len(names)) and len(set(names)) == len(names):
        return
    what = f"the covariance has {len(names)} names and a matrix of shape {matrix.shape}"
    if strange:
        what = f"the covariance has {strange[0]!r}, which is {'linked' if strange[0] in table else 'no parameter'}"
    raise ConfigError(
        "BM-CF-064",
        what=what,
        rule="It is a square matrix over parameters of the models, each once, without linked ones",
        remedy=did_you_mean(strange[0], tuple(table)) if strange else "Write the models that belong to it",
    )
