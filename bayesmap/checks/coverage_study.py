"""Coverage of several methods of intervals over the same data sets, simulated at one truth: verdict, table, file."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesmap.checks.bounds import ONE_AND_TWO_SIGMA, share_bounds
from bayesmap.checks.calibration import LEVEL, MOST_REFUSED
from bayesmap.checks.coverage import Coverage, best_and_errors, laplace_ends, nuts, profile_ends
from bayesmap.checks.quantities import Quantities
from bayesmap.checks.record_file import read_record
from bayesmap.checks.sbc import same_counts, simulated, stream_of
from bayesmap.errors import BayesmapError
from bayesmap.posterior.compiled import CompiledPosterior

FORMAT = 1
METHODS = ("laplace", "profile", "nuts")


@dataclass(frozen=True)
class Intervals:
    """Which intervals are worked out of each data set.

    Parameters
    ----------
    methods : tuple of str
        Of `METHODS`.
    masses : tuple of float
        Probabilities that the intervals are to hold.
    draws, tune : int
        Of the one chain of ``"nuts"``.
    """

    methods: tuple[str, ...] = METHODS
    masses: tuple[float, ...] = ONE_AND_TWO_SIGMA
    draws: int = 500
    tune: int = 100

    def record(self) -> dict[str, Any]:
        """Return it as JSON types."""
        words = {"methods": list(self.methods), "masses": list(self.masses)}
        return words | ({"draws": self.draws, "tune": self.tune} if "nuts" in self.methods else {})

    def simulate(
        self, posterior: CompiledPosterior, nature: Quantities, i: int, truth: np.ndarray, random_seed: int
    ) -> dict[str, Any]:
        """Run simulation i; return it as JSON types.

        Parameters
        ----------
        posterior : CompiledPosterior
            What is fitted.
        nature : Quantities
            Of the posterior that counts are simulated with.
        i : int
            Number of the simulation.
        truth : ndarray, shape (size,)
            Coordinates.
        random_seed : int
            Seed of the run.

        Returns
        -------
        dict
            ``i``, ``truth``, ``values``, ``errors``, ``ends`` (by method) and ``failed`` (method -> reason).
        """
        rng = stream_of(random_seed, i)
        data, _ = simulated(nature.posterior, truth, rng)
        observed, seed = same_counts(posterior, data), int(rng.integers(2**31))
        record: dict[str, Any] = {"i": i, "truth": posterior.coordinates.to_many_values(truth).tolist()}
        try:
            best, values, errors = best_and_errors(observed)
        except BayesmapError as error:
            return record | {"failed": dict.fromkeys(self.methods, str(error))}
        given = {"laplace": laplace_ends, "profile": profile_ends, "nuts": nuts(draws=self.draws, tune=self.tune)}
        ends, failed = {}, {}
        for name in self.methods:
            try:
                found = given[name](observed, best, self.masses, seed)
            except BayesmapError as error:
                failed[name] = str(error)
                continue
            if np.isnan(found).any():
                failed[name] = "an interval has no end"
            else:
                ends[name] = _plain(found)
        return record | {"values": _plain(values), "errors": _plain(errors), "ends": ends, "failed": failed}


@dataclass(frozen=True)
class CoverageStudy:
    """Coverage of intervals at one truth.

    Parameters
    ----------
    methods : dict
        Method -> `Coverage`, over the same data sets.
    truth : dict
        True value of each free parameter.
    units : dict
        Their units.
    requested, done : int
        Simulations that were asked for, and that were run.
    level : float
        Probability that a share of a right method lies inside its bounds.
    provenance : dict
        Seed, settings, fingerprint, versions.
    """

    methods: Mapping[str, Coverage]
    truth: Mapping[str, float]
    units: Mapping[str, str]
    requested: int
    done: int
    level: float = LEVEL
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        """True if all intervals hold the truth as often as they say."""
        return not self.reasons

    def bounds(self, method: str, mass: float) -> tuple[float, float]:
        """Return the shares between which a right method lies with the probability `level`."""
        return share_bounds(self.methods[method].simulations, mass, 1.0 - self.level)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is not as it should be, one line each."""
        found = [] if self.done >= self.requested else [f"{self.done} of {self.requested} simulations were run"]
        for name, item in self.methods.items():
            if len(item.failed) > MOST_REFUSED * self.done:
                found.append(f"{name}: {len(item.failed)} of {self.done} simulations have no intervals")
            found += [reason for row in self.rows(name) for reason in self._outside(name, row)]
        return tuple(found)

    def _outside(self, method: str, row: Mapping[str, Any]) -> list[str]:
        found = []
        for mass, share in row["shares"].items():
            low, high = self.bounds(method, mass)
            if not low <= share <= high:
                allowed = f"allowed {100 * low:.1f} to {100 * high:.1f}"
                held = f"holds the truth in {100 * share:.1f} % ({allowed})"
                found.append(f"{method}: the {100 * mass:.2f} % interval of {row['name']} {held}")
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """Simulations without intervals, the first three of each method."""
        lines = []
        for name, item in self.methods.items():
            lines += [f"{name}: {reason}" for reason in item.failed[:3]]
            if len(item.failed) > 3:
                lines.append(f"{name}: ... {len(item.failed) - 3} more without intervals")
        return tuple(lines)

    def rows(self, method: str) -> list[dict[str, Any]]:
        """Return the figures of each parameter; pulls are None where a best value stands at a limit."""
        item = self.methods[method]
        if not item.simulations:
            return []
        rows = []
        for k, name in enumerate(item.names):
            pulls, shares = item.pulls[:, k], item.shares[:, k]
            known = bool(np.all(np.isfinite(pulls))) and len(pulls) > 1
            figures = (float(pulls.mean()), float(pulls.std(ddof=1))) if known else (None, None)
            held = dict(zip(item.masses, map(float, shares), strict=True))
            rows.append({"name": name, "shares": held, "pull_mean": figures[0], "pull_sd": figures[1]})
        return rows

    def __str__(self) -> str:
        """Show the verdict and its reasons, then a line for each method and parameter."""
        state = "intervals hold the truth as they say" if self.success else "INTERVALS DO NOT HOLD WHAT THEY SAY"
        lines = [f"{state} ({self.done} simulations)", *(f"- {item}" for item in self.reasons)]
        return "\n".join([*lines, *(f"note: {item}" for item in self.notes), "", self.table()])

    def table(self) -> str:
        """Return a line for each method and parameter, and one of what is allowed."""
        masses = next(iter(self.methods.values())).masses
        cells = [
            ["method", "parameter", *(f"in {100 * mass:.2f} %" for mass in masses), "pull mean", "pull sd", "sets"]
        ]
        for method, item in self.methods.items():
            for row in self.rows(method):
                shown = ["" if row[key] is None else f"{row[key]:.3f}" for key in ("pull_mean", "pull_sd")]
                shares = [f"{100 * share:.1f}" for share in row["shares"].values()]
                cells.append([method, row["name"], *shares, *shown, str(item.simulations)])
            if item.simulations:
                bounds = ["-".join(f"{100 * end:.1f}" for end in self.bounds(method, mass)) for mass in masses]
                cells.append([method, "(allowed)", *bounds, "near 0", "near 1", ""])
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        rows = [[*map(str.ljust, row[:2], widths[:2]), *map(str.rjust, row[2:], widths[2:])] for row in cells]
        return "\n".join("  ".join(row).rstrip() for row in rows)


def gather_study(
    names: Sequence[str], units: Sequence[str], records: Sequence[Mapping[str, Any]], settings: Intervals, **more: Any
) -> CoverageStudy:
    """Return the study of single simulations, in any order.

    Parameters
    ----------
    names, units : sequence of str
        Free parameters.
    records : sequence of dict
        Of `Intervals.simulate`.
    settings : Intervals
        What was asked for.
    **more
        ``requested``, ``level``, ``provenance`` of `CoverageStudy`.
    """
    ordered, n = sorted(records, key=lambda item: item["i"]), len(names)
    methods = {}
    for method in settings.methods:
        kept = [item for item in ordered if method not in item["failed"]]
        failed = [f"simulation {item['i']}: {item['failed'][method]}" for item in ordered if method in item["failed"]]
        truths, values, errors = (
            np.array([item[key] for item in kept], dtype=float).reshape(-1, n) for key in ("truth", "values", "errors")
        )
        ends = np.array([item["ends"][method] for item in kept], dtype=float).reshape(-1, len(settings.masses), n, 2)
        methods[method] = Coverage(tuple(names), settings.masses, truths, values, errors, ends, tuple(failed))
    truth = dict(zip(names, ordered[0]["truth"], strict=True))
    return CoverageStudy(methods, truth, dict(zip(names, units, strict=True)), done=len(ordered), **more)


def _plain(values: np.ndarray) -> Any:
    """Return numbers as lists, and those that JSON does not know as text, which NumPy reads as the same numbers."""
    if values.ndim == 0:
        return float(values) if math.isfinite(values) else str(float(values))
    return [_plain(item) for item in values]


def study_record(found: CoverageStudy) -> dict[str, Any]:
    """Return a study as JSON types: verdict, figures, then all single simulations."""
    arrays = ("truths", "values", "errors", "ends")
    return {
        "kind": "coverage",
        "format": FORMAT,
        "success": found.success,
        "reasons": list(found.reasons),
        "notes": list(found.notes),
        "truth": dict(found.truth),
        "units": dict(found.units),
        "requested": found.requested,
        "done": found.done,
        "level": found.level,
        "provenance": dict(found.provenance),
        "methods": {
            name: {"rows": [row | {"shares": {f"{mass:.10g}": share for mass, share in row["shares"].items()}}
                            for row in found.rows(name)],
                   "names": list(item.names), "masses": list(item.masses), "failed": list(item.failed)}
            | {key: _plain(getattr(item, key)) for key in arrays}
            for name, item in found.methods.items()
        },
    }  # fmt: skip


def study_csv(found: CoverageStudy) -> str:
    """Return the table of a study as CSV, one line for each method, parameter and mass."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ["method", "parameter", "unit", "truth", "mass", "share", "allowed_low", "allowed_high", "simulations"]
    writer.writerow([*columns, "pull_mean", "pull_sd"])
    for name, item in found.methods.items():
        for row in found.rows(name):
            pulls = ["" if row[key] is None else row[key] for key in ("pull_mean", "pull_sd")]
            for mass, share in row["shares"].items():
                own = [name, row["name"], found.units[row["name"]], found.truth[row["name"]], mass, share]
                writer.writerow([*own, *found.bounds(name, mass), item.simulations, *pulls])
    return text.getvalue()


def read_study(path: str | os.PathLike[str]) -> CoverageStudy:
    """Read a study from the JSON file that ``bayesmap calibrate`` wrote.

    Parameters
    ----------
    path : path-like
        File.

    Raises
    ------
    BayesmapIOError
        BM-IO-001 if there is no such file, BM-IO-020 if it is no study.
    """
    return read_record(path, _study, noun="study of coverage", writer="bayesmap calibrate --truth fit")


def _study(data: Mapping[str, Any]) -> CoverageStudy:
    if (data["kind"], data["format"]) != ("coverage", FORMAT):
        raise ValueError(f"kind {data['kind']!r}, format {data['format']!r}")
    methods = {}
    for name, item in data["methods"].items():
        n, masses = len(item["names"]), tuple(item["masses"])
        truths, values, errors = (
            np.array(item[key], dtype=float).reshape(-1, n) for key in ("truths", "values", "errors")
        )
        ends = np.array(item["ends"], dtype=float).reshape(-1, len(masses), n, 2)
        methods[name] = Coverage(tuple(item["names"]), masses, truths, values, errors, ends, tuple(item["failed"]))
    words = {key: data[key] for key in ("truth", "units", "requested", "done", "level", "provenance")}
    return CoverageStudy(methods, **words)
