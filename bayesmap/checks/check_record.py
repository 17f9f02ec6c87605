"""What a predictive check found, as records: p-values with their errors, bands, places; the verdict first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesmap.checks.discrepancies import TWO_SIDED, meaning_of
from bayesmap.checks.pit import Pit
from bayesmap.checks.predictive import PredictiveMaps

LEVEL = 0.05
"""A dataset is called a misfit at this level, all its discrepancies together."""
QUANTILES = (0.02275, 0.15866, 0.5, 0.84134, 0.97725)
"""Of replicated counts: 2 sigma, 1 sigma, median."""


@dataclass(frozen=True)
class Discrepancy:
    """One way in which counts may lie far from the prediction.

    Parameters
    ----------
    name : str
        See `bayesmap.checks.discrepancies`.
    p_value : float
        Share of the draws whose replicated data lie farther off than the observed, at the same parameters; ties count
        half. Conservative: of true models it is seldom near 0 or 1.
    error : float
        Monte Carlo standard error of it, the correlation of the draws included.
    sampled_p_value : float
        Rank of the observed discrepancy among data replicated at one draw from the posterior: exactly uniform where
        model and prior are true.
    observed, replicated : ndarray, shape (n_draw,)
        The discrepancies.
    """

    name: str
    p_value: float
    error: float
    sampled_p_value: float
    observed: np.ndarray
    replicated: np.ndarray

    @property
    def meaning(self) -> str:
        """What it is sensitive to."""
        return meaning_of(self.name)

    @property
    def smallest(self) -> float:
        """The p-value as it is judged: of both tails where both count, and above zero for a finite number of draws."""
        n = len(self.observed)
        one = min(self.p_value, 1.0 - self.p_value) * 2.0 if self.name in TWO_SIDED else self.p_value
        return (n * one + 1.0) / (n + 1.0)


@dataclass(frozen=True)
class Band:
    """Observed counts of groups of bins beside replicated ones.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,)
        Edges of the groups.
    unit : str
        Of the edges.
    counts : ndarray, shape (n,)
        Observed.
    quantiles : ndarray, shape (5, n)
        Of replicated counts, at `QUANTILES`.
    p_values : ndarray, shape (n,)
        Share of replicated counts above the observed, ties half.
    """

    edges: np.ndarray
    unit: str
    counts: np.ndarray
    quantiles: np.ndarray
    p_values: np.ndarray


@dataclass(frozen=True)
class Place:
    """Where the observed counts lie farthest from the mean prediction.

    Parameters
    ----------
    lon, lat, radius : float
        Disk, in deg, in the frame of the map; radius 0 for a single pixel.
    significance : float
        Signed root of the deviance, in sigma, without regard to how many places were looked at.
    counts, npred : float
        In the disk.
    """

    lon: float
    lat: float
    radius: float
    significance: float
    counts: float
    npred: float

    def __str__(self) -> str:
        where = f"({self.lon:.4f}, {self.lat:.4f}) deg"
        size = f"within {self.radius:.3g} deg" if self.radius else "in one pixel"
        return f"{self.significance:+.1f} sigma at {where}: {self.counts:.0f} counts {size}, {self.npred:.1f} predicted"


@dataclass(frozen=True)
class DatasetCheck:
    """Predictive check of one dataset.

    Parameters
    ----------
    name : str
        Of the dataset.
    draws : int
        Draws used.
    discrepancies : mapping of str to Discrepancy
        By name.
    spectrum : Band
        Counts per energy bin (TeV).
    profiles : mapping of str to Band
        Counts in rings (deg) around each position.
    places : mapping of str to Place
        ``excess`` and ``deficit``; of maps.
    pit : Pit
        Probability integral transforms of the bins.
    maps : PredictiveMaps, optional
        Of maps.
    """

    name: str
    draws: int
    discrepancies: Mapping[str, Discrepancy]
    spectrum: Band
    profiles: Mapping[str, Band]
    places: Mapping[str, Place]
    pit: Pit
    maps: PredictiveMaps | None

    @property
    def judged(self) -> dict[str, float]:
        """P-values that are judged: the discrepancies and the transforms."""
        return {name: item.smallest for name, item in self.discrepancies.items()} | {"pit": self.pit.p_value}

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the model does not describe the data; empty where it may."""
        values = self.judged
        found = []
        for name, value in values.items():
            if value * len(values) < LEVEL:
                words = "transforms of single bins: the law of the counts" if name == "pit" else meaning_of(name)
                place = self.places.get(name.removeprefix("maximum_"))
                found.append(
                    f"{self.name}: {name} p {_shown(value, self.draws)} ({words})" + (f"; {place}" if place else "")
                )
        return tuple(found)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader should know."""
        least = math.ceil(len(self.judged) / LEVEL)
        few = f"{self.name}: {self.draws} draws cannot show a misfit, {least} can" if self.draws < least else ""
        hang = f"{self.name}: {self.pit.unreliable} bins weigh too much to be left out" if self.pit.unreliable else ""
        return tuple(note for note in (few, hang) if note)

    def __str__(self) -> str:
        head = ("discrepancy", "p-value", "+-", "one draw", "sensitive to")
        lines = [head]
        for name, item in self.discrepancies.items():
            lines.append(
                (name, f"{item.p_value:.3f}", f"{item.error:.3f}", f"{item.sampled_p_value:.3f}", item.meaning)
            )
        lines.append(("pit", "", "", f"{self.pit.p_value:.3f}", "transforms of single bins: the law of the counts"))
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        places = [f"largest {name}: {place}" for name, place in self.places.items()]
        return "\n".join([f"{self.name} ({self.draws} draws)", *(line.rstrip() for line in shown), *places])


@dataclass(frozen=True)
class PredictiveCheck:
    """Predictive checks of all datasets of a fit, the verdict first.

    Parameters
    ----------
    datasets : mapping of str to DatasetCheck
        By name.
    """

    datasets: Mapping[str, DatasetCheck]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the model does not describe the data."""
        return tuple(reason for item in self.datasets.values() for reason in item.reasons)

    @property
    def ok(self) -> bool:
        """True if no discrepancy is so large that the model is refused."""
        return not self.reasons

    def __str__(self) -> str:
        """Show verdict, reasons and notes, then the p-values of each dataset."""
        head = "predictive check: ok, the model describes the data" if self.ok else "predictive check: MISFIT"
        notes = [note for item in self.datasets.values() for note in item.notes]
        lines = [head, *(f"- {reason}" for reason in self.reasons), *notes]
        return "\n\n".join(["\n".join(lines), *map(str, self.datasets.values())])

    def record(self) -> dict[str, Any]:
        """Return verdict and p-values as JSON types."""
        return {
            "ok": self.ok,
            "reasons": list(self.reasons),
            "level": LEVEL,
            "datasets": {name: _record(item) for name, item in self.datasets.items()},
        }


def _record(check: DatasetCheck) -> dict[str, Any]:
    return {
        "draws": check.draws,
        "discrepancies": {
            name: {
                "p_value": item.p_value,
                "error": item.error,
                "sampled_p_value": item.sampled_p_value,
                "meaning": item.meaning,
            }
            for name, item in check.discrepancies.items()
        },
        "pit": {
            "p_value": check.pit.p_value,
            "p_value_left_out": check.pit.p_value_left_out,
            "unreliable": check.pit.unreliable,
        },
        "places": {name: vars(place) for name, place in check.places.items()},
        "notes": list(check.notes),
    }


def _shown(value: float, draws: int) -> str:
    least = 1.0 / (draws + 1.0)
    return f"< {2.0 * least:.2g}" if value <= 1.001 * least else f"= {value:.2g}"
