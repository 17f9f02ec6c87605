"""Comparison of models of the same data: what each predicts of data it has not seen, and its evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import QTable

from bayesmap.results.evidence import Evidence
from bayesmap.results.loo import PLURALS, Loo, sum_error

ALIKE = 4.0
"""Models whose elpd differs by less than this predict alike: the error of so small a difference is not known well
(Sivula et al. 2020, arXiv:2008.10296)."""


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
    log_z, log_z_error : float
        Evidence and its error; NaN where there is none.
    """

    name: str
    elpd: float
    error: float
    p: float
    delta: float
    delta_error: float
    weight: float
    bad: int
    log_z: float = math.nan
    log_z_error: float = math.nan


@dataclass(frozen=True)
class Comparison:
    """Models of the same data, the best first.

    Parameters
    ----------
    loos : mapping of str to Loo
        Cross-validation of each model, in falling order of elpd.
    weights : mapping of str to float
        Stacking weight of each.
    evidences : mapping of str to Evidence
        Of models with proper priors.
    missing : mapping of str to str
        Models without an evidence -> why.
    reasons : tuple of str
        Why the comparison should not be trusted.
    """

    loos: Mapping[str, Loo]
    weights: Mapping[str, float]
    evidences: Mapping[str, Evidence] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Models, the best first."""
        return tuple(self.loos)

    @property
    def best(self) -> str:
        """Name of the model that predicts best."""
        return self.names[0]

    @property
    def by(self) -> str:
        """What was left out at a time."""
        return self.loos[self.best].by

    @property
    def groups(self) -> int:
        """How many groups there were."""
        return len(self.loos[self.best].elpd_i)

    @property
    def success(self) -> bool:
        """True if there is no reason not to trust it."""
        return not self.reasons

    @property
    def rows(self) -> tuple[ModelRow, ...]:
        """A row for each model, in falling order of elpd."""
        return tuple(map(self.__getitem__, self.names))

    @property
    def notes(self) -> tuple[str, ...]:
        """What else to know."""
        alike = [row.name for row in self.rows[1:] if abs(row.delta) < ALIKE]
        words = [f"{name} predicts as well as {self.best}: elpd differs by less than {ALIKE:g}" for name in alike]
        return (*words, *self.loos[self.best].notes, *(f"{name}: {why}" for name, why in self.missing.items()))

    def __getitem__(self, name: str) -> ModelRow:
        """Return the row of a model."""
        item, known = self.loos[name], self.evidences.get(name)
        delta, error = self.difference(name, self.best)
        evidence = {} if known is None else {"log_z": known.log_z, "log_z_error": known.error}
        return ModelRow(name, item.elpd, item.error, item.p, delta, error, self.weights[name], item.bad, **evidence)

    def difference(self, first: str, second: str) -> tuple[float, float]:
        """Return the elpd of one model minus that of another, and its standard error, from the same groups."""
        values = self.loos[first].elpd_i - self.loos[second].elpd_i
        return float(values.sum()), sum_error(values)

    def log_bayes_factor(self, first: str, second: str) -> tuple[float, float]:
        r"""Return :math:`\ln Z_1 - \ln Z_2` of two models and its error; NaN where an evidence is missing."""
        one, other = self[first], self[second]
        return one.log_z - other.log_z, math.hypot(one.log_z_error, other.log_z_error)

    def to_table(self) -> QTable:
        """Return the rows as a table."""
        names = ("name", "elpd", "error", "p", "delta", "delta_error", "weight", "bad", "log_z", "log_z_error")
        table = QTable({name: [getattr(row, name) for row in self.rows] for name in names})
        table.meta.update({"by": self.by, "groups": self.groups, "reasons": list(self.reasons)})
        return table

    def record(self) -> dict[str, Any]:
        """Return it as plain data for JSON, None where a number is not known."""
        return {
            "success": self.success,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "by": self.by,
            "groups": self.groups,
            "models": [{key: _known(value) for key, value in vars(row).items()} for row in self.rows],
            "differences": [
                {"first": first, "second": second, "delta": delta, "error": _known(error)}
                for i, first in enumerate(self.names)
                for second in self.names[i + 1 :]
                for delta, error in [self.difference(first, second)]
            ],
            "evidences": {name: {key: _known(value) for key, value in vars(item).items()}
                          for name, item in self.evidences.items()},
        }  # fmt: skip

    def __str__(self) -> str:
        """Show the verdict first, then a line for each model."""
        head = "" if self.success else "\n".join(["NOT TRUSTWORTHY:", *(f"- {one}" for one in self.reasons)]) + "\n"
        title = f"Models by what they predict of {self.groups} {PLURALS[self.by]} left out one by one, the best first"
        width = max(20, *map(len, self.names))
        lines = [f"{'':<{width}} {'elpd':>12} {'difference':>18} {'weight':>7} {'p':>6} {'bad k':>6} {'ln Z':>18}"]
        for row in self.rows:
            gap = "" if row.name == self.best else f"{row.delta:.1f} +- {row.delta_error:.1f}"
            evidence = "" if math.isnan(row.log_z) else f"{row.log_z:.2f} +- {row.log_z_error:.2f}"
            lines.append(
                f"{row.name:<{width}} {row.elpd:>12.1f} {gap:>18} {row.weight:>7.2f} {row.p:>6.1f} {row.bad:>6} "
                f"{evidence:>18}"
            )
        return head + "\n".join([title, *lines, *self.notes])


def ranked(loos: Mapping[str, Loo]) -> dict[str, Loo]:
    """Return cross-validations in falling order of elpd."""
    return dict(sorted(loos.items(), key=lambda item: -item[1].elpd))


def _known(value: Any) -> Any:
    return None if isinstance(value, float | np.floating) and not math.isfinite(value) else value
