"""Draws from the posterior: NUTS in coordinates whitened by the Laplace covariance."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bayesmap.errors import FitStateError
from bayesmap.inference.numbers import check_numbers, seed_of
from bayesmap.inference.origin import check_whitening, whitened
from bayesmap.inference.samplers.base import Progress, RawDraws, Settings, Target, load
from bayesmap.inference.whitening import Whitening
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.draws import Draws

WARM_UP = 150
"""Draws of warm-up: only the step size is left to find, the whitening has done the rest."""


def sample(
    posterior: CompiledPosterior,
    theta: np.ndarray,
    pymc_model: Callable[[], Any],
    *,
    draws: int = 1000,
    tune: int = WARM_UP,
    chains: int = 4,
    cores: int | None = None,
    random_seed: int | None = None,
    hessian: np.ndarray | None = None,
    start: str = "laplace",
    nuts_sampler: str = "nutpie",
    target_accept: float = 0.8,
    max_treedepth: int = 10,
    progressbar: bool = False,
    progress: Progress | None = None,
) -> Draws:
    r"""Draw from the posterior.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    theta : ndarray
        Best fit: where the whitening begins.
    pymc_model : callable
        Returns the PyMC model.
    draws, tune, chains : int
        Draws and warm-up of each chain, number of chains.
    cores : int, optional
        Chains that run at a time; by default all that the machine has. The draws do not depend on it.
    random_seed : int, optional
        Seed; by default a random one, which the result states.
    hessian : ndarray, optional
        Of minus the log-posterior at the best fit, where it is known.
    start : str
        Where whitening and chains begin: ``"laplace"``, mode and Hessian; ``"pathfinder"`` or ``"variational"``, the
        best normal on paths down to the mode, or of all, for posteriors that their mode does not describe.
    nuts_sampler : str
        ``"nutpie"``, ``"numpyro"`` or ``"pymc"``. Only nutpie runs chains in parallel, calls `progress`, and keeps its
        draws when it is interrupted; numpyro loses them, PyMC keeps those of finished chains.
    target_accept : float
        Mean acceptance that the step size is adapted to.
    max_treedepth : int
        Largest depth of a tree: at most 2^depth gradients a draw.
    progressbar : bool
        Show the sampler's own progress bar.
    progress : callable, optional
        Called with finished draws, all draws, and divergences; with none finished in the search for the whitening.

    Returns
    -------
    Draws
        Of theta.

    Raises
    ------
    BayesmapInputError
        BM-FT-002, 004 for the sampler; BM-FT-005 for a number that makes no sense; BM-FT-015 for an unknown start.
    FitStateError
        BM-FT-006 if the run was interrupted before the first draw; BM-FT-008, 014 if the start has
        no support.
    """
    check_numbers(
        draws=draws, tune=tune, chains=chains, cores=cores, random_seed=random_seed, target_accept=target_accept,
        max_treedepth=max_treedepth,
    )  # fmt: skip
    check_whitening(start)
    run, started = load(nuts_sampler), time.perf_counter()
    at_once = min(chains, cores or os.cpu_count() or 1)
    settings = Settings(
        draws, tune, chains, at_once, seed_of(random_seed), target_accept, max_treedepth, progressbar, progress
    )
    show = None if progress is None else partial(progress, 0, (draws + tune) * chains, 0)
    whitening = whitened(posterior, theta, start, seed=settings.seed, hessian=hessian, show=show)
    raw = run(Target(posterior, whitening, pymc_model), settings)
    return _draws(posterior, raw, whitening, settings, started)


def _draws(
    posterior: CompiledPosterior, raw: RawDraws, whitening: Whitening, settings: Settings, started: float
) -> Draws:
    if raw.w.size == 0:
        raise FitStateError(
            "BM-FT-006",
            what="sampling was interrupted before a chain left its warm-up",
            rule="An interrupted run keeps the draws after warm-up, and there are none",
            remedy="Run it again, or with fewer draws of warm-up (tune)",
        )
    z = whitening.origin + raw.w @ whitening.root.T
    return Draws(
        theta=posterior.to_theta(z),
        statistics=raw.statistics,
        max_treedepth=settings.max_treedepth,
        tune=settings.tune,
        requested=(settings.chains, settings.draws),
        seed=settings.seed,
        library=raw.library,
        version=raw.version,
        status=raw.status,
        seconds=time.perf_counter() - started,
        notes=whitening.notes,
    )
