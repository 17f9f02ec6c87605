"""Effective draws per second of the whitened sampler beside plain PyMC and emcee: ``python -m benchmarks.sampling``.

One process, one machine. bayesmap: `MapFit.sample`, warm (compiled), the search for the whitening included. Plain PyMC:
nutpie on `MapFit.pymc_model`, as `pymc.sample` runs it by default, compiled for JAX like ours, compilation not counted.
emcee: Gammapy's likelihood, walkers started around the best fit (no burn-in counted), effective size from emcee's
integrated autocorrelation time. Figures are the smallest bulk effective sample size of any parameter per second.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import arviz as az
import emcee
import numpy as np
import nutpie

from bayesmap.results.verdict import Verdict
from benchmarks import gammapy_peer, ours

SEED = 7


def whitened(mine: ours.Mine) -> dict[str, float]:
    """Return figures of `MapFit.sample`."""
    mine.map_fit.sample(draws=10, tune=10, chains=1, random_seed=SEED)
    start = time.perf_counter()
    tree = mine.map_fit.sample(random_seed=SEED)
    seconds = time.perf_counter() - start
    verdict = Verdict.from_json(tree.attrs["verdict"])
    return {"ess": verdict.measures["ess_bulk"], "seconds": seconds, "ok": float(verdict.ok)}


def plain(mine: ours.Mine) -> dict[str, float]:
    """Return figures of nutpie on the PyMC model, its defaults (400 draws of warm-up)."""
    fit = mine.map_fit
    compiled = nutpie.compile_pymc_model(fit.pymc_model, backend="jax", initial_points=fit.initial_values)
    nutpie.sample(compiled, draws=5, tune=5, chains=1, seed=SEED, progress_bar=False)
    start = time.perf_counter()
    tree = nutpie.sample(compiled, draws=1000, chains=4, seed=SEED, progress_bar=False)
    seconds = time.perf_counter() - start
    draws = tree["posterior"].to_dataset()[list(fit.free_parameters)]
    sizes = az.ess(draws)
    worst = min(float(sizes[name]) for name in fit.free_parameters)
    return {"ess": worst, "seconds": seconds, "r_hat": max(float(v) for v in az.rhat(draws).data_vars.values())}


def ensemble(folder: Path, record: dict[str, Any], seconds: float) -> dict[str, float]:
    """Return figures of emcee on Gammapy's likelihood, run for about `seconds`."""
    peer = gammapy_peer.Peer(folder, record)
    free = peer.datasets.models.parameters.free_parameters
    best = np.array([row["value"] for row in record["best_fit"].values()])
    errors = np.array([row["error"] for row in record["best_fit"].values()])

    def log_density(x: np.ndarray) -> float:
        if np.any(np.abs(x) > 8.0):
            return -np.inf
        for parameter, value in zip(free, best + x * errors, strict=True):
            parameter.value = value
        return -0.5 * float(peer.datasets.stat_sum())

    walkers = 4 * len(free)
    rng = np.random.default_rng(SEED)
    sampler = emcee.EnsembleSampler(walkers, len(free), log_density)
    state = sampler.run_mcmc(rng.standard_normal((walkers, len(free))), 5)
    sampler.reset()
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        state = sampler.run_mcmc(state, 10)
    elapsed = time.perf_counter() - start
    times = sampler.get_autocorr_time(tol=0)
    steps = sampler.get_chain().shape[0]
    return {
        "ess": walkers * steps / float(times.max()),
        "seconds": elapsed,
        "steps": float(steps),
        "autocorrelation": float(times.max()),
    }


def table(case: str, figures: dict[str, dict[str, float]]) -> str:
    """Return the figures as a Markdown table."""
    ours_rate = figures["bayesmap"]["ess"] / figures["bayesmap"]["seconds"]
    lines = [f"### {case}", "", "| sampler | min bulk ESS | seconds | ESS/s | bayesmap / it |", "|---|---|---|---|---|"]
    for name, row in figures.items():
        rate = row["ess"] / row["seconds"]
        lines.append(f"| {name} | {row['ess']:.0f} | {row['seconds']:.1f} | {rate:.3g} | {ours_rate / rate:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sampling", description=__doc__)
    parser.add_argument("--case", action="append", help="fit of the reference data (default: both below)")
    parser.add_argument("--peer-seconds", type=float, default=240.0, help="time that emcee may take")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if "BAYESMAP_REFERENCE_DATA" not in os.environ:
        parser.error("set BAYESMAP_REFERENCE_DATA to the folder of the reference data")
    folder = Path(os.environ["BAYESMAP_REFERENCE_DATA"])
    results = {}
    for case in arguments.case or ["fermi_crab_plpos", "cta_gc"]:
        record = json.loads((folder / "fits" / f"{case}.json").read_text())
        mine = ours.Mine(folder, record)
        results[case] = {
            "bayesmap": whitened(mine),
            "plain PyMC": plain(mine),
            "emcee on Gammapy": ensemble(folder, record, arguments.peer_seconds),
        }
        print(table(case, results[case]), flush=True)
        print(json.dumps(results[case]), flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
