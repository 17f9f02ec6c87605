r"""Posterior predictive checks as maps, one draw at a time: memory does not grow with the number of draws.

Per bin the predictive probability of more counts than were observed, half of an equal number included,

.. math:: p_q = \frac{1}{S}\sum_s \left[P(n > n_q \mid \mu_{sq}) + \tfrac12 P(n = n_q \mid \mu_{sq})\right],

and for the whole map p-values of replicated data sets: each draw simulates counts and compares their discrepancy with
that of the observed ones, at the same parameters.

References
----------
Gelman, Meng & Stern 1996, Statistica Sinica 6, 733.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.checks.discrepancies import deviance, largest_pearson
from bayesmap.checks.replication import drawn_points, only_law, replicate
from bayesmap.checks.tails import Tails, tails_of, two_sided
from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.maps.map import WcsNDMap
from bayesmap.posterior.compiled import CompiledPosterior

DRAWS = 200
"""Draws that are used unless told otherwise: the error of a p-value is then 0.035 at most."""


@dataclass(frozen=True)
class PredictiveMaps:
    r"""Posterior predictive checks.

    Parameters
    ----------
    npred_mean, npred_sd : WcsNDMap
        Mean and standard deviation of the predicted counts over the draws.
    p_value : WcsNDMap
        Predictive probability of more counts than observed, per bin; NaN outside the mask.
    significance : WcsNDMap
        The same as a normal deviate, positive where counts are in excess; NaN outside the mask.
    p_values : dict
        Whole-map p-values: ``deviance`` (:math:`\sum 2(n\ln(n/\mu) - n + \mu)`), ``total`` (number of counts),
        ``largest_excess`` (largest Pearson residual of any bin, the look-elsewhere effect included).
    spectrum : dict
        Per energy bin, inside the mask: ``counts``, and ``lower``, ``median``, ``upper`` of replicated ones (68.3 %).
    draws : int
        Draws used.
    """

    npred_mean: WcsNDMap
    npred_sd: WcsNDMap
    p_value: WcsNDMap
    significance: WcsNDMap
    p_values: dict[str, float]
    spectrum: dict[str, np.ndarray]
    draws: int


def predictive_maps(
    posterior: CompiledPosterior,
    tree: xr.DataTree,
    dataset: MapDataset,
    *,
    random_seed: int = 0,
    draws: int | None = DRAWS,
    progress: Callable[[int, int], None] | None = None,
) -> PredictiveMaps:
    """Work out posterior predictive maps and p-values.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    tree : xarray.DataTree
        Posterior.
    dataset : MapDataset
        What was fitted.
    random_seed : int
        Seed of the replicated counts.
    draws : int, optional
        About how many draws to use; None for all.
    progress : callable, optional
        Called with (done, all).

    Raises
    ------
    BayesmapInputError
        BM-CK-007 for a spectrum, which has no map.
    """
    _check_map(dataset)
    points = drawn_points(posterior, tree, draws)[0].reshape(-1, posterior.coordinates.size)
    law: Any = only_law(posterior)
    law, mask = replace(law, dataset=dataset), dataset.mask_data
    posterior = replace(posterior, counts={dataset.name: law})
    counts, tails = np.where(mask, dataset.counts.data, 0.0), tails_of(law)
    maps = start_maps(counts.shape, int(np.count_nonzero(mask)))
    replicated, beyond = [], []
    for item in replicate(posterior, points, np.random.default_rng(random_seed), progress):
        maps.add(item.npred, tails(item.npred, item.spread))
        replicated.append(item.counts.sum(axis=(1, 2)))
        mu = item.npred[mask]
        beyond.append(_beyond(discrepancies(item.counts[mask], mu), discrepancies(counts[mask], mu)))
    p_values = {name: float(np.mean([row[name] for row in beyond])) for name in beyond[0]}
    return maps.result(dataset, p_values, np.array(replicated))


@dataclass(frozen=True)
class MapSums:
    """What is added up over draws for the maps; see `start_maps`.

    Parameters
    ----------
    mean, squares : ndarray, shape (n_energy, n_lat, n_lon)
        Running mean of the predicted counts, and sum of squared distances from it.
    above, below : ndarray, shape (n_bin,)
        Sums of tail probabilities, half of an equal number included.
    draws : ndarray of int, shape ()
        Draws that were added.
    """

    mean: np.ndarray
    squares: np.ndarray
    above: np.ndarray
    below: np.ndarray
    draws: np.ndarray

    def add(self, npred: np.ndarray, tails: Tails) -> None:
        """Add one draw."""
        self.draws[...] += 1
        step = npred - self.mean
        self.mean[...] += step / self.draws
        self.squares[...] += step * (npred - self.mean)
        half = 0.5 * np.exp(tails.log_equal)
        self.above[:] += tails.above + half
        self.below[:] += tails.below + half

    def result(self, dataset: MapDataset, p_values: dict[str, float], replicated: np.ndarray) -> PredictiveMaps:
        """Return the maps.

        Parameters
        ----------
        dataset : MapDataset
            What was fitted.
        p_values : dict
            Of the whole map.
        replicated : ndarray, shape (n_draw, n_energy)
            Replicated counts per energy.
        """
        n, geom, mask = int(self.draws), dataset.counts.geom, dataset.mask_data
        lower, median, upper = np.quantile(replicated, [0.15866, 0.5, 0.84134], axis=0)
        counts = np.where(mask, dataset.counts.data, 0.0).sum(axis=(1, 2))
        inside = (self.above / n, two_sided(self.above / n, self.below / n))
        p_value, significance = (np.full(mask.shape, np.nan) for _ in inside)
        p_value[mask], significance[mask] = inside
        return PredictiveMaps(
            npred_mean=WcsNDMap(geom, self.mean),
            npred_sd=WcsNDMap(geom, np.sqrt(self.squares / max(n - 1, 1))),
            p_value=WcsNDMap(geom, p_value),
            significance=WcsNDMap(geom, significance),
            p_values=p_values,
            spectrum={"counts": counts, "lower": lower, "median": median, "upper": upper},
            draws=n,
        )


def start_maps(shape: tuple[int, ...], n_bin: int) -> MapSums:
    """Return sums that hold nothing yet, for a cube of a shape with so many selected bins."""
    return MapSums(np.zeros(shape), np.zeros(shape), np.zeros(n_bin), np.zeros(n_bin), np.array(0))


def _check_map(dataset: Any) -> None:
    if not isinstance(dataset, MapDataset):
        raise BayesmapInputError(
            "BM-CK-007",
            what=f"{dataset.name!r} is a spectrum",
            rule="Predictive maps are those of a map",
            remedy="Use posterior_predictive(), which holds replicated counts of every dataset",
        )


def _beyond(simulated: dict[str, float], observed: dict[str, float]) -> dict[str, float]:
    """Return 1 where the simulated discrepancy is larger, and one half where it is equal: totals are whole numbers."""
    return {name: (simulated[name] > value) + 0.5 * (simulated[name] == value) for name, value in observed.items()}


def discrepancies(counts: np.ndarray, npred: np.ndarray) -> dict[str, float]:
    """Return the discrepancies of counts from a prediction; see `PredictiveMaps`."""
    found = {"deviance": deviance(counts, npred), "total": float(counts.sum())}
    return found | {"largest_excess": largest_pearson(counts, npred)}
