"""The models of `bayesmap compare`: configurations, or folders of `bayesmap fit`, each with draws of its posterior."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesmap.cli.config import Config, keeps_draws, read_config
from bayesmap.cli.fit import build_fit, find_best
from bayesmap.cli.inputs import Inputs, load_inputs
from bayesmap.cli.output import file_name
from bayesmap.cli.progress import now_and_then, progress
from bayesmap.errors import BayesmapError, BayesmapInputError, BayesmapIOError, ConfigError, raise_problems

if TYPE_CHECKING:
    import xarray as xr

    from bayesmap.fit import MapFit

POSTERIOR = "posterior.nc"
OTHER_DRAWS = "BM-CK-010"


@dataclass(frozen=True)
class Candidate:
    """One model that is compared.

    Parameters
    ----------
    name : str
        What it is called in the comparison.
    config : Config
        Its configuration.
    stored : Path or None
        Posterior that `bayesmap fit` left, if there is one.
    must_be_stored : bool
        True if a folder of results was named: its draws are used, or nothing.
    """

    name: str
    config: Config
    stored: Path | None
    must_be_stored: bool


def read_candidates(given: Sequence[str], allow_paths: Sequence[Path]) -> list[Candidate]:
    """Return the models that were named on the command line, every problem in one pass.

    Parameters
    ----------
    given : sequence of str
        ``CONFIG`` or ``NAME=CONFIG`` each: a configuration file, or the output folder of a fit.
    allow_paths : sequence of Path
        Folders that configurations may name besides their own.

    Raises
    ------
    ConfigError
        BM-CF-055 for names that are used twice, or fewer than two models; BM-CF-057 for a configuration that does not
        sample; else as of `read_config`.
    BayesmapIOError
        BM-CF-056 for a folder without a record of its configuration, or without a posterior.
    """
    names, problems, found = _names(given), [], []
    for name, text in zip(names, given, strict=True):
        try:
            found.append(_candidate(name, Path(text.partition("=")[2] or text), allow_paths))
        except BayesmapError as error:
            problems.append(error)
    raise_problems(problems)
    return found


def _names(given: Sequence[str]) -> list[str]:
    names = [head if tail else Path(text).stem for text in given for head, _, tail in [text.partition("=")]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if len(given) < 2 or twice:
        what = f"two models are called {', '.join(map(repr, twice))}" if twice else f"{len(given)} model is given"
        raise ConfigError(
            "BM-CF-055",
            what=what,
            rule="A comparison has two models at least, each with a name of its own: that of its file, or NAME=CONFIG",
            remedy="Write for instance: bayesmap compare point=a/config.yaml disk=b/config.yaml",
        )
    return names


def _candidate(name: str, path: Path, allow_paths: Sequence[Path]) -> Candidate:
    folder = path.is_dir()
    file = _configuration(path, allow_paths) if folder else path
    config = read_config(file, allow_paths=allow_paths, overwrite=True)
    stored = (path if folder else config.output) / POSTERIOR
    if folder and not stored.is_file():
        raise _no_folder(path, f"holds no {POSTERIOR}")
    if config.sample is None and not stored.is_file():
        raise ConfigError(
            "BM-CF-057",
            what=f"{name} has sample: false",
            rule="Models are compared by draws from their posteriors",
            remedy="Remove the key, or give options of the sampler",
        )
    return Candidate(name, config, stored if stored.is_file() else None, must_be_stored=folder)


def _configuration(folder: Path, allow_paths: Sequence[Path]) -> Path:
    """Return the configuration of a folder of results: in a folder that holds it, in the working folder or allowed."""
    try:
        record = json.loads((folder / "result.json").read_text())
        path = (folder / record["configuration"]).resolve()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _no_folder(folder, "does not say which configuration it was made from (result.json)") from error
    places = [place.resolve() for place in (Path.cwd(), *allow_paths)]
    if not (folder.resolve().is_relative_to(path.parent) or any(path.is_relative_to(place) for place in places)):
        raise BayesmapIOError(
            "BM-IO-012",
            what=f"{folder / 'result.json'} names the configuration {path}",
            rule="The configuration of a result lies in a folder above it, in the working folder or in an allowed one",
            remedy="Name the configuration file instead, or allow its folder with --allow-path",
        )
    if not path.is_file():
        raise _no_folder(folder, f"was made from {path}, which is not there any more")
    return path


def _no_folder(folder: Path, what: str) -> BayesmapIOError:
    return BayesmapIOError(
        "BM-CF-056",
        what=f"{folder} {what}",
        rule="A folder of results is one that `bayesmap fit` wrote, with a posterior, its configuration still in place",
        remedy="Name the configuration file instead",
    )


def load_all(candidates: Sequence[Candidate]) -> dict[str, Inputs]:
    """Return data and models of each, checked, and refuse different data before anything is compiled.

    Raises
    ------
    BayesmapInputError
        BM-CK-010 for different data; else as of `load_inputs`.
    """
    from bayesmap.fit.compare import check_same_data

    inputs = {item.name: load_inputs(item.config) for item in candidates}
    check_same_data({name: item.datasets for name, item in inputs.items()})
    return inputs


def fits_of(
    candidates: Sequence[Candidate], inputs: Mapping[str, Inputs], kept: Path, *, resume: bool, overwrite: bool
) -> dict[str, tuple[MapFit, xr.DataTree]]:
    """Return each fit at its optimum, with draws: the stored ones where they are of this fit, else new ones.

    Parameters
    ----------
    candidates : sequence of Candidate
        Models.
    inputs : mapping
        Data and models of each.
    kept : Path
        Folder in which new draws are kept while they are made, each model in a folder of its own.
    resume, overwrite : bool
        What is done with draws that are there: see `MapFit.sample`.

    Raises
    ------
    KeyboardInterrupt
        Where sampling was interrupted: a comparison with few draws of one model is of no use.
    """
    found = {}
    for item in candidates:
        progress(f"{item.name}: building the model")
        fit = build_fit(inputs[item.name], item.config)
        progress(f"{item.name}: {fit.memory}")
        find_best(fit, item.config)
        tree = _stored_draws(item, fit)
        if tree is None:
            store = {"store": kept / file_name(item.name), "resume": resume, "overwrite": overwrite}
            tree = _new_draws(item, fit, store if keeps_draws(item.config) else {})
        found[item.name] = (fit, tree)
    return found


def _stored_draws(item: Candidate, fit: MapFit) -> xr.DataTree | None:
    """Return the stored draws if they are of this fit; None where there are others, which the user is told."""
    from bayesmap.fit.compare import check_draws
    from bayesmap.results.store import load_posterior

    if item.stored is None:
        return None
    try:
        tree = load_posterior(item.stored)
        check_draws(item.name, fit, tree)
    except BayesmapInputError as error:
        if item.must_be_stored or error.code != OTHER_DRAWS:
            raise
        progress(f"{item.stored} is passed over: {error.what}")
        return None
    progress(f"{item.name}: draws of {item.stored}")
    return tree


def _new_draws(item: Candidate, fit: MapFit, store: Mapping[str, Any]) -> xr.DataTree:
    progress(f"{item.name}: sampling the posterior")

    def show(done: int, total: int, divergences: int) -> str:
        return f"{item.name}: {done} of {total} draws (warm-up included), {divergences} divergences"

    tree = fit.sample(progress=now_and_then(show), **(item.config.sample or {}), **store)
    if tree.attrs["status"] == "interrupted":
        raise KeyboardInterrupt
    return tree
