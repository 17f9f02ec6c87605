"""Groups of bins that are left out together: single bins, tiles of the sky, energies, data sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesmap.dataset import Dataset, MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.posterior.priors import pixel_size

KINDS = ("bin", "tile", "energy", "dataset")
TILES = 5
"""Tiles along the longer side of a map unless told otherwise."""


@dataclass(frozen=True)
class Groups:
    """Which group each selected bin of a dataset is in.

    Parameters
    ----------
    of_bin : ndarray of int, shape (n_bin,)
        Number of the group, counted through all datasets.
    """

    of_bin: np.ndarray


def groups_of(datasets: Mapping[str, Dataset], by: str, tile: float | None = None) -> dict[str, Groups]:
    """Return the groups of the selected bins of datasets.

    Parameters
    ----------
    datasets : mapping of str to dataset
        By name.
    by : str
        ``"bin"``, ``"tile"``, ``"energy"`` or ``"dataset"``. A spectrum is one tile.
    tile : float, optional
        Side of a tile in deg.

    Raises
    ------
    BayesmapInputError
        BM-CK-008 for an unknown word, a tile that is no size, or one group only.
    """
    if by not in KINDS:
        raise _refused(f"by is {by!r}", f"It must be one of {', '.join(KINDS)}", "Use one of these words")
    if tile is not None and not (np.isfinite(tile) and tile > 0.0):
        raise _refused(f"tile is {tile!r}", "It is the side of a tile in deg, above zero", "Correct it")
    found, first = {}, 0
    for name, dataset in datasets.items():
        labels = _labels(dataset, by, tile)[dataset.mask_data]
        _, numbers = np.unique(labels, return_inverse=True)
        found[name] = Groups(numbers.reshape(-1) + first)
        first += int(numbers.max(initial=-1)) + 1
    if first < 2:
        raise _refused(
            f"there is one {by} only",
            "At least two groups are left out in turn",
            "Choose smaller groups, such as by='bin'",
        )
    return found


def _labels(dataset: Dataset, by: str, tile: float | None) -> np.ndarray:
    """Return a number for each bin, equal for bins of one group."""
    shape = dataset.mask_data.shape
    if by == "bin":
        return np.arange(int(np.prod(shape))).reshape(shape)
    if by == "dataset":
        return np.zeros(shape, dtype=np.int64)
    if by == "energy":
        return np.broadcast_to(np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1)), shape)
    if not isinstance(dataset, MapDataset):
        return np.zeros(shape, dtype=np.int64)
    n_lat, n_lon = shape[1:]
    side = max(n_lat, n_lon) / TILES if tile is None else tile / pixel_size(dataset.counts.geom)
    rows, columns = (np.arange(n) // max(side, 1.0) for n in (n_lat, n_lon))
    plane = rows[:, None] * (columns.max() + 1.0) + columns[None, :]
    return np.broadcast_to(plane.astype(np.int64), shape)


def _refused(what: str, rule: str, remedy: str) -> BayesmapInputError:
    return BayesmapInputError("BM-CK-008", what=what, rule=rule, remedy=remedy)
