"""Profile intervals of a fit: worked out, printed and written where the configuration asks for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmap.cli.output import PICTURE_DPI, file_name
from bayesmap.cli.progress import progress
from bayesmap.cli.table import aligned, format_value
from bayesmap.cli.wanted import ALL
from bayesmap.errors import BayesmapError, attempt
from bayesmap.results.records import number

if TYPE_CHECKING:
    import xarray as xr

    from bayesmap.fit import MapFit
    from bayesmap.results.profile import Profile, ProfileInterval

SIGMAS = (1.0, 2.0)
BOUNDS, POINTS = 3, 25
"""Reach of a curve in standard deviations, and its points."""


@dataclass(frozen=True)
class ProfileOfOne:
    """Profile of one parameter.

    Parameters
    ----------
    intervals : tuple of ProfileInterval
        One for each of `SIGMAS`.
    curve : Profile or None
        None where the covariance gives no scale for it.
    error : float
        Standard deviation by the covariance; NaN where there is none.
    """

    intervals: tuple[ProfileInterval, ...]
    curve: Profile | None
    error: float

    @property
    def name(self) -> str:
        """Qualified name of the parameter."""
        return self.intervals[0].name


def profiles_of(fit: MapFit, names: str | Sequence[str], problems: list[BayesmapError]) -> tuple[ProfileOfOne, ...]:
    """Return the profiles of parameters of a fit at its optimum; one that fails is a problem, and the others go on.

    Parameters
    ----------
    fit : MapFit
        Optimised.
    names : "all" or sequence of str
        Free parameters.
    problems : list
        What went wrong is added to it.
    """
    chosen = fit.free_parameters if names == ALL else tuple(names)
    found = []
    for k, name in enumerate(chosen):
        found.append(attempt(problems, _profile, fit, name))
        progress(f"profiles: {k + 1} of {len(chosen)} parameters")
    return tuple(item for item in found if item is not None)


def _profile(fit: MapFit, name: str) -> ProfileOfOne:
    errors = fit.covariance()
    intervals = tuple(fit.confidence(name, "profile", size)["record"] for size in SIGMAS)
    error = float(errors.errors[errors.names.index(intervals[0].name)])
    curve = fit.minos_profile(name, bounds=BOUNDS, nvalues=POINTS)["record"] if np.isfinite(error) else None
    return ProfileOfOne(intervals, curve, error)


def profiles_text(found: Sequence[ProfileOfOne]) -> str:
    """Return the intervals as aligned text, one line for each parameter."""
    rows = [["profile of", "value", "68.3% interval", "95.4% interval", "unit", "note"]]
    for item in found:
        first = item.intervals[0]
        ends = [
            f"[{_end(one.lower, item.error, one.open_lower)}, {_end(one.upper, item.error, one.open_upper)}]"
            for one in item.intervals
        ]
        notes = dict.fromkeys(one.message for one in item.intervals if one.message)
        value, _ = format_value(first.value, item.error)
        rows.append([item.name, value, *ends, first.unit, "; ".join(notes)])
    return aligned(rows, right=frozenset({"value"}))


def _end(value: float, error: float, is_open: bool) -> str:
    if np.isnan(value):
        return "open" if is_open else "not found"
    return format_value(value, error)[0]


def profiles_record(found: Sequence[ProfileOfOne]) -> list[dict[str, Any]]:
    """Return what `profiles.json` holds; None for an end that there is not."""
    return [
        {
            "name": item.name,
            "unit": item.intervals[0].unit,
            "value": number(item.intervals[0].value),
            "statistic": item.intervals[0].statistic,
            "intervals": [
                {
                    "sigma": one.sigma,
                    "lower": number(one.lower),
                    "upper": number(one.upper),
                    "open_lower": bool(one.open_lower),
                    "open_upper": bool(one.open_upper),
                    "success": bool(one.success),
                    "message": one.message,
                }
                for one in item.intervals
            ],
            "values": [] if item.curve is None else [number(value) for value in item.curve.values],
            "delta": [] if item.curve is None else [number(value) for value in item.curve.delta],
        }
        for item in found
    ]


def write_profiles(folder: Path, found: Sequence[ProfileOfOne], tree: xr.DataTree | None) -> None:
    """Write ``profiles.txt``, ``profiles.json`` and a picture of each curve into a folder.

    Parameters
    ----------
    folder : Path
        Existing folder.
    found : sequence of ProfileOfOne
        Profiles.
    tree : xarray.DataTree, optional
        Posterior, whose density is shown beside.
    """
    from bayesmap.plots.profile import plot_profile

    (folder / "profiles.txt").write_text(f"{profiles_text(found)}\n")
    (folder / "profiles.json").write_text(json.dumps(profiles_record(found), indent=1, allow_nan=False) + "\n")
    for item in found:
        if item.curve is not None:
            figure = plot_profile(item.curve, tree=tree, intervals=item.intervals)
            figure.savefig(folder / f"profile-{file_name(item.name)}.png", dpi=PICTURE_DPI)
