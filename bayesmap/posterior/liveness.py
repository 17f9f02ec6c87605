"""Memory that a JAX function needs for its intermediate arrays, read off its program before it is compiled.

The program is walked in order; an array lives from the operation that makes it to the last one that reads it. What
works element by element and is read once, by an operation of the same kind or by a sum, is worked out there and never
stored. XLA fuses more than that and orders operations anew, so that its own figure differs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

ELEMENTWISE = frozenset((
    "abs", "add", "and", "broadcast_in_dim", "ceil", "clamp", "convert_element_type", "cos", "div", "eq", "erf",
    "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "iota", "is_finite", "lgamma", "log", "log1p",
    "logistic", "lt", "le", "max", "min", "mul", "ne", "neg", "not", "or", "pow", "reshape", "round", "rsqrt",
    "select_n", "sign", "sin", "sqrt", "square", "squeeze", "stop_gradient", "sub", "tan", "tanh",
))  # fmt: skip
"""Primitives that XLA fuses into what reads them."""
SUMS = frozenset(("reduce_sum", "reduce_max", "reduce_min", "reduce_and", "reduce_or"))
"""Primitives that read what is fused into them."""


def largest_live(program: Any) -> int:
    """Return the largest number of bytes that intermediate arrays take at a time.

    Parameters
    ----------
    program : jax.extend.core.Jaxpr
        What JAX traced. Its inputs are not counted, its outputs are. A branch counts as its largest case, and a loop
        as one pass.
    """
    last, fused = _last_uses(program)
    ending: defaultdict[int, int] = defaultdict(int)
    live = most = 0
    for place, operation in enumerate(program.eqns):
        most = max(most, live + max(map(largest_live, _inner(operation)), default=0))
        for made in operation.outvars:
            size = 0 if place in fused else _bytes(made)
            live += size
            ending[last.get(made, place)] += size
        most = max(most, live)
        live -= ending.pop(place, 0)
    return most


def count_operations(program: Any) -> int:
    """Return the number of operations of a program, those of branches and loops included."""
    return sum(1 + sum(map(count_operations, _inner(operation))) for operation in program.eqns)


def _last_uses(program: Any) -> tuple[dict[Any, int], set[int]]:
    """Return the place of the last operation that reads each variable, and the places of fused operations.

    The end is the place of what reads outputs; a fused operation reads where it is worked out.
    """
    readers = _readers(program)
    last = {result: len(program.eqns) for result in program.outvars if _is_variable(result)}
    fused: set[int] = set()
    read_at: dict[int, int] = {}
    for place in reversed(range(len(program.eqns))):
        operation = program.eqns[place]
        reader = _only_reader(program, readers, operation)
        if reader is not None:
            fused.add(place)
        read_at[place] = place if reader is None else read_at[reader]
        for read in filter(_is_variable, operation.invars):
            last[read] = max(last.get(read, 0), read_at[place])
    return last, fused


def _readers(program: Any) -> dict[Any, list[int]]:
    """Return the places of the operations that read each variable; the end for outputs."""
    found: defaultdict[Any, list[int]] = defaultdict(list)
    for place, operation in enumerate(program.eqns):
        for read in filter(_is_variable, operation.invars):
            found[read].append(place)
    for result in filter(_is_variable, program.outvars):
        found[result].append(len(program.eqns))
    return found


def _only_reader(program: Any, readers: dict[Any, list[int]], operation: Any) -> int | None:
    """Return the place of the operation that an operation is fused into, or None."""
    if not _is_elementwise(operation) or len(operation.outvars) != 1:
        return None
    places = readers.get(operation.outvars[0], [])
    if len(places) != 1 or places[0] == len(program.eqns):
        return None
    reader = program.eqns[places[0]]
    return places[0] if _is_elementwise(reader) or reader.primitive.name in SUMS else None


def _is_elementwise(operation: Any) -> bool:
    inner = list(_inner(operation))
    if operation.primitive.name in {"pjit", "jit"}:
        return all(_is_elementwise(item) for program in inner for item in program.eqns)
    return operation.primitive.name in ELEMENTWISE


def _is_variable(item: Any) -> bool:
    return not hasattr(item, "val")


def _inner(operation: Any) -> Iterator[Any]:
    """Yield the programs inside an operation: branches, bodies of loops, functions that it calls."""
    for value in operation.params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            if hasattr(item, "jaxpr"):
                yield item.jaxpr
            elif hasattr(item, "eqns"):
                yield item


def _bytes(variable: Any) -> int:
    kind = variable.aval
    return math.prod(kind.shape) * kind.dtype.itemsize if hasattr(kind, "shape") else 0
