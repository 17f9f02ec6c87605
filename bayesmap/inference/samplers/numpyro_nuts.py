"""NUTS of numpyro on the whitened posterior: one compiled program, chains one after the other."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import numpyro
from numpyro.infer import MCMC, NUTS

from bayesmap.inference.samplers.base import SPREAD, RawDraws, Settings, Target


def run(target: Target, settings: Settings) -> RawDraws:
    """Draw; see `base`."""
    log_density = target.posterior.traceable_whitened(target.whitening.origin, target.whitening.root)
    kernel = NUTS(
        potential_fn=lambda w: -log_density(w),
        target_accept_prob=settings.target_accept,
        max_tree_depth=settings.max_treedepth,
    )
    chains = MCMC(
        kernel,
        num_warmup=settings.tune,
        num_samples=settings.draws,
        num_chains=settings.chains,
        chain_method="sequential",
        progress_bar=settings.progressbar,
    )
    seeds = np.random.SeedSequence(settings.seed).generate_state(settings.chains + 1)
    starts = target.starts([int(seed) for seed in seeds[1:]], SPREAD)
    fields = ("accept_prob", "diverging", "energy", "potential_energy", "num_steps", "adapt_state.step_size")
    with jax.enable_x64(True):
        chains.run(
            jax.random.PRNGKey(int(seeds[0])),
            init_params=starts if settings.chains > 1 else starts[0],
            extra_fields=fields,
        )
    return RawDraws(
        w=np.asarray(chains.get_samples(group_by_chain=True)),
        statistics=_statistics(chains.get_extra_fields(group_by_chain=True), settings.max_treedepth),
        library="numpyro",
        version=numpyro.__version__,
    )


def _statistics(fields: Any, max_treedepth: int) -> dict[str, np.ndarray]:
    """Return numpyro's fields by ArviZ's names."""
    extra = {name: np.asarray(value) for name, value in fields.items()}
    depth = np.floor(np.log2(extra["num_steps"])).astype(int) + 1
    return {
        "acceptance_rate": extra["accept_prob"],
        "diverging": extra["diverging"],
        "energy": extra["energy"],
        "lp": -extra["potential_energy"],
        "n_steps": extra["num_steps"],
        "reached_max_treedepth": depth >= max_treedepth,
        "step_size": extra["adapt_state.step_size"],
        "tree_depth": depth,
    }
