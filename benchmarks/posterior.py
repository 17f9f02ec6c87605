"""The whole posterior beside Gammapy's best fit with MINOS errors."""

from __future__ import annotations

import time

from bayesmap.results.verdict import Verdict
from benchmarks import cases
from benchmarks.gammapy_peer import Peer
from benchmarks.ours import Mine
from benchmarks.record import Figure, Result, Table
from benchmarks.settings import Settings
from benchmarks.timing import seconds_of

CASE, QUICK_CASE = "cta_gc", "fermi_crab_plpos"
ENOUGH = 1000.0
SEED = 7


def measure(settings: Settings) -> Result:
    """Return the time for four chains with a smallest bulk ESS of 1000, warm, the optimum included."""
    case = QUICK_CASE if settings.quick else CASE
    dataset, models, record = cases.reference(settings.folder, case)
    mine, peer = Mine(dataset, models, exposure_order="after_psf"), Peer.of_reference(settings.folder, record)
    mine.map_fit.sample(draws=10, tune=10, random_seed=SEED)
    draws = 100 if settings.quick else 500
    ess, ours = 0.0, 0.0
    while ess < ENOUGH:
        start = time.perf_counter()
        mine.map_fit.optimize()
        tree = mine.map_fit.sample(draws=draws, random_seed=SEED)
        ours = time.perf_counter() - start
        ess = Verdict.from_json(tree.attrs["verdict"]).measures["ess_bulk"]
        if settings.quick:
            break
        used, draws = draws, 2 * draws
    theirs = seconds_of(peer.fit_and_minos)
    note = f"4 x {used} draws, smallest bulk ESS {ess:.0f}" if not settings.quick else "a trial"
    rows = [
        [f"bayesmap: optimum and {note}", ours],
        ["Gammapy: `Fit.run`, then `Fit.confidence` (iminuit's MINOS) of each free parameter", theirs],
    ]
    text = f"{case}, {len(peer.best)} free parameters, compiled before."
    table = Table("Posterior beside MINOS", ["what", "s"], rows, text)
    what = f"{case}: 4 chains, bulk ESS >= 1000 / Gammapy fit + MINOS of every parameter"
    return Result([Figure(what, ours / theirs, "<= 1", note)], [table])
