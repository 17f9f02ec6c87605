"""A stored posterior is a file of a stranger: what may stand in it is looked at before anything is loaded."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.errors import BayesmapIOError

ENGINE = "h5netcdf"
DIGEST = "content_sha256"
"""Attribute of the root: SHA-256 of all arrays and of the other attributes of the root."""
LARGEST = 4 << 30
"""Bytes of all arrays together; above `RATIO_FROM` also at most `RATIO` times the size of the file."""
RATIO, RATIO_FROM = 200, 64 << 20
MOST = 20_000
"""Groups and arrays of a file."""
MOST_DIMENSIONS = 32
"""Entries of an attribute of texts or lists: HDF5 names the dimensions of an array in one."""
SAMPLES = ("chain", "draw")
LIMITS = ("lower_limit", "upper_limit")
TEXTS = ("status",)
JSON_ATTRIBUTES = ("notes", "versions", "sampler", "priors", "dataset", "options", "verdict")
PACKINGS = {1, 2, 3}
"""Filters of HDF5 that need no foreign code: deflate, shuffle, fletcher32."""
UNREADABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, OverflowError, ImportError)
"""What HDF5, h5netcdf and xarray raise for files that make no sense."""


class UnfitError(ValueError):
    """What is wrong with a file, in words that follow its name."""


def read_tree(path: Path) -> xr.DataTree:
    """Return what a netCDF file of a posterior holds, in memory.

    Numbers, and texts as labels of coordinates, are read; links, arrays in other files, objects and filters that need
    foreign code are refused before anything is loaded.

    Parameters
    ----------
    path : Path
        Existing file.

    Returns
    -------
    xarray.DataTree

    Raises
    ------
    BayesmapIOError
        BM-IO-020 if it is no stored posterior, or not what was stored.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            check_file(file, path.stat().st_size)
        with xr.open_datatree(path, engine=ENGINE, phony_dims="access", decode_times=False) as opened:
            tree = opened.load()
        check_tree(tree)
        tree.attrs.pop(DIGEST, None)
    except UNREADABLE as error:
        raise unreadable(path, " ".join(str(error).split())[:300]) from error
    return tree


def content_digest(tree: xr.DataTree) -> str:
    """Return the SHA-256 of all arrays of a tree, with their names, shapes and places, and of its attributes.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior; the attribute `DIGEST` is left out.
    """
    total = hashlib.sha256()
    attributes = {
        str(key): str(value) for key, value in sorted(tree.attrs.items()) if key != DIGEST and isinstance(value, str)
    }
    total.update(json.dumps(attributes).encode())
    for group in sorted(tree.subtree, key=lambda node: node.path):
        for name, item in sorted(group.to_dataset(inherit=False).variables.items(), key=lambda pair: str(pair[0])):
            kind = item.dtype.kind
            values = np.asarray(item.values, dtype=np.float64 if kind in "fiub" else str)
            total.update(json.dumps([group.path, str(name), list(map(str, item.dims)), list(values.shape)]).encode())
            total.update(values.astype("<f8").tobytes() if kind in "fiub" else json.dumps(values.tolist()).encode())
    return total.hexdigest()


def unreadable(path: Path, why: str) -> BayesmapIOError:
    """Return the error for a file that is no stored posterior."""
    return BayesmapIOError(
        "BM-IO-020",
        what=f"{path} is no stored posterior: {why}",
        rule="It must be a netCDF file written by save_posterior",
        remedy="Name the right file, or sample again",
    )


def check_file(file: Any, size: int) -> None:
    """Refuse what is more than groups of arrays of numbers and labels, of bounded size.

    Parameters
    ----------
    file : h5py.File
        Open file, of which nothing was loaded.
    size : int
        Its bytes.

    Raises
    ------
    UnfitError
    """
    total = _attributes(file, "the root", size)
    for number, (name, item) in enumerate(items(file, ""), start=1):
        if number > MOST:
            raise UnfitError(f"it has more than {MOST:,} groups and arrays")
        if item is None:
            raise UnfitError(f"{name} is a link")
        total += _attributes(item, name, size)
        if hasattr(item, "dtype"):
            _check_array(item, name)
            total += _unpacked(item, name, size)
        _check_size(total, size)


def _check_size(total: int, size: int) -> None:
    if total > LARGEST or (total > RATIO_FROM and total > RATIO * size):
        raise UnfitError(f"it unpacks to {total:,} bytes, more than {LARGEST:,} or {RATIO} times the size of the file")


def _check_array(item: Any, name: str) -> None:
    """Refuse an array in another file, of objects, or packed in a way that needs foreign code."""
    if item.is_virtual or item.external:
        raise UnfitError(f"{name} lies in another file")
    layout = item.id.get_create_plist()
    filters = {layout.get_filter(n)[0] for n in range(layout.get_nfilters())}
    if not filters <= PACKINGS:
        raise UnfitError(f"{name} is packed with filters {sorted(filters - PACKINGS)}, which are not read")
    _check_type(item, name)


def _unpacked(item: Any, name: str, size: int) -> int:
    """Return the bytes of an array in memory; texts are read one by one, as many may refer to a single long one."""
    import h5py

    own = int(item.size) * max(1, item.dtype.itemsize)
    text = h5py.check_string_dtype(item.dtype)
    if text is None or text.length is not None:
        return own
    for place in np.ndindex(item.shape):
        own += len(item[place])
        _check_size(own, size)
    return own


def _attributes(item: Any, name: str, size: int) -> int:
    """Return the bytes of the attributes of a group or an array; long lists of what may have any length are refused."""
    import h5py

    total = 0
    for key in item.attrs:
        kind = item.attrs.get_id(key)
        if h5py.check_vlen_dtype(kind.dtype) or h5py.check_string_dtype(kind.dtype):
            if math.prod(kind.shape) > MOST_DIMENSIONS:
                raise UnfitError(f"{name} has an attribute {key} with {math.prod(kind.shape):,} entries of any length")
            total += sum(len(entry) for entry in np.atleast_1d(np.asarray(item.attrs[key], dtype=object)).flat)
            _check_size(total, size)
    return total


def items(group: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield name and object of all members, without following links: of these the object is None."""
    import h5py

    for name in group:
        where = f"{place}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink) or where.count("/") > 20:
            yield where, None
            continue
        item = group[name]
        yield where, item
        if isinstance(item, h5py.Group):
            yield from items(item, where)


def _check_type(item: Any, name: str) -> None:
    """Refuse objects, references, lists of variable length and long lists of texts."""
    import h5py

    text = h5py.check_string_dtype(item.dtype) is not None
    if not text and item.dtype.kind not in "fiub":
        raise UnfitError(f"{name} holds {item.dtype}, neither numbers nor texts")
    if text and (item.ndim > 1 or item.size > MOST):
        raise UnfitError(f"{name} holds {item.size:,} texts: only coordinates have some")


def check_tree(tree: xr.DataTree) -> None:
    """Refuse a tree without draws, or whose attributes do not say how they were made.

    Raises
    ------
    UnfitError
    """
    if "posterior" not in tree.children or "verdict" not in tree.attrs:
        raise UnfitError("it holds no posterior with a verdict")
    for name in (*TEXTS, *JSON_ATTRIBUTES):
        if not isinstance(tree.attrs.get(name), str):
            raise UnfitError(f"its attribute {name!r} is {'no text' if name in tree.attrs else 'missing'}")
    if DIGEST in tree.attrs and tree.attrs[DIGEST] != content_digest(tree):
        raise UnfitError("its numbers or attributes are not those that were stored (checksum)")
    check_arrays(tree)
    parsed = {name: _parsed(tree.attrs[name], name) for name in JSON_ATTRIBUTES}
    _check_verdict(parsed["verdict"])
    finite = all(np.isfinite(item.values).all() for item in tree["posterior"].data_vars.values())
    if not finite and not parsed["verdict"]["reasons"]:
        raise UnfitError("it holds draws that are not finite, and a verdict that finds nothing wrong")


def check_arrays(tree: xr.DataTree) -> None:
    """Refuse draws and statistics that are no numbers along chain and draw, or without units.

    Raises
    ------
    UnfitError
    """
    draws = tree["posterior"].data_vars
    if not draws:
        raise UnfitError("it holds no draws")
    for group in tree.subtree:
        for name, item in group.data_vars.items():
            if item.dtype.kind not in "fiub":
                raise UnfitError(f"{group.path}/{name} does not hold numbers")
    stats = tree["sample_stats"].data_vars if "sample_stats" in tree.children else {}
    for label, members in (("posterior", draws), ("sample_stats", stats)):
        for name, item in members.items():
            if item.dims[:2] != SAMPLES:
                raise UnfitError(f"/{label}/{name} has the dimensions {item.dims}, not {SAMPLES} first")
    _check_attributes(draws)


def _check_attributes(draws: Mapping[Any, xr.DataArray]) -> None:
    """Refuse draws without unit, or with limits that are no numbers."""
    for name, item in draws.items():
        if not isinstance(item.attrs.get("unit"), str):
            raise UnfitError(f"/posterior/{name} does not say its unit")
        if not all(isinstance(item.attrs.get(key, 0.0), float | int | np.number) for key in LIMITS):
            raise UnfitError(f"/posterior/{name} has limits that are no numbers")


def _parsed(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnfitError(f"its attribute {name!r} is no JSON ({error})") from error


def _check_verdict(data: Any) -> None:
    """Refuse a verdict that is not what `Verdict.to_json` writes."""
    good = isinstance(data, Mapping) and set(data) == {"reasons", "measures", "notes"}
    good = good and all(
        isinstance(data[key], list) and all(isinstance(item, str) for item in data[key]) for key in ("reasons", "notes")
    )
    good = good and isinstance(data["measures"], Mapping)
    good = good and all(
        (isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) > 1e300) or _missing(value)
        for value in data["measures"].values()
    )
    if not good:
        raise UnfitError("its verdict is not one that bayesmap wrote")


def _missing(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
