"""The key `sample` of a configuration: how to draw from the posterior."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bayesmap.cli.values import is_whole
from bayesmap.errors import BayesmapError, raise_problems
from bayesmap.io.safe_yaml import check_keys, wrong_kind

RANDOM_SEED = 1
"""Seed where none is given: a run can be repeated, bit for bit."""
SAMPLERS = ("nutpie", "numpyro", "pymc")
STARTS = ("laplace", "pathfinder", "variational")


def read_sample(where: str, value: Any) -> Mapping[str, Any] | None:
    """Return the options of `MapFit.sample`, or None where nothing shall be sampled.

    Parameters
    ----------
    where : str
        Name of the key.
    value : False or dict
        What the configuration holds.

    Raises
    ------
    ConfigError
        BM-CF-001 for an unknown option, BM-CF-007 for a value of the wrong kind.
    ProblemList
        If there are several problems.
    """
    if value is False:
        return None
    if not isinstance(value, Mapping):
        raise wrong_kind(where, value, "false, or a mapping of options")
    problems: list[BayesmapError] = []
    for key, item in value.items():
        try:
            check_keys({key: item}, tuple(_CHECKS), where)
            check, expected = _CHECKS[key]
            if not check(item):
                raise wrong_kind(f"{where}.{key}", item, expected)
        except BayesmapError as error:
            problems.append(error)
    raise_problems(problems)
    return {"random_seed": RANDOM_SEED} | dict(value)


def _whole(low: int) -> tuple[Callable[[Any], bool], str]:
    return partial(is_whole, low=low), f"a whole number >= {low}, below 2^63"


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "draws": _whole(1),
    "tune": _whole(0),
    "chains": _whole(1),
    "cores": _whole(1),
    "random_seed": _whole(0),
    "nuts_sampler": (lambda value: value in SAMPLERS, f"one of {', '.join(SAMPLERS)}"),
    "start": (lambda value: value in STARTS, f"one of {', '.join(STARTS)}"),
    "target_accept": (lambda value: isinstance(value, float) and 0.0 < value < 1.0, "a number between 0 and 1"),
    "max_treedepth": _whole(1),
}
OPTIONS = tuple(_CHECKS)
"""Options that the key may hold."""
