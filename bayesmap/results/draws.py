"""Draws of the free parameters as a sampler leaves them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Draws:
    """Draws of theta (see `posterior.coordinates`), with how they were made.

    Parameters
    ----------
    theta : ndarray, shape (n_chain, n_draw, size)
        Draws after warm-up.
    statistics : dict
        Sampler statistics by ArviZ's names, each of shape (n_chain, n_draw).
    max_treedepth, tune : int
        Settings.
    requested : (chains, draws)
        What was asked for; an interrupted run has less.
    seed : int
        Seed.
    library, version : str
        Sampler.
    status : str
        ``"finished"`` or ``"interrupted"``.
    seconds : float
        Wall time, search for the whitening included.
    notes : tuple of str
        What was not as it should be.
    """

    theta: np.ndarray
    statistics: dict[str, np.ndarray]
    max_treedepth: int
    tune: int
    requested: tuple[int, int]
    seed: int
    library: str
    version: str
    status: str
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChainDraws:
    """Draws of one chain in the coordinates of the sampler, w (see `inference.whitening`).

    Parameters
    ----------
    w : ndarray, shape (n_draw, size)
        Draws after warm-up.
    statistics : dict
        Sampler statistics by ArviZ's names, each of shape (n_draw,).
    """

    w: np.ndarray
    statistics: dict[str, np.ndarray]

    def part(self, first: int, end: int) -> ChainDraws:
        """Return draws from `first` to before `end`."""
        return ChainDraws(self.w[first:end], {name: values[first:end] for name, values in self.statistics.items()})


def longest_part(lengths: list[int]) -> tuple[np.ndarray, int]:
    """Return the chains and the common number of draws that keep most of the finished ones."""
    sizes = np.asarray(lengths)
    order = np.argsort(-sizes, kind="stable")
    kept = 1 + int(np.argmax(sizes[order] * np.arange(1, len(sizes) + 1)))
    return np.sort(order[:kept]), int(sizes[order[kept - 1]])
