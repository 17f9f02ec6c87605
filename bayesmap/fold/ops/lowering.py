"""What PyTensor does to a graph before JAX gets it."""

from __future__ import annotations

from typing import Any

from pytensor.compile.mode import get_mode
from pytensor.graph.fg import FunctionGraph
from pytensor.link.jax.dispatch import jax_funcify

LEFT_TO_XLA = ("canonicalize", "stabilize", "specialize", "uncanonicalize")
"""PyTensor's algebraic rewrites: seconds for a graph of this size, and XLA simplifies what it is given anyway. The
graph is written in stable form."""


def lower(graph: FunctionGraph) -> Any:
    """Return a graph, which is rewritten in place, as a function that JAX can trace; it returns a tuple."""
    get_mode("JAX").excluding(*LEFT_TO_XLA).optimizer.rewrite(graph)
    return jax_funcify(graph)
