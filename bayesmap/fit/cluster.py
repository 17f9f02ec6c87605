"""Tasks on a Dask cluster: the scheduler runs those of a lost worker again, and what is finished is here already."""

from __future__ import annotations

import functools
import pickle
import threading
import uuid
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapError, BayesmapInputError
from bayesmap.fit.job import Run, Task

PATIENCE = 30
"""Seconds to wait for the scheduler, and for its first worker."""
_ONE_AT_A_TIME = threading.Lock()
"""Of the threads of a worker: PyTensor's compilation is not made for several."""


def run_on_cluster(job: bytes, tasks: Iterable[Task], scheduler: str) -> Iterator[dict[str, Any]]:
    """Run tasks on a cluster; yield each result as it is there.

    Parameters
    ----------
    job : bytes
        Of `Job.to_bytes`.
    tasks : iterable of Task
        What to run.
    scheduler : str
        Address, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    BayesmapInputError
        BM-CK-028 without Dask, or a scheduler, or workers; BM-CK-029 if a task cannot be run.
    """
    distributed = _distributed()
    with _connected(distributed, scheduler) as client:
        run = uuid.uuid4().hex
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)  # the data, once
            # A task of its own, not scattered data: what a lost worker held can then be made again.
            shared = client.submit(_itself, job, key=f"bayesmap-job-{run}")
        futures = {
            client.submit(run_task, shared, i, truth, key=f"bayesmap-{run}-{i}", pure=False): i for i, truth in tasks
        }
        finished = distributed.as_completed(list(futures), loop=client.loop)
        try:
            for future in finished:
                yield _result(future, futures.pop(future))
        finally:
            client.cancel(list(futures), force=True)


def _itself(job: bytes) -> bytes:
    return job


def run_task(job: bytes, i: int, truth: np.ndarray) -> dict[str, Any]:
    """Run a task in a worker, which compiles once for all tasks of a job."""
    with _ONE_AT_A_TIME:
        return _prepared(job)(i, truth)


@functools.lru_cache(maxsize=1)
def _prepared(job: bytes) -> Run:
    return pickle.loads(job).prepare()


def _result(future: Any, i: int) -> dict[str, Any]:
    try:
        return future.result()
    except BayesmapError:
        raise
    except Exception as error:
        raise BayesmapInputError(
            "BM-CK-029",
            what=f"no worker could run simulation {i}: {type(error).__name__}: {error}",
            rule="Workers have the same versions of bayesmap and its packages, and memory for a fit",
            remedy="See the workers' logs; run again to continue, what is finished is kept",
        ) from error


def _distributed() -> Any:
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise BayesmapInputError(
            "BM-CK-028",
            what=f"a scheduler was named, and the package {error.name!r} is not installed",
            rule="Clusters are those of Dask, which is optional",
            remedy="Install it here and on the workers: pip install 'bayesmap[dask]'; or leave the scheduler out",
        ) from error
    return distributed


def _connected(distributed: Any, scheduler: str) -> Any:
    """Return a client of a scheduler that has a worker."""
    client = None
    try:
        client = distributed.Client(scheduler, timeout=PATIENCE, set_as_default=False)
        client.wait_for_workers(1, timeout=PATIENCE)
    except (OSError, ValueError, TimeoutError) as error:
        if client is not None:
            client.close()
        found = "it has no worker" if client is not None else str(error) or type(error).__name__
        raise BayesmapInputError(
            "BM-CK-028",
            what=f"the cluster at {scheduler!r} cannot be used: {found}",
            rule="An address names a Dask scheduler that answers and has workers, such as tcp://10.0.0.1:8786",
            remedy="Start dask scheduler and dask worker, and correct the address",
        ) from error
    return client
