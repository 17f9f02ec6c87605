"""Checks of what `MapFit` is called with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.models.sky import Models
from bayesmap.models.table import ParameterTable
from bayesmap.results.intervals import KINDS, check_sigma


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is not one of the choices.

    Raises
    ------
    BayesmapInputError
        BM-FT-003.
    """
    if value not in choices:
        raise BayesmapInputError(
            "BM-FT-003",
            what=f"{what} is {value!r}",
            rule=f"It must be one of {', '.join(choices)}",
            remedy="Use one of these words",
        )


def check_background_names(models: Models, dataset: MapDataset) -> Models:
    """Refuse a background model that names another dataset; return the models.

    Raises
    ------
    BayesmapInputError
        BM-IN-033.
    """
    for model in models.background_models:
        if not model.applies_to(dataset.name):
            raise BayesmapInputError(
                "BM-IN-033",
                what=f"background model {model.name!r} belongs to dataset {', '.join(model.datasets_names or ())}, the "
                f"dataset is {dataset.name!r}",
                rule="A background model must name the dataset that is fitted",
                remedy=f"Correct datasets_names, or read the dataset with name={(model.datasets_names or ('',))[0]!r}",
            )
    return models


def check_interval(backend: str, sigma: float, kind: str, options: Mapping[str, Any]) -> None:
    """Refuse, before anything is sampled, what `MapFit.confidence` cannot use.

    Raises
    ------
    BayesmapInputError
        BM-FT-003 for an unknown backend or kind, BM-FT-007 for sigma, BM-FT-010 for options that have no use.
    """
    check_choice("backend", backend, ("nuts", "laplace"))
    check_choice("kind", kind, KINDS)
    check_sigma(sigma)
    if backend == "laplace" and (options or kind != "eti"):
        raise BayesmapInputError(
            "BM-FT-010",
            what=f"backend 'laplace' was given {', '.join([*options, *(['kind'] if kind != 'eti' else [])])}",
            rule="Its interval is symmetric and needs no draws",
            remedy="Leave them out, or use backend='nuts'",
        )


def free_name(parameters: ParameterTable, name: str) -> str:
    """Return the qualified name of a free parameter.

    Raises
    ------
    ModelError
        BM-MO-002 for an unknown or ambiguous name.
    BayesmapInputError
        BM-FT-010 for a frozen parameter, which has no posterior.
    """
    found = parameters.resolve(name)
    if parameters[found].frozen:
        raise BayesmapInputError(
            "BM-FT-010",
            what=f"{found} is frozen",
            rule="Only a free parameter has an interval or a contour",
            remedy=f"Unfreeze it, or use one of {', '.join(parameters.free_names)}",
        )
    return found


def free_pair(parameters: ParameterTable, x: str, y: str) -> tuple[str, str]:
    """Return the qualified names of two free parameters.

    Raises
    ------
    BayesmapInputError
        BM-FT-010 if they are the same.
    """
    first, second = free_name(parameters, x), free_name(parameters, y)
    if first == second:
        raise BayesmapInputError(
            "BM-FT-010",
            what=f"a contour of {first} with itself was asked for",
            rule="A contour needs two parameters",
            remedy="Name another one; confidence() gives the interval of one",
        )
    return first, second
