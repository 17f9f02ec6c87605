"""What a report is written from: records as JSON types, texts and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bayesmap.errors import BayesmapIOError
from bayesmap.report import schema

LARGEST = 64 * 1024**2
"""Bytes of a file that is read into a report at most."""

BESIDE = {"comparison": ("comparison*.png", "difference*.png", "elpd*.png", "pareto-k*.png"),
          "calibration": ("ranks.png", "rank-histograms.png", "coverage.png", "z-scores.png",)}  # fmt: skip
"""Pictures that belong to a record, by the pattern of their names."""


@dataclass(frozen=True)
class Material:
    """All that a report says, before it is put into words.

    Parameters
    ----------
    name : str
        Of the analysis.
    result : mapping
        As in ``result.json``: best fit, covariance, versions.
    summary : mapping, optional
        As in ``summary.json``: verdict and table of the posterior, priors, provenance.
    check : mapping, optional
        As in ``check.json``: predictive checks.
    analysis : mapping
        As in ``analysis.json``: ``datasets`` (see `describe`), ``models`` (see `describe_models`), ``configuration``.
    texts : mapping of str to str
        Files of text by name.
    pictures : mapping of str to bytes
        PNG files by name.
    comparison, calibration : mapping, optional
        As in ``comparison.json`` and ``calibration.json``.
    """

    name: str
    result: Mapping[str, Any]
    summary: Mapping[str, Any] | None = None
    check: Mapping[str, Any] | None = None
    analysis: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    comparison: Mapping[str, Any] | None = None
    calibration: Mapping[str, Any] | None = None

    def starting_with(self, *stems: str) -> dict[str, bytes]:
        """Return the pictures whose names are one of the stems, or begin with it and a dash; in order of the stems."""
        return {
            name: data
            for stem in stems
            for name, data in sorted(self.pictures.items())
            if name == f"{stem}.png" or name.startswith(f"{stem}-")
        }


def read_folder(folder: Path, *, comparison: Path | None = None, calibration: Path | None = None) -> Material:
    """Read the output folder of `bayesmap fit`.

    Parameters
    ----------
    folder : Path
        With ``result.json`` and what else the fit left.
    comparison, calibration : Path, optional
        JSON files of `bayesmap compare` and `bayesmap calibrate`, or the folders that hold them; their pictures are
        those beside them. By default those in the folder, where there are any.

    Raises
    ------
    BayesmapIOError
        BM-RP-001 for a folder without result, BM-RP-002 for a file that cannot be read.
    BayesmapInputError
        BM-RP-005 for a file of another kind.
    """
    if not (folder / "result.json").is_file():
        raise BayesmapIOError(
            "BM-RP-001",
            what=f"{folder} holds no result.json",
            rule="A report is written from the output folder of 'bayesmap fit'",
            remedy="Name that folder (the key 'output' of the configuration), or run the fit first",
        )
    records = {name: _json(folder / f"{name}.json") for name in ("result", "summary", "check", "analysis")}
    for name, record in records.items():
        if record is not None or name == "result":
            schema.check(name, record, folder / f"{name}.json")
    texts = {path.name: _text(path) for path in sorted([*folder.glob("*.txt"), *folder.glob("models.yaml")])}
    material = Material(
        name=str((records["analysis"] or {}).get("name") or folder.resolve().name),
        result=records["result"],
        summary=records["summary"],
        check=records["check"],
        analysis=records["analysis"] or {},
        texts=texts,
        pictures=_pictures(folder),
    )
    usual = {name: folder / f"{name}.json" for name in ("comparison", "calibration")}
    found = {name: path if path.is_file() else None for name, path in usual.items()}
    return with_records(
        material, comparison=comparison or found["comparison"], calibration=calibration or found["calibration"]
    )


def with_records(material: Material, *, comparison: Path | None, calibration: Path | None) -> Material:
    """Return the material with the records of a comparison and a calibration, and the pictures beside them.

    Parameters
    ----------
    material : Material
        Without them.
    comparison, calibration : Path, optional
        JSON files, or the folders that hold them.

    Raises
    ------
    BayesmapIOError
        BM-RP-002 for a file that cannot be read.
    BayesmapInputError
        BM-RP-005 for a file of another kind.
    """
    found: dict[str, Any] = {}
    pictures = dict(material.pictures)
    for name, given in (("comparison", comparison), ("calibration", calibration)):
        if given is None:
            continue
        path = given / f"{name}.json" if given.is_dir() else given
        found[name] = _json(path)
        if found[name] is None:
            raise BayesmapIOError(
                "BM-RP-002", what=f"{path} is not there", rule="It must be a file", remedy="Correct the path"
            )
        schema.check(name, found[name], path)
        pictures |= _pictures(path.parent, *BESIDE[name])
    return replace(material, pictures=pictures, **found)


def _pictures(folder: Path, *patterns: str) -> dict[str, bytes]:
    found = {path for pattern in patterns or ("*.png",) for path in folder.glob(pattern)}
    return {path.name: _bytes(path) for path in sorted(found)}


def _bytes(path: Path) -> bytes:
    """Return the content of a regular file of the folder; a link that leads out of it is not followed."""
    if not path.is_file() or not path.resolve().is_relative_to(path.parent.resolve()):
        raise BayesmapIOError(
            "BM-RP-002",
            what=f"{path} is no regular file of its folder: it leads to {path.resolve()}",
            rule="A report shows files of the folder only",
            remedy="Put a copy of the file in its place, or remove it",
        )
    size = path.stat().st_size
    if size > LARGEST:
        raise BayesmapIOError(
            "BM-RP-002",
            what=f"{path} has {size / 1024**2:.0f} MiB",
            rule=f"A file of a result has {LARGEST / 1024**2:.0f} MiB at most",
            remedy="Name the right folder, or make the result again",
        )
    return path.read_bytes()


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(path, error) from error


def _json(path: Path) -> Any:
    """Return what a JSON file holds; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        return schema.parse(_text(path))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BayesmapIOError:
    return BayesmapIOError(
        "BM-RP-002",
        what=f"{path} cannot be read: {error}",
        rule="Files of a result are UTF-8 text, records are JSON",
        remedy="Make the result again",
    )
