"""Where numbers come from: versions of the packages, and a fingerprint of the data."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import platform
from collections.abc import Iterator
from typing import Any

import numpy as np
from astropy.wcs import WCS

from bayesmap.dataset import Dataset
from bayesmap.maps.axis import MapAxis

PACKAGES = ("bayesmap", "pymc", "pytensor", "arviz", "jax", "nutpie", "numpy", "scipy", "astropy")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that the numbers depend on."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def data_hash(dataset: Dataset) -> str:
    """SHA-256 of the numbers of a data set: maps and response with their geometries.

    Parameters
    ----------
    dataset : MapDataset or SpectrumDatasetOnOff
        Data set.

    Returns
    -------
    str
        Hexadecimal digest; the same numbers give the same digest, whatever the data set's name and notes, or the file's
        format and compression.
    """
    digest = hashlib.sha256()
    for text in _numbers(dataset):
        digest.update(text)
    return digest.hexdigest()


def _numbers(part: Any) -> Iterator[bytes]:
    """Yield the bytes of a record, field after field; names and notes are left out."""
    if dataclasses.is_dataclass(part):
        for item in dataclasses.fields(part):
            if item.name not in ("name", "notes", "source") or isinstance(part, MapAxis):
                yield item.name.encode()
                yield from _numbers(getattr(part, item.name))
    elif isinstance(part, np.ndarray):
        yield f"{part.shape}{part.dtype.str}".encode()
        yield part.tobytes()
    elif isinstance(part, WCS):
        yield part.to_header_string().encode()
    elif isinstance(part, tuple):
        for item in part:
            yield from _numbers(item)
    else:
        yield repr(part).encode()
