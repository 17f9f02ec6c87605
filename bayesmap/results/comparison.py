"""Comparison of models of the same data: what each predicts of data it has not seen, and its evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from astropy.table import QTable

from bayesmap.results.evidence import Evidence


@dataclass(frozen=True)
class ModelRow:
    """One model of a comparison.

    Parameters
    ----------
    name : str
        Name of the model.
    elpd, error : float
        Expected log predictive density and its standard error.
    p : float
        Effective number of parameters.
    delta, delta_error : float
        elpd minus that of the best model, and the standard error of the difference, from the same groups of bins.
    weight : float
        Stacking weight: the mixture of all models that predicts best.
    bad : int
        Groups whose Pareto k is too large.
    evidence : Evidence, optional
        Where priors are proper.
    """

    name: str
    elpd: float
    error: float
    p: float
    delta: float
    delta_error: float
    weight: float
    bad: int
    evidence: Evidence | None = None

    @property
    def log_z(self) -> float:
        """ln Z; NaN where there is none."""
        return math.nan if self.evidence is None else self.evidence.log_z


@dataclass(frozen=True)
class Comparison:
    """Models of the same data, the best first.

    Parameters
    ----------
    rows : tuple of ModelRow
        In falling order of elpd.
    by : str
        What was left out at a time.
    groups : int
        How many groups there were.
    reasons : tuple of str
        Why the comparison should not be trusted.
    """

    rows: tuple[ModelRow, ...]
    by: str
    groups: int
    reasons: tuple[str, ...] = ()

    @property
    def success(self) -> bool:
        """True if there is no reason not to trust it."""
        return not self.reasons

    @property
    def best(self) -> str:
        """Name of the model that predicts best."""
        return self.rows[0].name

    def __getitem__(self, name: str) -> ModelRow:
        """Return the row of a model."""
        return {row.name: row for row in self.rows}[name]

    def log_bayes_factor(self, first: str, second: str) -> tuple[float, float]:
        r"""Return :math:`\ln Z_1 - \ln Z_2` of two models and its error; NaN where an evidence is missing."""
        one, other = self[first].evidence, self[second].evidence
        if one is None or other is None:
            return math.nan, math.nan
        return one.log_z - other.log_z, math.hypot(one.error, other.error)

    def to_table(self) -> QTable:
        """Return the rows as a table."""
        names = ("name", "elpd", "error", "p", "delta", "delta_error", "weight", "bad", "log_z")
        table = QTable({name: [getattr(row, name) for row in self.rows] for name in names})
        table["log_z_error"] = [math.nan if row.evidence is None else row.evidence.error for row in self.rows]
        table.meta.update({"by": self.by, "groups": self.groups, "reasons": list(self.reasons)})
        return table

    def __str__(self) -> str:
        """Show the verdict first, then a line for each model."""
        head = "" if self.success else "NOT TRUSTWORTHY: " + "; ".join(self.reasons) + "\n"
        title = f"Models by what they predict of {self.groups} {self.by}s left out one by one, the best first"
        lines = [f"{'':<20} {'elpd':>12} {'difference':>18} {'weight':>7} {'p':>6} {'ln Z':>18}"]
        for row in self.rows:
            gap = "" if row.delta == 0.0 else f"{row.delta:.1f} +- {row.delta_error:.1f}"
            known = row.evidence
            evidence = "" if known is None else f"{known.log_z:.2f} +- {known.error:.2f}"
            lines.append(f"{row.name:<20} {row.elpd:>12.1f} {gap:>18} {row.weight:>7.2f} {row.p:>6.1f} {evidence:>18}")
        return head + "\n".join([title, *lines])


def paired_error(first: np.ndarray, second: np.ndarray) -> float:
    """Return the standard error of the difference of two sums over the same groups."""
    difference = first - second
    return math.sqrt(len(difference) * float(np.var(difference, ddof=1)))


def rows_of(
    elpd: Mapping[str, np.ndarray],
    p: Mapping[str, float],
    bad: Mapping[str, int],
    weights: Mapping[str, float],
    evidences: Mapping[str, Evidence | None],
) -> tuple[ModelRow, ...]:
    """Return the rows of a comparison, the best first.

    Parameters
    ----------
    elpd : mapping of str to ndarray, shape (n_group,)
        By model: log predictive density of each group.
    p, bad, weights, evidences : mapping of str
        See `ModelRow`.
    """
    order = sorted(elpd, key=lambda name: -float(elpd[name].sum()))
    top = elpd[order[0]]
    return tuple(
        ModelRow(
            name=name,
            elpd=float(elpd[name].sum()),
            error=paired_error(elpd[name], np.zeros(len(top))),
            p=p[name],
            delta=float(elpd[name].sum() - top.sum()),
            delta_error=paired_error(elpd[name], top),
            weight=weights[name],
            bad=bad[name],
            evidence=evidences[name],
        )
        for name in order
    )
