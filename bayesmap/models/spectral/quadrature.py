"""Integrals over energy bins of spectra that have no formula for them, exact to rounding between their kinks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from bayesmap.units import FloatArray

N_NODES = 16
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(N_NODES)
WIDEST = 1.2
"""Largest width of a panel in ln E: half a decade."""
GRADING = (1.0 / 64.0, 1.0 / 16.0, 1.0 / 4.0)
"""Where the first panel of a bin is divided again: a spectrum far beyond its cut-off lives at the lower edge."""


def integrate(
    evaluate: Callable[[Any], Any],
    xp: ModuleType,
    energy_min: Any,
    energy_max: Any,
    slope: Any,
    fixed: Iterable[float] = (),
    moving: Sequence[Any] = (),
) -> Any:
    r"""Integrate a spectrum, tilted by a power of energy, over each bin by Gauss-Legendre panels in :math:`\ln E`.

    .. math:: I = \int_{E_1}^{E_2} f(E) \left(\frac{E}{E_c}\right)^s dE, \quad E_c = \sqrt{E_1 E_2}

    Parameters
    ----------
    evaluate : callable
        f, of energies in TeV.
    xp : module
        `numpy` or `pytensor.tensor`.
    energy_min, energy_max : array, unit TeV
        Bin edges, numbers.
    slope : array, shape of the edges
        Exponent s.
    fixed : iterable of float, unit TeV
        Energies where f has a kink: panels end there.
    moving : sequence of float or tensor, unit TeV
        Energies of kinks, or between which f is smooth, that may depend on parameters; in any order.

    Returns
    -------
    array or tensor, shape of the edges

    Notes
    -----
    The derivative by the position of a moving end cancels between its two panels, so the gradient is that of the
    integral.
    """
    low, high, owner = panels(np.ravel(energy_min), np.ravel(energy_max), fixed)
    center = np.sqrt(np.ravel(energy_min) * np.ravel(energy_max))[owner]
    tilt = np.ravel(np.broadcast_to(slope, np.shape(energy_min)))[owner]
    # Without moving kinks the energies are numbers, and so is all of a formula that depends on nothing else.
    own = xp if moving else np
    ends = own.stack([low, *(own.clip(end, low, high) for end in _ascending(own, moving)), high])
    half = 0.5 * own.log(ends[1:] / ends[:-1])[..., None]
    log_energy = own.log(ends[:-1])[..., None] + half * (1.0 + _NODES)
    energy = own.exp(log_energy)
    weight = _WEIGHTS * half * own.exp(tilt[:, None] * (log_energy - np.log(center)[:, None])) * energy
    total = xp.sum(weight * evaluate(energy), axis=(0, -1))
    return gather(xp, total, owner, np.shape(energy_min))


def gather(xp: ModuleType, parts: Any, owner: Any, shape: tuple[int, ...]) -> Any:
    """Add up the integrals of panels to those of the bins that own them."""
    members = (np.arange(np.prod(shape, dtype=int))[:, None] == owner).astype(np.float64)
    return xp.reshape(xp.dot(members, parts), shape)


def panels(low: FloatArray, high: FloatArray, fixed: Iterable[float]) -> tuple[FloatArray, FloatArray, Any]:
    """Return lower and upper ends of all panels, and the bin that each belongs to."""
    nodes = np.sort(np.fromiter(fixed, dtype=np.float64))
    edges, owner = [], []
    for i, (start, stop) in enumerate(zip(low, high, strict=True)):
        parts = [start, *nodes[(nodes > start) & (nodes < stop)], stop]
        ends = np.concatenate([_divided(a, b, first=k == 0) for k, (a, b) in enumerate(pairwise(parts))])
        ends = np.append(ends, stop)
        edges.append(np.stack([ends[:-1], ends[1:]]))
        owner += [i] * (len(ends) - 1)
    both = np.concatenate(edges, axis=1)
    return both[0], both[1], np.array(owner)


def _divided(low: float, high: float, *, first: bool) -> FloatArray:
    """Return the lower ends of the panels of one piece."""
    n = max(1, int(np.ceil(np.log(high / low) / WIDEST)))
    fraction = np.arange(n) / n
    if first:
        fraction = np.concatenate([[0.0], np.array(GRADING) / n, fraction[1:]])
    ends: FloatArray = low * (high / low) ** fraction
    return ends


def _ascending(xp: ModuleType, values: Sequence[Any]) -> list[Any]:
    """Sort a few numbers or tensors by exchange of neighbours."""
    items = list(values)
    for last in range(len(items) - 1, 0, -1):
        for k in range(last):
            items[k], items[k + 1] = xp.minimum(items[k], items[k + 1]), xp.maximum(items[k], items[k + 1])
    return items
