"""How build, evaluation and fit grow with bins and with sources; each point in a process of its own."""

from __future__ import annotations

import math
import time
from typing import Any

from benchmarks import isolated
from benchmarks.record import Curve, Figure, Result, Table
from benchmarks.settings import Settings
from benchmarks.timing import median_time

SIDES = (100, 316, 1000)
"""Pixels along each side: with 10 energies 1e5, 1e6 and 1e7 bins."""
N_SOURCES = (1, 5, 20, 50)
LIMIT = 300.0
"""Seconds that a point may take."""


def measure(settings: Settings) -> Result:
    """Return growth with bins (a free Gaussian) and with sources (points, on 1e5 bins)."""
    sides, numbers = (SIDES[:2], N_SOURCES[:2]) if settings.quick else (SIDES, N_SOURCES)
    by_bins = [_both(settings, side=side, n_points=0, n_gauss=1, peer=side <= SIDES[1]) for side in sides]
    by_sources = [_both(settings, side=SIDES[0], n_points=n, n_gauss=0, peer=n <= N_SOURCES[1]) for n in numbers]
    result = Result()
    bins = [10 * side**2 for side in sides]
    _report(result, "bins", "One free Gaussian of 10 pixels and a background.", bins, by_bins)
    _report(result, "sources", "Points, each with free position, amplitude and index; 1e5 bins.", numbers, by_sources)
    return result


def _both(settings: Settings, *, peer: bool, **case: int) -> tuple[dict[str, float] | None, dict[str, float] | None]:
    limit = LIMIT if not settings.quick else 100.0
    ours = isolated.call("benchmarks.growth:ours", limit, {"BAYESMAP_CACHE": "off"}, **case)
    return ours, isolated.call("benchmarks.growth:theirs", limit, **case) if peer else None


def _report(result: Result, name: str, text: str, sizes: Any, points: list[Any]) -> None:
    columns = ["build, s", "compile, s", "value + gradient, ms", "fit, s", "peak memory, GB"]
    header = [name, *columns, "Gammapy value, ms", "Gammapy fit, s"]
    table = Table(f"Growth with {name}", header, text=text)
    keys = ("build", "compile", "evaluation", "fit", "memory")
    scales = {"evaluation": 1e3, "memory": 1e-9}
    late = "not in time"
    for size, (ours, theirs) in zip(sizes, points, strict=True):
        mine = [late if ours is None else _cell(ours[key], scales.get(key, 1.0)) for key in keys]
        other = ["", ""] if theirs is None else [1e3 * theirs["evaluation"], theirs["fit"]]
        table.rows.append([size, *mine, *other])
    table.text += f" A point may take {LIMIT:.0f} s, compilation included."
    result.tables.append(table)
    for label, k, key in (("bayesmap, value + gradient", 0, "evaluation"), ("Gammapy, value", 1, "evaluation"),
                          ("bayesmap, fit", 0, "fit"), ("Gammapy, fit", 1, "fit")):  # fmt: skip
        known = [(float(size), point[k][key]) for size, point in zip(sizes, points, strict=True) if point[k]]
        kept = [(x, y) for x, y in known if y is not None]
        if len(kept) > 1:
            x, y = ([pair[i] for pair in kept] for i in (0, 1))
            result.curves.append(Curve(f"growth_{name}", label, x, y, name, "s"))
        if k == 0:
            result.figures.append(_exponent(name, label, kept, len(sizes)))


def _exponent(name: str, label: str, known: list[tuple[float, float]], wanted: int) -> Figure:
    """Return the exponent of the growth; infinite where a point is missing, since its cost is not known."""
    what = f"growth with {name}: {label}, exponent"
    if len(known) < wanted:
        return Figure(what, math.inf, "<= 1", f"{wanted - len(known)} of {wanted} points not in time")
    (first, cost), (last, most) = known[0], known[-1]
    slope = math.log(most / cost) / math.log(last / first)
    return Figure(what, slope, "<= 1", f"from {first:.3g} to {last:.3g} {name}")


def _cell(value: float | None, scale: float) -> float | str:
    return "" if value is None else scale * value


def ours(side: int, n_points: int, n_gauss: int) -> dict[str, float | None]:
    """Return times in seconds and peak memory in bytes of bayesmap on a simulated cube."""
    from benchmarks import cases
    from benchmarks.ours import Mine

    models = cases.sources(n_points, n_gauss, 0.3 * side * cases.PIXEL)
    dataset = cases.simulated(side, side, models)
    start = time.perf_counter()
    mine = Mine(dataset, models).near()
    build = time.perf_counter() - start
    start = time.perf_counter()
    mine.value_and_gradient()
    compiled = time.perf_counter() - start
    evaluation = median_time(mine.value_and_gradient, 11, enough=20.0)
    fit: float | None = None
    # A Hessian costs about four evaluations for each parameter, a fit one or two of them; it runs twice.
    if 12.0 * len(mine.theta) * evaluation < 0.7 * LIMIT:
        mine.fit()
        fit = median_time(mine.fit, 5, enough=10.0)
    memory = isolated.peak_memory()
    return {"build": build, "compile": compiled, "evaluation": evaluation, "fit": fit, "memory": memory}


def theirs(side: int, n_points: int, n_gauss: int) -> dict[str, float]:
    """Return times of Gammapy in seconds on the same cube."""
    from benchmarks import cases
    from benchmarks.gammapy_peer import Peer

    models = cases.sources(n_points, n_gauss, 0.3 * side * cases.PIXEL)
    peer = Peer.of_simulated(cases.simulated(side, side, models), models)
    return {"evaluation": median_time(peer.value, 5, enough=20.0), "fit": median_time(peer.fit, 5, enough=10.0)}
