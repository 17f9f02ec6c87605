"""What an analysis needs besides its inputs: packages that are optional."""

from __future__ import annotations

from collections.abc import Mapping

from bayesmap.cli.config import Config
from bayesmap.errors import BayesmapError, attempt


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
