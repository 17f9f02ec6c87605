"""The posterior without some of its data, by a fit of its own: exact where importance weights fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.special
import xarray as xr

from bayesmap.checks.loo import log_likelihoods, loo
from bayesmap.checks.verdict import judge
from bayesmap.dataset import Dataset, MapDataset
from bayesmap.fit.evaluation import Evaluation
from bayesmap.fit.options import observe_all
from bayesmap.inference.numbers import check_numbers
from bayesmap.inference.optimize import optimize
from bayesmap.inference.sample import sample
from bayesmap.maps.map import WcsNDMap
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.loo import Groups, Loo
from bayesmap.results.posterior import posterior_tree

Progress = Callable[[int, int], None]


def leave_out(
    fit: Evaluation, tree: xr.DataTree, *, refit: bool | int = False, random_seed: int = 0, **options: Any
) -> Loo:
    r"""Return the leave-one-out cross-validation of a posterior, by bins or blocks of bins.

    .. math:: \mathrm{elpd} = \sum_g \ln p(n_g \mid n_{-g})

    Parameters
    ----------
    fit : MapFit
        What was fitted.
    tree : xarray.DataTree
        Its posterior.
    refit : bool or int
        True: groups whose Pareto k says that importance weights fail are left out of a fit of their own (NUTS, four
        chains of 1000 draws each); a number: at most so many of them, the worst first. The result names them, and how
        many are still bad.
    random_seed : int
        Seed of these fits.
    **options
        Of `bayesmap.checks.loo.loo`: ``by``, ``tile``, ``draws``, ``max_bytes`` and ``progress``, which is told of the
        evaluations, then of the groups that are fitted again.

    Returns
    -------
    Loo

    Raises
    ------
    BayesmapInputError
        BM-FT-005 for a negative number of refits or seed; else as of `bayesmap.checks.loo.loo`.

    Examples
    --------
    >>> from bayesmap import MapFit
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> fit = MapFit.from_dataset(toy_dataset(npix=8), toy_models().with_frozen({"lon_0": True, "lat_0": True}))
    >>> tree = fit.sample(draws=250, random_seed=1)
    >>> found = fit.loo(tree, by="energy")
    >>> len(found.elpd_i), found.elpd < 0.0
    (3, True)
    """
    check_numbers(random_seed=random_seed, refit=None if isinstance(refit, bool) or refit == 0 else refit)
    posteriors = {name: fit._posterior.of(name) for name in fit.names}
    found = loo(posteriors, tree, dict(zip(fit.names, fit.datasets, strict=True)), **options)
    if not refit:
        return found
    return refit_bad(fit, found, None if refit is True else refit, random_seed, options.get("progress"))


def refit_bad(
    fit: Evaluation,
    found: Loo,
    most: int | None = None,
    random_seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Loo:
    """Return a cross-validation in which groups with too large a Pareto k were left out of a fit of their own.

    Parameters
    ----------
    fit : MapFit
        What was fitted.
    found : Loo
        By importance sampling.
    most : int, optional
        At most so many, the worst first; all by default.
    random_seed : int
        Seed of the draws; each group has its own.
    progress : callable, optional
        Called with finished and all groups.
    **options
        Of `bayesmap.inference.sample.sample`.
    """
    elpd, p, refitted = found.elpd_i.copy(), found.p_i.copy(), dict(found.refitted)
    worst = found.bad_groups[:most]
    for done, group in enumerate(worst):
        value, reasons = without_group(fit, found.groups, int(group), random_seed, **options)
        p[group] += elpd[group] - value
        elpd[group], refitted[int(group)] = value, reasons
        if progress is not None:
            progress(done + 1, len(worst))
    return dataclasses.replace(found, elpd_i=elpd, p_i=p, refitted=refitted)


def without_group(
    fit: Evaluation, groups: Mapping[str, Groups], group: int, random_seed: int = 0, **options: Any
) -> tuple[float, tuple[str, ...]]:
    """Return the log predictive density of a group given all others, and why its draws should not be trusted.

    Parameters
    ----------
    fit : MapFit
        What was fitted.
    groups : mapping of str to Groups
        Data set -> group of each of its bins.
    group : int
        Number of the group that is left out.
    random_seed : int
        Seed.
    **options
        Of `bayesmap.inference.sample.sample`.
    """
    kept = [without_bins(item, groups[item.name].of_bin == group) for item in fit.datasets]
    posterior = masked(fit, kept)
    best, theta = optimize(posterior, lambda _: float("nan"))
    seed = int(np.random.default_rng([random_seed, group]).integers(2**31))
    found = sample(posterior, theta, lambda: None, hessian=best.hessian, random_seed=seed, **options)
    tree = posterior_tree(found, posterior.variables, kept, {})
    posteriors = {name: fit._posterior.of(name) for name in fit.names}
    part = slice(group, group + 1)
    draws = found.theta.reshape(-1, found.theta.shape[-1])
    values = [log_likelihoods(posteriors, one, groups, part)[0] for one in draws]
    density = float(scipy.special.logsumexp(values) - np.log(len(values)))
    return density, judge(tree, posterior.variables).reasons


def without_bins(dataset: Dataset, left_out: np.ndarray) -> Dataset:
    """Return a dataset with some of its selected bins masked.

    Parameters
    ----------
    dataset : MapDataset or SpectrumDatasetOnOff
        Data.
    left_out : ndarray of bool, shape (n_bin,)
        True for selected bins to mask.
    """
    mask = dataset.mask_data.copy()
    mask[mask] = ~left_out
    if isinstance(dataset, MapDataset):
        return dataclasses.replace(dataset, mask=WcsNDMap(dataset.counts.geom, mask))
    return dataclasses.replace(dataset, mask=mask)


def masked(fit: Evaluation, datasets: list[Dataset]) -> CompiledPosterior:
    """Return the posterior of a fit with other masks; compiled again only where more or fewer blocks are needed."""
    return fit._posterior.with_counts(*observe_all(datasets, fit._start))
