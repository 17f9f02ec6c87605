"""Cross-validation of many bins and draws: peak memory, and time beside that of sampling; in a process of its own."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import isolated
from benchmarks.record import Figure, Result, Table
from benchmarks.settings import Settings

SIDE, DRAWS = 174, 1000
"""302 760 bins of 10 energies; draws of each of four chains."""
LIMIT = 3600.0
GIB = 1024.0**3


def measure(settings: Settings) -> Result:
    """Return peak memory and times of the cross-validation by bins."""
    case = {"side": 40, "draws": 100} if settings.quick else {"side": SIDE, "draws": DRAWS}
    found = isolated.call("benchmarks.comparison:loo", LIMIT, **case)
    if found is None:
        raise RuntimeError(f"the cross-validation took more than {LIMIT:.0f} s")
    header = ["bins", "draws", "sampling, s", "its CPU time, s", "LOO, s", "its CPU time, s", "peak after sampling, GB",
              "peak, GB", "groups with a bad k"]  # fmt: skip
    table = Table("Cross-validation in bounded memory", header)
    table.text = (
        "`MapFit.loo(by='bin')` of a point source of free spectrum and a free background, `VmHWM` of the process."
    )
    keys = ("bins", "draws", "sampling", "sampling_cpu", "loo", "loo_cpu", "before", "peak", "bad")
    table.rows.append([found[key] for key in keys])
    return Result([Figure("LOO of 3e5 bins x 4000 draws: peak memory / 4 GB", found["peak"] / 4.0, "<= 1")], [table])


def loo(side: int, draws: int) -> dict[str, Any]:
    """Return times in seconds and peaks in GiB."""
    from bayesmap import MapFit
    from benchmarks import cases

    models = cases.frozen_shapes(cases.sources(1, 0, 0.0))
    fit = MapFit.from_dataset(cases.simulated(side, side, models), models)
    fit.optimize()
    clocks = time.perf_counter(), time.process_time()
    tree = fit.sample(draws=draws, chains=4, random_seed=1)
    sampled, before = (time.perf_counter(), time.process_time()), isolated.peak_memory() / GIB
    found = fit.loo(tree)
    finished = time.perf_counter(), time.process_time()
    return {
        "bins": len(found.elpd_i),
        "draws": found.draws,
        "sampling": sampled[0] - clocks[0],
        "sampling_cpu": sampled[1] - clocks[1],
        "loo": finished[0] - sampled[0],
        "loo_cpu": finished[1] - sampled[1],
        "before": before,
        "peak": isolated.peak_memory() / GIB,
        "bad": found.bad,
    }
