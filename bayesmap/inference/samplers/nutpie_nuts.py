"""NUTS of nutpie on the compiled whitened posterior: chains in threads, draws kept when interrupted.

Each chain is a run of its own with a seed of its own, so that a chain can be run again alone, and gives the same bits.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import nutpie
from nutpie.compiled_pyfunc import from_pyfunc

from bayesmap.inference.samplers.bar import progress_bars
from bayesmap.inference.samplers.base import SPREAD, RawDraws, Settings, Target
from bayesmap.results.draw_store import BLOCK, EVERY
from bayesmap.results.draws import ChainDraws, longest_part

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
"""Seconds between looks at the chains, which run in threads of their own."""

Show = Callable[[Mapping[int, tuple[int, int]]], None]
Density = Callable[[np.ndarray], tuple[float, np.ndarray]]


def run(target: Target, settings: Settings) -> RawDraws:
    """Draw; see `base`."""
    with contextlib.ExitStack() as stack:
        shows = []
        if settings.progressbar:
            shows.append(stack.enter_context(progress_bars(settings.chains, settings.tune + settings.draws)))
        if settings.progress is not None:
            shows.append(_totals(settings))
        # Of a run with fewer draws than chains, or none: ArviZ suspects that the axes were exchanged.
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", "Found chain dimension to be longer than draw dimension", UserWarning)
        failures: list[BaseException] = []
        pool = _Pool(_model(target, failures), settings, shows, failures)
        finished = pool.run()
    found = [pool.draws.get(chain, _nothing(target.size)) for chain in range(settings.chains)]
    chains, length = longest_part([len(item.w) for item in found])
    kept = [found[chain].part(0, length) for chain in chains]
    return RawDraws(
        w=np.stack([item.w for item in kept]),
        statistics={name: np.stack([item.statistics[name] for item in kept]) for name in STATISTICS},
        library="nutpie",
        version=nutpie.__version__,
        status="finished" if finished else "interrupted",
    )


def _model(target: Target, failures: list[BaseException]) -> Any:
    return from_pyfunc(
        target.size,
        lambda: _noting(target, failures),
        lambda seed1, seed2, chain: lambda w: {"w": w},
        ["float64"],
        [(target.size,)],
        ["w"],
        make_initial_point_fn=lambda seed: target.starts([seed], SPREAD)[0],
    )


def _noting(target: Target, failures: list[BaseException]) -> Density:
    """Return a density whose errors are noted, for the thread that waits: in nutpie's own they would end the process.

    After one the density is zero, so that all chains come to their end soon; none of their draws is kept.
    """
    function: Density | None = None

    def density(w: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal function
        if not failures:
            try:
                function = function or target.evaluate()
                return function(w)
            except BaseException as error:  # memory that ran out, among others
                failures.append(error)
        return -np.inf, np.zeros_like(w)

    return density


@dataclass
class _Running:
    """A chain on its way."""

    sampler: Any
    counts: dict[str, int]
    """``drawn`` (warm-up included) and ``divergences``, which the sampler's own thread updates."""
    written: int = 0
    """Draws in the store."""
    last: float = field(default_factory=time.monotonic)
    """When they were written."""

    def wait(self, seconds: float) -> Any:
        """Return nutpie's tree if the chain ends within some seconds, else None."""
        try:
            return self.sampler.wait(timeout=seconds)
        except TimeoutError:
            return None


@dataclass
class _Pool:
    """Chains of one run, as many at a time as there are cores for."""

    model: Any
    settings: Settings
    shows: list[Show]
    failures: list[BaseException]
    """Errors of the density, noted in the threads of the chains."""
    draws: dict[int, ChainDraws] = field(default_factory=dict)
    running: dict[int, _Running] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    """Chains with all their draws, which are in the store where there is one."""

    def run(self) -> bool:
        """Fill `draws`; return whether all chains came to their end."""
        store = self.settings.store
        if store is not None:
            self.draws.update(store.finished())
            self.ended.update(self.draws)
        waiting = [chain for chain in range(self.settings.chains) if chain not in self.draws]
        try:
            with _noted_interrupt() as interrupted:
                while (waiting or self.running) and not interrupted.is_set():
                    while waiting and len(self.running) < self.settings.cores:
                        self._start(waiting.pop(0))
                    self._look()
        except KeyboardInterrupt:
            pass  # in a thread, or from another handler: the same as a noted one
        except BaseException:
            self._cancel()
            self._check()  # the density's own error, where there is one, rather than what followed from it
            raise
        finished = len(self.ended) == self.settings.chains
        try:
            for chain, item in list(self.running.items()):
                self._end(chain, self._sound(item.sampler.abort()), finished=False)
        finally:  # after a second Ctrl-C, or a full disk
            self._cancel()
        if store is not None and not finished:
            self._take_longer()
        self._show()
        return finished

    def _cancel(self) -> None:
        for item in self.running.values():
            item.sampler.cancel()

    def _check(self) -> None:
        """Raise what the density raised in the thread of a chain."""
        if self.failures:
            raise self.failures[0]

    def _take_longer(self) -> None:
        """Of chains that an earlier run had brought farther than this one before it was interrupted, take its draws."""
        for chain in range(self.settings.chains):
            known = len(self.draws[chain].w) if chain in self.draws else 0
            longer = None if self.settings.store is None else self.settings.store.more_than(chain, known)
            if longer is not None:
                self.draws[chain] = longer

    def _start(self, chain: int) -> None:
        settings = self.settings
        counts = {"drawn": 0, "divergences": 0}
        sampler = nutpie.sample(
            self.model,
            draws=settings.draws,
            tune=settings.tune,
            chains=1,
            cores=1,
            seed=settings.chain_seed(chain),
            target_accept=settings.target_accept,
            maxdepth=settings.max_treedepth,
            progress_bar=False,
            progress_callback=lambda chains: counts.update(
                drawn=chains[0].finished_draws, divergences=chains[0].divergences
            ),
            save_warmup=False,
            blocking=False,
        )
        self.running[chain] = _Running(sampler, counts)

    def _look(self) -> None:
        """Give each running chain some time, write what is due, show how far it all is."""
        self._check()
        for chain, item in list(self.running.items()):
            found = item.wait(POLL / len(self.running))
            if found is not None:
                self._end(chain, self._sound(found), finished=True)
            elif self._due(item):
                part = self._sound(item.sampler.inspect())
                self._write(chain, part)
                item.written, item.last = len(part.w), time.monotonic()
        self._show()

    def _sound(self, tree: Any) -> ChainDraws:
        """Return a chain's draws, unless the density failed while they were made."""
        self._check()
        return _draws(tree)

    def _due(self, item: _Running) -> bool:
        new = item.counts["drawn"] - self.settings.tune - item.written
        late = time.monotonic() - item.last >= EVERY
        return self.settings.store is not None and (new >= BLOCK or (late and new > 0))

    def _end(self, chain: int, found: ChainDraws, *, finished: bool) -> None:
        self.draws[chain] = found
        del self.running[chain]
        self._write(chain, found, finished=finished)
        if finished:
            self.ended.add(chain)

    def _write(self, chain: int, found: ChainDraws, *, finished: bool = False) -> None:
        if self.settings.store is not None:
            self.settings.store.flush(chain, found, finished=finished)

    def _show(self) -> None:
        whole = self.settings.tune + self.settings.draws
        state = {chain: (whole, int(item.statistics["diverging"].sum())) for chain, item in self.draws.items()}
        state |= {chain: (item.counts["drawn"], item.counts["divergences"]) for chain, item in self.running.items()}
        for show in self.shows:
            show(state)


def _totals(settings: Settings) -> Show:
    """Return the function that passes the sums over all chains on to `settings.progress`."""
    total = (settings.draws + settings.tune) * settings.chains

    def show(state: Mapping[int, tuple[int, int]]) -> None:
        if settings.progress is not None:
            settings.progress(sum(done for done, _ in state.values()), total, sum(bad for _, bad in state.values()))

    return show


def _draws(tree: Any) -> ChainDraws:
    """Return the draws of nutpie's only chain."""
    if "posterior" not in tree.children:
        return _nothing(0)
    return ChainDraws(
        np.asarray(tree["posterior"]["w"].values[0]),
        {name: np.asarray(tree["sample_stats"][theirs].values[0]) for name, theirs in STATISTICS.items()},
    )


def _nothing(size: int) -> ChainDraws:
    return ChainDraws(np.zeros((0, size)), {name: np.zeros(0) for name in STATISTICS})


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
