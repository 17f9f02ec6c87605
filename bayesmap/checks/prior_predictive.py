r"""What counts the priors allow: :math:`\theta \sim p(\theta)`, :math:`n \sim p(n \mid \theta)`, before any data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.checks.check_record import QUANTILES, Band
from bayesmap.checks.discrepancies import exceeds
from bayesmap.checks.pointwise import MAX_BYTES, check_size
from bayesmap.checks.predictive import PredictiveMaps, start_maps
from bayesmap.checks.prior_draws import PriorDraws, draw_priors
from bayesmap.checks.replication import observed_counts, replica_at
from bayesmap.checks.tails import tails_of
from bayesmap.dataset import Dataset, MapDataset
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.posterior import data_groups, parameter_dataset

UNLIKELY = 0.01
"""Two-sided prior predictive probability of the observed counts below which priors and data do not fit together."""


@dataclass(frozen=True)
class PriorDatasetCheck:
    """Counts of one dataset that the priors allow.

    Parameters
    ----------
    name : str
        Of the dataset.
    totals : ndarray, shape (n_draw,)
        Replicated counts of all selected bins.
    observed : float
        Observed ones.
    spectrum : Band
        Counts per energy bin (TeV).
    maps : PredictiveMaps, optional
        Of maps: mean and standard deviation of the predicted counts, and the prior predictive p-value of each bin.
    """

    name: str
    totals: np.ndarray
    observed: float
    spectrum: Band
    maps: PredictiveMaps | None

    @property
    def p_value(self) -> float:
        """Share of replicated totals above the observed one, ties half."""
        return float(exceeds(self.totals, np.array(self.observed)).mean())

    @property
    def unlikely(self) -> bool:
        """True if the observed total lies in the tails of what the priors allow."""
        return 2.0 * min(self.p_value, 1.0 - self.p_value) < UNLIKELY

    def __str__(self) -> str:
        low, median, high = np.quantile(self.totals, (QUANTILES[0], 0.5, QUANTILES[-1]))
        lies = "NOT among them" if self.unlikely else "among them"
        return (
            f"{self.name}: the priors allow {low:.3g} to {high:.3g} counts (95 %, median {median:.3g}); "
            f"the {self.observed:.0f} observed are {lies} (p = {self.p_value:.2g})"
        )


@dataclass(frozen=True)
class PriorCheck:
    """What counts the priors allow, for each dataset.

    Parameters
    ----------
    draws : PriorDraws
        Draws from the priors, those without support counted.
    datasets : mapping of str to PriorDatasetCheck
        By name.
    """

    draws: PriorDraws
    datasets: Mapping[str, PriorDatasetCheck]

    @property
    def ok(self) -> bool:
        """True if the observed counts are among those that the priors allow."""
        return not any(item.unlikely for item in self.datasets.values())

    def __str__(self) -> str:
        head = "priors: the observed counts are among those they allow" if self.ok else "priors: THEY EXCLUDE THE DATA"
        return "\n".join([head, self.draws.text, *map(str, self.datasets.values())])


def prior_check(
    posterior: CompiledPosterior,
    draws: int,
    *,
    random_seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> PriorCheck:
    """Draw data sets from the priors, one at a time, and summarise them; see `MapFit.prior_check`.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of all datasets.
    draws : int
        Draws from the priors.
    random_seed : int
        Seed.
    progress : callable, optional
        Called with (done, all).
    """
    rng = np.random.default_rng(np.random.SeedSequence(random_seed).spawn(1)[0])
    parts = {name: posterior.of(name) if len(posterior.counts) > 1 else posterior for name in posterior.counts}
    tails = {name: tails_of(law) for name, law in posterior.counts.items()}
    maps: dict[str, Any] = {
        name: start_maps(law.shape, int(np.count_nonzero(law.dataset.mask_data)))
        for name, law in posterior.counts.items()
        if isinstance(law.dataset, MapDataset)
    }
    spectra: dict[str, list[np.ndarray]] = {name: [] for name in parts}

    def take(theta: np.ndarray, npred: Mapping[str, np.ndarray]) -> None:
        for name, part in parts.items():
            spread = part.spread(theta)
            spectra[name].append(_per_energy(replica_at(part, npred[name], spread, rng).counts))
            if name in maps:
                maps[name].add(npred[name], tails[name](npred[name], spread))

    drawn = draw_priors(posterior, draws, random_seed, take, progress)
    found = {
        name: _dataset_check(law, np.array(spectra[name]), maps.get(name)) for name, law in posterior.counts.items()
    }
    return PriorCheck(drawn, found)


def _per_energy(counts: np.ndarray) -> np.ndarray:
    return counts.reshape(len(counts), -1).sum(axis=1)


def _dataset_check(law: Any, replicated: np.ndarray, maps: Any) -> PriorDatasetCheck:
    """Return the summary of one dataset; replicated counts per energy, shape (n_draw, n_energy)."""
    observed, totals = _per_energy(observed_counts(law)), replicated.sum(axis=1)
    above = exceeds(replicated, observed).mean(axis=0)
    band = Band(law.dataset.axis.edges, "TeV", observed, np.quantile(replicated, QUANTILES, axis=0), above)
    total = float(observed.sum())
    shown = None
    if maps is not None:
        shown = maps.result(law.dataset, {"total": float(exceeds(totals, np.array(total)).mean())}, replicated)
    return PriorDatasetCheck(law.dataset.name, totals, total, band, shown)


def prior_predictive(
    posterior: CompiledPosterior,
    datasets: Sequence[Dataset],
    draws: int,
    *,
    random_seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> xr.DataTree:
    """Return draws from the priors with replicated counts; see `MapFit.prior_predictive`.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of all datasets.
    datasets : sequence of MapDataset or SpectrumDatasetOnOff
        What was fitted.
    draws : int
        Draws from the priors.
    random_seed : int
        Seed.
    max_bytes : int
        Largest size of the group.
    """
    sizes = [int(np.count_nonzero(item.mask_data)) for item in datasets]
    check_size((1, draws, sum(sizes)), max_bytes, "prior_predictive", other="prior_check()")
    rng = np.random.default_rng(np.random.SeedSequence(random_seed).spawn(1)[0])
    rows: dict[str, list[np.ndarray]] = {item.name: [] for item in datasets}

    def take(theta: np.ndarray, npred: Mapping[str, np.ndarray]) -> None:
        for name, drawn_counts in rows.items():
            part = posterior.of(name) if len(datasets) > 1 else posterior
            counts = replica_at(part, npred[name], part.spread(theta), rng).counts
            drawn_counts.append(counts[part.counts[name].dataset.mask_data])

    drawn = draw_priors(posterior, draws, random_seed, take)
    where = {"chain": [0], "draw": np.arange(len(drawn.theta))}
    groups = data_groups(datasets)
    replicated = xr.Dataset(coords={**where, **groups["observed_data"].coords})
    for item in datasets:
        prefix = f"{item.name}." if len(datasets) > 1 else ""
        replicated[f"{prefix}counts"] = (("chain", "draw", f"{prefix}bin"), np.array(rows[item.name])[None])
    prior = parameter_dataset(drawn.theta[None], posterior.variables).assign_coords(where)
    tree = xr.DataTree.from_dict({"prior": prior, "prior_predictive": replicated, **groups})
    tree.attrs = {"draws": draws, "supported": len(drawn.theta), "note": drawn.text}
    return tree
