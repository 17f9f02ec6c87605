"""Functions compiled once for each choice of branches, so that none is differentiated through a branch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from bayesmap.fold.ops.lazy import assuming


class Branched:
    """A function that is compiled once for each choice of branches.

    Parameters
    ----------
    function, shares, lazy
        As of `compile_branches`.
    """

    def __init__(self, function: Callable[..., Any], shares: Callable[..., Any], lazy: Sequence[str]) -> None:
        self._look = jax.jit(shares)

        @functools.cache
        def compiled(taken: tuple[bool, ...]) -> Any:
            choice = dict(zip(lazy, taken, strict=True))

            def assumed(*arguments: Any) -> Any:
                with assuming(choice):
                    return function(*arguments)

            return jax.jit(assumed)

        self._compiled = compiled

    def __call__(self, *arguments: Any) -> Any:
        """Return the function's value."""
        return self._chosen(*arguments)(*arguments)

    def trace(self, *arguments: Any) -> Any:
        """Return the program of the branches that the arguments need, traced like `jax.jit(function).trace`."""
        return self._chosen(*arguments).trace(*arguments)

    def _chosen(self, *arguments: Any) -> Any:
        return self._compiled(tuple(np.asarray(self._look(*arguments[:-1])) != 0.0))


def compile_branches(
    function: Callable[..., Any], shares: Callable[..., Any], lazy: Sequence[str]
) -> Callable[..., Any]:
    """Return a compiled function, with the method `trace`.

    Parameters
    ----------
    function : callable
        JAX-traceable.
    shares : callable
        JAX-traceable, of the same arguments but the last, the constants: the share of each of `lazy`, shape (n,).
    lazy : sequence of str
        Names of the Ops of the function that leave out their images where their share is zero.
    """
    return Branched(function, shares, lazy) if lazy else jax.jit(function)
