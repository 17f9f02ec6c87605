"""The configuration file of `bayesmap check` and `bayesmap fit`: its keys, read and checked in one pass."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bayesmap.cli.entries import IRFS, OF_A_MAP, DatasetEntry, EntryReader
from bayesmap.cli.paths import (
    check_draws,
    check_output,
    check_writable,
    draws_folder,
    output_path,
    was_interrupted,
)
from bayesmap.cli.sampling import RANDOM_SEED, read_sample
from bayesmap.cli.values import choice, flag, positive, radius, text, whole
from bayesmap.cli.wanted import Bands, read_flux_points, read_profiles
from bayesmap.dataset.memory_limit import read_limit
from bayesmap.errors import BayesmapError, ConfigError, attempt, raise_problems
from bayesmap.io.irf_maps import IrfChoice
from bayesmap.io.prior_schema import read_priors
from bayesmap.io.safe_yaml import check_keys, load_yaml, unknown_key, wrong_kind
from bayesmap.models.prior import Prior

EXPOSURE_ORDERS = ("true", "after_psf")
PRIOR_SETS = ("default", "flat")
LIKELIHOODS = ("poisson", "negative_binomial")
OPTIMISERS = ("newton", "scipy", "minuit", "sherpa")
OPTIMIZE_KEYS = ("backend", "method", "tolerance", "max_iterations", "starts", "random_seed")
DATA_KEYS = ("dataset", "maps", "datasets")
UNREAD = Path()
"""In place of models that are missing, or whose path cannot be used."""


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
    datasets : tuple of DatasetEntry or Path, optional
        Several data sets, or a ``datasets.yaml`` of Gammapy, in place of `dataset`.
    name, psf_max_radius, irf, weights
        Of the only data set; see `DatasetEntry`.
    likelihood : str
        ``"poisson"`` or ``"negative_binomial"``.
    memory_limit : float or str, optional
        Bytes, or text such as ``"8 GB"``; by default what the machine has left.
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
    profiles : "all" or tuple of str
        Parameters whose profile intervals are worked out.
    flux_points : dict
        Source -> `Bands` whose flux points are worked out.
    overwrite : bool
        True if files in `output` may be replaced.
    resume : bool
        True to continue the draws of an interrupted run.
    allow_paths : tuple of Path
        Folders outside `folder` that may be read and written.
    file : Path, optional
        The configuration file.
    """

    folder: Path
    models: Path | Mapping[str, Any]
    output: Path
    dataset: Path | None = None
    maps: Mapping[str, Path] = field(default_factory=dict)
    datasets: tuple[DatasetEntry, ...] | Path | None = None
    name: str | None = None
    psf_max_radius: float | None = None
    irf: IrfChoice = "single"
    weights: Path | None = None
    likelihood: str = "poisson"
    memory_limit: float | str | None = None
    exposure_order: str = "true"
    priors: str | Mapping[str, Prior] = "default"
    allow_asimov: bool = False
    optimize: Mapping[str, Any] = field(default_factory=dict)
    sample: Mapping[str, Any] | None = field(default_factory=lambda: {"random_seed": RANDOM_SEED})
    profiles: str | tuple[str, ...] = ()
    flux_points: Mapping[str, Bands] = field(default_factory=dict)
    overwrite: bool = False
    resume: bool = False
    allow_paths: tuple[Path, ...] = ()
    file: Path | None = None

    @property
    def place(self) -> str:
        """Path of the configuration file as seen from the output folder; nothing where there is no file."""
        return "" if self.file is None else Path(os.path.relpath(self.file, self.output)).as_posix()

    @property
    def entries(self) -> tuple[DatasetEntry, ...]:
        """The data sets that the configuration itself lists: none where a ``datasets.yaml`` does, or nothing does."""
        if isinstance(self.datasets, Path) or (self.datasets is None and self.dataset is None and not self.maps):
            return ()
        given: dict[str, Any] = {key: getattr(self, key) for key in OF_A_MAP}
        only = DatasetEntry(file=self.dataset, **given)
        return (only,) if self.datasets is None else self.datasets


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


def read_config(
    path: Path, *, allow_paths: Sequence[Path] = (), overwrite: bool = False, resume: bool = False
) -> Config:
    """Read a configuration file and check every key.

    Parameters
    ----------
    path : Path
        YAML file.
    allow_paths : sequence of Path
        Folders outside the configuration's own that it may name.
    overwrite : bool
        True if files in an existing output folder may be replaced.
    resume : bool
        True to continue the draws of an interrupted run, whose output may be replaced.

    Returns
    -------
    Config
        Checked configuration.

    Raises
    ------
    ConfigError
        BM-CF-001 unknown key, BM-CF-007 value of the wrong kind, BM-CF-020 and 050 missing or contradicting keys;
        BM-CF-010 to 016 see `load_yaml`; for priors see `read_priors`.
    BayesmapIOError
        BM-IO-012 to 016 for an input outside the allowed folders or missing, BM-IO-018 for an output outside them, or
        whose folder of draws is a link, BM-IO-019 for an output that exists, BM-IO-027 for one that cannot be written.
    BayesmapInputError
        BM-IO-022 for draws of an unfinished run that are neither to be continued nor deleted.
    ProblemList
        If there are several problems.
    """
    config, problems = draft_config(path, allow_paths=allow_paths, overwrite=overwrite, resume=resume)
    raise_problems(problems)
    return config


def draft_config(
    path: Path, *, allow_paths: Sequence[Path] = (), overwrite: bool = False, resume: bool = False
) -> tuple[Config, tuple[BayesmapError, ...]]:
    """Read as much of a configuration file as can be read: every key that is right, and what is wrong with the others.

    Parameters
    ----------
    path, allow_paths, overwrite, resume
        As of `read_config`.

    Returns
    -------
    tuple
        The configuration, with the defaults in place of keys that are missing or wrong (no data, no models), and all
        problems.

    Raises
    ------
    BayesmapError
        If the file as a whole cannot be read; see `load_yaml`.
    """
    raw = load_yaml(path)
    folder = path.resolve().parent
    problems: list[BayesmapError] = _missing_keys(raw)
    reader = _Reader(folder, tuple(place.resolve() for place in allow_paths), problems)
    read = {key: attempt(problems, reader.read, key, value) for key, value in raw.items()}
    # None is what is left of a key that could not be read, and the default of the keys that may be null; but `sample`.
    values = {key: value for key, value in read.items() if value is not None or key == "sample"}
    if "output" in values:
        problems += _output_problems(values["output"], overwrite=overwrite, resume=resume)
    if resume:
        problems += _resume_problems(values.get("sample", {}))
    placeholders: dict[str, Any] = {"models": UNREAD, "output": folder}
    chosen: dict[str, Any] = {"overwrite": overwrite, "resume": resume, "allow_paths": reader.allowed}
    return Config(folder=folder, file=path.resolve(), **chosen, **placeholders | values), tuple(problems)


def _output_problems(output: Any, *, overwrite: bool, resume: bool) -> list[BayesmapError]:
    """Return what is wrong with an output; that of an interrupted run may be replaced when it is continued."""
    problems: list[BayesmapError] = []
    replaced = overwrite or (resume and was_interrupted(output))
    for check in (
        partial(check_output, output, overwrite=replaced),
        partial(check_draws, draws_folder(output), resume=resume, overwrite=overwrite),
        partial(check_writable, output),
    ):
        attempt(problems, check)
    return problems


def keeps_draws(config: Config) -> bool:
    """Return whether the draws of a configuration are kept while they are made: those of nutpie are."""
    return config.sample is not None and config.sample.get("nuts_sampler", "nutpie") == "nutpie"


def _resume_problems(sample: Mapping[str, Any] | None) -> list[BayesmapError]:
    """Return what stands against continuing draws."""
    named = "nutpie" if sample is None else sample.get("nuts_sampler", "nutpie")
    if sample is not None and named == "nutpie":
        return []
    done = "samples nothing (sample: false)" if sample is None else f"samples with {named}"
    return [
        ConfigError(
            "BM-CF-059",
            what=f"--resume is given, and the configuration {done}",
            rule="Only draws of nutpie are kept while they are made, and can be continued",
            remedy="Leave --resume out, or sample with nutpie",
        )
    ]


def _missing_keys(raw: Mapping[str, Any]) -> list[BayesmapError]:
    problems: list[BayesmapError] = []
    data = [key for key in DATA_KEYS if key in raw]
    for key in ("models", "output"):
        if key not in raw:
            problems.append(_incomplete(f"the key {key!r} is missing", f"Add {key!r}"))
    if len(data) != 1:
        named = " and ".join(map(repr, data))
        what = f"both {named} are given" if data else "neither 'dataset' nor 'maps' nor 'datasets' is given"
        remedy = "Give 'dataset', the path of a MapDataset file; 'maps', one file each; or 'datasets', a list"
        problems.append(_incomplete(what, remedy))
    misplaced = [key for key in OF_A_MAP if key in raw and key not in DATA_KEYS]
    if data == ["datasets"] and misplaced:
        problems.append(_misplaced(misplaced))
    return problems


def _incomplete(what: str, remedy: str) -> ConfigError:
    rule = "A configuration names its data (one of 'dataset', 'maps' and 'datasets'), 'models' and 'output'"
    return ConfigError("BM-CF-020", what=what, rule=rule, remedy=remedy)


def _misplaced(keys: list[str]) -> ConfigError:
    return ConfigError(
        "BM-CF-050",
        what=f"{', '.join(map(repr, keys))} and 'datasets' are given",
        rule="Beside 'datasets' each data set has these keys of its own",
        remedy="Move them into the entries of 'datasets'",
    )


class _Reader:
    """Reads each key of a configuration; which keys there are stands in `read`."""

    def __init__(self, folder: Path, allowed: tuple[Path, ...], problems: list[BayesmapError]) -> None:
        self.folder = folder
        self.allowed = allowed
        self.data = EntryReader(folder, allowed)
        self.problems = problems

    def read(self, key: str, value: Any) -> Any:
        """Return the checked value of a key."""
        readers: dict[str, Callable[[str, Any], Any]] = {
            "name": text,
            "dataset": self.data.path,
            "maps": self.data.maps,
            "datasets": partial(self.data.datasets, self.problems),
            "models": self._models,
            "psf_max_radius": radius,
            "irf": choice(IRFS),
            "weights": self.data.path,
            "likelihood": choice(LIKELIHOODS),
            "memory_limit": _memory_limit,
            "exposure_order": _exposure_order,
            "priors": _priors,
            "allow_asimov": flag,
            "optimize": _optimize,
            "sample": read_sample,
            "profiles": read_profiles,
            "flux_points": read_flux_points,
            "output": self._output_path,
        }
        if key not in readers:
            raise unknown_key("the configuration", "key", key, tuple(readers))
        return readers[key](key, value)

    def _output_path(self, where: str, value: Any) -> Path:
        allowed = [place for place in (Path.cwd(), *self.allowed) if place.resolve() != self.folder]
        return output_path(text(where, value), folder=self.folder, allowed=allowed)

    def _models(self, where: str, value: Any) -> Path | Mapping[str, Any]:
        return value if isinstance(value, Mapping) else self.data.path(where, value)


def _priors(where: str, value: Any) -> str | Mapping[str, Prior]:
    if isinstance(value, Mapping):
        return read_priors(value, where)
    if value not in PRIOR_SETS:
        raise wrong_kind(where, value, f"one of {', '.join(PRIOR_SETS)}, or a mapping of parameters to priors")
    return str(value)


def _optimize(where: str, value: Any) -> Mapping[str, Any]:
    check_keys(value, OPTIMIZE_KEYS, where)
    readers: dict[str, Callable[[str, Any], Any]] = {
        "backend": choice(OPTIMISERS),
        "method": text,
        "tolerance": partial(positive, expected="a number > 0, in sigma"),
        "max_iterations": whole(1),
        "starts": whole(1),
        "random_seed": whole(0),
    }
    problems: list[BayesmapError] = []
    for key, item in value.items():
        attempt(problems, readers[key], f"{where}.{key}", item)
    raise_problems(problems)
    return dict(value)


def _memory_limit(where: str, value: Any) -> float | str:
    read_limit(value)
    return value


def _exposure_order(where: str, value: Any) -> str:
    word = "true" if value is True else value  # YAML reads an unquoted true as a boolean
    return choice(EXPOSURE_ORDERS)(where, word)
