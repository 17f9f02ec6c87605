"""Replicated counts, one draw at a time: memory does not grow with the number of draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesmap.checks.on_off import expected_background
from bayesmap.checks.thinning import thin
from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.posterior.likelihood import ObservedCounts
from bayesmap.posterior.on_off import ObservedOnOff
from bayesmap.results.posterior import theta_of

CHUNK = 100
"""Replicated data sets that are handed out at a time unless told otherwise."""


@dataclass(frozen=True)
class Replica:
    """One replicated data set.

    Parameters
    ----------
    npred : ndarray
        Predicted counts as `CompiledPosterior.npred` returns them: of a spectrum, signal counts alone.
    spread : float
        Overdispersion.
    expected : ndarray
        Predicted counts in the mask, zero outside; of a spectrum with the background.
    counts : ndarray
        Replicated counts in the mask, zero outside.
    """

    npred: np.ndarray
    spread: float
    expected: np.ndarray
    counts: np.ndarray


def replicate(
    posterior: CompiledPosterior,
    points: np.ndarray,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Replica]:
    """Yield a replicated data set for each draw.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of one dataset.
    points : ndarray, shape (n_draw, size)
        Draws of theta.
    rng : Generator
        Of the counts.
    progress : callable, optional
        Called with (done, all).
    """
    for done, point in enumerate(points, start=1):
        yield replica_at(posterior, posterior.npred(point), posterior.spread(point), rng)
        if progress is not None:
            progress(done, len(points))


def replica_at(posterior: CompiledPosterior, npred: np.ndarray, spread: float, rng: np.random.Generator) -> Replica:
    """Return a replicated data set at given predicted counts."""
    law, mask = only_law(posterior), only_law(posterior).dataset.mask_data
    expected = npred if isinstance(law, ObservedCounts) else npred + expected_background(law.dataset)
    counts = np.where(mask, law.draw(rng, npred, spread), 0.0)
    return Replica(npred, spread, np.where(mask, expected, 0.0), counts)


def only_law(posterior: CompiledPosterior) -> ObservedCounts | ObservedOnOff:
    """Return the counts of the only dataset, with their law."""
    (law,) = posterior.counts.values()
    return law


def observed_counts(law: ObservedCounts | ObservedOnOff) -> np.ndarray:
    """Return observed counts in the mask, zero outside."""
    data = law.dataset.counts.data if isinstance(law.dataset, MapDataset) else law.dataset.counts
    return np.where(law.dataset.mask_data, np.asarray(data, dtype=np.float64), 0.0)


def replicated_counts(
    posterior: CompiledPosterior,
    tree: xr.DataTree,
    *,
    draws: int | None = None,
    chunk: int = CHUNK,
    random_seed: int = 0,
) -> Iterator[np.ndarray]:
    """Yield replicated counts of the selected bins, some draws at a time.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of one dataset.
    tree : xarray.DataTree
        Posterior.
    draws : int, optional
        About how many draws to use, at even distances; all by default.
    chunk : int
        Draws at a time; the numbers do not depend on it.
    random_seed : int
        Seed.

    Yields
    ------
    ndarray, shape (<= chunk, n_bin)
        Whole numbers, chain after chain.

    Raises
    ------
    BayesmapInputError
        BM-CK-004 for a number of draws below one, BM-CK-032 for such a chunk.
    """
    if chunk < 1:
        raise BayesmapInputError(
            "BM-CK-032", what=f"chunk is {chunk}", rule="A chunk holds one draw at least", remedy="Pass a larger one"
        )
    points = drawn_points(posterior, tree, draws)[0].reshape(-1, posterior.coordinates.size)
    rng, mask = np.random.default_rng(random_seed), only_law(posterior).dataset.mask_data
    for first in range(0, len(points), chunk):
        yield np.stack([item.counts[mask] for item in replicate(posterior, points[first : first + chunk], rng)])


def drawn_points(posterior: CompiledPosterior, tree: xr.DataTree, draws: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return draws of theta at even distances, shape (n_chain, n, size), and their place along the chains."""
    theta = theta_of(tree, posterior.variables)
    index = thin(theta, draws)
    return theta[:, index], index
