"""Graphs that differ in nothing but numbers, written once.

Sources of one type have the same graph: other constants, other entries of theta.  Written once, with what differs as
inputs, it is rewritten, traced and compiled once, however many sources there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Constant
from pytensor.scalar.basic import ScalarType
from pytensor.tensor.variable import TensorConstant


class NotAlikeError(Exception):
    """Graphs differ in more than their constants."""


@dataclass(frozen=True)
class Template:
    """The graph of several sources, written once.

    Parameters
    ----------
    outputs : tuple of variable
        Outputs for one source.
    own : tuple of variable
        Inputs that differ from source to source.
    values : tuple of ndarray
        Their values, stacked: the first axis is the source.
    common : tuple of variable
        Inputs that are the same for all sources.
    given : tuple of variable
        The variables of the graphs that they stand for.
    """

    outputs: tuple[Any, ...]
    own: tuple[Any, ...]
    values: tuple[np.ndarray, ...]
    common: tuple[Any, ...]
    given: tuple[Any, ...]

    @property
    def stacked(self) -> list[Any]:
        """Return the values of `own` as constants of a graph."""
        return [pt.constant(value) for value in self.values]


class _Writer:
    """Walks several graphs in step."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Any] = {}
        self.own: list[Any] = []
        self.values: list[np.ndarray] = []
        self.common: list[Any] = []
        self.given: list[Any] = []

    def written(self, variables: tuple[Any, ...]) -> Any:
        """Return the variable of the template for one variable of each graph."""
        waiting = [variables]
        while waiting:
            inputs = _inputs(waiting[-1])
            missing = [items for items in inputs if items not in self._known]
            if missing:
                waiting += missing
                continue
            done = waiting.pop()
            self._known[done] = self._new(done, [self._known[items] for items in inputs])
        return self._known[variables]

    def _new(self, variables: tuple[Any, ...], inputs: list[Any]) -> Any:
        first = variables[0]
        if inputs:
            output = first.owner.clone_with_new_inputs(inputs).outputs[_place(first)]
            if output.type != first.type:
                raise NotAlikeError(f"{output.type} of the template beside {first.type}")
            return output
        if isinstance(first, Constant):
            return self._constant(variables)
        if isinstance(first.type, ScalarType):
            raise NotAlikeError(f"{first} is no tensor")
        self.given.append(first)
        self.common.append(first.type())
        return self.common[-1]

    def _constant(self, variables: tuple[Any, ...]) -> Any:
        first = variables[0]
        if not all(isinstance(item, Constant) and item.type == first.type for item in variables):
            raise NotAlikeError(f"a constant beside something else, or of another shape: {variables}")
        data = [item.data for item in variables]
        if not isinstance(first, TensorConstant) and not isinstance(first.type, ScalarType):
            if all(item == data[0] for item in data):
                return first
            raise NotAlikeError(f"constants that are no arrays: {data}")
        arrays = [np.asarray(item) for item in data]
        if all(np.array_equal(item, arrays[0]) for item in arrays):
            return first
        value = np.stack(arrays)
        one = pt.tensor(dtype=value.dtype.name, shape=value.shape[1:])
        self.own.append(one)
        self.values.append(value)
        return one if isinstance(first, TensorConstant) else pt.scalar_from_tensor(one)


def _inputs(variables: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return the inputs of several variables in step; none of constants and of what is the same for all."""
    first = variables[0]
    if all(item is first for item in variables) or all(isinstance(item, Constant) for item in variables):
        return []
    if any(item.type != first.type or item.owner is None for item in variables):
        raise NotAlikeError(f"another type, or an input of its own for each source: {variables}")
    nodes = [item.owner for item in variables]
    for node, item in zip(nodes, variables, strict=True):
        if node.op != nodes[0].op or len(node.inputs) != len(nodes[0].inputs) or _place(item) != _place(first):
            raise NotAlikeError(f"{node.op} beside {nodes[0].op}")
    if not nodes[0].inputs:
        raise NotAlikeError(f"{nodes[0].op} without inputs")
    return list(zip(*(node.inputs for node in nodes), strict=True))


def _place(variable: Any) -> int:
    """Return which output of its node a variable is."""
    return int(variable.owner.outputs.index(variable))


def template(graphs: Sequence[Sequence[Any]]) -> Template:
    """Return the graph that several graphs are, each given by its outputs in the same order.

    Raises
    ------
    NotAlikeError
        If they differ in more than the values of constants, or in their shared variables.
    """
    writer = _Writer()
    outputs = tuple(writer.written(variables) for variables in zip(*graphs, strict=True))
    return Template(outputs, tuple(writer.own), tuple(writer.values), tuple(writer.common), tuple(writer.given))


def groups(graphs: Mapping[str, Sequence[Any]]) -> list[tuple[tuple[str, ...], Template]]:
    """Return the names of graphs that are alike, group by group, with the graph that they are."""
    try:
        return [(tuple(graphs), template(list(graphs.values())))]
    except NotAlikeError:
        if len(graphs) == 1:
            raise
    first, *others = graphs
    like = [first, *(name for name in others if _alike(graphs[first], graphs[name]))]
    rest = {name: outputs for name, outputs in graphs.items() if name not in like}
    return [(tuple(like), template([graphs[name] for name in like])), *(groups(rest) if rest else [])]


def _alike(first: Sequence[Any], second: Sequence[Any]) -> bool:
    if len(first) != len(second):
        return False
    try:
        template([first, second])
    except NotAlikeError:
        return False
    return True
