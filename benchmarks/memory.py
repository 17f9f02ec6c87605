"""Peak memory of whole fits beside the estimate that stands before anything is compiled; a process for each."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import isolated
from benchmarks.record import Figure, Result, Table
from benchmarks.settings import Settings

CASES: dict[str, dict[str, Any]] = {
    "cta_gc": {"reference": "cta_gc"},
    "fermi_crab_plpos": {"reference": "fermi_crab_plpos"},
    "hess_crab_gauss": {"reference": "hess_crab_gauss"},
    "1e5 bins, a Gaussian": {"side": 100, "n_gauss": 1},
    "1e6 bins, a Gaussian": {"side": 316, "n_gauss": 1},
    "1e7 bins, a Gaussian": {"side": 1000, "n_gauss": 1},
    "1e5 bins, 20 points": {"side": 100, "n_points": 20},
}
LIMIT = 180.0


def measure(settings: Settings) -> Result:
    """Return estimates and peaks; compiled anew, and for the reference data from the cache too."""
    names = list(CASES)[:1] if settings.quick else list(CASES)
    table = Table("Peak memory", ["fit", "estimate, MB", "measured, MB", "from the cache, MB", "largest ratio"])
    table.text = "The whole process, from `VmHWM`: value, gradient, Fisher matrix and Hessian, compiled and run."
    worst, note = 1.0, ""
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            environment = {"BAYESMAP_CACHE": str(Path(folder) / "cache")}
            times = 2 if "reference" in CASES[name] else 1
            found = [isolated.call("benchmarks.memory:fit", LIMIT, environment, **CASES[name]) for _ in range(times)]
        if None in found:
            table.rows.append([name, "", "not in time", "", ""])
            worst, note = math.inf, f"a case took more than {LIMIT:.0f} s, and is not known"
            continue
        estimate, peaks = found[0]["estimate"], [item["peak"] for item in found]
        ratio = max(max(peak / estimate, estimate / peak) for peak in peaks)
        worst = max(worst, ratio)
        cells = [round(1e-6 * size) for size in (estimate, *peaks)]
        table.rows.append([name, *cells, *[""] * (2 - times), ratio])
    what = "memory: measured peak and estimate, the larger over the smaller, worst case"
    return Result([Figure(what, worst, "<= 1.5", note)], [table])


def fit(reference: str = "", side: int = 0, n_points: int = 0, n_gauss: int = 0) -> dict[str, Any]:
    """Return estimate and peak of a fit in bytes, by parts."""
    from benchmarks import cases
    from benchmarks.ours import Mine

    if reference:
        dataset, models, _ = cases.reference(Settings().folder, reference)
        mine = Mine(dataset, models, exposure_order="after_psf")
    else:
        models = cases.sources(n_points, n_gauss, 0.3 * side * cases.PIXEL)
        mine = Mine(cases.noise(side, side), models)
    memory = mine.map_fit.memory
    built = isolated.peak_memory()
    mine.posterior.value_and_gradient(mine.theta)
    mine.posterior.fisher(mine.theta)
    mine.posterior.hessian(mine.theta)
    peak = isolated.peak_memory()
    return {"estimate": memory.total, "peak": peak, "built": built, "parts": vars(memory)}
