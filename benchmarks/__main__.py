"""Measure bayesmap beside Gammapy on a reference data set, in one process: ``python -m benchmarks [--case cta_gc]``.

Needs the extra ``bench`` and the folder named by BAYESMAP_REFERENCE_DATA. Prints a Markdown table; ``--json FILE``
keeps the numbers. Every figure is the median of at least five runs, warm (compiled, caches filled).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import gammapy_peer, ours

RUNS = 5


def median_time(action: Callable[[], object], runs: int) -> float:
    """Return the median wall time of an action in seconds, after one run that is not counted."""
    action()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(folder: Path, case: str, runs: int) -> dict[str, float]:
    """Return the median times of a case in seconds."""
    record = json.loads((folder / "fits" / f"{case}.json").read_text())
    peer = gammapy_peer.Peer(folder, record)
    mine = ours.Mine(folder, record)
    return {
        "bayesmap value + gradient": median_time(mine.value_and_gradient, 4 * runs),
        "gammapy value, all parameters changed": median_time(peer.value, 4 * runs),
        "bayesmap optimize + covariance": median_time(mine.fit, runs),
        "gammapy Fit.run, explicit first steps": median_time(peer.fit, runs),
    }


def table(case: str, times: dict[str, float]) -> str:
    """Return the times and ratios as a Markdown table."""
    mine, theirs = list(times.items())[::2], list(times.items())[1::2]
    lines = [f"### {case}", "", "| bayesmap | ms | peer | ms | ratio |", "|---|---|---|---|---|"]
    for (name, value), (other, reference) in zip(mine, theirs, strict=True):
        lines.append(f"| {name} | {1e3 * value:.1f} | {other} | {1e3 * reference:.1f} | {value / reference:.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--case", action="append", help="fit of the reference data (default: cta_gc)")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if "BAYESMAP_REFERENCE_DATA" not in os.environ:
        parser.error("set BAYESMAP_REFERENCE_DATA to the folder of the reference data")
    folder = Path(os.environ["BAYESMAP_REFERENCE_DATA"])
    results = {case: measure(folder, case, arguments.runs) for case in arguments.case or ["cta_gc"]}
    print("\n\n".join(table(case, times) for case, times in results.items()))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
