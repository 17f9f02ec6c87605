r"""Leave-one-out cross-validation of a posterior, by bins or by blocks of bins, in bounded memory.

.. math:: \mathrm{elpd} = \sum_g \ln p(n_g \mid n_{-g}), \qquad
          p(n_g \mid n_{-g}) \approx \frac{\sum_s r_{sg}\, p(n_g \mid \theta_s)}{\sum_s r_{sg}}, \qquad
          r_{sg} = 1 / p(n_g \mid \theta_s)

with the largest weights smoothed by a generalised Pareto distribution, whose shape k says group by group whether the
draws can stand for the posterior without it (`psis`).  Neighbouring bins share the PSF: leaving out one bin asks less
of a model than leaving out a tile of the sky or an energy.

References
----------
Vehtari, Gelman & Gabry 2017, Stat. Comput. 27, 1413; Vehtari et al. 2024, JMLR 25, 72 (Pareto k, its threshold).
Roberts et al. 2017, Ecography 40, 913 (blocks where data are correlated).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import xarray as xr

from bayesmap.checks.blocks import groups_of
from bayesmap.checks.psis import Smoothed, size, smooth, tail_length
from bayesmap.checks.thinning import thin
from bayesmap.dataset import Dataset, MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.loo import Groups, Loo
from bayesmap.results.posterior import theta_of

MAX_BYTES = 1024**3
"""Largest array that is held."""
FEWEST = 100
"""Draws below which Pareto shapes are not known."""

Progress = Callable[[int, int], None]


def loo(
    posteriors: Mapping[str, CompiledPosterior],
    tree: xr.DataTree,
    datasets: Mapping[str, Dataset],
    *,
    by: str = "bin",
    tile: float | None = None,
    draws: int | None = None,
    max_bytes: int = MAX_BYTES,
    progress: Progress | None = None,
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
        Largest array that is held. With more groups than fit, the predicted counts are worked out once for each part of
        the groups.
    progress : callable, optional
        Called with finished and all evaluations.

    Raises
    ------
    BayesmapInputError
        BM-CK-004 for fewer than 100 draws; BM-CK-008 for groups that make no sense; BM-CK-011 for a weighted
        likelihood; BM-CK-012 for draws that the data exclude.
    """
    check_unweighted(datasets)
    theta = theta_of(tree, next(iter(posteriors.values())).variables)
    groups = groups_of(datasets, by, tile)
    return loo_of_points(posteriors, theta[:, thin(theta, draws)], groups, by, max_bytes, progress)


def loo_of_points(
    posteriors: Mapping[str, CompiledPosterior],
    points: np.ndarray,
    groups: Mapping[str, Groups],
    by: str,
    max_bytes: int = MAX_BYTES,
    progress: Progress | None = None,
) -> Loo:
    """Work out the leave-one-out cross-validation of draws, shape (n_chain, n_draw, size); else as of `loo`."""
    chains, kept, length = points.shape
    if chains * kept < FEWEST:
        raise BayesmapInputError(
            "BM-CK-004",
            what=f"there are {chains * kept} draws",
            rule=f"Cross-validation by importance sampling needs at least {FEWEST}",
            remedy="Draw more, or pass a larger number of draws",
        )
    tail = tail_length(chains * kept, efficiency(points))
    show = progress or (lambda done, total: None)
    parts = list(_smoothed(posteriors, points.reshape(-1, length), groups, tail, max_bytes, show))
    elpd, shape, p = (np.concatenate([getattr(part, key) for part in parts]) for key in ("elpd", "pareto_k", "p"))
    return Loo(by, elpd, shape, p, groups, chains * kept)


def check_unweighted(datasets: Mapping[str, Dataset]) -> None:
    """Refuse weights other than zero and one, which only mask.

    Raises
    ------
    BayesmapInputError
        BM-CK-011.
    """
    for name, item in datasets.items():
        if isinstance(item, MapDataset) and not np.all(np.isin(item.weights_data[item.mask_data], (0.0, 1.0))):
            raise BayesmapInputError(
                "BM-CK-011",
                what=f"the likelihood of {name} is weighted",
                rule="A predictive density is the probability of data, and a weighted likelihood is none",
                remedy="Leave the weights out, or mask the bins in place of weighing them down",
            )


def efficiency(points: np.ndarray) -> float:
    """Return effective over actual number of draws, the mean over the coordinates; at most one for a single chain.

    Parameters
    ----------
    points : ndarray, shape (n_chain, n_draw, size)
        Draws.
    """
    from arviz_stats.base.array import array_stats

    chains, kept, size = points.shape
    if chains == 1 or size == 0:
        return 1.0
    found = [float(array_stats.ess(points[..., i], method="mean")) for i in range(size)]
    return float(np.mean(found)) / (chains * kept)


def log_likelihoods(
    posteriors: Mapping[str, CompiledPosterior], theta: np.ndarray, groups: Mapping[str, Groups], part: slice
) -> np.ndarray:
    """Return the log-likelihood of successive groups at a point, shape (n_group of the part,)."""
    values = np.zeros(part.stop - part.start)
    for name, item in groups.items():
        inside = (item.of_bin >= part.start) & (item.of_bin < part.stop)
        if inside.any():
            each = posteriors[name].pointwise(theta)[inside]
            values += np.bincount(item.of_bin[inside] - part.start, weights=each, minlength=len(values))
    return values


def number_of(groups: Mapping[str, Groups]) -> int:
    """Return how many groups there are."""
    return 1 + max(int(item.of_bin.max(initial=-1)) for item in groups.values())


def _smoothed(
    posteriors: Mapping[str, CompiledPosterior],
    points: np.ndarray,
    groups: Mapping[str, Groups],
    tail: int,
    max_bytes: int,
    progress: Progress,
) -> Iterator[Smoothed]:
    """Yield the results of successive groups."""
    number = number_of(groups)
    step = max(1, max_bytes // size(1, tail))
    parts = [slice(first, min(first + step, number)) for first in range(0, number, step)]

    def rows(k: int, part: slice) -> Iterator[np.ndarray]:
        for row, theta in enumerate(points):
            values = log_likelihoods(posteriors, theta, groups, part)
            _check_possible(values, row)
            yield values
            progress(k * len(points) + row + 1, len(parts) * len(points))

    for k, part in enumerate(parts):
        yield smooth(rows(k, part), part.stop - part.start, len(points), tail)


def _check_possible(values: np.ndarray, row: int) -> None:
    if not np.all(np.isfinite(values)):
        raise BayesmapInputError(
            "BM-CK-012",
            what=f"draw {row} makes the data impossible, or the log-likelihood is no number",
            rule="Draws of a posterior predict counts wherever there are some",
            remedy="Pass the posterior of this fit, of the same data and models",
        )
