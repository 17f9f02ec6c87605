"""Checks of what `MapFit` is called with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bayesmap.errors import BayesmapInputError
from bayesmap.models.table import ParameterTable
from bayesmap.results.intervals import KINDS, check_sigma


def check_choice(what: str, value: str, choices: Collection[str]) -> None:
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


def dataset_name(known: tuple[str, ...], name: str | None) -> str:
    """Return the name of the dataset that is meant: the only one where none is named.

    Raises
    ------
    BayesmapInputError
        BM-FT-011 if there is none of that name, or no name and several datasets.
    """
    if name is None and len(known) == 1:
        return known[0]
    if name not in known:
        raise BayesmapInputError(
            "BM-FT-011",
            what="no dataset was named" if name is None else f"no dataset is named {name!r}",
            rule=f"The fit has the datasets {', '.join(known)}",
            remedy=f"Pass for example dataset={known[0]!r}",
        )
    return name


def check_interval(backend: str, sigma: float, kind: str, options: Mapping[str, Any]) -> None:
    """Refuse, before anything is sampled, what `MapFit.confidence` cannot use.

    Raises
    ------
    BayesmapInputError
        BM-FT-003 for an unknown backend or kind, BM-FT-007 for sigma, BM-FT-010 for options that have no use.
    """
    check_choice("backend", backend, ("nuts", "laplace", "profile", "minuit"))
    check_choice("kind", kind, KINDS)
    check_sigma(sigma)
    useless = [*(options if backend == "laplace" else ()), *(["kind"] if backend != "nuts" and kind != "eti" else [])]
    if useless:
        raise BayesmapInputError(
            "BM-FT-010",
            what=f"backend {backend!r} was given {', '.join(useless)}",
            rule="Its interval needs no draws" + (" and is symmetric" if backend == "laplace" else ""),
            remedy="Leave them out, or use backend='nuts'",
        )


def free_name(parameters: ParameterTable, name: str) -> str:
    """Return the qualified name of a free parameter.

    Raises
    ------
    ModelError
        BM-MO-002 for an unknown or ambiguous name.
    BayesmapInputError
        BM-FT-010 for a frozen or linked parameter, which has no posterior of its own.
    """
    found = parameters.resolve(name)
    if not parameters[found].free:
        linked, others = bool(parameters[found].link), ", ".join(parameters.free_names)
        raise BayesmapInputError(
            "BM-FT-010",
            what=f"{found} is {'linked' if linked else 'frozen'}",
            rule="Only a free parameter has an interval or a contour",
            remedy=("Remove its link" if linked else "Unfreeze it") + (f", or use one of {others}" if others else ""),
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
