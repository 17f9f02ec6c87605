"""Damage inputs and judge what becomes of them: ``python -m fuzzing --cases 10000 --seed 1``.

Every case is made from the seed and its number alone; ``--case N`` runs one again and shows it, ``--keep DIR`` leaves
its files. A case passes if it is refused with an error of the package that has a code, or accepted with the numbers
that the file says. All else is a finding: another exception, a warning, a process that dies, more than 5 s of processor
time, more than 150 MiB of memory, numbers that the file does not say.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from fuzzing.supervise import run_all, table


def main() -> int:
    """Run the cases that were asked for; return 1 if there is a finding."""
    options = _parser().parse_args()
    if options.worker is not None:
        from fuzzing.supervise import work

        return work(options.seed, options.worker, options.corpus)
    if options.case is not None:
        return _one(options)
    found = run_all(options.seed, range(options.start, options.start + options.cases), options.jobs, options.limit)
    if options.json is not None:
        options.json.write_text("".join(f"{item.line()}\n" for item in found))
    print(table(found, options.seed))
    return int(any(item.outcome == "finding" for item in found))


def _one(options: argparse.Namespace) -> int:
    from fuzzing.case import run_case
    from fuzzing.supervise import prepare

    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        prepare(corpus)
        if options.keep is not None:
            options.keep.mkdir(parents=True)
        found = run_case(options.seed, options.case, corpus, keep=options.keep)
    shown = json.loads(found.line())
    print("\n".join(f"{key}: {value}" for key, value in shown.items()))
    return int(found.outcome == "finding")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, metavar="N", help="how many (default: 10000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all cases (default: 1)")
    parser.add_argument("--start", type=int, default=0, metavar="N", help="number of the first case (default: 0)")
    parser.add_argument("--case", type=int, metavar="N", help="run this one again and show it")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="with --case: leave its files in a new folder")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument("--limit", type=float, default=60.0, metavar="S", help="seconds after which a case hangs (60)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every outcome, one a line")
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
