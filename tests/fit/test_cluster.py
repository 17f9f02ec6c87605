"""Simulations on a Dask cluster: the numbers of one core, and nothing is lost with a worker."""

import builtins
import json
import os
import pickle
import signal
import threading
import time

import pytest

from bayesmap import calibrate
from bayesmap.errors import BayesmapInputError
from bayesmap.fit import cluster
from bayesmap.fit.runs import FILE
from tests.fit.test_calibrate import SEED, SIMULATIONS, make_fit, same

distributed = pytest.importorskip("distributed")
# Dask's own threads and sockets are still being closed when a test ends.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def fit():
    return make_fit()


@pytest.fixture
def in_this_process():
    with distributed.LocalCluster(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None, protocol="tcp://"
    ) as local:
        yield local


def test_a_cluster_gives_the_numbers_of_one_core(fit, in_this_process, tmp_path):
    """Two threads in one worker take turns."""
    seen = []
    found = calibrate(
        fit, SIMULATIONS, random_seed=SEED, scheduler=in_this_process.scheduler_address, output=tmp_path,
        progress=lambda *done: seen.append(done),
    )  # fmt: skip
    same(found, calibrate(fit, SIMULATIONS, random_seed=SEED, cores=1))
    assert seen[-1] == (SIMULATIONS, SIMULATIONS, SIMULATIONS)
    assert len((tmp_path / FILE).read_text().splitlines()) == 1 + SIMULATIONS


@pytest.mark.slow
def test_a_killed_worker_costs_nothing(fit, tmp_path):
    """Two workers are processes; one is killed in the middle, and a new one takes its place."""
    number, killed = 12, []
    with distributed.LocalCluster(processes=True, n_workers=2, threads_per_worker=1, dashboard_address=None) as local:

        def kill(done, total, new):
            if new == 3 and not killed:
                worker = next(iter(local.workers.values()))
                killed.append(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

        found = calibrate(
            fit, number, random_seed=SEED, scheduler=local.scheduler_address, output=tmp_path, progress=kill
        )
        assert killed
        assert killed[0] not in {worker.pid for worker in local.workers.values()}
    assert found.done == number
    lines = [json.loads(line)["i"] for line in (tmp_path / FILE).read_text().splitlines()[1:]]
    assert sorted(lines) == list(range(number))
    same(found, calibrate(fit, number, random_seed=SEED, cores=2), number)


class Deadly:
    """A job that fails, or takes every worker with it."""

    def __init__(self, how):
        self.how = how

    def prepare(self):
        return self.run

    def run(self, i, truth):
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "bug":
            raise ZeroDivisionError("one by zero")
        raise BayesmapInputError("BM-FT-005", what="a test", rule="none", remedy="none")


@pytest.mark.parametrize(("how", "words"), [("bug", "BM-CK-029.*one by zero"), ("input", "BM-FT-005: a test")])
def test_an_error_on_a_worker_is_raised_here(in_this_process, how, words):
    tasks = [(0, None), (1, None)]
    with pytest.raises(BayesmapInputError, match=words):
        list(cluster.run_on_cluster(pickle.dumps(Deadly(how)), tasks, in_this_process.scheduler_address))


@pytest.mark.slow
def test_a_simulation_that_kills_every_worker_is_an_error():
    with (
        distributed.LocalCluster(processes=True, n_workers=1, threads_per_worker=1, dashboard_address=None) as local,
        pytest.raises(BayesmapInputError, match="BM-CK-029.*KilledWorker"),
    ):
        list(cluster.run_on_cluster(pickle.dumps(Deadly("kill")), [(0, None)], local.scheduler_address))


def test_a_scheduler_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    for address in ("tcp://127.0.0.1:1", "nonsense://x", ""):
        with pytest.raises(BayesmapInputError, match="BM-CK-028"):
            list(cluster.run_on_cluster(b"", [(0, None)], address))


def test_a_scheduler_without_workers(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 2)
    with (
        distributed.LocalCluster(processes=False, n_workers=0, dashboard_address=None, protocol="tcp://") as local,
        pytest.raises(BayesmapInputError, match="BM-CK-028.*no worker"),
    ):
        list(cluster.run_on_cluster(b"", [(0, None)], local.scheduler_address))


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name == "distributed":
            raise ModuleNotFoundError("No module named 'distributed'", name="distributed")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(BayesmapInputError, match=r"BM-CK-028.*pip install 'bayesmap\[dask\]'"):
        list(cluster.run_on_cluster(b"", [(0, None)], "tcp://127.0.0.1:1"))


def test_threads_take_turns():
    """The lock is one for the whole process."""
    most, job = [], pickle.dumps(Slow())
    threads = [
        threading.Thread(target=lambda k=k: most.append(cluster.run_task(job, k, None)["at_once"])) for k in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1]


class Slow:
    """Counts how many of its runs go on at a time."""

    running = 0

    def prepare(self):
        return self.run

    def run(self, i, truth):
        Slow.running += 1
        time.sleep(0.05)
        found = Slow.running
        Slow.running -= 1
        return {"i": i, "at_once": found}
