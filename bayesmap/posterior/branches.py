"""Functions compiled once for each choice of branches, so that none is differentiated through a branch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from bayesmap.fold.ops.lazy import assuming


def compile_branches(
    function: Callable[..., Any], shares: Callable[..., Any], lazy: Sequence[str]
) -> Callable[..., Any]:
    """Return a compiled function.

    Parameters
    ----------
    function : callable
        JAX-traceable.
    shares : callable
        JAX-traceable, of the same arguments: the share of each of `lazy`, shape (n,).
    lazy : sequence of str
        Names of the Ops of the function that leave out their images where their share is zero.
    """
    if not lazy:
        return jax.jit(function)
    look = jax.jit(shares)

    @functools.cache
    def compiled(taken: tuple[bool, ...]) -> Callable[..., Any]:
        choice = dict(zip(lazy, taken, strict=True))

        def assumed(*arguments: Any) -> Any:
            with assuming(choice):
                return function(*arguments)

        return jax.jit(assumed)

    def call(*arguments: Any) -> Any:
        return compiled(tuple(np.asarray(look(*arguments)) != 0.0))(*arguments)

    return call
