"""Draws from the posterior: NUTS in coordinates whitened by the Laplace covariance."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.inference.samplers.base import Progress, RawDraws, Settings, Target, load
from bayesmap.inference.whitening import Whitening, whiten
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.draws import Draws

LARGEST = 2**63
"""Samplers hold their numbers in 64 bits."""
WARM_UP = 300
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
        BM-FT-002, 004 for the sampler; BM-FT-005 for a number that makes no sense.
    FitStateError
        BM-FT-006 if the run was interrupted before the first draw; BM-FT-008 if the best fit has no support.
    """
    check_numbers(
        draws=draws, tune=tune, chains=chains, cores=cores, random_seed=random_seed, target_accept=target_accept,
        max_treedepth=max_treedepth,
    )  # fmt: skip
    run = load(nuts_sampler)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if random_seed is None else int(random_seed)
    started = time.perf_counter()
    total = (draws + tune) * chains
    show = None if progress is None else lambda iteration, state: progress(0, total, 0)
    whitening = whiten(posterior, theta, progress=show, hessian=hessian)
    settings = Settings(
        draws=draws,
        tune=tune,
        chains=chains,
        cores=min(chains, cores or os.cpu_count() or 1),
        seed=seed,
        target_accept=target_accept,
        max_treedepth=max_treedepth,
        progressbar=progressbar,
        progress=progress,
    )
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


def check_numbers(**numbers: float | None) -> None:
    """Refuse numbers below one (tune and random_seed: below zero), and an acceptance outside (0, 1).

    Raises
    ------
    BayesmapInputError
        BM-FT-005.
    """
    for name, number in numbers.items():
        if number is None:
            continue
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        smallest = 0 if name in ("tune", "random_seed") else 1
        accepted = 0.0 < number < 1.0 if name == "target_accept" else whole and smallest <= number < LARGEST
        if not accepted:
            raise BayesmapInputError(
                "BM-FT-005",
                what=f"{name} is {number!r}",
                rule="draws, chains, cores and max_treedepth are whole numbers above zero, tune and random_seed from "
                "zero on, below 2^63; target_accept lies between 0 and 1",
                remedy="Correct it",
            )
