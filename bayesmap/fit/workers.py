"""Tasks on the cores of this machine: each process compiles once; one that dies costs its task's time only."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from bayesmap.errors import BayesmapInputError
from bayesmap.fit.job import Task

DEATHS = 3
"""Times that a task may take its process with it."""


def run_in_processes(job: bytes, tasks: Iterable[Task], cores: int) -> Iterator[dict[str, Any]]:
    """Run tasks in processes of their own; yield each result as it is there.

    Parameters
    ----------
    job : bytes
        Of `Job.to_bytes`.
    tasks : iterable of Task
        What to run.
    cores : int
        Processes.

    Raises
    ------
    BayesmapInputError
        BM-CK-027 if processes keep dying.
    """
    waiting, running, deaths = deque(tasks), dict[int, Task](), Counter[int]()
    workers = [_start(job) for _ in range(min(cores, len(waiting)))]

    def give(k: int) -> None:
        if waiting:
            running[k] = waiting.popleft()
            with contextlib.suppress(OSError):  # it died: seen when its answer is asked for
                workers[k].channel.send(running[k])

    try:
        for k in range(len(workers)):
            give(k)
        while running:
            ready = wait([workers[k].channel for k in running])
            for k in [k for k in running if workers[k].channel in ready]:
                task = running.pop(k)
                try:
                    answer = workers[k].channel.recv()
                except (EOFError, OSError):  # it died
                    workers[k].stop()
                    _count(deaths, task[0], workers[k].process.exitcode)
                    waiting.appendleft(task)
                    workers[k] = _start(job)
                else:
                    if isinstance(answer, Exception):
                        raise answer
                    yield answer
                give(k)
    finally:
        for worker in workers:
            worker.stop()


@dataclass(frozen=True)
class _Worker:
    """A process, and the channel to it."""

    process: Any
    channel: Connection

    def stop(self) -> None:
        """End it, whatever it does."""
        self.process.terminate()
        self.process.join()
        self.channel.close()


def _start(job: bytes) -> _Worker:
    # Spawned, not forked: JAX has threads, which a fork loses.
    context = multiprocessing.get_context("spawn")
    mine, other = context.Pipe()
    process = context.Process(target=_work, args=(other, job), daemon=True)
    process.start()
    other.close()
    return _Worker(process, mine)


def _work(channel: Connection, job: bytes) -> None:
    """Run the tasks that come until the channel is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    try:
        run = pickle.loads(job).prepare()
        while True:
            channel.send(run(*channel.recv()))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:
        channel.send(_sendable(error))


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _count(deaths: Counter[int], i: int, code: int | None) -> None:
    """Count a process that died.

    Raises
    ------
    BayesmapInputError
        BM-CK-027 if that has happened too often.
    """
    deaths[i] += 1
    if deaths[i] >= DEATHS:
        raise BayesmapInputError(
            "BM-CK-027",
            what=f"{DEATHS} processes that ran simulation {i} died (exit code {code})",
            rule="Each process needs memory for a fit, and a script that starts processes stands under "
            "if __name__ == '__main__':",
            remedy="Use fewer cores; cores=1 starts no process. What is finished is kept",
        )
