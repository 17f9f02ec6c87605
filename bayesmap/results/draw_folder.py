"""Open a folder of draws: a new one, that of an interrupted run which is continued, or one that is only read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import xarray as xr
from filelock import FileLock, Timeout

from bayesmap.errors import BayesmapInputError, BayesmapIOError
from bayesmap.files import synchronise
from bayesmap.results.blocks import read_small
from bayesmap.results.draw_store import BLOCK, FORMAT, LIBRARY, MANIFEST, NAME, WHITENING, DrawStore, damaged
from bayesmap.results.identity import differences
from bayesmap.results.stored_tree import UnfitError, check_tree
from bayesmap.results.verdict import Verdict

LOCK = "lock"
IN_USE = "BM-IO-025"
OWN = re.compile(r"\.?(manifest\.json|whitening\.nc|chain-\d+-run-\d+-\d{7,}-\d{7,}\.nc)(\.[0-9a-f]+\.tmp)?")
"""Names of the files of a store, finished or on their way; others are not touched."""
LARGEST_NUMBER = 2**63
"""Seeds and numbers of runs are below."""
LARGEST_MANIFEST = 20_000_000
"""Bytes; the blocks of twenty million draws are named in fewer."""
UNREADABLE = "Name the right folder; or delete this one and begin anew"
"""Remedy where the manifest is damaged: a folder whose draws are not known to be ours is never emptied."""


@contextmanager
def open_store(
    folder: Path,
    identity: Mapping[str, Any],
    attributes: Mapping[str, str],
    chains: int,
    *,
    size: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Iterator[DrawStore]:
    """Open the folder of a run to write draws into it.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    identity : mapping
        What the draws depend on, in JSON types, with the ``versions`` of what makes them; a ``seed`` of None is that
        of the run that is continued, if there is one.
    attributes : mapping
        Of a posterior's root: what was fitted.
    chains : int
        Number of chains.
    size : int, optional
        Number of the sampler's coordinates: that of the run that is continued must be the same.
    resume : bool
        True to continue the run that is there, if there is one.
    overwrite : bool
        True to delete it, if it is not continued.

    Yields
    ------
    DrawStore

    Raises
    ------
    BayesmapInputError
        BM-IO-021 for draws of other data, models or settings, BM-IO-022 for draws that are there while neither
        `resume` nor `overwrite` is set, or without the manifest that says what they are while `overwrite` is not set.
    BayesmapIOError
        BM-IO-023 for a damaged folder, BM-IO-024 for one that cannot be written, BM-IO-025 for one that another
        process writes to.
    """
    with _alone(folder):
        known = is_store(folder)
        if known and not (resume or overwrite):
            raise refuse_draws(folder)
        if known and resume:
            manifest = read_manifest(folder)
            _check(folder, manifest["identity"], identity)
            _check_chains(folder, manifest, chains)
            _remove_unnamed(folder, manifest)
            manifest["run"] += 1  # its blocks have names of their own
        else:
            _make_room(folder, known=known, overwrite=overwrite)
            manifest = _new(identity, attributes, chains)
        yield DrawStore(folder, manifest, size)


def _remove_unnamed(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Delete what killed runs wrote and no manifest names."""
    named = {MANIFEST, *(block["file"] for item in manifest["chains"] for block in item["blocks"])}
    named |= {WHITENING} if "whitening" in manifest else set()
    for path in _own_files(folder):
        if path.name not in named:
            path.unlink()


def _make_room(folder: Path, *, known: bool, overwrite: bool) -> None:
    """Delete the draws that are to be forgotten, and what a run left that was killed before its first manifest.

    Blocks are written after the first manifest: where there are some without one, it was lost, and they are not.
    """
    if known:
        read_manifest(folder)  # it is one of ours
    elif others := sorted(item.name for item in folder.iterdir() if item.name != LOCK and not OWN.fullmatch(item.name)):
        what = f"it holds no draws but other files ({', '.join(others[:3])})"
        raise damaged(folder, what, "Choose an empty folder, or move these files away")
    if not overwrite and any(NAME.fullmatch(path.name) for path in _own_files(folder)):
        raise BayesmapInputError(
            "BM-IO-022",
            what=f"{folder} holds blocks of draws, but no {MANIFEST}, which says whose they are",
            rule="Draws are neither continued nor deleted unasked",
            remedy=f"Bring {MANIFEST} back and use --resume (resume=True), or begin anew with --overwrite "
            "(overwrite=True)",
        )
    _empty(folder)


def _check_chains(folder: Path, manifest: Mapping[str, Any], chains: int) -> None:
    """Refuse a manifest whose chains are not those of the run."""
    lengths = [sum(block["draws"] for block in item["blocks"]) for item in manifest["chains"]]
    draws = manifest["identity"].get("draws")
    whole = all(length == draws for length, item in zip(lengths, manifest["chains"], strict=True) if item["finished"])
    if len(lengths) != chains or not whole:
        raise damaged(folder, f"{MANIFEST} names {len(lengths)} chains of {lengths} draws")


def refuse_draws(folder: Path) -> BayesmapInputError:
    """Return the error about draws that are there unasked."""
    return BayesmapInputError(
        "BM-IO-022",
        what=f"{folder} holds draws",
        rule="Draws are neither continued nor deleted unasked",
        remedy="Continue them with --resume (resume=True), or begin anew with --overwrite (overwrite=True)",
    )


def is_store(folder: Path) -> bool:
    """Return whether there are draws of a run in a folder.

    Raises
    ------
    BayesmapIOError
        BM-IO-023 if it cannot be seen, as on a network disk that is away: that is no folder without draws.
    """
    try:
        os.lstat(folder / MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        remedy = "Make the folder readable, or wait for its disk"
        raise damaged(folder, f"{MANIFEST} cannot be seen ({error.strerror})", remedy) from error
    return True


def read_draws(folder: Path) -> xr.DataTree:
    """Return the draws that an unfinished run left, as a posterior without data.

    Parameters
    ----------
    folder : Path
        Folder of draws.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` and ``sample_stats``. The verdict says that it was interrupted; those of the draws
        themselves need the fit: ``fit.sample(store=folder, resume=True)``.

    Raises
    ------
    BayesmapIOError
        BM-IO-023 if it is damaged, or holds no draws.
    """
    store, tree = _read_between_writes(folder)
    sizes = dict(tree["posterior"].sizes)
    lengths = [store.written(i) for i in range(len(store.manifest["chains"]))]
    reasons = [f"interrupted: chains of {', '.join(map(str, lengths))} draws, {sizes['chain']} x {sizes['draw']} kept"]
    if not all(np.isfinite(item.values).all() for item in tree["posterior"].data_vars.values()):
        reasons.append("not_finite: some draws are not finite")
    verdict = Verdict(tuple(reasons), {"chains": sizes["chain"], "draws": sizes["draw"]})
    tree.attrs["verdict"] = verdict.to_json()
    try:
        check_tree(tree)
    except UnfitError as error:
        raise damaged(folder, str(error)) from error
    return tree


def _read_between_writes(folder: Path) -> tuple[DrawStore, xr.DataTree]:
    """Return store and draws; a run that goes on may replace a block while it is read, and then says so."""
    while True:
        store = DrawStore(folder, read_manifest(folder))
        try:
            return store, store.tree()
        except BayesmapIOError:
            if read_manifest(folder) == store.manifest:
                raise


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what is valid in a folder of draws.

    Raises
    ------
    BayesmapIOError
        BM-IO-023 if there is no manifest, or none that this version wrote.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(read_small(path, LARGEST_MANIFEST).decode())
    except OSError as error:
        raise damaged(folder, f"{MANIFEST} cannot be read ({error.strerror})", UNREADABLE) from error
    except (ValueError, RecursionError) as error:
        raise damaged(folder, f"{MANIFEST} is no JSON ({error})", UNREADABLE) from error
    if not _is_manifest(manifest):
        raise damaged(folder, f"{MANIFEST} does not have the form of version {FORMAT}", UNREADABLE)
    return dict(manifest)


def _is_manifest(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and found.get("format") == FORMAT
        and _is_number(found.get("run"), smallest=1)
        and isinstance(found.get("identity"), dict)
        and isinstance(found["identity"].get("versions"), dict)
        and isinstance(found["identity"]["versions"].get(LIBRARY), str)
        and (found["identity"].get("seed") is None or _is_number(found["identity"]["seed"]))
        and isinstance(found.get("attributes"), dict)
        and all(isinstance(value, str) for value in found["attributes"].values())
        and isinstance(found.get("chains"), list)
        and len(found["chains"]) > 0
        and all(_is_chain(item) for item in found["chains"])
        and _are_different([block["file"] for item in found["chains"] for block in item["blocks"]])
        and (_has_begun(found) or not any(item["blocks"] for item in found["chains"]))
    )


def _is_number(found: Any, smallest: int = 0) -> bool:
    return type(found) is int and smallest <= found < LARGEST_NUMBER


def _are_different(names: list[str]) -> bool:
    return len(names) == len(set(names))


def _has_begun(found: Mapping[str, Any]) -> bool:
    """Return whether there is what `DrawStore.begin` keeps."""
    whitening, sampler = found.get("whitening"), found.get("sampler")
    return (
        _is_file(whitening)
        and whitening["file"] == WHITENING
        and isinstance(whitening.get("notes"), list)
        and all(isinstance(note, str) for note in whitening["notes"])
        and isinstance(sampler, dict)
        and (type(sampler.get("tune")) is int)
    )


def _is_chain(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("finished"), bool)
        and isinstance(found.get("blocks"), list)
        and all(_is_block(item) for item in found["blocks"])
    )


def _is_block(found: Any) -> bool:
    named = _is_file(found) and NAME.fullmatch(found["file"]) is not None
    return named and type(found.get("draws")) is int and 0 < found["draws"] <= BLOCK


def _is_file(found: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(found, dict) and all(isinstance(found.get(key), str) for key in ("file", "sha256"))


def _new(identity: Mapping[str, Any], attributes: Mapping[str, str], chains: int) -> dict[str, Any]:
    empty = [{"finished": False, "blocks": []} for _ in range(chains)]
    kept = {"identity": json.loads(json.dumps(dict(identity))), "attributes": dict(attributes)}
    return {"format": FORMAT, "run": 1, **kept, "chains": empty}


def _check(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    same_seed = {"seed": before.get("seed")} if now.get("seed") is None else {}
    if other := differences(before, dict(now) | same_seed):
        raise BayesmapInputError(
            "BM-IO-021",
            what=f"{folder} holds draws of another run: {', '.join(other)}",
            rule="A run is continued with the same data, models, priors, settings and versions, so that its draws are "
            "those of a run without interruption",
            remedy="Go back to the inputs of that run; or begin anew with --overwrite (resume=False, overwrite=True)",
        )


def stores_in(folder: Path) -> list[Path]:
    """Return the folders of draws that lie in a folder; links to others do not."""
    items = folder.iterdir() if folder.is_dir() else ()
    return sorted(item for item in items if not item.is_symlink() and is_store(item))


def remove_store(folder: Path) -> None:
    """Delete the draws of a finished run, whose posterior is kept elsewhere, and the folder if nothing else is in it.

    Left alone are draws that another process writes, and those of a run that is not finished.
    """
    if not is_store(folder):
        return
    try:
        with _alone(folder):
            if is_store(folder) and all(item["finished"] for item in read_manifest(folder)["chains"]):
                _empty(folder)
                (folder / LOCK).unlink(missing_ok=True)
    except BayesmapIOError as error:
        if error.code != IN_USE:
            raise
    remove_empty(folder)


def remove_empty(folder: Path) -> None:
    """Delete a folder if it is there and empty; a link stays."""
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()


def _empty(folder: Path) -> None:
    """Delete the files of a store: the manifest first, so that a half-deleted folder is none of draws."""
    (folder / MANIFEST).unlink(missing_ok=True)
    synchronise(folder)  # else it might come back after a power failure, without its blocks
    for path in _own_files(folder):
        path.unlink()


def _own_files(folder: Path) -> list[Path]:
    """Return the files of a store, of whatever run; a folder is none, whatever its name."""
    return [path for path in folder.iterdir() if OWN.fullmatch(path.name) and (path.is_symlink() or not path.is_dir())]


def _make_folder(folder: Path) -> None:
    """Make a folder, with those above it, whose names are there after a power failure too."""
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for place in new or [folder]:
        synchronise(place.parent)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder against other processes."""
    lock = FileLock(folder / LOCK)
    try:
        _make_folder(folder)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BayesmapIOError(
            IN_USE,
            what=f"another process writes draws into {folder}",
            rule="One run at a time writes into a folder",
            remedy="Wait for it, or choose another folder",
        ) from error
    except OSError as error:
        raise BayesmapIOError(
            "BM-IO-024",
            what=f"draws cannot be written to {folder}: {error.strerror or error}",
            rule="The folder must be one that can be made and written",
            remedy="Choose another output",
        ) from error
    try:
        yield
    finally:
        lock.release()
