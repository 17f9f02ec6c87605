"""Memory that a JAX function needs for its intermediate arrays, read off its program before it is compiled.

The program is walked in order; an array lives from the operation that makes it to the last one that reads it. XLA fuses
operations and orders them anew, so that its own figure differs, by less than a factor of two where it was measured.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any


def largest_live(program: Any) -> int:
    """Return the largest number of bytes that intermediate arrays take at a time.

    Parameters
    ----------
    program : jax.extend.core.Jaxpr
        What JAX traced. Its inputs are not counted, its outputs are. A branch counts as its largest case, and a loop
        as one pass.
    """
    last = _last_uses(program)
    ending: defaultdict[int, int] = defaultdict(int)
    live = most = 0
    for place, operation in enumerate(program.eqns):
        most = max(most, live + max(map(largest_live, _inner(operation)), default=0))
        for made in operation.outvars:
            size = _bytes(made)
            live += size
            ending[last.get(made, place)] += size
        most = max(most, live)
        live -= ending.pop(place, 0)
    return most


def count_operations(program: Any) -> int:
    """Return the number of operations of a program, those of branches and loops included."""
    return sum(1 + sum(map(count_operations, _inner(operation))) for operation in program.eqns)


def _last_uses(program: Any) -> dict[Any, int]:
    """Return the place of the last operation that reads each variable; the end for outputs."""
    last = {}
    for place, operation in enumerate(program.eqns):
        for read in operation.invars:
            if _is_variable(read):
                last[read] = place
    for result in program.outvars:
        if _is_variable(result):
            last[result] = len(program.eqns)
    return last


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
