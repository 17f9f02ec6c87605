"""A share of images that is worked out only where the share is not zero, and a test made only where it is needed.

Under JAX a branch (`lax.cond`) leaves the rest out, NumPy does, too; numba works it out always. Value and derivatives
are the same, as long as the share leaves zero with a zero first derivative.

A derivative through a branch is slow: JAX keeps what it needs of all branches, filled with zeros where they were not
taken. Functions that are differentiated are therefore traced with `assuming`, once for each choice of branches.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytensor
import pytensor.tensor as pt
from jax import lax
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors, truncated_graph_inputs
from pytensor.link.jax.dispatch import jax_funcify


class LazyShare(OpFromGraph):
    """``share * image`` of each image, an inner graph whose first input is the share.

    Two of the same inner graph are different: what is assumed of one, by its name, does not hold for the other.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LazyShare) and self.name == other.name and super().__eq__(other)

    def __hash__(self) -> int:
        return hash((self.name, super().__hash__()))

    def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
        found = self._plain(*inputs) if inputs[0] != 0.0 else [np.zeros(out.type.shape) for out in node.outputs]
        for storage, value in zip(outputs, found, strict=True):
            storage[0] = value

    @functools.cached_property
    def _plain(self) -> Any:
        """Function of the inner graph in NumPy, nothing compiled."""
        inner = self.fgraph.unfreeze()
        mode = pytensor.compile.mode.Mode(linker="py", optimizer=None)
        return pytensor.function(inner.inputs, inner.outputs, mode=mode, on_unused_input="ignore")


_ASSUMED: ContextVar[Mapping[str, bool]] = ContextVar("assumed", default={})  # noqa: B039 - never changed in place
_NUMBERS = itertools.count()


@contextmanager
def assuming(taken: Mapping[str, bool]) -> Iterator[None]:
    """Trace without branches: name of a `LazyShare` -> whether its images are worked out."""
    token = _ASSUMED.set(taken)
    try:
        yield
    finally:
        _ASSUMED.reset(token)


def assumed(name: str) -> bool | None:
    """Return whether the images of a share are assumed to be worked out; None where nothing is."""
    return _ASSUMED.get().get(name)


def new_name() -> str:
    """Return a name for a share: by it, it is known again in a graph that was written anew."""
    return f"share{next(_NUMBERS)}"


def assumption() -> tuple[tuple[str, bool], ...]:
    """Return what is assumed now, in a form that can be compared."""
    return tuple(sorted(_ASSUMED.get().items()))


def lazy_shares(outputs: Sequence[Any]) -> dict[str, Any]:
    """Return the share of every `LazyShare` of a graph by its name."""
    nodes = [variable.owner for variable in ancestors(outputs) if variable.owner is not None]
    return {node.op.name: node.inputs[0] for node in nodes if isinstance(node.op, LazyShare)}


def lazy_share(share: Any, images: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    """Return share * image of each image.

    Parameters
    ----------
    share : scalar tensor
        Share.
    images : sequence of tensor
        Graphs of the images.
    inputs : sequence of tensor
        What the images depend on besides constants and shared arrays: the graph is cut there.
    """
    found = truncated_graph_inputs(list(images), ancestors_to_include=[*inputs])
    leaves = [leaf for leaf in found if not isinstance(leaf, Constant)]
    op = LazyShare([share, *leaves], [share * image for image in images], strict=True, name=new_name())
    outputs = op(share, *leaves)
    return outputs if isinstance(outputs, list) else [outputs]


@jax_funcify.register(LazyShare)
def _jax_lazy_share(op: LazyShare, node: Any = None, **kwargs: Any) -> Any:
    inner = jax_funcify(op.fgraph, **kwargs)
    shapes = [output.type.shape for output in node.outputs]

    def lazily(share, *inputs):  # type: ignore[no-untyped-def]
        def images():  # type: ignore[no-untyped-def]
            return tuple(inner(share, *inputs))

        def nothing():  # type: ignore[no-untyped-def]
            return tuple(jnp.zeros(shape) for shape in shapes)

        taken = assumed(op.name)
        if taken is None:
            found = lax.cond(share != 0.0, images, nothing)
        elif taken:
            found = images()
        else:
            found = nothing()
        return found if len(found) > 1 else found[0]

    return lazily


class LazyTest(OpFromGraph):
    """``flag and test``, an inner graph whose first input is the flag."""

    def connection_pattern(self, node: Any) -> list:
        return [[False] for _ in node.inputs]


def lazy_test(flag: Any, test: Any, inputs: Sequence[Any] = ()) -> Any:
    """Return flag and test, a boolean tensor.

    Parameters
    ----------
    flag, test : scalar boolean tensor
        The test is worked out only where the flag is True.
    inputs : sequence of tensor
        What is worked out anyway, and the test depends on: the graph is cut there.
    """
    found = truncated_graph_inputs([test], ancestors_to_include=[*inputs])
    leaves = [leaf for leaf in found if not isinstance(leaf, Constant)]
    flag = pt.as_tensor(flag)
    inner = flag.type()
    return LazyTest([inner, *leaves], [pt.and_(inner, test)], strict=True)(flag, *leaves)


@jax_funcify.register(LazyTest)
def _jax_lazy_test(op: LazyTest, **kwargs: Any) -> Any:
    inner = jax_funcify(op.fgraph, **kwargs)

    def lazily(flag, *inputs):  # type: ignore[no-untyped-def]
        return lax.cond(flag, lambda: inner(flag, *inputs)[0], lambda: jnp.zeros((), dtype=bool))

    return lazily
