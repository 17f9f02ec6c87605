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
