"""Predictive checks of a large map, all draws: peak memory of the whole process, and time beside that of sampling."""

from __future__ import annotations

import math
import time
from typing import Any

from benchmarks import isolated
from benchmarks.record import Figure, Result, Table
from benchmarks.settings import Settings

SIDE = 173
"""Pixels along a side: with ten energies 3e5 bins."""
CHAINS, DRAWS, TUNE = 4, 1000, 300
LIMIT = 5400.0


def measure(settings: Settings) -> Result:
    """Return peaks and times of `MapFit.check` and `MapFit.prior_check`."""
    size = {"side": 40, "draws": 50} if settings.quick else {"side": SIDE, "draws": DRAWS}
    found = isolated.call("benchmarks.predictive:check", settings.limit(LIMIT) + 120.0, **size)
    table = Table("Predictive checks of a large map", ["step", "s", "ms / draw", "peak of the process, GB"])
    if found is None:
        figure = Figure("predictive checks: peak memory, GB", math.inf, "<= 4", f"took more than {LIMIT:.0f} s")
        return Result([figure], [table])
    table.text = (
        f"{found['bins']:,} bins, {found['draws']} draws of {CHAINS} chains, two free points and a background. The "
        "check works at every draw, and ranks 999 more data sets at one of them. Peak memory: the whole process."
    )
    for name, draws in (("sampling", found["draws"]), ("check", found["draws"]), ("prior check", 500)):
        table.rows.append([name, found[name]["s"], 1e3 * found[name]["s"] / draws, 1e-9 * found[name]["peak"]])
    peak = Figure(
        "predictive checks, 3e5 bins x 4000 draws: peak memory, GB", 1e-9 * found["check"]["peak"], "<= 4", ""
    )
    share = Figure("the same: time over that of sampling", found["check"]["s"] / found["sampling"]["s"], "<= 1", "")
    return Result([peak, share], [table])


def check(side: int, draws: int) -> dict[str, Any]:
    """Return seconds and peak memory of sampling and checks in a process of their own."""
    from bayesmap.fit import MapFit
    from benchmarks import cases

    models = cases.sources(2, 0, 0.3 * side * cases.PIXEL)
    fit = MapFit.from_dataset(cases.simulated(side, side, models), models)
    fit.optimize()
    found: dict[str, Any] = {"bins": fit.dataset.counts.data.size, "draws": CHAINS * draws}

    def timed(name: str, step: Any) -> Any:
        start = time.perf_counter()
        result = step()
        found[name] = {"s": time.perf_counter() - start, "peak": isolated.peak_memory()}
        return result

    tree = timed("sampling", lambda: fit.sample(draws=draws, tune=TUNE, chains=CHAINS, cores=2, random_seed=1))
    timed("check", lambda: fit.check(tree, draws=None))
    timed("prior check", fit.prior_check)
    return found
