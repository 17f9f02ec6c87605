"""YAML as Gammapy writes it, with its checksum."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
from collections.abc import Mapping
from typing import Any

import yaml

from bayesmap.errors import ConfigError

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
