r"""NUTS of PyMC on the PyMC model itself, with the Laplace covariance as its mass matrix.

A mass matrix :math:`(L L^T)^{-1}` is the same change of coordinates as the whitening.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
from pymc.blocking import DictToArrayBijection
from pymc.step_methods.hmc.quadpotential import QuadPotentialFull

from bayesmap.inference.samplers.base import SPREAD, STATISTICS, RawDraws, Settings, Target
from bayesmap.posterior.variables import Variables


def run(target: Target, settings: Settings) -> RawDraws:
    """Draw; see `base`."""
    variables = target.posterior.variables
    seeds = [int(seed) for seed in np.random.SeedSequence(settings.seed).generate_state(settings.chains + 1)]
    starts = target.whitening.origin + target.starts(seeds[1:], SPREAD) @ target.whitening.root.T
    with target.pymc_model() as model:
        order = value_order(model, variables)
        root = target.whitening.root[order]
        step = pm.NUTS(
            potential=QuadPotentialFull(root @ root.T),
            target_accept=settings.target_accept,
            max_treedepth=settings.max_treedepth,
            compile_kwargs={"mode": "JAX"},
            model=model,
        )
        tree = pm.sample(
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=1,
            random_seed=seeds[0],
            step=step,
            initvals=[variables.values(target.posterior.to_theta(z)) for z in starts],
            progressbar=settings.progressbar,
            compute_convergence_checks=False,
            compile_kwargs={"mode": "JAX"},
            nuts_sampler="pymc",
            model=model,
            idata_kwargs={"include_transformed": True},
        )
    z = unbounded_draws(tree, model, variables)
    w = np.linalg.solve(target.whitening.root, (z - target.whitening.origin)[..., None])[..., 0]
    return RawDraws(
        w=w,
        statistics={name: np.asarray(tree["sample_stats"][name].values) for name in STATISTICS},
        status="finished" if w.shape[:2] == (settings.chains, settings.draws) else "interrupted",
        library="pymc",
        version=pm.__version__,
    )


def value_order(model: pm.Model, variables: Variables) -> list[int]:
    """Return the entries of z in the order in which PyMC ravels its value variables."""
    point = value_point(model, variables, np.arange(variables.coordinates.size, dtype=np.float64))
    ordered = {variable.name: point[variable.name] for variable in model.value_vars}
    return [int(i) for i in DictToArrayBijection.map(ordered).data]


def value_point(model: pm.Model, variables: Variables, z: np.ndarray) -> dict[str, np.ndarray]:
    """Return z as PyMC's point: name of a value variable -> array."""
    return {model.rvs_to_values[model.named_vars[item.name]].name: np.asarray(item.part(z)) for item in variables.items}


def unbounded_draws(tree: Any, model: pm.Model, variables: Variables) -> np.ndarray:
    """Return the draws of z, shape (n_chain, n_draw, size)."""
    group = tree["unconstrained_posterior"] if "unconstrained_posterior" in tree.children else tree["posterior"]
    sizes = group.sizes
    z = np.empty((sizes["chain"], sizes["draw"], variables.coordinates.size))
    for item in variables.items:
        values = group[model.rvs_to_values[model.named_vars[item.name]].name].values
        z[..., list(item.indices)] = values.reshape(*values.shape[:2], -1)
    return z
