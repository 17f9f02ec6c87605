"""Peak memory of a fit, by what takes it, and its refusal above a limit.

What is known of a data set alone stands here, for `bayesmap check`; `posterior.memory` completes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from bayesmap.dataset.record import MapDataset
from bayesmap.dataset.spectrum import SpectrumDatasetOnOff
from bayesmap.errors import BayesmapInputError

Dataset = MapDataset | SpectrumDatasetOnOff

BASELINE = 500e6
"""Bytes of the interpreter and the packages, and of a small fit's graph."""
DATA_COPIES = 3.0
"""Counts, exposure and background stay as they are, and are worked on once more when the model is built."""


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


def check_memory(memory: Memory, limit: float, datasets: Iterable[Dataset]) -> None:
    """Refuse what needs more memory than there is.

    Parameters
    ----------
    memory : Memory
        Estimate.
    limit : float
        Bytes.
    datasets : iterable of dataset
        Data, for the message.

    Raises
    ------
    BayesmapInputError
        BM-FT-020.
    """
    if memory.total <= limit:
        return
    sizes = ", ".join(f"{item.name} has {' x '.join(map(str, item.mask_data.shape))} bins" for item in datasets)
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
