"""From a PyTensor graph to a JAX function whose arrays are arguments, not code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from pymc.logprob.utils import local_remove_check_parameter
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import in2out
from pytensor.graph.traversal import graph_inputs

from bayesmap.fold.ops.lowering import lower
from bayesmap.posterior import jax_setup


def jaxify(
    inputs: Sequence[Any], outputs: Sequence[Any]
) -> tuple[Callable[..., Any], tuple[jax.Array, ...], tuple[str, ...]]:
    """Return a function of (*inputs, *constants), the constants, and their names.

    Parameters
    ----------
    inputs : sequence of tensor
        Symbolic inputs.
    outputs : sequence of tensor
        What to compute.

    Returns
    -------
    function : callable
        JAX-traceable; returns a tuple of the outputs.
    constants : tuple of jax.Array
        Values of the shared variables of the graph, in the order the function takes them. Arrays handed over this
        way are
        not part of the compiled code: XLA neither folds nor stores them, and a data set of the same shape needs no
        compilation.
    names : tuple of str
        Name of each constant's shared variable.
    """
    jax_setup.set_up()
    shared = [node for node in graph_inputs(outputs) if isinstance(node, SharedVariable)]
    fgraph = FunctionGraph(inputs=[*inputs, *shared], outputs=list(outputs), clone=True)
    # The checks of PyMC's log-probabilities are on constants, and were made when the prior was built.
    in2out(local_remove_check_parameter).rewrite(fgraph)
    function = lower(fgraph)
    constants = tuple(jax.device_put(np.asarray(node.get_value(borrow=True))) for node in shared)
    return function, constants, tuple(str(node.name) for node in shared)
