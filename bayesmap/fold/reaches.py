"""A PSF whose planes reach differently far: a spline table for each run of energies with about the same reach."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from bayesmap.fold.kernel import SplineTable

LOST = 1e-10
"""Share of the flux of a plane that may lie beyond its reach."""
MOST = 3
"""Tables that one is divided into at most."""
OVERHEAD = 4000
"""Window pixels that a table more costs as much time as."""


def by_reach(table: SplineTable) -> tuple[SplineTable, ...]:
    """Return the tables that a table is best divided into; planes without any flux are left out."""
    needed = np.minimum(reaches(table), table.reach)
    (filled,) = np.nonzero(needed >= 0)
    low, high = int(filled[0]), int(filled[-1]) + 1
    inner = range(low + 1, high)
    choices = (cuts for n in range(MOST) for cuts in itertools.combinations(inner, n))
    best = min(choices, key=lambda cuts: _cost(needed, (low, *cuts, high)))
    return tuple(_part(table, *run, int(needed[slice(*run)].max())) for run in itertools.pairwise((low, *best, high)))


def reaches(table: SplineTable) -> np.ndarray:
    """Return the pixels beyond which each plane has less than `LOST` of its flux; -1 for a plane without any."""
    half = (table.coefficients.shape[-1] - 1) // 2
    steps = np.abs(np.arange(-half, half + 1))
    ring = np.maximum(steps[:, None], steps[None, :]).ravel()
    found = []
    for plane in table.coefficients:
        inside = np.cumsum(np.bincount(ring, weights=plane.ravel()))
        lost = (inside[-1] - inside) / table.factor**2
        found.append(int(np.ceil(np.argmax(lost <= LOST) / table.factor)) if inside[-1] > 0.0 else -1)
    return np.array(found)


def _cost(needed: np.ndarray, limits: tuple[int, ...]) -> int:
    """Return the pixels of the windows of tables between limits, overheads included."""
    return sum(
        OVERHEAD + (high - low) * (2 * int(needed[low:high].max()) + 2) ** 2 for low, high in itertools.pairwise(limits)
    )


def _part(table: SplineTable, low: int, high: int, reach: int) -> SplineTable:
    """Return the table of some planes, whose flux is kept though it is cut at a reach."""
    planes = table.coefficients[low:high]
    # The table has two pixels beyond its reach.
    cut = table.factor * max(0, table.reach - reach)
    kept = planes[:, cut : planes.shape[1] - cut, cut : planes.shape[2] - cut]
    whole, left = planes.sum(axis=(1, 2)), kept.sum(axis=(1, 2))
    scale = np.divide(whole, left, out=np.ones_like(whole), where=left > 0.0)
    return dataclasses.replace(table, coefficients=kept * scale[:, None, None], reach=reach, first=table.first + low)
