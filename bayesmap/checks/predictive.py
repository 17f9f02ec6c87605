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
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import xarray as xr

from bayesmap.checks.thinning import thin
from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.maps.map import WcsNDMap
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.posterior import theta_of

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
    theta = theta_of(tree, posterior.variables)
    points = theta[:, thin(theta, draws)].reshape(-1, theta.shape[-1])
    (law,), mask = posterior.counts.values(), dataset.mask_data
    counts = np.where(mask, dataset.counts.data, 0.0)
    mean, squares, above, below = (np.zeros(counts.shape) for _ in range(4))
    replicated, beyond = [], []
    rng = np.random.default_rng(random_seed)
    for done, point in enumerate(points):
        npred, spread = posterior.npred(point), posterior.spread(point)
        step = npred - mean
        mean += step / (done + 1)
        squares += step * (npred - mean)
        above += upper_tail(counts, npred, spread)
        below += lower_tail(counts, npred, spread)
        replica = np.where(mask, law.draw(rng, npred, spread), 0.0)
        replicated.append(replica.sum(axis=(1, 2)))
        beyond.append(_beyond(discrepancies(replica[mask], npred[mask]), discrepancies(counts[mask], npred[mask])))
        if progress is not None:
            progress(done + 1, len(points))
    n, geom = len(points), dataset.counts.geom
    lower, median, upper = np.quantile(replicated, [0.15866, 0.5, 0.84134], axis=0)
    return PredictiveMaps(
        npred_mean=WcsNDMap(geom, mean),
        npred_sd=WcsNDMap(geom, np.sqrt(squares / max(n - 1, 1))),
        p_value=WcsNDMap(geom, np.where(mask, above / n, np.nan)),
        significance=WcsNDMap(geom, np.where(mask, two_sided(above / n, below / n), np.nan)),
        p_values={name: float(np.mean([row[name] for row in beyond])) for name in beyond[0]},
        spectrum={"counts": counts.sum(axis=(1, 2)), "lower": lower, "median": median, "upper": upper},
        draws=n,
    )


def _check_map(dataset: Any) -> None:
    if not isinstance(dataset, MapDataset):
        raise BayesmapInputError(
            "BM-CK-007",
            what=f"{dataset.name!r} is a spectrum",
            rule="Predictive maps are those of a map",
            remedy="Use posterior_predictive(), which holds replicated counts of every dataset",
        )


def upper_tail(counts: np.ndarray, npred: np.ndarray, spread: float = 0.0) -> np.ndarray:
    """Return P(n > counts) + P(n = counts) / 2; fractional (Asimov) counts are rounded for it.

    Parameters
    ----------
    counts, npred : ndarray
        Counts and their means.
    spread : float
        Overdispersion; zero for Poisson numbers.
    """
    whole, law = np.round(counts), _law(npred, spread)
    return np.asarray(law.sf(whole) + 0.5 * law.pmf(whole))


def lower_tail(counts: np.ndarray, npred: np.ndarray, spread: float = 0.0) -> np.ndarray:
    """Return P(n < counts) + P(n = counts) / 2, on its own: one minus the other tail loses all digits far out."""
    whole, law = np.round(counts), _law(npred, spread)
    return np.asarray(law.cdf(whole - 1) + 0.5 * law.pmf(whole))


def _law(npred: np.ndarray, spread: float) -> Any:
    if spread <= 0.0:
        return scipy.stats.poisson(npred)
    return scipy.stats.nbinom(1.0 / spread, 1.0 / (1.0 + spread * npred))


def two_sided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the normal deviate of the smaller tail: positive where counts are in excess."""
    return np.where(above < below, scipy.stats.norm.isf(above), -scipy.stats.norm.isf(below))


def _beyond(simulated: dict[str, float], observed: dict[str, float]) -> dict[str, float]:
    """Return 1 where the simulated discrepancy is larger, and one half where it is equal: totals are whole numbers."""
    return {name: (simulated[name] > value) + 0.5 * (simulated[name] == value) for name, value in observed.items()}


def discrepancies(counts: np.ndarray, npred: np.ndarray) -> dict[str, float]:
    """Return the discrepancies of counts from a prediction; see `PredictiveMaps`."""
    deviance = 2.0 * (scipy.special.xlogy(counts, counts) - scipy.special.xlogy(counts, npred) - counts + npred)
    with np.errstate(invalid="ignore", divide="ignore"):
        pearson = np.where(npred > 0, (counts - npred) / np.sqrt(npred), 0.0)
    return {"deviance": float(deviance.sum()), "total": float(counts.sum()), "largest_excess": float(pearson.max())}
