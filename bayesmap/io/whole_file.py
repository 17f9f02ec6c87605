"""Text files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bayesmap.errors import BayesmapIOError

# The checksum of Gammapy is taken over the text in this very form.
YAML_FORMAT: dict[str, Any] = {"sort_keys": False, "indent": 4, "width": 80, "default_flow_style": False}


def yaml_text(document: Mapping[str, Any]) -> str:
    """Return a document as YAML with the key ``checksum``, which Gammapy verifies.

    Parameters
    ----------
    document : dict
        Plain dicts, lists, numbers and text.
    """
    text: str = yaml.dump(dict(document), Dumper=yaml.SafeDumper, **YAML_FORMAT)
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return f"{text}checksum: {digest}\n"


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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BayesmapIOError(
            "BM-IO-009",
            what=f"{path} cannot be written: {error}",
            rule="Its folder must exist and have room",
            remedy="Choose another place",
        ) from error
