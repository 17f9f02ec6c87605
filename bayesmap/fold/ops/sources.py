"""Many sources of one type in a loop: their counts added up, or one after the other.

For JAX alone: the graphs of PyMC hold each source by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt
from jax import lax
from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import Op
from pytensor.link.jax.dispatch import jax_funcify

from bayesmap.fold.ops.lazy import assumed
from bayesmap.fold.ops.lowering import lower


@dataclass(frozen=True, eq=False)
class Layer:
    """What one image adds to a cube.

    Parameters
    ----------
    graph : FunctionGraph
        From (cube, own, common) to the cube with the image of one source added.
    share : FunctionGraph, optional
        From (own, common) to the image's share; without one it is always added.
    names : tuple of str
        Name of the share of each source, see `lazy.assuming`.
    """

    graph: FunctionGraph
    share: FunctionGraph | None = None
    names: tuple[str, ...] = ()


class _Loop(Op):
    """Base: inputs are `n_own` arrays whose first axis is the source, and what all have in common.

    Its graphs have no equality, so that each loop is one of its own.
    """

    def __init__(self, n_own: int) -> None:
        self.n_own = n_own

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
        found = jax_funcify(self)(*(jnp.asarray(item) for item in inputs))
        found = found if len(node.outputs) > 1 else [found]
        for storage, value in zip(outputs, found, strict=True):
            storage[0] = np.array(value)


class SourceCubes(_Loop):
    """Counts of the sources, shape (n_reco, n_lat, n_lon): of all together, or (n, n_reco, n_lat, n_lon) of each.

    Parameters
    ----------
    layers : sequence of Layer
        Images.
    shape : (n_reco, n_lat, n_lon)
        Of a cube.
    n_own : int
        Inputs that differ from source to source.
    together : bool
        True for the sum.
    """

    def __init__(self, layers: Sequence[Layer], shape: tuple[int, ...], n_own: int, *, together: bool) -> None:
        super().__init__(n_own)
        self.layers, self.shape, self.together = tuple(layers), shape, together

    def make_node(self, *inputs: Any) -> Apply:
        inputs = tuple(pt.as_tensor(item) for item in inputs)
        first = () if self.together else (inputs[0].type.shape[0],)
        return Apply(self, list(inputs), [pt.tensor(dtype="float64", shape=(*first, *self.shape))])

    def infer_shape(self, node: Any, shapes: Any) -> list:
        return [tuple(pt.constant(n) for n in node.outputs[0].type.shape)]


class SourceFlags(_Loop):
    """Outputs of a graph of scalars for each source, shape (n,) each."""

    def __init__(self, graph: FunctionGraph, n_own: int) -> None:
        super().__init__(n_own)
        self.graph = graph

    def make_node(self, *inputs: Any) -> Apply:
        inputs = tuple(pt.as_tensor(item) for item in inputs)
        n = inputs[0].type.shape[0]
        found = [pt.tensor(dtype=item.type.dtype, shape=(n, *item.type.shape)) for item in self.graph.outputs]
        return Apply(self, list(inputs), found)

    def infer_shape(self, node: Any, shapes: Any) -> list:
        return [tuple(pt.constant(n) for n in item.type.shape) for item in node.outputs]


@jax_funcify.register(SourceCubes)
def _jax_source_cubes(op: SourceCubes, **kwargs: Any) -> Any:
    adders = [_adder(layer) for layer in op.layers]

    def added(cube, given, choice):  # type: ignore[no-untyped-def]
        """Return the cube with one source added."""
        for add, taken in zip(adders, choice, strict=True):
            cube = add(cube, given, taken)
        return cube

    def sum_of_cubes(*inputs):  # type: ignore[no-untyped-def]
        own, common = inputs[: op.n_own], inputs[op.n_own :]
        total = jnp.zeros(op.shape)
        for choice, numbers in _choices(op.layers, len(own[0])).items():
            # Differentiated, each source is worked out again: faster than to keep what all of them need.
            @partial(jax.checkpoint, prevent_cse=False)
            def step(cube, one, choice=choice):  # type: ignore[no-untyped-def]
                return added(cube, (*one, *common), choice), None

            part = own if len(numbers) == len(own[0]) else [item[jnp.array(numbers)] for item in own]
            total, _ = lax.scan(step, total, part)
        return total

    def each_cube(*inputs):  # type: ignore[no-untyped-def]
        own, common = inputs[: op.n_own], inputs[op.n_own :]
        choice = [None if layer.names else True for layer in op.layers]
        return lax.map(lambda one: added(jnp.zeros(op.shape), (*one, *common), choice), own)

    return sum_of_cubes if op.together else each_cube


def _adder(layer: Layer) -> Any:
    """Return the function that adds the image of a source to a cube, if it is taken; None asks its share."""
    graph, share = lower(layer.graph.clone()), None if layer.share is None else lower(layer.share.clone())

    def add(cube, given, taken):  # type: ignore[no-untyped-def]
        if taken is False:
            return cube
        if taken or share is None:
            return graph(cube, *given)[0]
        return lax.cond(share(*given)[0] != 0.0, lambda cube: graph(cube, *given)[0], lambda cube: cube, cube)

    return add


def _choices(layers: Sequence[Layer], n: int) -> Mapping[tuple[bool | None, ...], list[int]]:
    """Return the sources by the choice of images that is assumed for them; without a name an image is always there."""
    found: dict[tuple[bool | None, ...], list[int]] = {}
    for k in range(n):
        choice = tuple(assumed(layer.names[k]) if layer.names else True for layer in layers)
        found.setdefault(choice, []).append(k)
    return found


@jax_funcify.register(SourceFlags)
def _jax_source_flags(op: SourceFlags, **kwargs: Any) -> Any:
    flags = lower(op.graph.clone())

    def each(*inputs):  # type: ignore[no-untyped-def]
        own, common = inputs[: op.n_own], inputs[op.n_own :]
        found = lax.map(lambda one: tuple(flags(*one, *common)), own)
        return found if len(found) > 1 else found[0]

    return each
