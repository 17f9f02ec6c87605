"""Links: a parameter whose value follows from others, by being equal or by an arithmetic expression."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from bayesmap.errors import ModelError
from bayesmap.models.component import did_you_mean
from bayesmap.models.parameter import Parameter

NAME = re.compile(r"\{([^{}]+)\}")
OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
FUNCTIONS = ("exp", "log", "log10", "sqrt")
LONGEST = 1000
STEP = 1e-30
"""Imaginary step of the derivative of an expression: exact to round-off, as nothing is subtracted."""


def names_in(link: str) -> tuple[str, ...]:
    """Return the qualified names that a link refers to.

    Examples
    --------
    >>> names_in("crab.spectral.index"), names_in("{a.spectral.index} + {b.spectral.index}")
    (('crab.spectral.index',), ('a.spectral.index', 'b.spectral.index'))
    """
    return tuple(dict.fromkeys(NAME.findall(link))) if "{" in link else (link,)


def model_of(name: str) -> str:
    """Return the name of the model that a parameter belongs to, from its qualified name; it may hold dots itself.

    Examples
    --------
    >>> model_of("J1745.6-2900.spectral.index")
    'J1745.6-2900'
    """
    return name.rsplit(".", 2)[0]


def is_identity(link: str) -> bool:
    """Return True for a link that says only which parameter is the same."""
    return "{" not in link


def evaluate_expression(xp: ModuleType, link: str, values: Mapping[str, Any]) -> Any:
    """Return the value of a link's expression.

    Parameters
    ----------
    xp : module
        `numpy` or `pytensor.tensor`.
    link : str
        Numbers, qualified names in braces, ``+ - * / **``, parentheses, and the functions exp, log, log10, sqrt.
    values : dict
        Qualified name -> value in the parameter's unit.

    Raises
    ------
    ModelError
        BM-MO-023 for anything else.

    Examples
    --------
    >>> float(evaluate_expression(np, "2 * {a.spectral.index} - sqrt(4)", {"a.spectral.index": 3.0}))
    4.0
    """
    names = names_in(link)
    try:
        _check_length(link)
        tree = ast.parse(NAME.sub(lambda found: f"_{names.index(found[1])}_", link), mode="eval")
        return _walk(xp, tree.body, {f"_{i}_": values[name] for i, name in enumerate(names)})
    except (SyntaxError, RecursionError, ValueError) as error:
        raise ModelError(
            "BM-MO-023",
            what=f"the link {link[:100]!r} cannot be read: {error}",
            rule=f"It holds numbers, names in braces, + - * / **, parentheses and {', '.join(FUNCTIONS)}",
            remedy='Write for example "2 * {crab.spectral.index}", or one qualified name without braces',
        ) from error


def _check_length(link: str) -> None:
    if len(link) > LONGEST:
        raise SyntaxError(f"longer than {LONGEST} characters")


def _walk(xp: ModuleType, node: ast.AST, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_walk(xp, operand, values)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_walk(xp, left, values), _walk(xp, right, values))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            return getattr(xp, name)(_walk(xp, argument, values))
        case _:
            raise SyntaxError(f"{ast.unparse(node)!r} is not allowed")


def linked_canonical(xp: ModuleType, parameter: Parameter, known: Mapping[str, Any], table: Mapping[str, Any]) -> Any:
    """Return the canonical value of a linked parameter.

    Parameters
    ----------
    xp : module
        `numpy` or `pytensor.tensor`.
    parameter : Parameter
        With a link.
    known : dict
        Qualified name -> canonical value of the parameters that it refers to.
    table : mapping
        Qualified name -> Parameter, for their units.
    """
    if is_identity(parameter.link):
        return known[parameter.link]
    values = {name: known[name] / table[name].canonical_factor for name in names_in(parameter.link)}
    return evaluate_expression(xp, parameter.link, values) * parameter.canonical_factor


def slopes(name: str, table: Mapping[str, Parameter]) -> dict[str, float]:
    """Return the derivatives of a linked parameter by those it refers to, in the parameters' units."""
    parameter = table[name]
    if is_identity(parameter.link):
        return {parameter.link: table[parameter.link].canonical_factor / parameter.canonical_factor}
    names = names_in(parameter.link)
    values: dict[str, complex] = {other: table[other].value for other in names}
    return {
        other: float(
            np.imag(evaluate_expression(np, parameter.link, values | {other: values[other] + 1j * STEP})) / STEP
        )
        for other in names
    }


def link_order(table: Mapping[str, Parameter]) -> tuple[str, ...]:
    """Return the linked parameters, each after those that it refers to.

    Raises
    ------
    ModelError
        BM-MO-022 for a link to a parameter that does not exist, or that goes round in a circle.
    """
    order: list[str] = []
    for name, parameter in table.items():
        if parameter.link:
            _visit(name, table, order, ())
    return tuple(order)


def _visit(name: str, table: Mapping[str, Parameter], order: list[str], path: tuple[str, ...]) -> None:
    if name in path:
        raise ModelError(
            "BM-MO-022",
            what=f"the links {' -> '.join((*path, name))} go round in a circle",
            rule="A linked parameter follows from others, which do not follow from it",
            remedy="Remove one of the links",
        )
    if name in order:
        return
    for other in names_in(table[name].link):
        if other not in table:
            raise ModelError(
                "BM-MO-022",
                what=f"parameter {name} is linked to {other!r}, which does not exist",
                rule=f"Parameters are {', '.join(table)}",
                remedy=did_you_mean(other, tuple(table)),
            )
        if table[other].link:
            _visit(other, table, order, (*path, name))
    order.append(name)


def resolved(table: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return the linked parameters with the value that their link says, and frozen where all they refer to is.

    Raises
    ------
    ModelError
        See `link_order` and `evaluate_expression`; BM-MO-003 or 006 for a value that is not allowed.
    UnitsError
        BM-GE-005 for an equality of parameters whose units do not fit.
    """
    known = dict(table)
    changed = {}
    for name in link_order(table):
        parameter, others = known[name], [known[other] for other in names_in(known[name].link)]
        if is_identity(parameter.link):
            parameter.to_unit_value(others[0].quantity)
        canonical = {other: known[other].canonical_value for other in names_in(parameter.link)}
        with np.errstate(all="ignore"):
            value = linked_canonical(np, parameter, canonical, known) / parameter.canonical_factor
        error = _error(name, parameter, known)
        known[name] = parameter.replace(
            value=float(np.real_if_close(value)), frozen=all(item.frozen for item in others), error=error
        )
        changed[name] = known[name]
    return changed


def _error(name: str, parameter: Parameter, known: Mapping[str, Parameter]) -> float:
    """Return the error of an equal parameter; that of an expression needs the covariance and is not changed here."""
    if not is_identity(parameter.link):
        return parameter.error
    return known[parameter.link].error * abs(slopes(name, known)[parameter.link])
