"""What an analysis needs besides its inputs: a folder that may be written, packages that are optional."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bayesmap.cli.config import Config
from bayesmap.errors import BayesmapError, BayesmapIOError, attempt


def place_problems(config: Config, found: Sequence[BayesmapError] = ()) -> list[BayesmapError]:
    """Return what keeps the results from being written (BM-IO-009), before anything is worked out.

    Parameters
    ----------
    config : Config
        With the folder for the results.
    found : sequence of BayesmapError
        Problems of the configuration: of an output that was refused nothing more is said.
    """
    if config.output == config.folder or any(problem.code in ("BM-IO-018", "BM-IO-019") for problem in found):
        return []
    there = _nearest(config.output)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return []
    state = "may not be written" if there.is_dir() else "is not a folder"
    return [
        BayesmapIOError(
            "BM-IO-009",
            what=f"the output {config.output} cannot be made: {there} {state}",
            rule="The folder for the results must be writable",
            remedy="Choose another output, or correct the permissions",
        )
    ]


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return path if path.exists() else _nearest(path.parent)


def package_problems(config: Config) -> list[BayesmapError]:
    """Return what is wrong with the choice of optimiser and sampler: packages that are missing, unknown methods."""
    problems: list[BayesmapError] = []
    backend = config.optimize.get("backend", "newton")
    if backend != "newton" or "method" in config.optimize:
        attempt(problems, _check_optimiser, backend, config.optimize)
    sampler = (config.sample or {}).get("nuts_sampler", "nutpie")
    if sampler != "nutpie":
        attempt(problems, _check_sampler, sampler)
    return problems


def _check_optimiser(backend: str, options: Mapping[str, object]) -> None:
    from bayesmap.inference.backends.registry import OPTIMISERS, check_method, check_options, load

    own = {key: value for key, value in options.items() if key not in ("backend", "starts", "random_seed")}
    check_options(backend, load("optimize", OPTIMISERS, backend), own)
    if "method" in own:
        check_method(backend, str(own["method"]))


def _check_sampler(name: str) -> None:
    from bayesmap.inference.samplers.base import load

    load(name)
