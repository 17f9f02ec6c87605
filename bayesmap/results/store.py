"""A posterior on disk: one netCDF file, no pickle, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import xarray as xr

from bayesmap.errors import BayesmapIOError
from bayesmap.files import put_bytes
from bayesmap.results.draw_folder import read_draws
from bayesmap.results.stored_tree import DIGEST, ENGINE, content_digest, read_tree


def save_posterior(tree: xr.DataTree, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a posterior.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior.
    path : path-like
        File to write.
    overwrite : bool
        True to replace an existing file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BayesmapIOError
        BM-IO-032 if the file exists, BM-IO-009 if it cannot be written.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise BayesmapIOError(
            "BM-IO-032",
            what=f"{target} exists",
            rule="A file is not replaced unasked",
            remedy="Choose another name, or pass overwrite=True",
        )
    try:
        summed = tree.copy()
        summed.attrs = {**tree.attrs, DIGEST: content_digest(tree)}
        put_bytes(target, bytes(summed.to_netcdf(None, engine=ENGINE)))
    except OSError as error:
        raise BayesmapIOError(
            "BM-IO-009",
            what=f"{target} cannot be written: {error}",
            rule="The folder must exist, be writable and have space",
            remedy="Choose another place",
        ) from error
    return target


def load_posterior(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read a posterior that `save_posterior` wrote; everything is in memory afterwards.

    Parameters
    ----------
    path : path-like
        File; or the folder that an interrupted run wrote its draws into (``fit.sample(store=...)``,
        ``bayesmap fit``): the draws so far, without the groups of the data.

    Raises
    ------
    BayesmapIOError
        BM-IO-001 if there is no such file, BM-IO-020 if it is no stored posterior, BM-IO-023 for a folder of draws
        that is damaged or empty.
    """
    source = Path(path)
    if source.is_dir():
        return read_draws(source)
    if not source.is_file():
        raise BayesmapIOError(
            "BM-IO-001", what=f"{source} is not there", rule="It must be a file", remedy="Correct the path"
        )
    return read_tree(source)
