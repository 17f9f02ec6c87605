"""The fingerprint of a formula: operations, how they are joined, and the bits of the constants."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import toposort

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object lies in memory: another in every process."""


def graph_digest(output: Any, *inputs: Any) -> str:
    """Return the SHA-256 of the graph of a variable; the same in every process.

    Parameters
    ----------
    output : TensorVariable
        What is worked out.
    *inputs : TensorVariable
        From what; known by their order.
    """
    known = {item: f"input {i}" for i, item in enumerate(inputs)}
    digest = hashlib.sha256()
    for number, node in enumerate(toposort([output])):
        digest.update(ADDRESS.sub("", f"{type(node.op).__name__} {node.op}\n").encode())
        for item in node.inputs:
            digest.update(_reference(item, known))
        for i, item in enumerate(node.outputs):
            known[item] = f"{number}.{i} {item.type}"
    digest.update(_reference(output, known))
    return digest.hexdigest()


def _reference(item: Any, known: dict[Any, str]) -> bytes:
    """Return what stands for an input of a node: a node before it, or the bits of a constant."""
    if item in known:
        return known[item].encode()
    if isinstance(item, Constant):
        values = np.asarray(item.data)
        text = repr(item.data).encode() if values.dtype == object else values.tobytes()
        return f"{values.dtype}{values.shape}".encode() + text
    if isinstance(item, SharedVariable):
        return _shared(item)
    return str(item.type).encode()


def _shared(item: SharedVariable) -> bytes:
    """Return the numbers that a shared variable holds now; a random state is none that a density depends on."""
    held = item.get_value(borrow=True)
    if isinstance(held, np.random.Generator):
        return str(item.type).encode()
    values = np.asarray(held)
    return f"shared {values.dtype}{values.shape}".encode() + values.tobytes()
