"""NUTS of nutpie on the compiled whitened posterior: chains in threads, draws kept when interrupted."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import nutpie
from nutpie.compiled_pyfunc import from_pyfunc

from bayesmap.inference.samplers.base import SPREAD, RawDraws, Settings, Target

STATISTICS = {
    "acceptance_rate": "mean_tree_accept",
    "diverging": "diverging",
    "energy": "energy",
    "lp": "logp",
    "n_steps": "n_steps",
    "reached_max_treedepth": "maxdepth_reached",
    "step_size": "step_size",
    "tree_depth": "depth",
}
"""ArviZ's name -> nutpie's."""
POLL = 0.2
"""Seconds between looks at the sampler, which runs in threads of its own."""


def run(target: Target, settings: Settings) -> RawDraws:
    """Draw; see `base`."""
    model = from_pyfunc(
        target.size,
        target.evaluate,
        lambda seed1, seed2, chain: lambda w: {"w": w},
        ["float64"],
        [(target.size,)],
        ["w"],
        make_initial_point_fn=lambda seed: target.starts([seed], SPREAD)[0],
    )
    sampler = nutpie.sample(
        model,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=settings.cores,
        seed=settings.seed,
        target_accept=settings.target_accept,
        maxdepth=settings.max_treedepth,
        progress_bar=settings.progressbar,
        progress_callback=_progress(settings),
        save_warmup=False,
        blocking=False,
    )
    tree, status = _wait(sampler)
    finished = finished_draws(tree["posterior"]["w"].values) if "posterior" in tree.children else (np.array([], int), 0)
    chains, length = finished
    return RawDraws(
        w=_values(tree, "posterior", "w", chains, length, target.size),
        statistics={name: _values(tree, "sample_stats", theirs, chains, length) for name, theirs in STATISTICS.items()},
        library="nutpie",
        version=nutpie.__version__,
        status=status,
    )


def _wait(sampler: Any) -> tuple[Any, str]:
    """Wait for the end, or for an interrupt, after which what was drawn is kept."""
    with warnings.catch_warnings():
        # Of a run with fewer draws than chains, or none: ArviZ suspects that the axes were exchanged.
        warnings.filterwarnings("ignore", "Found chain dimension to be longer than draw dimension", UserWarning)
        try:
            with _noted_interrupt() as interrupted:
                while not interrupted.is_set():
                    try:
                        return sampler.wait(timeout=POLL), "finished"
                    except TimeoutError:  # not finished yet
                        continue
        except KeyboardInterrupt:
            pass  # in a thread, or from another handler: the same as a noted one
        return sampler.abort(), "interrupted"


@contextmanager
def _noted_interrupt() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C sets; the second one acts as it would have.

    A KeyboardInterrupt may be lost: one that Python raises inside a callback, of its garbage collector for instance, is
    only printed.
    """
    event = threading.Event()
    previous = signal.getsignal(signal.SIGINT)
    if previous is None or threading.current_thread() is not threading.main_thread():
        yield event
        return

    def note(number: int, frame: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, note)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, previous)


def finished_draws(w: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the chains and the common number of draws that keep most of the finished ones.

    An interrupted run leaves chains of unequal length, filled up with NaN.
    """
    lengths = np.isfinite(w).all(axis=2).sum(axis=1)
    order = np.argsort(-lengths, kind="stable")
    kept = 1 + int(np.argmax(lengths[order] * np.arange(1, len(lengths) + 1)))
    return np.sort(order[:kept]), int(lengths[order[kept - 1]])


def _values(tree: Any, group: str, name: str, chains: np.ndarray, length: int, *tail: int) -> np.ndarray:
    if length == 0:
        return np.zeros((0, 0, *tail))
    return np.asarray(tree[group][name].values[chains, :length])


def _progress(settings: Settings) -> Callable[[Any], None] | None:
    if settings.progress is None:
        return None
    show, total = settings.progress, (settings.draws + settings.tune) * settings.chains

    def callback(chains: Any) -> None:
        show(sum(chain.finished_draws for chain in chains), total, sum(chain.divergences for chain in chains))

    return callback
