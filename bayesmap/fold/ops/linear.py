"""What the fold's Ops share: a NumPy rule for `perform`; `numba_rules` calls it under numba.

The Ops are linear in their floating inputs, so that the pullback of one is another of them and the set is closed under
differentiation: a Hessian needs no further rule.
"""

from __future__ import annotations

from typing import Any

from pytensor.graph.op import Op


class NumpyOp(Op):
    """An Op with one output whose value is ``compute(*input arrays)``, plain NumPy."""

    def compute(self, *inputs: Any) -> Any:
        """Return the output array."""
        raise NotImplementedError(f"{type(self).__name__} has no NumPy rule")

    def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
        output_storage[0][0] = self.compute(*inputs)
