"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from bayesmap.errors import BayesmapIOError


def refuse_existing(paths: Iterable[Path]) -> None:
    """Refuse to replace files.

    Raises
    ------
    BayesmapIOError
        BM-IO-032 with the first that exists.
    """
    for path in paths:
        if path.exists():
            raise BayesmapIOError(
                "BM-IO-032",
                what=f"{path} exists",
                rule="Files are not replaced unasked",
                remedy="Choose another name, or pass overwrite=True",
            )


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name in its folder, then rename it.

    Parameters
    ----------
    path : Path
        The file; one that is there is replaced.
    content : str or bytes
        Text is written in UTF-8.

    Raises
    ------
    BayesmapIOError
        BM-IO-009 if it cannot be written.
    """
    try:
        _put(path, content.encode("utf-8") if isinstance(content, str) else content, synchronised=False)
    except OSError as error:
        raise BayesmapIOError(
            "BM-IO-009",
            what=f"{path} cannot be written ({error.strerror})",
            rule="The folder must exist, be writeable and have room",
            remedy="Choose another place",
        ) from error


def put_bytes(path: Path, content: bytes) -> None:
    """Write a file that is there, with all its content, even if the machine stops in the next moment.

    It is written under a temporary name, synchronised to the disk, and renamed.

    Raises
    ------
    OSError
        If it cannot be written; the temporary file is gone, a file that was there is as before.
    """
    _put(path, content, synchronised=True)
    synchronise(path.parent)


def _put(path: Path, content: bytes, *, synchronised: bool) -> None:
    """Write a file of a name that nobody can foresee, and rename it; nothing is left of it where that fails."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:  # a new one: what lies there, or where a link leads, is not written to
            file.write(content)
            if synchronised:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise


def synchronise(path: Path) -> None:
    """Write a file, or the names in a folder, to the disk; where a system cannot do it for folders, nothing is done."""
    if os.name == "nt" and path.is_dir():
        return
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(place)
