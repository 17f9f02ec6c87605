"""From a whole document in the Gammapy 2 model format to models."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmap.errors import BayesmapError, attempt, raise_problems
from bayesmap.io.covariance import load_covariance, with_errors
from bayesmap.io.links import labels_to_links
from bayesmap.io.model_schema import FileRules, read_model
from bayesmap.io.own_models import in_order, read_own
from bayesmap.io.safe_yaml import check_keys, wrong_kind
from bayesmap.models.sky import Models

TOP_KEYS = ("components", "bayesmap", "covariance", "metadata", "checksum")


def models_from_dict(document: Any, rules: FileRules) -> Models:
    """Return the models of a document in the Gammapy 2 format, with the errors of its covariance file.

    Parameters
    ----------
    document : dict
        With the key ``components``, and for what Gammapy does not have ``bayesmap``.
    rules : FileRules
        Which files may be read.

    Raises
    ------
    BayesmapError
        One problem as it is, several as a `ProblemList`; codes are listed at `bayesmap.io.yaml.read_models`.
    """
    return models_and_matrix(document, rules)[0]


def models_and_matrix(document: Any, rules: FileRules) -> tuple[Models, np.ndarray | None]:
    """Return the models of a document, and the covariance of all their parameters if it names a file."""
    check_keys(document, TOP_KEYS, "", required=("components",))
    components, section = document["components"], document.get("bayesmap", {})
    if not isinstance(components, list | tuple):
        raise wrong_kind("components", components, "a list of models")
    problems: list[BayesmapError] = []
    shared = [
        attempt(problems, read_model, item, f"components[{index}]", rules) for index, item in enumerate(components)
    ]
    own = attempt(problems, read_own, section, "bayesmap")
    raise_problems(problems)
    found = tuple(model for model in (*shared, *(own or ())) if model is not None)
    models = Models(labels_to_links(in_order(found, section.get("order"), "bayesmap.order")))
    matrix = load_covariance(document, models, rules)
    return models if matrix is None else with_errors(models, matrix), matrix
