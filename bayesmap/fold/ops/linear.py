"""What the fold's Ops share: a NumPy rule for `perform`, and a numba implementation that calls it.

The Ops are linear in their floating inputs, so that the pullback of one is another of them and the set is closed under
differentiation: a Hessian needs no further rule.  NumPy does the arithmetic under numba too, in object mode, because
no FFT exists in nopython mode; the registration below says so explicitly, instead of PyTensor's warning fallback.
"""

from __future__ import annotations

from typing import Any

import numba
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import get_numba_type, numba_funcify, numba_njit


class NumpyOp(Op):
    """An Op with one output whose value is ``compute(*input arrays)``, plain NumPy."""

    def compute(self, *inputs: Any) -> Any:
        """Return the output array."""
        raise NotImplementedError(f"{type(self).__name__} has no NumPy rule")

    def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
        output_storage[0][0] = self.compute(*inputs)


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
