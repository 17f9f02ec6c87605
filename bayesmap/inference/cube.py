r"""From the unit cube to unbounded coordinates, for nested sampling: nearly by the priors, and the rest as a weight.

Z is the integral of the likelihood over the prior p(z).  With any density q that covers it,

.. math:: Z = \int \frac{p(z)}{q(z)}\, L(z)\, q(z)\, dz ,

so that q need only be *near* the prior.  It is a table of the prior of each parameter with one of its own; of vectors,
such as positions, and of parameters that depend on others it is a product of Student t laws with the mean and
covariance of draws of the prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from bayesmap.inference.batch import forward_many
from bayesmap.inference.evidence import FREEDOM
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.posterior.distributions import evaluate
from bayesmap.posterior.variables import Variable

DRAWS = 4000
NODES = 2001


@dataclass(frozen=True)
class _Table:
    """A density of one coordinate, constant between nodes.

    Parameters
    ----------
    nodes, below : ndarray, shape (n,)
        Coordinates, and the probability below each.
    """

    nodes: np.ndarray
    below: np.ndarray

    def z(self, cube: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates of probabilities, shape (n, 1), and the log-density there, shape (n,)."""
        u = cube[:, 0]
        place = np.clip(np.searchsorted(self.below, u, side="right") - 1, 0, len(self.nodes) - 2)
        mass, width = np.diff(self.below)[place], np.diff(self.nodes)[place]
        return (self.nodes[place] + (u - self.below[place]) / mass * width)[:, None], np.log(mass / width)


@dataclass(frozen=True)
class _Students:
    """A product of Student t laws, turned and scaled."""

    mean: np.ndarray
    root: np.ndarray

    def z(self, cube: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates of probabilities, shape (n, size), and the log-density there, shape (n,)."""
        w = scipy.stats.t.ppf(cube, FREEDOM)
        _, log_det = np.linalg.slogdet(self.root)
        return self.mean + w @ self.root.T, scipy.stats.t.logpdf(w, FREEDOM).sum(axis=1) - log_det


@dataclass(frozen=True)
class Cube:
    """The unit cube over unbounded coordinates.

    Parameters
    ----------
    parts : sequence of (indices, law)
        Together they hold each coordinate once.
    """

    parts: Sequence[tuple[tuple[int, ...], _Table | _Students]]

    def z(self, cube: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates of many points of the cube, shape (n, size), and ln q there, shape (n,)."""
        z, density = np.empty_like(cube), np.zeros(len(cube))
        for indices, law in self.parts:
            z[:, list(indices)], logs = law.z(cube[:, list(indices)])
            density += logs
        return z, density


def prior_cube(posterior: CompiledPosterior, seed: int) -> Cube:
    """Return the cube of a posterior with proper priors.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    seed : int
        Seed of the draws of the prior.
    """
    drawn = forward_many(posterior, posterior.variables.draw(DRAWS, np.random.default_rng([seed, 5])))
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    alone = [item for item in posterior.variables.items if not item.is_vector and item.conditional is None]
    parts: list[tuple[tuple[int, ...], _Table | _Students]] = [
        (item.indices, _table(item, drawn[:, item.indices[0]])) for item in alone
    ]
    rest = tuple(i for item in posterior.variables.items if item not in alone for i in item.indices)
    if rest:
        values = drawn[:, list(rest)]
        # A law with so many degrees of freedom is wider than its scale: the covariance is that of the draws.
        root = np.linalg.cholesky(np.atleast_2d(np.cov(values.T)))
        parts.append((rest, _Students(values.mean(axis=0), root)))
    return Cube(parts)


def _table(item: Variable, drawn: np.ndarray) -> _Table:
    """Return the prior of one parameter as a table in z, some way beyond its draws."""
    import pymc as pm
    import pytensor.tensor as pt

    low, high = drawn.min(), drawn.max()
    even = np.linspace(low - 0.5 * (high - low), high + 0.5 * (high - low), NODES)
    nodes = np.unique(np.concatenate([even, np.quantile(drawn, np.linspace(0.0, 1.0, NODES))]))
    theta, slope = pt.constant(nodes), pt.constant(0.0)
    if item.transform is not None:
        inputs = item.distribution.owner.inputs
        slope = item.transform.log_jac_det(pt.constant(nodes), *inputs)
        theta = item.transform.backward(pt.constant(nodes), *inputs)
    logs = np.asarray(evaluate(pm.logp(item.distribution, theta) + slope))
    density = np.exp(np.where(np.isfinite(logs), logs, -np.inf))
    mass = 0.5 * (density[1:] + density[:-1]) * np.diff(nodes)
    kept = np.concatenate([mass > 0.0, [False]])
    kept[1:] |= mass > 0.0  # both ends of each interval that holds something
    below = np.concatenate([[0.0], np.cumsum(mass)])
    return _Table(nodes[kept], below[kept] / below[-1])
