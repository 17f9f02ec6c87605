"""Draws on disk while they are being made: a folder that a killed run leaves readable, and that a later run continues.

The draws of a chain lie in blocks of 250, each a netCDF file of its own with the sampler's coordinates, the parameters
and the statistics. ``manifest.json`` names the blocks that are valid, with their SHA-256, and the run they belong to.
Everything is written beside its place, synchronised to the disk and renamed: a block first, then the manifest that
names it, so that at every moment the manifest is whole and all that it names is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.errors import BayesmapIOError
from bayesmap.files import put_bytes
from bayesmap.results.blocks import (
    COORDINATES,
    LARGEST_BLOCK,
    STATISTICS,
    check_block,
    form_of,
    read_plain,
    read_small,
)
from bayesmap.results.draws import ChainDraws, longest_part
from bayesmap.results.posterior import sampler_attributes
from bayesmap.results.stored_tree import ENGINE, UNREADABLE, UnfitError

FORMAT = 1
"""Version of manifest and blocks."""
BLOCK = 250
"""Draws of a block: the most that a killed run loses, unless time runs out before (`EVERY`)."""
EVERY = 10.0
"""Seconds after which new draws are written in any case."""
MANIFEST = "manifest.json"
WHITENING = "whitening.nc"
MARGIN = 1.2
"""What is asked of the disk, in units of the numbers' size."""
FRAME, FRAME_OF_ONE = 12_000, 600
"""Bytes of a block besides its numbers, and for each variable."""
NAME = re.compile(r"chain-\d+-run-\d+-\d{7,}-\d{7,}\.nc")
"""Names of blocks."""
LIBRARY = "nutpie"
"""The only sampler whose draws are written while they are made."""
KEPT = "What was written before is valid, and --resume (resume=True) continues from it"

Describe = Callable[[np.ndarray], xr.Dataset]
"""Returns the parameters of draws of w, shape (1, n, size)."""


@dataclass(frozen=True)
class DrawStore:
    """Folder with the draws of one run; made by `open_store`.

    Parameters
    ----------
    folder : Path
        Where it lies.
    manifest : dict
        What is valid.
    size : int, optional
        Number of the sampler's coordinates, where it is known.
    """

    folder: Path
    manifest: dict[str, Any]
    size: int | None = None

    @property
    def seed(self) -> int | None:
        """Seed of the run; None where none is written yet."""
        found = self.manifest["identity"].get("seed")
        return None if found is None else int(found)

    def begin(
        self,
        whitening: Mapping[str, np.ndarray],
        notes: Sequence[str],
        sampler: Mapping[str, Any],
        describe: Describe,
        probe: Sequence[str],
    ) -> DrawWriter:
        """Keep what a later run must not work out anew; return what writes the draws.

        Parameters
        ----------
        whitening : dict
            Arrays of the change of coordinates, which decide on the draws to the last bit.
        notes : sequence of str
            What was not as it should be in it.
        sampler : mapping
            ``requested`` (chains, draws), ``seed`` and further settings.
        describe : callable
            Returns the parameters of draws of w.
        probe : sequence of str
            Numbers of the density, to the last bit, that a run which is continued must have again.

        Raises
        ------
        BayesmapIOError
            BM-IO-024 if it cannot be written, BM-IO-026 if the disk has no room for the draws, BM-IO-028 if the density
            is not what it was.
        """
        self._check_room(*sampler["requested"], size=len(whitening["origin"]))
        if "whitening" in self.manifest:
            if self.manifest.get("probe") != list(probe):
                raise not_the_same(f"the density is not, to the last bit, that of the draws in {self.folder}")
            return DrawWriter(self, describe)
        arrays = {name: ([f"{name}_{i}" for i in range(value.ndim)], value) for name, value in whitening.items()}
        self.manifest["whitening"] = self.write(WHITENING, xr.DataTree(xr.Dataset(arrays))) | {"notes": list(notes)}
        self.manifest["sampler"] = dict(sampler)
        self.manifest["probe"] = list(probe)
        self.manifest["identity"]["seed"] = sampler["seed"]
        self.write_manifest()
        return DrawWriter(self, describe)

    def whitening(self) -> dict[str, Any] | None:
        """Return what `begin` kept: arrays and notes; None where there was no earlier run."""
        entry = self.manifest.get("whitening")
        if entry is None:
            return None
        found = self._read(entry).to_dataset().data_vars
        arrays = {str(name): values.values for name, values in found.items()}
        size = self.size or (arrays["origin"].size if "origin" in arrays else -1)
        shapes = {name: values.shape for name, values in arrays.items()}
        finite = all(values.dtype == np.float64 and np.isfinite(values).all() for values in arrays.values())
        if shapes != {"origin": (size,), "root": (size, size)} or not finite:
            raise damaged(self.folder, f"{WHITENING} holds no change of {size} coordinates")
        return arrays | {"notes": tuple(entry["notes"])}

    def finished(self) -> dict[int, ChainDraws]:
        """Return the chains that are whole."""
        return {i: self.chain(i) for i, item in enumerate(self.manifest["chains"]) if item["finished"]}

    def written(self, chain: int) -> int:
        """Return how many draws of a chain are valid."""
        return sum(block["draws"] for block in self.manifest["chains"][chain]["blocks"])

    def tree(self) -> xr.DataTree:
        """Return the posterior of all valid draws, as long as the shortest of the chains that are kept.

        Those chains are kept, from the longest one on, of which most draws remain.

        Returns
        -------
        xarray.DataTree
            Groups ``posterior`` and ``sample_stats``; the attribute ``status`` says ``"interrupted"`` unless all
            chains are whole.

        Raises
        ------
        BayesmapIOError
            BM-IO-023 if it is damaged, or there are no draws yet.
        """
        lengths = [self.written(i) for i in range(len(self.manifest["chains"]))]
        chains, length = longest_part(lengths)
        if length == 0:
            remedy = "Wait until there are some; or continue the run with --resume (resume=True)"
            raise damaged(self.folder, "no draw was written yet", remedy)
        groups: dict[str, list[xr.Dataset]] = {"posterior": [], "sample_stats": []}
        form = None
        for chain in chains:
            trees = self._blocks(chain)
            form = form or form_of(trees[0])
            if any(form_of(item) != form for item in trees):
                raise damaged(self.folder, f"the blocks of chain {chain} do not hold the parameters of those before")
            for name, parts in groups.items():
                whole = self._joined([item[name].to_dataset() for item in trees], "draw")
                parts.append(whole.isel(draw=slice(0, length)))
        made = {name: self._joined(parts, "chain") for name, parts in groups.items()}
        coordinates = {"chain": chains, "draw": np.arange(length)}
        tree = xr.DataTree.from_dict({name: item.assign_coords(coordinates) for name, item in made.items()})
        self._label(tree)
        return tree

    def _joined(self, parts: Sequence[xr.Dataset], along: str) -> xr.Dataset:
        """Return parts of one form as a whole: none is filled up, or left out."""
        try:
            return xr.concat(parts, along, data_vars="minimal", join="exact")
        except (ValueError, TypeError) as error:
            raise damaged(self.folder, f"its blocks do not fit together ({error})") from error

    def _label(self, tree: xr.DataTree) -> None:
        """Set the attributes of a posterior, as `posterior_tree` does."""
        done = all(item["finished"] for item in self.manifest["chains"])
        sampler = {"library": LIBRARY, "version": self.manifest["identity"]["versions"][LIBRARY], "seconds": None}
        tree.attrs = dict(self.manifest["attributes"]) | {
            "status": "finished" if done else "interrupted",
            "notes": json.dumps(self.manifest["whitening"]["notes"]),
            "sampler": json.dumps(sampler | self.manifest["sampler"]),
        }
        tree["posterior"].attrs = sampler_attributes(LIBRARY, sampler["version"], self.manifest["sampler"]["tune"])

    def _check_room(self, chains: int, draws: int, *, size: int) -> None:
        """Refuse a disk that has no room for what is to come, in blocks and in one file, before the first draw."""
        # A chain that is run again is there twice until it is as long as it was.
        there = sum(self.written(chain) for chain, item in enumerate(self.manifest["chains"]) if item["finished"])
        numbers = (2 * chains * draws - there) * 8 * (2 * size + len(STATISTICS))
        frames = (chains * draws - there) / BLOCK * (FRAME + FRAME_OF_ONE * (size + len(STATISTICS)))
        free, needed = shutil.disk_usage(self.folder).free, int(MARGIN * numbers + frames)
        if free < needed:
            raise BayesmapIOError(
                "BM-IO-026",
                what=f"the draws need {needed / 1e6:,.1f} MB in {self.folder}, the disk has {free / 1e6:,.1f} MB left",
                rule="Draws are written while they are made, and once more at the end",
                remedy="Make space, choose an output on another disk, or ask for fewer draws",
            )

    def chain(self, chain: int) -> ChainDraws:
        """Return the valid draws of a chain."""
        trees = self._blocks(chain)
        statistics = self._joined([item["sample_stats"].to_dataset() for item in trees], "draw").isel(chain=0)
        return ChainDraws(
            np.concatenate([item[COORDINATES]["w"].values for item in trees]),
            {str(name): values.values for name, values in statistics.data_vars.items()},
        )

    def _blocks(self, chain: int) -> list[xr.DataTree]:
        """Return the blocks of a chain, each with the draws that the manifest says."""
        whitening = self.whitening()
        size = 0 if whitening is None else len(whitening["origin"])
        found, first = [], 0
        for block in self.manifest["chains"][chain]["blocks"]:
            tree, end = self._read(block), first + block["draws"]
            try:
                check_block(tree, chain, range(first, end), size)
            except UnfitError as error:
                raise damaged(self.folder, f"{block['file']}: {error}") from error
            found.append(tree)
            first = end
        return found

    def write(self, name: str, tree: xr.DataTree) -> dict[str, Any]:
        """Write a file of the folder; return its entry in the manifest."""
        content = bytes(tree.to_netcdf(None, engine=ENGINE))
        self._put(name, content)
        return {"file": name, "sha256": hashlib.sha256(content).hexdigest()}

    def write_manifest(self) -> None:
        """Make valid what the manifest says."""
        self._put(MANIFEST, (json.dumps(self.manifest, indent=1, allow_nan=False) + "\n").encode())

    def _put(self, name: str, content: bytes) -> None:
        try:
            put_bytes(self.folder / name, content)
        except OSError as error:
            raise BayesmapIOError(
                "BM-IO-024",
                what=f"draws cannot be written to {self.folder}: {error.strerror or error}",
                rule="The folder must be writable and the disk have space while draws are made",
                remedy=f"Make space. {KEPT}",
            ) from error

    def _read(self, entry: Mapping[str, Any]) -> xr.DataTree:
        path = self.folder / entry["file"]
        try:
            content = read_small(path, LARGEST_BLOCK)
        except OSError as error:
            raise damaged(self.folder, f"{path.name} cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise damaged(self.folder, f"{path.name} is not the file that was written")
        try:
            return read_plain(content)
        except UNREADABLE as error:
            raise damaged(self.folder, f"{path.name} is no file of draws ({error})") from error


@dataclass(frozen=True)
class DrawWriter:
    """Writes draws into a store; made by `DrawStore.begin`.

    Parameters
    ----------
    store : DrawStore
        Where they go.
    describe : callable
        Returns the parameters of draws of w.
    own : set of str
        Blocks that this process wrote: those of a chain that is run again are not taken for its draws.
    """

    store: DrawStore
    describe: Describe
    own: set[str] = field(default_factory=set)

    def finished(self) -> dict[int, ChainDraws]:
        """Return the chains that are whole."""
        return self.store.finished()

    def more_than(self, chain: int, draws: int) -> ChainDraws | None:
        """Return the draws of a chain that an earlier run wrote, if they are more."""
        return self.store.chain(chain) if self.store.written(chain) > draws else None

    def flush(self, chain: int, drawn: ChainDraws, *, finished: bool = False) -> None:
        """Write what is new of a chain; of one that is run again, once it is as long as it was.

        Parameters
        ----------
        chain : int
            Number of the chain.
        drawn : ChainDraws
            All its draws so far.
        finished : bool
            True if there will be no more.

        Raises
        ------
        BayesmapIOError
            BM-IO-024; what was written before stays valid. BM-IO-028 if the draws are not those of the earlier run.
        """
        entry = self.store.manifest["chains"][chain]
        if len(drawn.w) < self.store.written(chain):
            return
        if any(block["file"] not in self.own for block in entry["blocks"]):
            self._check_same(chain, drawn)
        whole = [block for block in entry["blocks"] if block["draws"] == BLOCK and block["file"] in self.own]
        blocks = list(whole)
        for first in range(len(whole) * BLOCK, len(drawn.w), BLOCK):
            blocks.append(self._write_block(chain, first, drawn.part(first, min(first + BLOCK, len(drawn.w)))))
        kept = {block["file"] for block in blocks}
        old = [block for block in entry["blocks"] if block["file"] not in kept]
        entry["blocks"], entry["finished"] = blocks, finished
        self.store.write_manifest()
        self._remove(old)

    def _check_same(self, chain: int, drawn: ChainDraws) -> None:
        """Refuse draws that are not, bit for bit, those that an earlier run wrote of the same chain."""
        before = self.store.chain(chain)
        if not np.array_equal(before.w, drawn.w[: len(before.w)]):
            raise not_the_same(
                f"chain {chain}, run again from its seed, does not give the draws that are in {self.store.folder}"
            )

    def _write_block(self, chain: int, first: int, part: ChainDraws) -> dict[str, Any]:
        draws = first + np.arange(len(part.w))
        coordinates = {"chain": [chain], "draw": draws}
        statistics = {name: (("chain", "draw"), values[None]) for name, values in part.statistics.items()}
        tree = xr.DataTree.from_dict(
            {
                "posterior": self.describe(part.w[None]).assign_coords(coordinates),
                "sample_stats": xr.Dataset(statistics, coordinates),
                COORDINATES: xr.Dataset({"w": (("draw", "coordinate"), part.w)}, {"draw": draws}),
            }
        )
        run, end = self.store.manifest["run"], first + len(part.w)
        entry = self.store.write(f"chain-{chain}-run-{run}-{first:07d}-{end:07d}.nc", tree) | {"draws": len(part.w)}
        self.own.add(entry["file"])
        return entry

    def _remove(self, blocks: list[dict[str, Any]]) -> None:
        for block in blocks:
            with contextlib.suppress(FileNotFoundError):
                (self.store.folder / block["file"]).unlink()


ANEW = "Name the right folder; or begin anew with --overwrite (resume=False, overwrite=True)"


def damaged(folder: Path, why: str, remedy: str = ANEW) -> BayesmapIOError:
    """Return the error about a store that cannot be used."""
    return BayesmapIOError(
        "BM-IO-023",
        what=f"the draws in {folder} cannot be used: {why}",
        rule=f"A folder of draws holds {MANIFEST} and the blocks that it names, as they were written",
        remedy=remedy,
    )


def not_the_same(what: str) -> BayesmapIOError:
    """Return the error for a run that cannot be continued to the same bits."""
    return BayesmapIOError(
        "BM-IO-028",
        what=what,
        rule="A run is continued on the same kind of processor, with the same code and libraries, to the same bits",
        remedy="Continue it where it was begun; or begin anew with --overwrite (resume=False, overwrite=True)",
    )
