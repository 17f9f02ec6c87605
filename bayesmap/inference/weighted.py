r"""Densities of single parameters from weighted draws, where the normal approximation stands at limits.

Draws of a multivariate Student t around the mode in unbounded coordinates get importance weights (see
`bayesmap.inference.evidence`): they integrate over everything else, faint norms at zero included, whose volume depends
on the nuisances that they share and which no approximation at the best fit knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayesmap.inference.evidence import FREEDOM, log_t
from bayesmap.inference.importance import log_densities, smoothed
from bayesmap.inference.marginal import Marginal
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.inference.whitening import Whitening
from bayesmap.posterior.compiled import CompiledPosterior


@dataclass(frozen=True)
class WeightedMarginal(Marginal):
    """Density of one parameter as weighted draws: `density` holds the weight of each, `grid` their values in order."""

    @property
    def mean(self) -> float:
        """Mean."""
        return float(self.grid @ self.density)

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return float(np.sqrt((self.grid - self.mean) ** 2 @ self.density))


@dataclass(frozen=True)
class WeightedMarginals:
    """Densities of some parameters from the same draws.

    Parameters
    ----------
    marginals : tuple of WeightedMarginal
        One for each parameter.
    pareto_k : float
        Shape of the tail of the weights.
    effective_size : float
        Effective number of draws.
    draws : int
        Draws made.
    """

    marginals: tuple[WeightedMarginal, ...]
    pareto_k: float
    effective_size: float
    draws: int


def weighted_marginals(
    posterior: CompiledPosterior, whitening: Whitening, indices: Sequence[int], draws: int, seed: int
) -> WeightedMarginals:
    """Return the densities of coordinates that are the values of their parameters.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    whitening : Whitening
        Mode and root of the covariance of z.
    indices : sequence of int
        Coordinates.
    draws, seed : int
        Number of draws; seed.
    """
    rng = np.random.default_rng(seed)
    widths = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, draws))
    w = rng.standard_normal((draws, len(whitening.origin))) * widths[:, None]
    z = whitening.origin + w @ whitening.root.T
    weights, pareto_k = smoothed(log_densities(UnboundedPosterior(posterior), z, None) - log_t(w))
    theta = posterior.to_theta(z)
    kept = weights > 0.0
    marginals = tuple(_marginal(theta[kept, k], weights[kept]) for k in indices)
    return WeightedMarginals(marginals, pareto_k, float(1.0 / np.sum(weights**2)), draws)


def _marginal(values: np.ndarray, weights: np.ndarray) -> WeightedMarginal:
    order = np.argsort(values)
    ordered = weights[order]
    # A draw stands for what lies around it: half of its weight is below.
    return WeightedMarginal(values[order], ordered, np.cumsum(ordered) - 0.5 * ordered)
