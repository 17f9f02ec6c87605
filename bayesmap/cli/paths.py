"""Where results may be written, and an output folder that appears whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bayesmap.errors import BayesmapIOError
from bayesmap.files import synchronise
from bayesmap.results.draw_folder import is_store, refuse_draws, stores_in

RECORD = "analysis.json"
"""File of an output that says, among others, whether the run came to its end."""
LARGEST_RECORD = 50_000_000
"""Bytes."""
INTERRUPTED = "interrupted"
FILE_UNWRITTEN = "BM-IO-009"
"""Code of one file that cannot be written."""
LONGEST = 255
"""Bytes of the name of a file."""


def output_path(text: str | Path, *, folder: Path, allowed: Sequence[Path] = ()) -> Path:
    """Return the real path of an output, if it lies in an allowed folder.

    Relative paths start at `folder`. Links are followed before the check; neither variables nor ``~`` are expanded.

    Parameters
    ----------
    text : str or Path
        Path as written.
    folder : Path
        Folder that relative paths start at, and that is allowed.
    allowed : sequence of Path
        Further allowed folders.

    Raises
    ------
    BayesmapIOError
        BM-IO-018 if the path lies elsewhere.
    """
    if longest := [part for part in Path(text).parts if len(os.fsencode(part)) > LONGEST]:
        raise BayesmapIOError(
            "BM-IO-018",
            what=f"the output {str(text)[:60]!r}... has a name of {len(os.fsencode(longest[0]))} bytes",
            rule=f"The name of a file has {LONGEST} bytes at most",
            remedy="Choose a shorter one",
        )
    folders = [place.resolve() for place in (folder, *allowed)]
    path = (folder / text).resolve()
    if not any(path.is_relative_to(place) for place in folders):
        raise BayesmapIOError(
            "BM-IO-018",
            what=f"the output {str(text)!r} lies outside the allowed folders ({', '.join(map(str, folders))})",
            rule="Results are written in the folder of the configuration or in the working folder",
            remedy="Choose an output there, or allow its folder with --allow-path",
        )
    return path


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse an output folder that exists, or that is not a folder.

    Parameters
    ----------
    path : Path
        Output folder.
    overwrite : bool
        True if files of an earlier run may be replaced.

    Raises
    ------
    BayesmapIOError
        BM-IO-019.
    """
    if path.exists() and not path.is_dir():
        raise BayesmapIOError(
            "BM-IO-019",
            what=f"the output {path} exists and is not a folder",
            rule="Results go into a folder",
            remedy="Choose another output, or remove the file",
        )
    if path.exists() and not overwrite:
        kept = is_store(draws_folder(path))
        raise BayesmapIOError(
            "BM-IO-019",
            what=f"the output {path} exists",
            rule="Results are never overwritten unasked",
            remedy="Choose another output, or pass "
            + (
                f"--resume --overwrite to continue the draws in {draws_folder(path)} and "
                if kept
                else "--overwrite to "
            )
            + "replace the files of the same names in the folder",
        )


def check_writable(path: Path) -> None:
    """Refuse an output whose folder, or the first of its folders that exists, cannot be written.

    Parameters
    ----------
    path : Path
        Output folder.

    Raises
    ------
    BayesmapIOError
        BM-IO-027.
    """
    place = next(folder for folder in (path, *path.parents) if folder.exists())
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        why = "read-only for you" if place.is_dir() else "not a folder"
        raise BayesmapIOError(
            "BM-IO-027",
            what=f"the output {path} cannot be written: {place} is {why}",
            rule="Results go into a folder that can be written",
            remedy="Choose another output, or change the permissions",
        )


def was_interrupted(output: Path) -> bool:
    """Return whether the results in a folder are those of a run that was interrupted while it sampled."""
    record = output / RECORD
    if not record.is_file() or record.stat().st_size > LARGEST_RECORD:
        return False
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):  # of another program: no results of ours
        return False
    return isinstance(found, dict) and found.get("status") == INTERRUPTED


def draws_folder(output: Path) -> Path:
    """Return the folder beside an output in which draws are kept until the output is whole."""
    return output.with_name(f"{output.name}.draws")


def check_draws(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse to begin where the draws of an unfinished run are, unless they are to be continued or deleted.

    Parameters
    ----------
    folder : Path
        Folder of draws, or of several of them.
    resume, overwrite : bool
        True if draws that are there are to be continued, or deleted.

    Raises
    ------
    BayesmapIOError
        BM-IO-018 if the folder is a link: it may lead out of the allowed folders.
    BayesmapInputError
        BM-IO-022.
    """
    if folder.is_symlink():
        raise BayesmapIOError(
            "BM-IO-018",
            what=f"{folder}, in which draws are kept, is a link",
            rule="Draws are kept in a folder beside the output, and those that a link leads to are left alone",
            remedy="Remove the link, or choose another output",
        )
    if is_store(folder) and not (resume or overwrite):
        raise refuse_draws(folder)


@contextmanager
def output_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary folder whose files appear in the output folder when all are written.

    Where the block fails, the temporary folder is removed and the output is as before.

    Parameters
    ----------
    path : Path
        Output folder; made if it does not exist.
    overwrite : bool
        True if files of the same names may be replaced.

    Yields
    ------
    Path
        Folder to write into.

    Raises
    ------
    BayesmapIOError
        BM-IO-019 if the output exists and `overwrite` is False, BM-IO-029 if files cannot be written.
    """
    check_output(path, overwrite=overwrite)
    try:
        with _whole_folder(path) as partial:
            yield partial
    except OSError as error:
        raise _unwritten(path, str(error)) from error
    except BayesmapIOError as error:
        if error.code != FILE_UNWRITTEN:
            raise
        raise _unwritten(path, error.what) from error


def _unwritten(path: Path, what: str) -> BayesmapIOError:
    """Return the error about results that cannot be written; draws that are kept are not lost."""
    kept = draws_folder(path)
    options = "--resume --overwrite" if path.exists() else "--resume"
    resumed = f"the same command with {options} writes them from the draws that are kept in {kept}"
    return BayesmapIOError(
        "BM-IO-029",
        what=f"the results {path} cannot be written: {what}",
        rule="The disk must have room for them, and the folder be one that can be written",
        remedy="Make space, or change the permissions; then "
        + (resumed if is_store(kept) or stores_in(kept) else "run the same command again"),
    )


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        partial.chmod(0o755)
        yield partial
        files = sorted(partial.iterdir(), key=lambda file: (file.name == RECORD, file.suffix == ".nc", file.name))
        for file in files:
            synchronise(file)
        if path.exists():
            for file in files:  # the record last: what is half replaced still says that it was interrupted
                file.replace(path / file.name)
            synchronise(path)
        else:
            synchronise(partial)
            partial.rename(path)
        synchronise(path.parent)
    finally:
        if partial.exists():
            shutil.rmtree(partial)
