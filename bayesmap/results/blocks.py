"""The files of a folder of draws may be a stranger's: bounded, plain and of the one form, or refused."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.results.stored_tree import ENGINE, LIMITS, SAMPLES, UnfitError, check_arrays, check_file, items

COORDINATES = "coordinates"
"""Group of a block that holds the sampler's coordinates w."""
GROUPS = ("posterior", "sample_stats", COORDINATES)
"""Groups of a block."""
STATISTICS = (
    "acceptance_rate", "diverging", "energy", "lp", "n_steps", "reached_max_treedepth", "step_size", "tree_depth",
)  # fmt: skip
"""Statistics of a draw, by ArviZ's names."""
LARGEST_BLOCK = 1 << 30
"""Bytes of a file."""
UNPACKED = 2
"""Bytes of all arrays in units of the file's: numbers lie in it as they are, only dimensions without labels do not."""


def read_small(path: Path, largest: int) -> bytes:
    """Return the bytes of a file: no link, pipe or device, and none that goes on for ever.

    Parameters
    ----------
    path : Path
        The file.
    largest : int
        Bytes that it may have.

    Raises
    ------
    OSError
        If it is something else, larger, or cannot be read.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link")
    flags = (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    with os.fdopen(os.open(path, os.O_RDONLY | sum(flags)), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if found.st_size > largest:
            raise OSError(errno.EFBIG, f"it has more than {largest:,} bytes")
        return file.read(found.st_size)


def read_plain(content: bytes) -> xr.DataTree:
    """Return what a netCDF file holds that bayesmap writes into a folder of draws.

    Parameters
    ----------
    content : bytes
        The file.

    Raises
    ------
    UnfitError
        For links, arrays in other files, objects, packed arrays, and arrays that are not in the file.
    OSError, ValueError, and others of `stored_tree.UNREADABLE`
        For what makes no sense.
    """
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        check_file(file, len(content))
        _check_plain(file, len(content))
    with xr.open_datatree(io.BytesIO(content), engine=ENGINE, phony_dims="access", decode_times=False) as opened:
        return opened.load()


def _check_plain(file: Any, size: int) -> None:
    """Refuse arrays that take more memory than the file has bytes: packed, in pieces, or never written."""
    total = 0
    for name, item in items(file, ""):
        if not hasattr(item, "dtype"):
            continue
        if item.chunks is not None or item.id.get_create_plist().get_nfilters():
            raise UnfitError(f"{name} is packed, or lies there in pieces")
        total += int(item.size) * max(1, item.dtype.itemsize)
    if total > UNPACKED * size:
        raise UnfitError(f"its arrays would have {total:,} bytes, the file has {size:,}")


def check_block(tree: xr.DataTree, chain: int, draws: range, size: int) -> None:
    """Refuse a block that does not hold just these draws.

    Parameters
    ----------
    tree : DataTree
        The block.
    chain : int
        Its chain.
    draws : range
        Numbers of its draws.
    size : int
        Number of the sampler's coordinates.

    Raises
    ------
    UnfitError
    """
    for name in GROUPS:
        labels = {"draw": draws} if name == COORDINATES else {"chain": [chain], "draw": draws}
        known = tree[name].coords if name in tree.children else {}
        if not all(key in known and np.array_equal(known[key].values, wanted) for key, wanted in labels.items()):
            raise UnfitError(
                f"its group {name} does not hold {len(draws)} draws of chain {chain} from {draws.start} on"
            )
    w = tree[COORDINATES].data_vars.get("w")
    if w is None or w.dims != ("draw", "coordinate") or w.shape != (len(draws), size) or w.dtype != np.float64:
        raise UnfitError(f"it does not hold w, {len(draws)} x {size} numbers")
    if not np.isfinite(w.values).all():
        raise UnfitError("its w is not finite")
    statistics = tree["sample_stats"].data_vars
    if set(statistics) != set(STATISTICS) or any(item.dims != SAMPLES for item in statistics.values()):
        raise UnfitError(f"it does not hold the statistics {', '.join(STATISTICS)}")
    check_arrays(tree)


def form_of(tree: xr.DataTree) -> dict[str, tuple[Any, ...]]:
    """Return what must be the same in all blocks of a run: names of the parameters, dimensions, units and limits."""
    return {
        str(name): (item.dims, item.shape[2:], item.dtype, *(item.attrs.get(key) for key in ("unit", *LIMITS)))
        for name, item in tree["posterior"].data_vars.items()
    }
