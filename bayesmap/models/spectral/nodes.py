"""Tables of energies and values: how they are kept, and interpolation between their nodes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.units import FloatArray, to_float64

TINY = float(np.finfo(np.float64).tiny)
"""What zero and less count as where a logarithm is interpolated, as in Gammapy."""


def node_array(values: Any, unit: str, name: str, *, positive: bool = False) -> u.Quantity:
    """Return increasing nodes as a read-only Quantity in the unit they were given in.

    Parameters
    ----------
    values : Quantity or array
        Nodes; plain numbers are in `unit`.
    unit : str
        Unit that the nodes must convert to.
    name : str
        For the message.
    positive : bool
        Whether they must be above zero.

    Raises
    ------
    ModelError
        BM-MO-031 if they are not at least two finite numbers in increasing order.
    UnitsError
        BM-GE-005 if the unit does not convert.
    """
    nodes = value_array(values, unit, name)
    numbers = nodes.value
    if numbers.ndim != 1 or numbers.size < 2 or not np.all(np.diff(numbers) > 0.0) or (positive and numbers[0] <= 0.0):
        raise ModelError(
            "BM-MO-031",
            what=f"{name} has the shape {numbers.shape} and the values {str(numbers.ravel()[:4])[:60]} ...",
            rule=f"Nodes must be two or more numbers in increasing order{', above zero' if positive else ''}",
            remedy="Sort them, and leave out repeated ones",
        )
    return nodes


def value_array(values: Any, unit: str, name: str) -> u.Quantity:
    """Return finite numbers as a read-only Quantity in the unit they were given in; see `node_array`."""
    own = getattr(values, "unit", None)
    own = u.Unit(unit) if own is None else u.Unit(own)
    to_float64(u.Quantity(1.0, own), unit, name)
    numbers = to_float64(values, own, name)
    if not np.all(np.isfinite(numbers)):
        raise ModelError(
            "BM-MO-031",
            what=f"{name} holds numbers that are not finite: {np.count_nonzero(~np.isfinite(numbers))}",
            rule="A table must hold finite numbers",
            remedy="Leave these nodes out",
        )
    quantity = u.Quantity(numbers, own)
    quantity.setflags(write=False)
    return quantity


def log_of(values: Any) -> FloatArray:
    """Return the logarithm, zero and less counted as `TINY`."""
    logs: FloatArray = np.log(np.maximum(values, TINY))
    return logs


def namespace(xp: ModuleType, energy: Any) -> ModuleType:
    """Return numpy for energies that are numbers, so that only what depends on parameters becomes an expression."""
    return np if isinstance(energy, float | np.ndarray | np.generic) else xp


def locate(xp: ModuleType, x: Any, nodes: FloatArray) -> tuple[Any, Any]:
    """Return the interval of each x between nodes, and where in it: 0 at its lower, 1 at its upper node.

    Outside the nodes it is the first or last interval, with fractions below 0 or above 1.

    Parameters
    ----------
    xp : module
        `numpy` or `pytensor.tensor`.
    x : float, array or tensor
        Coordinates.
    nodes : ndarray
        Increasing.
    """
    # A count of the inner nodes at or below x: comparisons and gathers run on every backend.
    index = xp.sum(xp.where(xp.expand_dims(x, -1) >= nodes[1:-1], 1, 0), axis=-1)
    start, width = xp.take(nodes[:-1], index), xp.take(np.diff(nodes), index)
    return index, (x - start) / width


def hat_weights(xp: ModuleType, x: Any, nodes: FloatArray) -> list[Any]:
    """Return the weight of each node in linear interpolation at x; beyond the ends the end nodes keep weight one."""
    held = xp.clip(x, nodes[0], nodes[-1])
    index, fraction = locate(xp, held, nodes)
    return [
        xp.where(abs(index - k) < 1, 1.0 - fraction, 0.0) + xp.where(abs(index - k + 1) < 1, fraction, 0.0)
        for k in range(len(nodes))
    ]
