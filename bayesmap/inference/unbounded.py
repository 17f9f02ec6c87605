r"""The log-posterior in unbounded coordinates z, by the chain rule from its derivatives in theta.

With theta = b(z) entry by entry and s = ln b',

.. math:: q(z) = \ln p(\theta) + \sum_i s_i,\quad
          \partial_i q = b_i'\,g_i + s_i',\quad
          \partial_i\partial_j q = b_i' H_{ij} b_j' + \delta_{ij}(g_i b_i'' + s_i'')

so that no second Hessian is compiled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmap.posterior.compiled import CompiledPosterior


@dataclass(frozen=True)
class UnboundedPosterior:
    """Value and derivatives in z.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of theta.
    """

    posterior: CompiledPosterior

    def value(self, z: np.ndarray) -> float:
        """Return q."""
        theta, _, _, slope, _, _ = self.posterior.change(z)
        return self.posterior.log_posterior(theta) + float(slope.sum())

    def value_and_gradient(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """Return q and its gradient."""
        theta, first, _, slope, slope_first, _ = self.posterior.change(z)
        value, gradient = self.posterior.value_and_gradient(theta)
        # A trial step may leave the range of floats; what is not finite there is refused by who asked.
        with np.errstate(over="ignore", invalid="ignore"):
            return value + float(slope.sum()), first * gradient + slope_first

    def hessian(self, z: np.ndarray, inner: np.ndarray | None = None) -> np.ndarray:
        """Return the Hessian of q.

        Parameters
        ----------
        z : ndarray, shape (size,)
            Coordinates.
        inner : ndarray, shape (size, size), optional
            Hessian in theta there, where it is known.
        """
        theta, first, second, _, _, slope_second = self.posterior.change(z)
        _, gradient = self.posterior.value_and_gradient(theta)
        known = self.posterior.hessian(theta) if inner is None else inner
        return first[:, None] * known * first[None, :] + np.diag(gradient * second + slope_second)

    def fisher(self, z: np.ndarray) -> np.ndarray:
        """Return the expected information of the counts about z."""
        theta, first, *_ = self.posterior.change(z)
        return first[:, None] * self.posterior.fisher(theta) * first[None, :]
