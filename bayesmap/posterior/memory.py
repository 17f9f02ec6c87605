"""Peak memory of a fit, estimated before its functions are compiled."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp

from bayesmap.dataset import Dataset
from bayesmap.dataset.memory import Memory, estimate_data
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.posterior.liveness import count_operations, largest_live

CODE, CODE_PER_OPERATION = 200e6, 3e3
"""Bytes that compiling takes, and more for each operation of a program, between those of a new and a cached one."""
COPIES = 2.0
"""An array of the response or the data is held by PyTensor and by JAX."""
FUNCTIONS = ("value_and_gradient", "hessian", "fisher")
"""What a fit compiles; one runs at a time."""


def estimate(datasets: Iterable[Dataset], posterior: CompiledPosterior) -> Memory:
    """Return the estimate for a fit. Its functions are traced for it, once; the fit uses what was traced.

    They are those of the images that the start values need, which one small function, compiled here, says: a source
    that grows beyond its cut-outs needs more.

    Parameters
    ----------
    datasets : iterable of dataset
        Data.
    posterior : CompiledPosterior
        Functions, not compiled yet.
    """
    theta = jnp.asarray(posterior.coordinates.start)
    functions: list[Any] = [posterior.functions[name] for name in FUNCTIONS]
    programs = [item.trace(theta, posterior.constants).jaxpr.jaxpr for item in functions]
    return dataclasses.replace(
        estimate_data(datasets),
        constants=COPIES * sum(item.nbytes for item in posterior.constants),
        work=float(max(map(largest_live, programs))),
        code=CODE + CODE_PER_OPERATION * sum(map(count_operations, programs)),
    )
