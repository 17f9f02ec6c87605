"""Leave-one-out cross-validation of a posterior, as `checks.loo` works it out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bayesmap.dataset import Dataset

PLURALS = {"bin": "bins", "tile": "tiles", "energy": "energies", "dataset": "data sets"}
FEW_GROUPS = 10
"""With fewer groups than this their scatter says little of the error of a sum."""


@dataclass(frozen=True)
class Groups:
    """Which group each selected bin of a dataset is in.

    Parameters
    ----------
    of_bin : ndarray of int, shape (n_bin,)
        Number of the group, counted through all datasets.
    """

    of_bin: np.ndarray


@dataclass(frozen=True)
class Loo:
    """Leave-one-out cross-validation.

    Parameters
    ----------
    by : str
        What is left out: ``"bin"``, ``"tile"``, ``"energy"`` or ``"dataset"``.
    elpd_i : ndarray, shape (n_group,)
        Log predictive density of each group, given all others.
    pareto_k : ndarray, shape (n_group,)
        Shape of the tail of its importance weights.
    p_i : ndarray, shape (n_group,)
        Share in the effective number of parameters: how much worse the group is predicted without itself.
    groups : mapping of str to Groups
        Data set -> which group each of its bins is in.
    draws : int
        Draws used.
    refitted : mapping of int to tuple of str
        Groups whose number is that of draws from the posterior without them -> why these draws should not be trusted.
    """

    by: str
    elpd_i: np.ndarray
    pareto_k: np.ndarray
    p_i: np.ndarray
    groups: Mapping[str, Groups]
    draws: int
    refitted: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def elpd(self) -> float:
        """Expected log predictive density."""
        return float(self.elpd_i.sum())

    @property
    def error(self) -> float:
        """Standard error of `elpd`, from the scatter of the groups."""
        return sum_error(self.elpd_i)

    @property
    def p(self) -> float:
        """Effective number of parameters."""
        return float(self.p_i.sum())

    @property
    def largest_k(self) -> float:
        """Pareto k above which a group is not to be trusted, for this number of draws."""
        return min(1.0 - 1.0 / math.log10(self.draws), 0.7)

    @property
    def bad_groups(self) -> np.ndarray:
        """Numbers of the groups whose Pareto k is above that, and that were not refitted; the worst first."""
        bad = ~(self.pareto_k <= self.largest_k)
        bad[list(self.refitted)] = False
        return np.flatnonzero(bad)[np.argsort(-self.pareto_k[bad], kind="stable")]

    @property
    def bad(self) -> int:
        """How many they are."""
        return len(self.bad_groups)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it should not be trusted."""
        words = [f"{self.by} {group} left out: {one}" for group, found in self.refitted.items() for one in found]
        if self.bad:
            worst = f"the largest is {self.pareto_k[self.bad_groups[0]]:.2f}"
            number = f"{self.bad} of {len(self.pareto_k)} {PLURALS[self.by]}"
            words.append(f"{number} have a Pareto k above {self.largest_k:.2f}, {worst}: pass refit=True")
        return tuple(words)

    @property
    def notes(self) -> tuple[str, ...]:
        """What else to know."""
        number = len(self.elpd_i)
        return () if number >= FEW_GROUPS else (f"the error is from the scatter of {number} {PLURALS[self.by]} only",)

    @property
    def success(self) -> bool:
        """True if every group can be trusted."""
        return not self.reasons

    def map_of(self, dataset: Dataset, values: np.ndarray) -> np.ndarray:
        """Return values of the groups, `elpd_i` or `pareto_k`, spread over the bins of a dataset; NaN outside its mask.

        Parameters
        ----------
        dataset : MapDataset or SpectrumDatasetOnOff
            One of those that were fitted.
        values : ndarray, shape (n_group,)
            One for each group.

        Returns
        -------
        ndarray, shape of the counts
            A group's value stands in each of its bins.
        """
        spread = np.full(dataset.mask_data.shape, np.nan)
        spread[dataset.mask_data] = np.asarray(values)[self.groups[dataset.name].of_bin]
        return spread

    def __str__(self) -> str:
        """Show the verdict first."""
        head = "" if self.success else f"NOT TRUSTWORTHY: {'; '.join(self.reasons)}\n"
        number = f"{len(self.elpd_i)} {PLURALS[self.by]} left out one by one, {self.draws} draws"
        if self.refitted:
            number += f", {len(self.refitted)} by a fit without them"
        text = f"elpd {self.elpd:.1f} +- {self.error:.1f}, p {self.p:.1f} ({number})"
        return "\n".join([head + text, *self.notes])


def sum_error(values: np.ndarray) -> float:
    """Return the standard error of a sum of independent terms from their scatter; NaN for a single one."""
    return math.sqrt(len(values) * float(np.var(values, ddof=1))) if len(values) > 1 else math.nan
