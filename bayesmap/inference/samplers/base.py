"""What a sampler gets and gives: the whitened posterior, and draws of w with their statistics."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.inference.whitening import Whitening
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.draw_store import DrawWriter

BACKENDS = ("nutpie", "numpyro", "pymc")
"""Names of the samplers; each is a module of this folder with a function `run`."""

STATISTICS = (
    "acceptance_rate",
    "diverging",
    "energy",
    "lp",
    "n_steps",
    "reached_max_treedepth",
    "step_size",
    "tree_depth",
)
"""Sampler statistics by ArviZ's names, which every sampler fills."""

SPREAD = 1.5
"""Standard deviation of the starting points, in those of the Laplace approximation: over-dispersed."""

Progress = Callable[[int, int, int], None]
"""Called with (finished draws of all chains, draws to come in all, divergences so far), warm-up included."""


@dataclass(frozen=True)
class Target:
    """The whitened posterior.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    whitening : Whitening
        Origin and root.
    pymc_model : callable
        Returns the PyMC model, for samplers that move in it.
    """

    posterior: CompiledPosterior
    whitening: Whitening
    pymc_model: Callable[[], Any]

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.whitening.origin)

    def evaluate(self) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """Return w -> log-density and gradient; minus infinity and zeros where there is no support."""
        function = self.posterior.whitened(self.whitening.origin, self.whitening.root)

        def value_and_gradient(w: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = function(w)
            if np.isfinite(value) and np.all(np.isfinite(gradient)):
                return value, gradient
            return -np.inf, np.zeros_like(w)

        return value_and_gradient

    def starts(self, seeds: list[int], spread: float) -> np.ndarray:
        """Return over-dispersed starting points with support, shape (len(seeds), size).

        Standard normals times `spread` around the mode; a point without support is halved until it has some.

        Raises
        ------
        FitStateError
            BM-FT-008 if the mode itself has none.
        """
        function = self.evaluate()
        if not np.isfinite(function(np.zeros(self.size))[0]):
            raise FitStateError(
                "BM-FT-008",
                what="the point around which sampling is to start has no support, or no finite gradient",
                rule="Chains start around the best fit",
                remedy="Look at the best fit (optimize() and its reasons); give the parameters other start values",
            )
        points = []
        for seed in seeds:
            w = spread * np.random.default_rng(seed).standard_normal(self.size)
            while not np.isfinite(function(w)[0]):
                w = 0.5 * w
            points.append(w)
        return np.array(points)


@dataclass(frozen=True)
class Settings:
    """How to sample.

    Parameters
    ----------
    draws, tune, chains, cores : int
        Draws and warm-up of each chain, number of chains, and how many run at a time.
    seed : int
        Seed of everything random.
    target_accept : float
        Acceptance that the step size is adapted to.
    max_treedepth : int
        Largest depth of a tree.
    progressbar : bool
        Show the sampler's own progress bar.
    progress : callable, optional
        See `Progress`.
    store : DrawWriter, optional
        Where draws are written while they are made, and finished chains of an earlier run are.
    """

    draws: int
    tune: int
    chains: int
    cores: int
    seed: int
    target_accept: float
    max_treedepth: int
    progressbar: bool = False
    progress: Progress | None = None
    store: DrawWriter | None = None

    def record(self) -> dict[str, Any]:
        """Return what a stored posterior says of the sampler, in JSON types."""
        return {"tune": self.tune, "seed": self.seed, "requested": [self.chains, self.draws],
                "max_treedepth": self.max_treedepth}  # fmt: skip

    def chain_seed(self, chain: int) -> int:
        """Return the seed of a chain: its draws depend neither on the other chains nor on when it runs."""
        return int(np.random.SeedSequence(self.seed, spawn_key=(chain,)).generate_state(1, np.uint64)[0] >> 1)


@dataclass(frozen=True)
class RawDraws:
    """Draws of w.

    Parameters
    ----------
    w : ndarray, shape (n_chain, n_draw, size)
        Draws after warm-up.
    statistics : dict
        Name of `STATISTICS` -> array of shape (n_chain, n_draw).
    library, version : str
        Who drew.
    status : str
        ``"finished"``, or ``"interrupted"``.
    """

    w: np.ndarray
    statistics: dict[str, np.ndarray]
    library: str
    version: str
    status: str = "finished"


def load(name: str) -> Callable[[Target, Settings], RawDraws]:
    """Return the function `run` of a sampler.

    Raises
    ------
    BayesmapInputError
        BM-FT-002 for a name that is not known, BM-FT-004 if its package is not installed.
    """
    if name not in BACKENDS:
        raise BayesmapInputError(
            "BM-FT-002",
            what=f"sample has no sampler {name!r}",
            rule=f"Samplers are {', '.join(BACKENDS)}",
            remedy="Use one of these names",
        )
    try:
        module = importlib.import_module(f"bayesmap.inference.samplers.{name}_nuts")
    except ModuleNotFoundError as error:
        raise BayesmapInputError(
            "BM-FT-004",
            what=f"the sampler {name!r} needs the package {error.name!r}, which is not installed",
            rule="numpyro is optional, nutpie and pymc come with bayesmap",
            remedy=f"Install it: pip install 'bayesmap[{name}]'",
        ) from error
    run: Callable[[Target, Settings], RawDraws] = module.run
    return run
