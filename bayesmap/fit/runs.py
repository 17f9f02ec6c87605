"""Run the simulations of a job, wherever they run, and keep what is finished."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bayesmap.errors import BayesmapInputError
from bayesmap.fit.cluster import run_on_cluster
from bayesmap.fit.job import Job, Run, Task
from bayesmap.fit.journal import Journal, open_journal
from bayesmap.fit.workers import run_in_processes

FILE = "simulations.jsonl"
"""Name of the file in the output folder that finished simulations are kept in."""
Progress = Callable[[int, int, int], None]
"""Called with (done, all, done by this run)."""


def run_tasks(
    job: Job,
    tasks: Sequence[Task],
    here: Callable[[], Run],
    identity: Mapping[str, Any],
    *,
    cores: int | None,
    scheduler: str | None,
    output: Path | None,
    overwrite: bool,
    progress: Progress | None,
    notice: Callable[[str], None] | None,
) -> list[dict[str, Any]]:
    """Run those tasks that have not been run, and return the results of all, in their order.

    Parameters
    ----------
    job : Job
        What other processes are given.
    tasks : sequence of Task
        Simulations.
    here : callable
        Returns the function that runs a task in this process.
    identity : dict
        What results depend on; those in the output folder must have the same.
    cores : int, optional
        Processes; by default one on every core, and 1 runs in this process.
    scheduler : str, optional
        Address of a Dask scheduler.
    output : Path, optional
        Folder that results are kept in.
    overwrite : bool
        True to begin anew.
    progress : callable, optional
        See `Progress`.
    notice : callable, optional
        Called with what the user should know of an earlier run.

    Raises
    ------
    BayesmapInputError
        BM-CK-023 to 029; BM-FT-005 for a number of cores below one.
    """
    total = len(tasks)
    with _kept(output, identity, overwrite) as journal:
        wanted = {i for i, _ in tasks}
        done = {} if journal is None else {item["i"]: item for item in journal.records if item["i"] in wanted}
        if notice is not None and journal is not None:
            _tell(notice, journal, len(done), total)
        left = [task for task in tasks if task[0] not in done]
        before = len(done)
        if progress is not None and left:
            progress(before, total, 0)
        with contextlib.closing(_results(job, left, here, cores, scheduler)) as results:
            for record in results:
                if journal is not None:
                    journal.add(record)
                done[record["i"]] = record
                if progress is not None:
                    progress(len(done), total, len(done) - before)
    return [done[i] for i, _ in tasks]


def _results(
    job: Job, tasks: Sequence[Task], here: Callable[[], Run], cores: int | None, scheduler: str | None
) -> Generator[dict[str, Any]]:
    number = min(available_cores() if cores is None else cores, len(tasks))
    if not tasks:
        return
    if scheduler is not None:
        yield from run_on_cluster(job.to_bytes(), tasks, scheduler)
    elif number > 1:
        yield from run_in_processes(job.to_bytes(), tasks, number)
    else:
        run = here()
        for i, truth in tasks:
            yield run(i, truth)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_folder(output: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds something else than an earlier run.

    Raises
    ------
    BayesmapInputError
        BM-CK-023.
    """
    if overwrite or not output.exists() or (output / FILE).exists() or (output.is_dir() and not any(output.iterdir())):
        return
    raise BayesmapInputError(
        "BM-CK-023",
        what=f"{output} exists and holds no run that could be continued",
        rule="Results are never overwritten unasked",
        remedy="Choose another output, or pass --overwrite (overwrite=True)",
    )


@contextlib.contextmanager
def _kept(output: Path | None, identity: Mapping[str, Any], overwrite: bool) -> Iterator[Journal | None]:
    if output is None:
        yield None
        return
    check_folder(output, overwrite=overwrite)
    with open_journal(output / FILE, identity, overwrite=overwrite) as journal:
        yield journal


def _tell(notice: Callable[[str], None], journal: Journal, done: int, total: int) -> None:
    if journal.torn:
        notice("the last line of an earlier run was not finished: that simulation is run again")
    if done:
        notice(f"{done} of {total} simulations are there from an earlier run")
