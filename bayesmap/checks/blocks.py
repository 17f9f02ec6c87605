"""Groups of bins that are left out together: single bins, tiles of the sky, energies, data sets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayesmap.dataset import Dataset, MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.posterior.priors import pixel_size
from bayesmap.results.loo import PLURALS, Groups

KINDS = tuple(PLURALS)
TILES = 5
"""Tiles along the longer side of a map unless told otherwise."""


def groups_of(datasets: Mapping[str, Dataset], by: str, tile: float | None = None) -> dict[str, Groups]:
    """Return the groups of the selected bins of datasets.

    Parameters
    ----------
    datasets : mapping of str to dataset
        By name.
    by : str
        ``"bin"``; ``"tile"``, all energies of a piece of sky; ``"energy"``, all pixels of a bin of energy; or
        ``"dataset"``. Those of different datasets are different groups. A spectrum is one tile.
    tile : float, optional
        Side of a tile in deg, the nearest whole number of pixels; by default a fifth of the longer side of the map.

    Raises
    ------
    BayesmapInputError
        BM-CK-008 for an unknown word, a tile that is no size, or one group only.

    Examples
    --------
    >>> from bayesmap.testing import toy_response
    >>> found = groups_of({"toy": toy_response(npix=10)}, "tile", tile=0.5)["toy"].of_bin
    >>> found.max() + 1, found[:10]
    (np.int64(4), array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]))
    """
    if by not in KINDS:
        raise _refused(f"by is {by!r}", f"It must be one of {', '.join(KINDS)}", "Use one of these words")
    if tile is not None and not (np.isfinite(tile) and tile > 0.0):
        raise _refused(f"tile is {tile!r}", "It is the side of a tile in deg, above zero", "Pass for example tile=0.5")
    if tile is not None and by != "tile":
        raise _refused(f"tile is {tile!r} with by={by!r}", "Only tiles have a side", "Pass by='tile', or no tile")
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
    # A stated side is the nearest whole number of pixels.
    side = max(n_lat, n_lon) / TILES if tile is None else round(tile / pixel_size(dataset.counts.geom))
    rows, columns = (np.arange(n) // max(side, 1) for n in (n_lat, n_lon))
    plane = rows[:, None] * (columns.max() + 1.0) + columns[None, :]
    return np.broadcast_to(plane.astype(np.int64), shape)


def _refused(what: str, rule: str, remedy: str) -> BayesmapInputError:
    return BayesmapInputError("BM-CK-008", what=what, rule=rule, remedy=remedy)
