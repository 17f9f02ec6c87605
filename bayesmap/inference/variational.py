r"""Whitening from the normal with the largest evidence bound, found with fixed draws.

The full-rank normal w = m + C u minimises

.. math:: -\frac{1}{M}\sum_k \ln p(m + C\,u_k) - \sum_i \ln C_{ii}

with C lower triangular and the base draws u_k fixed, so that it is an ordinary smooth function for a descent.  The
draws come in pairs of either sign and have unit covariance exactly; there are more pairs than coordinates, without
which the covariance would have no optimum.

References
----------
Giordano, Ingram & Broderick 2024, JMLR 25, 18 (deterministic ADVI).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bayesmap.inference.descent import Function, descend
from bayesmap.inference.pathfinder import minus, supported
from bayesmap.inference.whitening import Whitening
from bayesmap.posterior.compiled import CompiledPosterior

FEWEST_PAIRS = 12
PAIRS_PER_COORDINATE = 2
TOLERANCE, LONGEST = 0.05, 60


def variational(
    posterior: CompiledPosterior, base: Whitening, seed: int, progress: Callable[[int], None] | None = None
) -> Whitening:
    """Return the whitening of the best normal.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    base : Whitening
        Coordinates to begin with.
    seed : int
        Seed of the base draws.
    progress : callable, optional
        Called with the number of the step.

    Raises
    ------
    FitStateError
        BM-FT-008 if the origin has no support.
    """
    density = minus(posterior.whitened(base.origin, base.root))
    size = len(base.origin)
    supported(density, np.zeros(size))
    objective = Objective(density, base_draws(size, seed))
    start = objective.pack(np.zeros(size), np.eye(size))
    while not np.isfinite(objective(start)[0]):
        start = objective.pack(np.zeros(size), 0.5 * objective.unpack(start)[1])
    end = start
    for number, place in enumerate(descend(objective, start, tolerance=TOLERANCE, max_iterations=LONGEST)):
        end = place.point
        if progress is not None:
            progress(number)
    mean, root = objective.unpack(end)
    note = f"whitened by the variational normal of {len(objective.draws)} fixed draws"
    return Whitening(base.origin + base.root @ mean, base.root @ root, (note,))


def base_draws(size: int, seed: int) -> np.ndarray:
    """Return standard-normal draws in pairs of either sign, with unit covariance exactly, shape (n_draw, size)."""
    pairs = max(FEWEST_PAIRS, PAIRS_PER_COORDINATE * size)
    draws = np.random.default_rng([seed, 3]).standard_normal((pairs, size))
    root = np.linalg.cholesky(draws.T @ draws / pairs)
    draws = np.linalg.solve(root, draws.T).T
    return np.concatenate([draws, -draws])


class Objective:
    """Minus the evidence bound of a normal, as a function of its mean and root.

    Parameters
    ----------
    density : Function
        Minus the log-density.
    draws : ndarray, shape (n_draw, size)
        Base draws.
    """

    def __init__(self, density: Function, draws: np.ndarray) -> None:
        self.density, self.draws = density, draws
        self._rows, self._columns = np.tril_indices(draws.shape[1])
        self._diagonal = self._rows == self._columns

    def pack(self, mean: np.ndarray, root: np.ndarray) -> np.ndarray:
        """Return mean and root as one vector, the diagonal by its logarithm."""
        entries = root[self._rows, self._columns].copy()
        entries[self._diagonal] = np.log(entries[self._diagonal])
        return np.concatenate([mean, entries])

    def unpack(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and root of a vector: `pack` backwards."""
        size = self.draws.shape[1]
        entries, root = point[size:].copy(), np.zeros((size, size))
        entries[self._diagonal] = np.exp(entries[self._diagonal])
        root[self._rows, self._columns] = entries
        return point[:size], root

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient; infinite where a draw leaves the support, or a trial step the range of floats."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._evaluate(point)

    def _evaluate(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        mean, root = self.unpack(point)
        found = [self.density(mean + root @ draw) for draw in self.draws]
        gradients = np.array([gradient for _, gradient in found])
        by_root = (gradients.T @ self.draws / len(self.draws))[self._rows, self._columns]
        logarithms = point[self.draws.shape[1] :][self._diagonal]
        by_root[self._diagonal] = by_root[self._diagonal] * np.exp(logarithms) - 1.0
        value = float(np.mean([value for value, _ in found]) - logarithms.sum())
        return value, np.concatenate([gradients.mean(axis=0), by_root])
