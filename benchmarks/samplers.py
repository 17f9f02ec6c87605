"""Effective draws per second beside plain PyMC, emcee and UltraNest.

Smallest bulk effective sample size of any parameter per second of wall time. bayesmap: `MapFit.sample`, warm, the
search for the whitening included. Plain PyMC: `pymc.sample`'s default, nutpie on `MapFit.pymc_model` with its own
warm-up, compiled for JAX too, started at the best fit, compilation not counted. emcee and UltraNest: Gammapy's
likelihood, flat inside five errors around the best fit; emcee's walkers start around the best fit (no burn-in
counted), its effective size is that of its integrated autocorrelation time, which comes out too short, in emcee's
favour, of chains shorter than fifty times it.
"""

from __future__ import annotations

import math
import time
from typing import Any

import arviz as az
import emcee
import numpy as np
import nutpie
import ultranest

from bayesmap.results.verdict import Verdict
from benchmarks import cases
from benchmarks.gammapy_peer import Peer
from benchmarks.ours import Mine
from benchmarks.record import Figure, Result, Table
from benchmarks.settings import Settings

CASES = ("fermi_crab_plpos", "cta_gc")
SEED = 7
REACH = 5.0
EMCEE_SECONDS, NESTED_SECONDS, PLAIN_DRAWS = 90.0, 240.0, 250
LIVE_POINTS = 100


def measure(settings: Settings) -> Result:
    """Return rates of both cases."""
    result = Result()
    for case in CASES[:1] if settings.quick else CASES:
        dataset, models, record = cases.reference(settings.folder, case)
        mine = Mine(dataset, models, exposure_order="after_psf")
        peer = Peer.of_reference(settings.folder, record)
        rows = {
            "bayesmap": _whitened(mine, settings),
            "plain PyMC": _plain(mine, settings),
            "emcee on Gammapy": _ensemble(peer, settings.limit(EMCEE_SECONDS)),
            "UltraNest on Gammapy": _nested(peer, settings.limit(NESTED_SECONDS)),
        }
        rates = {name: row["ess"] / row["seconds"] for name, row in rows.items()}
        ratios = {name: rates["bayesmap"] / rate for name, rate in rates.items()}
        header = ["sampler", "smallest ESS", "s", "ESS/s", "bayesmap / it", "note"]
        cells = [
            [name, row["ess"], row["seconds"], rates[name], ratios[name], row["note"]] for name, row in rows.items()
        ]
        result.tables.append(Table(f"Effective draws per second: {case}", header, cells))
        for name, target in (("emcee on Gammapy", ">= 50"), ("UltraNest on Gammapy", ">= 20")):
            what = f"{case}: ESS per second / {name}"
            result.figures.append(Figure(what, ratios[name], target, rows[name]["note"]))
    return result


def _whitened(mine: Mine, settings: Settings) -> dict[str, Any]:
    mine.map_fit.sample(draws=10, tune=10, chains=1, random_seed=SEED)
    start = time.perf_counter()
    tree = mine.map_fit.sample(draws=100 if settings.quick else 1000, random_seed=SEED)
    seconds = time.perf_counter() - start
    verdict = Verdict.from_json(tree.attrs["verdict"])
    note = "" if verdict.ok else "; ".join(verdict.reasons)
    return {"ess": verdict.measures["ess_bulk"], "seconds": seconds, "note": note}


def _plain(mine: Mine, settings: Settings) -> dict[str, Any]:
    fit = mine.map_fit
    compiled = nutpie.compile_pymc_model(fit.pymc_model, backend="jax", initial_points=fit.initial_values)
    nutpie.sample(compiled, draws=5, tune=5, chains=1, seed=SEED, progress_bar=False)
    draws = 50 if settings.quick else PLAIN_DRAWS
    start = time.perf_counter()
    tree = nutpie.sample(compiled, draws=draws, chains=4, seed=SEED, progress_bar=False)
    seconds = time.perf_counter() - start
    kept = tree["posterior"].to_dataset()[list(fit.free_parameters)]
    sizes = az.ess(kept)
    r_hat = max(float(value) for value in az.rhat(kept).data_vars.values())
    worst = min(float(sizes[name]) for name in fit.free_parameters)
    return {"ess": worst, "seconds": seconds, "note": f"4 x {draws} draws, R-hat {r_hat:.3f}"}


def _log_density(peer: Peer, x: np.ndarray) -> float:
    """Return the log-likelihood at x errors from the best fit."""
    return -0.5 * peer.statistic(peer.best + x * peer.errors)


def _ensemble(peer: Peer, limit: float) -> dict[str, Any]:
    size = len(peer.best)
    walkers = 4 * size
    rng = np.random.default_rng(SEED)

    def log_density(x: np.ndarray) -> float:
        return -math.inf if np.any(np.abs(x) > REACH) else _log_density(peer, x)

    sampler = emcee.EnsembleSampler(walkers, size, log_density)
    state = sampler.run_mcmc(rng.standard_normal((walkers, size)), 5)
    sampler.reset()
    start = time.perf_counter()
    while time.perf_counter() - start < limit:
        state = sampler.run_mcmc(state, 10)
    seconds = time.perf_counter() - start
    length = float(sampler.get_autocorr_time(tol=0).max())
    steps = sampler.get_chain().shape[0]
    note = f"{walkers} walkers, {steps} steps, {length:.0f} of them correlated"
    return {"ess": walkers * steps / length, "seconds": seconds, "note": note}


def _nested(peer: Peer, limit: float) -> dict[str, Any]:
    r"""Run UltraNest; where it does not finish within the limit, count what it would have had at most.

    The effective size of a finished nested run on a d-dimensional Gaussian is about
    :math:`n_\mathrm{live}\sqrt{2\pi d}`.
    """
    size = len(peer.best)
    start = time.perf_counter()

    class TooLong(Exception):  # noqa: N818 - no error: the time is over
        pass

    def log_likelihood(x: np.ndarray) -> float:
        if time.perf_counter() - start > limit:
            raise TooLong
        return _log_density(peer, x)

    names = [f"p{k}" for k in range(size)]
    np.random.seed(SEED)  # noqa: NPY002 - the generator that UltraNest uses
    sampler = ultranest.ReactiveNestedSampler(names, log_likelihood, lambda u: REACH * (2.0 * u - 1.0))
    try:
        found = sampler.run(min_num_live_points=LIVE_POINTS, show_status=False, viz_callback=False)
    except TooLong:
        bound = LIVE_POINTS * math.sqrt(2.0 * math.pi * size)
        note = f"not finished in {limit:.0f} s: the ESS that {LIVE_POINTS} live points give in the end"
        return {"ess": bound, "seconds": time.perf_counter() - start, "note": f"{note}; the ratio is a lower bound"}
    note = f"{LIVE_POINTS} live points, {found['ncall']} evaluations"
    return {"ess": float(found["ess"]), "seconds": time.perf_counter() - start, "note": note}
