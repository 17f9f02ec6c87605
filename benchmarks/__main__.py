"""Measure bayesmap beside its peers: ``python -m benchmarks [--only SECTION ...] [--quick]``.

Needs the extra ``bench`` and the folder named by BAYESMAP_REFERENCE_DATA. Each section runs in a process of its own,
one after the other; ratios are of one run on one machine. Writes the tables and pictures of docs/performance.md, where
all sections were measured, and JSON; with ``--only`` or ``--quick`` it prints the tables instead.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.settings import VARIABLE, Settings

SECTIONS = {
    "evaluation": "evaluation",
    "parts": "parts",
    "fits": "fits",
    "scripts": "scripts",
    "posterior": "posterior",
    "samplers": "samplers",
    "growth": "growth",
    "memory": "memory",
    "predictive": "predictive",
    "precision": "single_precision",
    "comparison": "comparison",
}
"""Section -> module with a function `measure`."""
DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> None:
    """Run the sections that were asked for."""
    options = _parser().parse_args()
    if VARIABLE not in os.environ:
        sys.exit(f"set {VARIABLE} to the folder of the reference data")
    if options.section is not None:
        found = importlib.import_module(f"benchmarks.{SECTIONS[options.section]}").measure(Settings(options.quick))
        options.json.write_text(json.dumps(found.plain()))
        return
    results, failed = _measure(options.only or list(SECTIONS), options.quick)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))
    _publish(results, whole=not (options.only or options.quick or failed))
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), help="sections to run (default: all)")
    parser.add_argument("--quick", action="store_true", help="try the code: few repetitions, figures that mean little")
    parser.add_argument("--json", type=Path, help="keep the numbers in this file")
    parser.add_argument("--section", choices=list(SECTIONS), help=argparse.SUPPRESS)
    return parser


def _measure(names: list[str], quick: bool) -> tuple[dict[str, Any], list[str]]:
    """Return what each section found, and the sections that failed."""
    results: dict[str, Any] = {}
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            start = time.perf_counter()
            path = Path(folder) / f"{name}.json"
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "--section", name, "--json", str(path)]
            done = subprocess.run(command + ["--quick"] * quick, stdout=subprocess.DEVNULL, check=False)
            print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
            if done.returncode:
                failed.append(name)
            else:
                results[name] = json.loads(path.read_text())
    return results, failed


def _publish(results: dict[str, Any], *, whole: bool) -> None:
    from benchmarks import page, pictures

    if whole:
        page.write(DOCS / "performance.md", results, page.machine())
        pictures.draw(DOCS / "performance", results)
    else:
        print(page.render(results, page.machine()))


if __name__ == "__main__":
    main()
