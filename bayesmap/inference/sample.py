"""Draws from the posterior: NUTS in coordinates whitened by the Laplace covariance."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.inference.numbers import check_numbers, seed_of
from bayesmap.inference.origin import check_whitening, whitened
from bayesmap.inference.samplers.base import Progress, RawDraws, Settings, Target, load
from bayesmap.inference.whitening import Whitening
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.draw_store import DrawStore, DrawWriter
from bayesmap.results.draws import Draws
from bayesmap.results.posterior import parameter_dataset

WARM_UP = 150
"""Draws of warm-up: only the step size is left to find, the whitening has done the rest."""

PROBES, PROBE_SEED = 4, 1
"""Points at which a run that is continued must have the density that it had, and what they are drawn by."""

NUMBERS = ("draws", "tune", "chains", "cores", "random_seed", "target_accept", "max_treedepth")


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
    store: DrawStore | None = None,
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
    store : DrawStore, optional
        Where nutpie's draws are written while they are made; its finished chains are taken over.

    Returns
    -------
    Draws
        Of theta.

    Raises
    ------
    BayesmapInputError
        BM-FT-002, 004 for the sampler; BM-FT-005 for a number that makes no sense; BM-FT-015 for an unknown start;
        BM-FT-016 for a store with another sampler than nutpie.
    BayesmapIOError
        BM-IO-023, 024 and 026 for a store that is damaged, cannot be written, or has no room.
    FitStateError
        BM-FT-006 if the run was interrupted before the first draw; BM-FT-008, 014 if the start has
        no support.
    """
    check_settings(
        draws=draws, tune=tune, chains=chains, cores=cores, random_seed=random_seed, target_accept=target_accept,
        max_treedepth=max_treedepth, start=start, nuts_sampler=nuts_sampler, store=store,
    )  # fmt: skip
    run, started = load(nuts_sampler), time.perf_counter()
    seed = seed_of(store.seed if store is not None and random_seed is None else random_seed)
    at_once = min(chains, cores or os.cpu_count() or 1)
    settings = Settings(draws, tune, chains, at_once, seed, target_accept, max_treedepth, progressbar, progress)
    whitening = None if store is None else _kept_whitening(store)
    if whitening is None:
        show = None if progress is None else partial(progress, 0, (draws + tune) * chains, 0)
        whitening = whitened(posterior, theta, start, seed=seed, hessian=hessian, show=show)
    target = Target(posterior, whitening, pymc_model)
    settings = replace(settings, store=None if store is None else _writer(store, target, settings))
    raw = run(target, settings)
    return _draws(posterior, raw, whitening, settings, started)


def _theta(posterior: CompiledPosterior, whitening: Whitening, w: np.ndarray) -> np.ndarray:
    return posterior.to_theta(whitening.to_z(w))


def _parameters(posterior: CompiledPosterior, whitening: Whitening, w: np.ndarray) -> xr.Dataset:
    return parameter_dataset(_theta(posterior, whitening, w), posterior.variables)


def _kept_whitening(store: DrawStore) -> Whitening | None:
    """Return the coordinates that an interrupted run had: found again, they might differ in a last bit."""
    kept = store.whitening()
    return None if kept is None else Whitening(**kept)


def _writer(store: DrawStore, target: Target, settings: Settings) -> DrawWriter:
    whitening = target.whitening
    arrays = {"origin": whitening.origin, "root": whitening.root}
    describe = partial(_parameters, target.posterior, whitening)
    return store.begin(arrays, whitening.notes, settings.record(), describe, probe(target))


def probe(target: Target) -> list[str]:
    """Return log-density and gradient at a few points, to the last bit.

    What a hash of the inputs does not see shows there: another processor, other libraries, code that was changed.
    """
    points = np.random.default_rng(PROBE_SEED).standard_normal((PROBES, target.size))
    density = target.evaluate()
    return [float(number).hex() for point in points for part in density(point) for number in np.atleast_1d(part)]


def check_settings(*, start: str = "laplace", nuts_sampler: str = "nutpie", store: Any = None, **numbers: Any) -> None:
    """Refuse settings of `sample` that make no sense, before a store is touched; others are passed over.

    Raises
    ------
    BayesmapInputError
        BM-FT-002, 004 for the sampler, BM-FT-005 for a number, BM-FT-015 for the start, BM-FT-016 for a store with
        another sampler than nutpie.
    """
    check_numbers(**{name: numbers[name] for name in NUMBERS if name in numbers})
    check_whitening(start)
    load(nuts_sampler)
    if store is not None and nuts_sampler != "nutpie":
        raise BayesmapInputError(
            "BM-FT-016",
            what=f"draws of {nuts_sampler} were to be written while they are made",
            rule="Only nutpie gives its draws before the end",
            remedy="Use nuts_sampler='nutpie', or no store",
        )


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
    return Draws(
        theta=_theta(posterior, whitening, raw.w),
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
