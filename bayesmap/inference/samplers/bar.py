"""A progress bar for each chain, in a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Show = Callable[[Mapping[int, tuple[int, int]]], None]
"""Called with chain -> (finished draws, divergences)."""


@contextmanager
def progress_bars(chains: int, draws: int) -> Iterator[Show]:
    """Give the function that moves the bars.

    Parameters
    ----------
    chains, draws : int
        Number of chains, and draws of each, warm-up included.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[divergences]} divergences"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bars:
        rows = [bars.add_task(f"chain {chain}", total=draws, divergences=0) for chain in range(chains)]

        def show(state: Mapping[int, tuple[int, int]]) -> None:
            for chain, (done, divergences) in state.items():
                bars.update(rows[chain], completed=done, divergences=divergences)

        yield show
