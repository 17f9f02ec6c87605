"""The fold's Ops under numba: their NumPy rule, in object mode, because no FFT exists in nopython mode.

Imported where a graph is handed to PyMC, whose default is numba. Not before: numba takes as long to import as JAX. The
registration says object mode explicitly, instead of PyTensor's warning fallback.
"""

from __future__ import annotations

from typing import Any

import numba
from pytensor.link.numba.dispatch.basic import get_numba_type, numba_funcify, numba_njit

from bayesmap.fold.ops.linear import NumpyOp


@numba_funcify.register(NumpyOp)
def _numba_numpy_op(op: NumpyOp, node: Any, **kwargs: Any) -> Any:
    signature = get_numba_type(node.outputs[0].type)
    compute = op.compute

    @numba_njit
    def perform(*inputs):  # type: ignore[no-untyped-def]
        with numba.objmode(ret=signature):
            ret = compute(*inputs)
        return ret  # noqa: RET504 - numba needs the name that objmode declares

    return perform
