"""Processes that run cases, watched: one that dies or hangs is a finding, and the next case goes on in a new one."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fuzzing.case import Outcome, run_case

ADDRESS_SPACE = 8 << 30
"""Bytes that a process may ask for: what wants more fails, and is a finding."""
BLOCK = 250
"""Cases that a process is given at a time."""
EVERY = 10.0
"""Seconds between two lines of progress."""


def prepare(corpus: Path) -> None:
    """Write the good inputs into a new folder."""
    from fuzzing.corpus import build
    from fuzzing.posteriors import build as build_posterior

    corpus.mkdir()
    build(corpus)
    build_posterior(corpus / "posterior.nc")


def work(seed: int, numbers: Sequence[int], corpus: Path) -> int:
    """Run cases in this process, one line of JSON before and after each."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)
    for number in numbers:
        print(json.dumps({"begun": number}), flush=True)
        print(run_case(seed, number, corpus).line(), flush=True)
    return 0


def run_all(seed: int, numbers: Sequence[int], jobs: int, limit: float) -> list[Outcome]:
    """Run cases in watched processes; findings are printed as they come.

    Parameters
    ----------
    seed : int
        Of all cases.
    numbers : sequence of int
        Which ones.
    jobs : int
        Processes at a time.
    limit : float
        Seconds after which a case hangs.

    Returns
    -------
    list of Outcome
        In the order of the numbers.
    """
    with tempfile.TemporaryDirectory(prefix="fuzzing-") as folder:
        corpus = Path(folder) / "corpus"
        prepare(corpus)
        blocks = [list(numbers[start : start + BLOCK]) for start in range(0, len(numbers), BLOCK)]
        progress = _Progress(len(numbers))
        with ThreadPoolExecutor(jobs) as pool:
            parts = list(pool.map(lambda block: _block(seed, block, corpus, limit, progress, Path(folder)), blocks))
    return [item for part in parts for item in part]


def _block(
    seed: int, numbers: list[int], corpus: Path, limit: float, progress: _Progress, folder: Path
) -> list[Outcome]:
    found: list[Outcome] = []
    while numbers:
        more, lost = _watch(seed, numbers, corpus, limit, progress, folder)
        found += more
        numbers = numbers[len(more) :]
        if lost and numbers:
            item = Outcome(numbers[0], "?", "?", "finding", [], lost, 0.0, 0.0)
            progress.add(item)
            found.append(item)
            numbers = numbers[1:]
    return found


def _watch(
    seed: int, numbers: list[int], corpus: Path, limit: float, progress: _Progress, folder: Path
) -> tuple[list[Outcome], str]:
    """Run cases in one process until it ends; return what it said, and why it ended early."""
    command = [
        sys.executable,
        "-m",
        "fuzzing",
        "--seed",
        str(seed),
        "--worker",
        json.dumps(numbers),
        "--corpus",
        str(corpus),
    ]
    environment = os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    found: list[Outcome] = []
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as process,
    ):
        last = [time.monotonic() + 60.0]  # its imports take their time
        killed = threading.Event()

        def guard() -> None:
            while process.poll() is None:
                if time.monotonic() - last[0] > limit:
                    killed.set()
                    process.kill()
                time.sleep(0.2)

        threading.Thread(target=guard, daemon=True).start()
        assert process.stdout is not None
        for line in process.stdout:
            last[0] = time.monotonic()
            record: dict[str, Any] = json.loads(line)
            if "outcome" in record:
                found.append(Outcome(**record))
                progress.add(found[-1])
        code = process.wait()
        errors.seek(0)
        said = errors.read()[-1500:]
    if killed.is_set():
        return found, f"no end after {limit:g} s"
    return found, f"the process died with {code}: {said}" if code else ""


class _Progress:
    """Counts outcomes and says so now and then."""

    def __init__(self, total: int) -> None:
        self.total, self.counts, self.lock = total, Counter[str](), threading.Lock()
        self.clock = {"start": time.monotonic(), "said": time.monotonic()}

    def add(self, item: Outcome) -> None:
        """Count an outcome; print a finding at once."""
        with self.lock:
            self.counts[item.outcome] += 1
            if item.outcome == "finding":
                print(f"FINDING case {item.number} ({item.kind}: {item.what[:200]}): {item.why}", flush=True)
            now = time.monotonic()
            if now - self.clock["said"] > EVERY:
                self.clock["said"] = now
                done = sum(self.counts.values())
                left = (now - self.clock["start"]) / done * (self.total - done)
                print(f"{done} of {self.total} cases, {self.counts['finding']} findings, {left:.0f} s left", flush=True)


def table(found: Sequence[Outcome], seed: int) -> str:
    """Return the table of a run: outcomes of each kind, and refusals by code."""
    kinds = sorted({item.kind for item in found})
    words = ("refused", "accepted", "changed", "finding")
    head = f"{'kind':16s} {'cases':>7s} {'refused':>8s} {'as before':>10s} {'as stated':>10s} {'findings':>9s}"
    rows = []
    for kind in [*kinds, "all"]:
        own = [item for item in found if kind in (item.kind, "all")]
        counts = Counter(item.outcome for item in own)
        refused, same, changed, bad = (counts[word] for word in words)
        rows.append(f"{kind:16s} {len(own):7d} {refused:8d} {same:10d} {changed:10d} {bad:9d}")
    codes = Counter(code for item in found for code in item.codes)
    listed = ", ".join(f"{code} {number}" for code, number in sorted(codes.items()))
    slowest = max(found, key=lambda item: item.seconds)
    largest = max(found, key=lambda item: item.megabytes)
    return "\n".join([
        f"{len(found)} cases, seed {seed}", head, *rows, f"refused with: {listed}",
        f"slowest: case {slowest.number}, {slowest.seconds:.2f} s; most memory: case {largest.number}, "
        f"{largest.megabytes:.0f} MiB",
    ])  # fmt: skip
