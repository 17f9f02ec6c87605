"""A share of an image that is worked out only where the share is not zero.

Under JAX a branch (`lax.cond`) leaves the image out; NumPy and numba work it out always. Value and derivatives are the
same, as long as the share leaves zero with a zero first derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import truncated_graph_inputs
from pytensor.link.jax.dispatch import jax_funcify


class LazyShare(OpFromGraph):
    """``share * image``, an inner graph whose first input is the share."""


def lazy_share(share: Any, image: Any, inputs: Sequence[Any]) -> Any:
    """Return share * image.

    Parameters
    ----------
    share : scalar tensor
        Share.
    image : tensor
        Graph of the image.
    inputs : sequence of tensor
        What the image depends on besides constants and shared arrays: the graph is cut there.
    """
    found = truncated_graph_inputs([image], ancestors_to_include=[*inputs])
    leaves = [leaf for leaf in found if not isinstance(leaf, Constant)]
    return LazyShare([share, *leaves], [share * image], strict=True)(share, *leaves)


@jax_funcify.register(LazyShare)
def _jax_lazy_share(op: LazyShare, node: Any = None, **kwargs: Any) -> Any:
    inner = jax_funcify(op.fgraph, **kwargs)
    shape = node.outputs[0].type.shape

    def lazily(share, *inputs):  # type: ignore[no-untyped-def]
        return lax.cond(share != 0.0, lambda: inner(share, *inputs)[0], lambda: jnp.zeros(shape))

    return lazily
