"""The data of a configuration: one entry for each data set, with the keys that its type has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from bayesmap.cli.values import choice, radius, text
from bayesmap.errors import BayesmapError, ConfigError, attempt, raise_problems
from bayesmap.io.irf_maps import IrfChoice
from bayesmap.io.safe_yaml import check_keys, unknown_key, wrong_kind
from bayesmap.io.template_path import resolve_input

MAP_KEYS = ("counts", "exposure", "background", "mask", "psf", "edisp")
REQUIRED_MAPS = ("counts", "exposure")
IRFS = get_args(IrfChoice)
OF_A_MAP = ("name", "maps", "psf_max_radius", "irf", "weights")
"""Keys that a map data set may have besides its file."""
KEYS = {
    "map": ("type", "file", *OF_A_MAP),
    "spectrum": ("type", "file", "name"),
    "ogip": ("type", "file", "name", "background", "arf", "rmf"),
}
"""Type of a data set -> keys of its entry."""


@dataclass(frozen=True)
class DatasetEntry:
    """One data set of a configuration.

    Parameters
    ----------
    type : str
        ``"map"``, ``"spectrum"`` (On/Off, in Gammapy's layout) or ``"ogip"``.
    file : Path, optional
        MapDataset file, spectrum, or PHA file.
    maps : dict
        Name of a map -> its file, in place of `file`.
    name : str, optional
        Name of the data set; by default the one it has.
    psf_max_radius : float, optional
        Radius in deg at which a PSF table is cut.
    irf : str
        ``"single"``, ``"center"`` or ``"map"``, as of `read_dataset`.
    weights : Path, optional
        Map of weights.
    background, arf, rmf : Path, optional
        Files of an OGIP spectrum in place of those that its header names.
    where : str
        Place in the configuration, for messages.
    """

    type: str = "map"
    file: Path | None = None
    maps: Mapping[str, Path] = field(default_factory=dict)
    name: str | None = None
    psf_max_radius: float | None = None
    irf: IrfChoice = "single"
    weights: Path | None = None
    background: Path | None = None
    arf: Path | None = None
    rmf: Path | None = None
    where: str = ""


@dataclass(frozen=True)
class EntryReader:
    """Reads the parts of a configuration that name data.

    Parameters
    ----------
    folder : Path
        Folder that paths start at.
    allowed : tuple of Path
        Further folders that may be read.
    """

    folder: Path
    allowed: tuple[Path, ...]

    def path(self, where: str, value: Any) -> Path:
        """Return a file that may be read."""
        return resolve_input(text(where, value), where=where, root=self.folder, allow_paths=self.allowed)

    def maps(self, where: str, value: Any) -> dict[str, Path]:
        """Return the file of each map."""
        check_keys(value, MAP_KEYS, where, required=REQUIRED_MAPS)
        problems: list[BayesmapError] = []
        paths = {key: attempt(problems, self.path, f"{where}.{key}", text) for key, text in value.items()}
        raise_problems(problems)
        return {key: path for key, path in paths.items() if path is not None}

    def datasets(self, problems: list[BayesmapError], where: str, value: Any) -> Path | tuple[DatasetEntry, ...]:
        """Return the entries of a list, or the path of a ``datasets.yaml``; what is wrong with entries is added."""
        if isinstance(value, str):
            return self.path(where, value)
        if not isinstance(value, Sequence) or not value:
            raise wrong_kind(where, value, "a list of data sets, or the path of a datasets.yaml")
        found = [attempt(problems, self.entry, f"{where}[{n}]", item) for n, item in enumerate(value)]
        return tuple(entry for entry in found if entry is not None)

    def entry(self, where: str, value: Any) -> DatasetEntry:
        """Return one entry of the list."""
        if not isinstance(value, Mapping):
            raise wrong_kind(where, value, "a mapping with the key 'file', or 'maps'")
        kind = choice(tuple(KEYS))(f"{where}.type", value.get("type", "map"))
        problems: list[BayesmapError] = []
        checked: dict[str, Any] = {
            key: attempt(problems, self._value, kind, where, key, item) for key, item in value.items()
        }
        if ("file" in value) + ("maps" in value) != 1:
            problems.append(one_source(where, kind))
        raise_problems(problems)
        return DatasetEntry(**checked | {"type": kind, "where": where})

    def _value(self, kind: str, where: str, key: str, value: Any) -> Any:
        if key not in KEYS[kind]:
            raise unknown_key(f"{where}.{key}", f"key of the type {kind}", key, KEYS[kind])
        return self.readers()[key](f"{where}.{key}", value)

    def readers(self) -> dict[str, Callable[[str, Any], Any]]:
        """Return the reader of each key of an entry."""
        files = dict.fromkeys(("file", "weights", "background", "arf", "rmf"), self.path)
        words = {"type": choice(tuple(KEYS)), "name": text, "psf_max_radius": radius, "irf": choice(IRFS)}
        return files | words | {"maps": self.maps}


def one_source(where: str, kind: str) -> ConfigError:
    """Return the error for an entry with no file, or with two kinds of them."""
    both = kind == "map"
    return ConfigError(
        "BM-CF-050",
        what=f"{where} has not exactly one of 'file' and 'maps'" if both else f"{where} has no 'file'",
        rule="A data set is one file, or (a map data set) one file for each map",
        remedy=f"Give {where}.file" + (", or 'maps', and not both" if both else ""),
    )
