r"""Leave-one-out cross-validation of a posterior, by bins or by blocks of bins, in bounded memory.

.. math:: \mathrm{elpd} = \sum_g \ln p(n_g \mid n_{-g}), \qquad
          p(n_g \mid n_{-g}) \approx \frac{\sum_s r_{sg}\, p(n_g \mid \theta_s)}{\sum_s r_{sg}}, \qquad
          r_{sg} = 1 / p(n_g \mid \theta_s)

with the largest weights smoothed by a generalised Pareto distribution, whose shape k says group by group whether the
draws can stand for the posterior without it.  Neighbouring bins share the PSF: leaving out one bin asks less of a model
than leaving out a tile of the sky or an energy.

References
----------
Vehtari, Gelman & Gabry 2017, Stat. Comput. 27, 1413; Vehtari et al. 2024, JMLR 25, 72 (Pareto k, its threshold).
Roberts et al. 2017, Ecography 40, 913 (blocks where data are correlated).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.checks.blocks import Groups, groups_of
from bayesmap.checks.thinning import thin
from bayesmap.dataset import Dataset
from bayesmap.errors import BayesmapInputError
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.posterior import theta_of

MAX_BYTES = 1024**3
"""Largest array of log-likelihoods that is held."""
FEWEST = 100
"""Draws below which Pareto shapes are not known."""


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
        Shape of the tail of its weights.
    p_i : ndarray, shape (n_group,)
        Share in the effective number of parameters: how much worse the group is predicted without itself.
    groups : mapping of str to Groups
        Data set -> which group each of its bins is in.
    draws : int
        Draws used.
    """

    by: str
    elpd_i: np.ndarray
    pareto_k: np.ndarray
    p_i: np.ndarray
    groups: Mapping[str, Groups]
    draws: int

    @property
    def elpd(self) -> float:
        """Expected log predictive density."""
        return float(self.elpd_i.sum())

    @property
    def error(self) -> float:
        """Standard error of `elpd`, from the scatter of the groups."""
        return math.sqrt(len(self.elpd_i) * float(np.var(self.elpd_i, ddof=1))) if len(self.elpd_i) > 1 else math.nan

    @property
    def p(self) -> float:
        """Effective number of parameters."""
        return float(self.p_i.sum())

    @property
    def largest_k(self) -> float:
        """Pareto k above which a group is not to be trusted, for this number of draws."""
        return min(1.0 - 1.0 / math.log10(self.draws), 0.7)

    @property
    def bad(self) -> int:
        """Groups whose Pareto k is above that."""
        return int(np.sum(~(self.pareto_k <= self.largest_k)))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it should not be trusted."""
        if not self.bad:
            return ()
        worst = f"the largest is {np.nanmax(self.pareto_k):.2f}"
        return (f"{self.bad} of {len(self.pareto_k)} {self.by}s have a Pareto k above {self.largest_k:.2f}; {worst}",)

    @property
    def success(self) -> bool:
        """True if every group can be trusted."""
        return not self.reasons

    def map_of(self, dataset: Dataset, values: np.ndarray) -> Any:
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
        """
        spread = np.full(dataset.mask_data.shape, np.nan)
        spread[dataset.mask_data] = np.asarray(values)[self.groups[dataset.name].of_bin]
        return spread

    def __str__(self) -> str:
        """Show the verdict first."""
        head = "" if self.success else f"NOT TRUSTWORTHY: {'; '.join(self.reasons)}\n"
        number = f"{len(self.elpd_i)} {self.by}s left out one by one, {self.draws} draws"
        return f"{head}elpd {self.elpd:.1f} +- {self.error:.1f}, p {self.p:.1f} ({number})"


def loo(
    posteriors: Mapping[str, CompiledPosterior],
    tree: xr.DataTree,
    datasets: Mapping[str, Dataset],
    *,
    by: str = "bin",
    tile: float | None = None,
    draws: int | None = None,
    max_bytes: int = MAX_BYTES,
    progress: Callable[[int, int], None] | None = None,
) -> Loo:
    """Work out the leave-one-out cross-validation of a posterior.

    Parameters
    ----------
    posteriors : mapping of str to CompiledPosterior
        Functions of each dataset by itself (`CompiledPosterior.of`).
    tree : xarray.DataTree
        Posterior.
    datasets : mapping of str to dataset
        What was fitted.
    by : str
        What is left out at a time: ``"bin"``, ``"tile"`` (all energies of a piece of sky), ``"energy"`` (all pixels of
        a bin of energy of one dataset) or ``"dataset"``.
    tile : float, optional
        Side of a tile in deg; by default a fifth of the map.
    draws : int, optional
        About how many draws to use; all by default.
    max_bytes : int
        Largest array of log-likelihoods. With more bins than fit, the predicted counts are worked out once for each
        part of the bins.
    progress : callable, optional
        Called with finished and all evaluations.

    Raises
    ------
    BayesmapInputError
        BM-CK-004 for fewer than 100 draws; BM-CK-008 for groups that make no sense.
    """
    theta = theta_of(tree, next(iter(posteriors.values())).variables)
    points = theta[:, thin(theta, draws)]
    chains, kept, size = points.shape
    if chains * kept < FEWEST:
        raise BayesmapInputError(
            "BM-CK-004",
            what=f"there are {chains * kept} draws",
            rule=f"Cross-validation by importance sampling needs at least {FEWEST}",
            remedy="Draw more, or pass a larger number of draws",
        )
    groups = groups_of(datasets, by, tile)
    found = [
        _of_groups(values, chains)
        for values in _log_likelihoods(
            posteriors, points.reshape(-1, size), groups, max_bytes, progress or (lambda done, total: None)
        )
    ]
    elpd, shape, effective = (np.concatenate([part[k] for part in found]) for k in range(3))
    return Loo(by, elpd, shape, effective, groups, chains * kept)


def _log_likelihoods(
    posteriors: Mapping[str, CompiledPosterior],
    points: np.ndarray,
    groups: Mapping[str, Groups],
    max_bytes: int,
    progress: Callable[[int, int], None],
) -> Iterator[np.ndarray]:
    """Yield log-likelihoods of successive groups, shape (n_draw, n_group of the part)."""
    number = 1 + max(int(item.of_bin.max(initial=-1)) for item in groups.values())
    step = max(1, max_bytes // (8 * len(points)))
    parts = [(first, min(first + step, number)) for first in range(0, number, step)]
    for k, (first, last) in enumerate(parts):
        values = np.zeros((len(points), last - first))
        chosen = {name: (item.of_bin >= first) & (item.of_bin < last) for name, item in groups.items()}
        for row, theta in enumerate(points):
            for name, inside in chosen.items():
                if inside.any():
                    each = posteriors[name].pointwise(theta)[inside]
                    values[row] += np.bincount(
                        groups[name].of_bin[inside] - first, weights=each, minlength=last - first
                    )
            progress(k * len(points) + row + 1, len(parts) * len(points))
        yield values


def _of_groups(values: np.ndarray, chains: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return elpd, Pareto k and effective parameters of each group."""
    from arviz_stats.base.array import array_stats

    by_chain = values.T.reshape(values.shape[1], chains, -1)
    elpd, shape, effective = array_stats.loo(by_chain)
    # Where no draw makes a difference there is no tail, and nothing to smooth.
    shape = np.where(np.ptp(values, axis=0) == 0.0, 0.0, shape)
    return np.asarray(elpd), np.asarray(shape), np.asarray(effective)
