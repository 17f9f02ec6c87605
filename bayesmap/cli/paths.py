"""Where results may be written, and an output folder that appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bayesmap.errors import BayesmapIOError


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
    if path.exists() and not (overwrite and path.is_dir()):
        raise BayesmapIOError(
            "BM-IO-019",
            what=f"the output {path} exists" + ("" if path.is_dir() else " and is not a folder"),
            rule="Results are never overwritten unasked",
            remedy="Choose another output, or pass --overwrite to replace the files of the same names in the folder",
        )


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
        BM-IO-019 if the output exists and `overwrite` is False.
    """
    check_output(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    partial.chmod(0o755)
    try:
        yield partial
        if path.exists():
            for file in sorted(partial.iterdir()):
                file.replace(path / file.name)
        else:
            partial.rename(path)
    finally:
        if partial.exists():
            shutil.rmtree(partial)
