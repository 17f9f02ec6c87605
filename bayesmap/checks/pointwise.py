"""Groups of a posterior with one value per draw and bin, within a memory limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.checks.thinning import thin
from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.posterior import counts_name, theta_of

MAX_BYTES = 2 * 1024**3
"""Largest group that is made unasked."""


def posterior_predictive(
    posterior: CompiledPosterior,
    tree: xr.DataTree,
    dataset: MapDataset,
    *,
    random_seed: int = 0,
    draws: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> xr.DataTree:
    r"""Return the posterior with replicated counts :math:`n^{rep} \sim \mathrm{Poisson}(\mu(\theta))`.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    tree : xarray.DataTree
        Posterior.
    dataset : MapDataset
        Geometry and mask.
    random_seed : int
        Seed.
    draws : int, optional
        About how many draws to use, spread evenly; all by default.
    max_bytes : int
        Largest size of the group.

    Raises
    ------
    BayesmapInputError
        BM-CK-005 if the group would be larger than `max_bytes`.
    """
    rng = np.random.default_rng(random_seed)
    return _with_group(
        posterior,
        tree,
        "posterior_predictive",
        draws,
        max_bytes,
        lambda theta: posterior.draw(theta, rng)[dataset.mask_data],
    )


def pointwise_log_likelihood(
    posterior: CompiledPosterior,
    tree: xr.DataTree,
    dataset: MapDataset,
    *,
    draws: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> xr.DataTree:
    r"""Return the posterior with :math:`\ln p(n_q \mid \theta)` per draw and selected bin; parameters as above."""
    return _with_group(posterior, tree, "log_likelihood", draws, max_bytes, posterior.pointwise)


def _with_group(
    posterior: CompiledPosterior,
    tree: xr.DataTree,
    group: str,
    draws: int | None,
    max_bytes: int,
    values_of: Callable[[np.ndarray], np.ndarray],
) -> xr.DataTree:
    """Return the tree with one more group, filled draw by draw."""
    theta = theta_of(tree, posterior.variables)
    kept = thin(theta, draws)
    variable = counts_name(tree, *posterior.counts)
    observed = tree["observed_data"].to_dataset()[variable]
    (dim,) = observed.dims
    shape: tuple[int, int, int] = (theta.shape[0], len(kept), observed.size)
    check_size(shape, max_bytes, group, other="loo()" if group == "log_likelihood" else "check()")
    values = np.empty(shape)
    for chain in range(shape[0]):
        for row, draw in enumerate(kept):
            values[chain, row] = values_of(theta[chain, draw])
    where: dict[str, Any] = {"chain": np.arange(shape[0]), "draw": kept}
    filled = xr.Dataset({variable: (("chain", "draw", dim), values)}, where).assign_coords(observed.coords)
    result = tree.copy()
    before = [tree[group].to_dataset()] if group in tree.children else []
    result[group] = xr.DataTree(xr.merge([*(other.drop_vars(variable, errors="ignore") for other in before), filled]))
    return result


def check_size(shape: tuple[int, int, int], max_bytes: int, group: str, *, other: str = "check()") -> None:
    """Refuse a group of draws that would be too large, before it is made.

    Parameters
    ----------
    shape : (int, int, int)
        Chains, draws, bins.
    max_bytes : int
        Largest size.
    group : str
        Its name.
    other : str
        What works with any number of draws in little memory.

    Raises
    ------
    BayesmapInputError
        BM-CK-005.
    """
    size = 8 * int(np.prod(shape))
    if size > max_bytes:
        raise BayesmapInputError(
            "BM-CK-005",
            what=f"the group {group} would take {size / 1024**3:.1f} GiB ({shape[0]} chains x {shape[1]} draws x "
            f"{shape[2]:,} bins)",
            rule=f"It may take {max_bytes / 1024**3:.1f} GiB",
            remedy=f"Pass draws={max(1, shape[0] * shape[1] * max_bytes // size)}, or a larger max_bytes; "
            f"{other} works with any number of draws in little memory",
        )
