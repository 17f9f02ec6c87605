"""Files that appear whole or not at all."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import importlib.metadata
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bayesmap.errors import BayesmapIOError, ConfigError

# The checksum of Gammapy is taken over the text in this very form.
YAML_FORMAT: dict[str, Any] = {"sort_keys": False, "indent": 4, "width": 80, "default_flow_style": False}


def yaml_text(document: Mapping[str, Any], *, checksum: bool = True) -> str:
    """Return a document as YAML, as a rule with the key ``checksum``, which Gammapy verifies.

    Parameters
    ----------
    document : dict
        Plain dicts, lists, numbers and text.
    checksum : bool
        Whether to add it.
    """
    text = _plain_text(document)
    return f"{text}checksum: {_digest(text)}\n" if checksum else text


def check_checksum(document: Mapping[str, Any], name: str) -> None:
    """Refuse a document that is not the one its ``checksum`` was taken of; without that key there is nothing to check.

    Parameters
    ----------
    document : dict
        As it was loaded.
    name : str
        File name, for the message.

    Raises
    ------
    ConfigError
        BM-CF-066.
    """
    if "checksum" not in document:
        return
    found = _digest(_plain_text({key: value for key, value in document.items() if key != "checksum"}))
    if document["checksum"] != found:
        raise ConfigError(
            "BM-CF-066",
            what=f"{name} has the checksum {document['checksum']!r}, its content {found!r}",
            rule="The content must be what was written",
            remedy="If you changed the file on purpose, remove the line `checksum:`; else get it again",
        )


def _plain_text(document: Mapping[str, Any]) -> str:
    text: str = yaml.dump(dict(document), Dumper=yaml.SafeDumper, **YAML_FORMAT)
    return text


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def creation() -> dict[str, str]:
    """Return what goes under ``metadata``: who wrote the file, and when (UTC)."""
    version = importlib.metadata.version("bayesmap")
    return {"creator": f"bayesmap {version}", "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}


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


def write_whole(path: Path, text: str) -> None:
    """Write a file under a temporary name in its folder, then rename it.

    Raises
    ------
    BayesmapIOError
        BM-IO-009 if it cannot be written.
    """
    try:
        _put(path, text.encode("utf-8"), synchronised=False)
    except OSError as error:
        raise BayesmapIOError(
            "BM-IO-009",
            what=f"{path} cannot be written: {error}",
            rule="Its folder must exist and have room",
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
