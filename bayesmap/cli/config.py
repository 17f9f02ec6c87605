"""The configuration file of `bayesmap check` and `bayesmap fit`: its keys, read and checked in one pass."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bayesmap.cli.paths import check_output, output_path
from bayesmap.cli.sampling import RANDOM_SEED, read_sample
from bayesmap.errors import BayesmapError, ConfigError, ProblemList, raise_problems
from bayesmap.io.prior_schema import read_priors
from bayesmap.io.safe_yaml import check_keys, load_yaml, unknown_key, wrong_kind
from bayesmap.io.template_path import resolve_input
from bayesmap.models.prior import Prior

MAP_KEYS = ("counts", "exposure", "background", "mask", "psf", "edisp")
REQUIRED_MAPS = ("counts", "exposure")
EXPOSURE_ORDERS = ("true", "after_psf")
PRIOR_SETS = ("default", "flat")
OPTIMIZE_KEYS = ("backend", "tolerance", "max_iterations")


@dataclass(frozen=True)
class Config:
    """What an analysis reads, does and writes; all paths are absolute and lie in allowed folders.

    Parameters
    ----------
    folder : Path
        Folder of the configuration file.
    models : Path or dict
        Model file, or the models themselves.
    output : Path
        Folder for the results.
    dataset : Path, optional
        MapDataset file.
    maps : dict
        Name of a map -> its file, in place of `dataset`.
    name : str, optional
        Name of the data set; that of the file by default.
    psf_max_radius : float, optional
        Radius in deg at which a PSF table is cut.
    exposure_order : str
        ``"true"`` or ``"after_psf"``.
    priors : str or dict
        ``"default"``, ``"flat"``, or name of a parameter -> `Prior`; see `MapFit`.
    allow_asimov : bool
        True if counts need not be integers.
    optimize : dict
        Options of the optimiser.
    sample : dict or None
        Options of the sampler; None: the posterior is not sampled.
    overwrite : bool
        True if files in `output` may be replaced.
    allow_paths : tuple of Path
        Folders outside `folder` that may be read and written.
    """

    folder: Path
    models: Path | Mapping[str, Any]
    output: Path
    dataset: Path | None = None
    maps: Mapping[str, Path] = field(default_factory=dict)
    name: str | None = None
    psf_max_radius: float | None = None
    exposure_order: str = "true"
    priors: str | Mapping[str, Prior] = "default"
    allow_asimov: bool = False
    optimize: Mapping[str, Any] = field(default_factory=dict)
    sample: Mapping[str, Any] | None = field(default_factory=lambda: {"random_seed": RANDOM_SEED})
    overwrite: bool = False
    allow_paths: tuple[Path, ...] = ()


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that every command with a configuration has."""
    parser.add_argument("config", metavar="CONFIG", help="configuration file (YAML)")
    add_path_arguments(parser)


def add_path_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments on reading and writing outside the usual folders."""
    parser.add_argument(
        "--allow-path",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="folder that may be read and written besides the configuration's own; may be repeated",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files in an output folder that exists")


def read_config(path: Path, *, allow_paths: Sequence[Path] = (), overwrite: bool = False) -> Config:
    """Read a configuration file and check every key.

    Parameters
    ----------
    path : Path
        YAML file.
    allow_paths : sequence of Path
        Folders outside the configuration's own that it may name.
    overwrite : bool
        True if files in an existing output folder may be replaced.

    Returns
    -------
    Config
        Checked configuration.

    Raises
    ------
    ConfigError
        BM-CF-001 unknown key, BM-CF-007 value of the wrong kind, BM-CF-020 missing or contradicting keys; BM-CF-010
        to 016 see `load_yaml`; for priors see `read_priors`.
    BayesmapIOError
        BM-IO-012 to 016 for an input outside the allowed folders or missing, BM-IO-018 for an output outside them,
        BM-IO-019 for an output that exists.
    ProblemList
        If there are several problems.
    """
    raw = load_yaml(path)
    folder = path.resolve().parent
    reader = _Reader(folder, tuple(place.resolve() for place in allow_paths))
    problems: list[BayesmapError] = _missing_keys(raw)
    values: dict[str, Any] = {}
    for key, value in raw.items():
        try:
            values[key] = reader.read(key, value)
        except ProblemList as error:
            problems.extend(error.problems)
        except BayesmapError as error:
            problems.append(error)
    if "output" in values:
        try:
            check_output(values["output"], overwrite=overwrite)
        except BayesmapError as error:
            problems.append(error)
    raise_problems(problems)
    return Config(folder=folder, overwrite=overwrite, allow_paths=reader.allowed, **values)


def _missing_keys(raw: Mapping[str, Any]) -> list[BayesmapError]:
    problems: list[BayesmapError] = []
    data = sum(key in raw for key in ("dataset", "maps"))
    for key in ("models", "output"):
        if key not in raw:
            problems.append(_incomplete(f"the key {key!r} is missing", f"Add {key!r}"))
    if data != 1:
        what = "both 'dataset' and 'maps' are given" if data else "neither 'dataset' nor 'maps' is given"
        problems.append(_incomplete(what, "Give 'dataset', the path of a MapDataset file, or 'maps', one file each"))
    return problems


def _incomplete(what: str, remedy: str) -> ConfigError:
    rule = "A configuration names its data (one of 'dataset' and 'maps'), 'models' and 'output'"
    return ConfigError("BM-CF-020", what=what, rule=rule, remedy=remedy)


class _Reader:
    """Reads each key of a configuration; which keys there are stands in `read`."""

    def __init__(self, folder: Path, allowed: tuple[Path, ...]) -> None:
        self.folder = folder
        self.allowed = allowed

    def read(self, key: str, value: Any) -> Any:
        """Return the checked value of a key."""
        readers: dict[str, Callable[[str, Any], Any]] = {
            "name": _text,
            "dataset": self._input_path,
            "maps": self._maps,
            "models": self._models,
            "psf_max_radius": _radius,
            "exposure_order": _exposure_order,
            "priors": _priors,
            "allow_asimov": _flag,
            "optimize": _optimize,
            "sample": read_sample,
            "output": self._output_path,
        }
        if key not in readers:
            raise unknown_key("the configuration", "key", key, tuple(readers))
        return readers[key](key, value)

    def _input_path(self, where: str, value: Any) -> Path:
        return resolve_input(_text(where, value), where=where, root=self.folder, allow_paths=self.allowed)

    def _output_path(self, where: str, value: Any) -> Path:
        return output_path(_text(where, value), folder=self.folder, allowed=(Path.cwd(), *self.allowed))

    def _maps(self, where: str, value: Any) -> dict[str, Path]:
        check_keys(value, MAP_KEYS, where, required=REQUIRED_MAPS)
        problems: list[BayesmapError] = []
        paths: dict[str, Path] = {}
        for key, text in value.items():
            try:
                paths[key] = self._input_path(f"{where}.{key}", text)
            except BayesmapError as error:
                problems.append(error)
        raise_problems(problems)
        return paths

    def _models(self, where: str, value: Any) -> Path | Mapping[str, Any]:
        return value if isinstance(value, Mapping) else self._input_path(where, value)


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise wrong_kind(where, value, "text")
    return value


def _flag(where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise wrong_kind(where, value, "true or false")
    return value


def _choice(words: Sequence[str]) -> Callable[[str, Any], str]:
    def read(where: str, value: Any) -> str:
        if value not in words:
            raise wrong_kind(where, value, f"one of {', '.join(words)}")
        return str(value)

    return read


def _priors(where: str, value: Any) -> str | Mapping[str, Prior]:
    if isinstance(value, Mapping):
        return read_priors(value, where)
    if value not in PRIOR_SETS:
        raise wrong_kind(where, value, f"one of {', '.join(PRIOR_SETS)}, or a mapping of parameters to priors")
    return str(value)


def _optimize(where: str, value: Any) -> Mapping[str, Any]:
    check_keys(value, OPTIMIZE_KEYS, where)
    if "backend" in value:
        _text(f"{where}.backend", value["backend"])
    if "tolerance" in value:
        _positive(f"{where}.tolerance", value["tolerance"], "a number > 0, in sigma")
    if "max_iterations" in value:
        steps = value["max_iterations"]
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise wrong_kind(f"{where}.max_iterations", steps, "a whole number >= 1")
    return dict(value)


def _positive(where: str, value: Any, expected: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (math.isfinite(value) and value > 0):
        raise wrong_kind(where, value, expected)
    return float(value)


def _radius(where: str, value: Any) -> float | None:
    if value is None:
        return None
    return _positive(where, value, "a number of degrees > 0, or null for the whole PSF")


def _exposure_order(where: str, value: Any) -> str:
    text = "true" if value is True else value  # YAML reads an unquoted true as a boolean
    return _choice(EXPOSURE_ORDERS)(where, text)
