"""Peak memory of a fit, estimated before anything is compiled, and refused above a limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import jax
import numpy as np

from bayesmap.dataset import Dataset, MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.posterior.liveness import count_operations, largest_live

BASELINE = 500e6
"""Bytes of the interpreter and the packages, and of a small fit's graph."""
CODE_PER_OPERATION = 30e3
"""Bytes that compiling takes for each operation of a program, on average of a new and a cached one."""
COPIES = 2.0
"""An array of the response or the data is held by PyTensor and by JAX."""
DATA_COPIES = 3.0
"""Counts, exposure and background stay as they are, and are worked on once more when the model is built."""
FUNCTIONS = ("value_and_gradient", "hessian", "fisher")
"""What a fit compiles; one runs at a time."""


@dataclass(frozen=True)
class Memory:
    """Peak memory of the process, in bytes, by what takes it.

    Parameters
    ----------
    baseline : float
        Interpreter, packages, graph.
    data : float
        The data sets' arrays.
    constants : float
        Arrays that the compiled functions take: responses, folded sources, counts.
    work : float
        Intermediate arrays of the largest function.
    code : float
        Compilation.
    """

    baseline: float
    data: float
    constants: float = 0.0
    work: float = 0.0
    code: float = 0.0

    @property
    def total(self) -> float:
        """Sum of the parts."""
        return float(sum(getattr(self, item.name) for item in fields(self)))

    def __str__(self) -> str:
        """Show total and parts."""
        parts = ", ".join(f"{item.name} {show_bytes(getattr(self, item.name))}" for item in fields(self))
        return f"estimated peak memory {show_bytes(self.total)} ({parts})"


def estimate_data(datasets: Iterable[Dataset]) -> Memory:
    """Return what is known before the model is built: at least the arrays of the data."""
    size = sum(_size(item) for item in datasets)
    return Memory(BASELINE, DATA_COPIES * size)


def estimate(datasets: Iterable[Dataset], posterior: CompiledPosterior) -> Memory:
    """Return the estimate for a fit. The functions are traced for it, once; a fit uses what was traced.

    Parameters
    ----------
    datasets : iterable of dataset
        Data.
    posterior : CompiledPosterior
        Its functions, not compiled yet.
    """
    theta = jax.ShapeDtypeStruct((posterior.coordinates.size,), np.float64)
    traced = (posterior.functions[name].trace(theta, posterior.constants) for name in FUNCTIONS)
    programs = [item.jaxpr.jaxpr for item in traced]
    known = estimate_data(datasets)
    return Memory(
        baseline=known.baseline,
        data=known.data,
        constants=COPIES * sum(item.nbytes for item in posterior.constants),
        work=float(max(map(largest_live, programs))),
        code=CODE_PER_OPERATION * sum(map(count_operations, programs)),
    )


def check_memory(memory: Memory, limit: float, shapes: Mapping[str, Any]) -> None:
    """Refuse what needs more memory than there is.

    Parameters
    ----------
    memory : Memory
        Estimate.
    limit : float
        Bytes.
    shapes : mapping
        Name of each dataset -> shape of its counts, for the message.

    Raises
    ------
    BayesmapInputError
        BM-FT-020.
    """
    if memory.total <= limit:
        return
    sizes = ", ".join(f"{name} with {' x '.join(map(str, shape))} bins" for name, shape in shapes.items())
    raise BayesmapInputError(
        "BM-FT-020",
        what=f"{memory}; {sizes}",
        rule=f"The limit is {show_bytes(limit)}: memory_limit, or what the machine has left",
        remedy="Freeze the position and size of sources that are known, cut or rebin the map, use fewer true energies, "
        "or pass a larger memory_limit",
    )


def show_bytes(size: float) -> str:
    """Return a size in words."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _size(dataset: Dataset) -> float:
    """Return the bytes of a data set's arrays in double precision."""
    if not isinstance(dataset, MapDataset):
        return 8.0 * dataset.axis.nbin
    maps = (dataset.counts, dataset.exposure, dataset.background, dataset.mask, dataset.weights)
    return 8.0 * sum(item.data.size for item in maps if item is not None)
