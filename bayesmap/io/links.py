"""Links between parameters in model files: one label for all parameters that are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesmap.models.link import is_identity
from bayesmap.models.parameter import Parameter
from bayesmap.models.sky import AnyModel, Models


def labels_to_links(models: tuple[AnyModel, ...]) -> tuple[AnyModel, ...]:
    """Return models whose parameters carry labels as their links with links instead.

    The parameters of one label are the same: the one that the label names after its ``@``, else the first, stays as it
    is, the others are linked to it. A label with braces is an expression, and is the link.

    Parameters
    ----------
    models : tuple of models
        As they were read.
    """
    table: dict[str, Parameter] = {}
    for model in models:
        table |= model.named_parameters
    masters: dict[str, str] = {}
    for name, parameter in table.items():
        if parameter.link and is_identity(parameter.link):
            named = parameter.link.partition("@")[2]
            is_named = named in table and table[named].link == parameter.link
            masters.setdefault(parameter.link, named if is_named else name)
    changed = {
        name: parameter.replace(link="" if masters[parameter.link] == name else masters[parameter.link])
        for name, parameter in table.items()
        if parameter.link in masters
    }
    return tuple(_with_some(model, changed) for model in models)


def links_to_labels(models: Models) -> tuple[AnyModel, ...]:
    """Return the models with labels in place of links, the other way round.

    A label is ``<name>@<qualified name of the master>``, on the master too; an expression stays as it is, because only
    this package computes it: to Gammapy it is a label like any other, and the value stands beside it.
    """
    table = models.parameters
    changed: dict[str, Parameter] = {}
    for name, parameter in table.items():
        if not parameter.link:
            continue
        master = _master(name, table)
        label = table[master].link or f"{table[master].name}@{master}"
        changed[name] = parameter.replace(link=label)
        changed.setdefault(master, table[master].replace(link=label))
    return tuple(_with_some(model, changed) for model in models)


def _master(name: str, table: Mapping[str, Parameter]) -> str:
    """Follow links that say "the same as" to their end."""
    while table[name].link and is_identity(table[name].link):
        name = table[name].link
    return name


def _with_some(model: Any, parameters: Mapping[str, Parameter]) -> AnyModel:
    own = {name: parameters[name] for name in model.named_parameters if name in parameters}
    changed: AnyModel = model.with_named_parameters(own) if own else model
    return changed
