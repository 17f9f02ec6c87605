"""Several data sets in one list: the ``datasets.yaml`` of Gammapy 2, with a FITS file for each data set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from bayesmap.dataset import Dataset, SpectrumDatasetOnOff
from bayesmap.errors import BayesmapError, BayesmapIOError, ConfigError, attempt, located, raise_problems
from bayesmap.files import refuse_existing, write_whole
from bayesmap.fits.hdu import DEFAULT_LIMITS, ReadLimits
from bayesmap.io.covariance import HasCovariance
from bayesmap.io.gammapy import read_dataset, write_dataset
from bayesmap.io.safe_yaml import check_keys, load_yaml, unknown_type, wrong_kind
from bayesmap.io.spectrum import read_spectrum, write_spectrum
from bayesmap.io.template_path import resolve_input
from bayesmap.io.yaml import write_models
from bayesmap.io.yaml_text import check_checksum, creation, yaml_text
from bayesmap.models.sky import AnyModel, Models

TOP_KEYS = ("datasets", "metadata", "checksum")
ENTRY_KEYS = ("name", "type", "filename")
TYPES = ("MapDataset", "SpectrumDatasetOnOff")


def read_datasets(
    source: Any,
    *,
    root: str | PathLike[str] | None = None,
    allow_paths: Sequence[str | PathLike[str]] = (),
    env: Mapping[str, str] | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> tuple[Dataset, ...]:
    """Read the data sets that a ``datasets.yaml`` of Gammapy lists, or live ones.

    Parameters
    ----------
    source : str, path-like, or a sequence of data sets
        YAML file with a list of names, types and FITS files; or a live ``gammapy.datasets.Datasets``, or a list of
        data sets of either package. A str with a line break is YAML text.
    root : path-like, optional
        Folder that file names start at; for a file its own folder by default.
    allow_paths : sequence of path-like
        Further folders or files that data may be read from.
    env : dict, optional
        Variables that file names may use; the environment is not looked at.
    limits : ReadLimits
        Bounds on the unpacked size of each file.

    Returns
    -------
    tuple of MapDataset and SpectrumDatasetOnOff
        In the order of the list; each is read as by `read_dataset` or `read_spectrum`.

    Raises
    ------
    ConfigError
        BM-CF-001 unknown key, 006 unknown type, 007 a key missing or of the wrong kind, 015 a name given twice, 010
        to 016 see `bayesmap.io.safe_yaml.load_yaml`, 066 a checksum that is wrong.
    BayesmapIOError
        BM-IO-012 to 016 a file that may not be read or is not there, 001 to 011 what is wrong in it.
    ProblemList
        If there are several problems.
    """
    if not isinstance(source, str | PathLike):
        return _unique(tuple(_taken(item) for item in _listed(source)))
    found, problems = read_what_can_be(source, root=root, allow_paths=allow_paths, env=env, limits=limits)
    raise_problems(problems)
    return _unique(found)


def read_what_can_be(
    source: str | PathLike[str],
    *,
    root: str | PathLike[str] | None = None,
    allow_paths: Sequence[str | PathLike[str]] = (),
    env: Mapping[str, str] | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> tuple[tuple[Dataset, ...], list[BayesmapError]]:
    """Return the data sets of a list that can be read, and what is wrong with the others; see `read_datasets`.

    Raises
    ------
    BayesmapError
        If the list as a whole cannot be read.
    """
    document = load_yaml(source)
    is_text = isinstance(source, str) and "\n" in source
    check_checksum(document, "YAML text" if is_text else Path(source).name)
    if root is None and not is_text:
        root = Path(source).resolve().parent
    check_keys(document, TOP_KEYS, "", required=("datasets",))
    entries = document["datasets"]
    if not isinstance(entries, list):
        raise wrong_kind("datasets", entries, "a list of data sets")
    problems: list[BayesmapError] = []
    rules = {"root": root, "allow_paths": tuple(allow_paths), "env": dict(env or {})}
    found = [attempt(problems, _read, item, f"datasets[{n}]", rules, limits) for n, item in enumerate(entries)]
    return tuple(dataset for dataset in found if dataset is not None), problems


def write_datasets(
    path: str | PathLike[str],
    datasets: Dataset | Iterable[Dataset],
    models: Models | AnyModel | None = None,
    *,
    covariance: HasCovariance | None = None,
    filename_models: str = "models.yaml",
    overwrite: bool = False,
) -> None:
    """Write data sets as a ``datasets.yaml`` that Gammapy and `read_datasets` read, a FITS file each beside it.

    Parameters
    ----------
    path : str or path-like
        YAML file; the FITS files get the names of the data sets, with ``_`` for what does not belong in a file name.
    datasets : MapDataset, SpectrumDatasetOnOff, or an iterable of them
        What to write, as by `write_dataset` and `write_spectrum`.
    models : Models or a single model, optional
        Written as by `write_models`.
    covariance : CovarianceResult or ParameterCovariance, optional
        Of the models, written with them.
    filename_models : str
        Name of the model file, in the same folder.
    overwrite : bool
        Whether existing files may be replaced. Without it nothing is written if one of them exists.

    Raises
    ------
    BayesmapIOError
        BM-IO-032 if a file exists, BM-IO-009 if one cannot be written, BM-IO-041 if a file would be written twice.
    ConfigError
        BM-CF-015 for a name used twice; BM-CF-017 for a model that YAML cannot hold.
    ResponseError
        BM-IR-009 for a psf that the layout has no place for.
    """
    path = Path(path)
    given = _unique((datasets,) if isinstance(datasets, Dataset) else tuple(datasets))
    files = {f"{re.sub(r'[^\w.+-]', '_', dataset.name)}.fits": dataset for dataset in given}
    targets = [path, *(path.parent / name for name in files)]
    if models is not None:
        targets.append(path.parent / Path(filename_models).name)
    if len(files) < len(given) or len(set(targets)) < len(targets):
        raise _same_file([target.name for target in targets], [dataset.name for dataset in given])
    if not overwrite:
        refuse_existing(targets)
    if models is not None:
        write_models(models, targets[-1], covariance=covariance, overwrite=overwrite)
    for name, dataset in files.items():
        if isinstance(dataset, SpectrumDatasetOnOff):
            write_spectrum(dataset, path.parent / name, overwrite=overwrite)
        else:
            write_dataset(dataset, path.parent / name, overwrite=overwrite)
    entries = [{"name": item.name, "type": type(item).__name__, "filename": name} for name, item in files.items()]
    write_whole(path, yaml_text({"datasets": entries, "metadata": creation()}))


def _read(item: Any, path: str, rules: Mapping[str, Any], limits: ReadLimits) -> Dataset:
    """Read one entry of the list."""
    check_keys(item, ENTRY_KEYS, path, required=ENTRY_KEYS)
    for key in ENTRY_KEYS:
        if not isinstance(item[key], str):
            raise wrong_kind(f"{path}.{key}", item[key], "a text")
    if item["type"] not in TYPES:
        raise unknown_type(f"{path}.type", "data set type", item["type"], TYPES)
    file = resolve_input(item["filename"], where=f"{path}.filename", **rules)
    try:
        read = read_dataset if item["type"] == "MapDataset" else read_spectrum
        return read(file, name=item["name"], limits=limits)
    except BayesmapError as error:
        raise located(error, path) from error


def _taken(item: Any) -> Dataset:
    """Take a data set of either package."""
    is_spectrum = isinstance(item, SpectrumDatasetOnOff) or getattr(item, "tag", "") == "SpectrumDatasetOnOff"
    return read_spectrum(item) if is_spectrum else read_dataset(item)


def _listed(source: Any) -> tuple[Any, ...]:
    """Return the members of a list of data sets, or of a live Datasets; a single one as it is."""
    if isinstance(source, Dataset) or hasattr(source, "counts"):
        return (source,)
    if isinstance(source, Iterable):
        return tuple(source)
    raise wrong_kind("source", source, "a path, YAML text, or a list of data sets")


def _unique(datasets: tuple[Dataset, ...]) -> tuple[Dataset, ...]:
    names = [dataset.name for dataset in datasets]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            "BM-CF-015",
            what=f"{names.count(twice[0])} data sets are called {twice[0]!r}",
            rule="Each name may be used once: models name their data sets",
            remedy="Rename all but one",
        )
    return datasets


def _same_file(targets: list[str], names: list[str]) -> BayesmapIOError:
    return BayesmapIOError(
        "BM-IO-041",
        what=f"the data sets {', '.join(map(repr, names))} and their list do not go to different files "
        f"({', '.join(targets)})",
        rule="Each data set is written to <name>.fits beside the list",
        remedy="Rename one, or choose another filename_models=",
    )
