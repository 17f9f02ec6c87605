"""A function that JAX traces once, whatever is made of it: its value, gradient and Hessian are of the same program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from bayesmap.fold.ops.lazy import assumption


class Traced:
    """A function of arrays that returns some of its outputs, traced once for each choice of branches.

    Running the Python code that a graph was turned into takes longer than all that JAX does with it afterwards.

    Parameters
    ----------
    function : callable
        JAX-traceable; returns a sequence.
    """

    def __init__(self, function: Callable[..., Sequence[Any]]) -> None:
        self._function = function
        self._programs: dict[Any, ClosedJaxpr] = {}
        self._parts: dict[Any, Callable[..., Sequence[Any]]] = {}

    def outputs(self, places: Sequence[int], *arguments: Any) -> Sequence[Any]:
        """Return the outputs at some places; nothing that the others alone need is worked out."""
        key = (assumption(), *((item.shape, item.dtype) for item in arguments))
        if key not in self._programs:
            shapes = [jax.ShapeDtypeStruct(item.shape, item.dtype) for item in arguments]
            self._programs[key] = jax.make_jaxpr(lambda *given: tuple(self._function(*given)))(*shapes)
        part = (key, tuple(places))
        if part not in self._parts:
            self._parts[part] = jaxpr_as_fun(_needed(self._programs[key], places))
        return self._parts[part](*arguments)


def _needed(program: ClosedJaxpr, places: Sequence[int]) -> ClosedJaxpr:
    """Return the program of some of the outputs, without the equations that they do not need."""
    wanted = [program.jaxpr.outvars[place] for place in places]
    needed = {id(variable) for variable in wanted if not isinstance(variable, Literal)}
    equations = []
    for equation in reversed(program.jaxpr.eqns):
        if any(id(variable) in needed for variable in equation.outvars):
            equations.append(equation)
            needed |= {id(variable) for variable in equation.invars if not isinstance(variable, Literal)}
    debug = program.jaxpr.debug_info._replace(result_paths=None)
    kept = program.jaxpr.replace(eqns=equations[::-1], outvars=wanted, debug_info=debug)
    return ClosedJaxpr(kept, program.consts)
