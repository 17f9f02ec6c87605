"""The log-posterior as a function of the named values, in the parameters' units, instead of theta.

They differ for positions (longitude and latitude instead of offsets) and pooled parameters (values instead of
deviates).  A profile of a named value is one of this function; it is no density of the values, whose volume it does not
count.  Without the prior it is the log-likelihood, on the support of the prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmap.errors import ModelError
from bayesmap.posterior.compiled import CompiledPosterior

OUT_OF_REACH = "BM-MO-024"
"""Code of the error for values that no deviate of a pool gives."""


@dataclass(frozen=True)
class NamedPosterior:
    r"""Value and gradient by the named values v: :math:`\nabla_v = J^{-T} \nabla_\theta` with :math:`J = dv/d\theta`.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of theta.
    with_prior : bool
        False for the log-likelihood alone.
    """

    posterior: CompiledPosterior
    with_prior: bool = True

    def values(self, theta: np.ndarray) -> np.ndarray:
        """Return the named values of theta, in its order."""
        return self.posterior.coordinates.to_many_values(theta)

    def theta(self, values: np.ndarray) -> np.ndarray:
        """Return theta of named values."""
        coordinates = self.posterior.coordinates
        return coordinates.to_theta(dict(zip(coordinates.names, map(float, values), strict=True)))

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the limits of the values: those of theta, where the two are the same."""
        lower, upper = (np.array(item) for item in self.posterior.variables.bounds())
        coordinates = self.posterior.coordinates
        changed = [*coordinates.pooled, *(i for pair in coordinates.moving.values() for i in pair)]
        lower[changed], upper[changed] = -np.inf, np.inf
        return lower, upper

    def log_posterior(self, values: np.ndarray) -> float:
        """Return the log-density at theta; minus infinity for values that a pool cannot reach."""
        if not self.with_prior:
            return self.value_and_gradient(values)[0]
        theta = self._reached(values)
        return -np.inf if theta is None else self.posterior.log_posterior(theta)

    def value_and_gradient(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        """Return it, and its gradient by the values; where a pool cannot reach them there is none, NaN."""
        theta = self._reached(values)
        if theta is None:
            return -np.inf, np.full_like(values, np.nan)
        value, gradient = self.posterior.value_and_gradient(theta)
        if not self.with_prior and np.isfinite(value):
            prior, slope = self.posterior.prior_and_gradient(theta)
            value, gradient = value - prior, gradient - slope
        return value, np.linalg.solve(self.posterior.coordinates.jacobian(theta).T, gradient)

    def _reached(self, values: np.ndarray) -> np.ndarray | None:
        """Return theta, or None for members of a pool without spread that differ from its mean: no support."""
        try:
            return self.theta(values)
        except ModelError as error:
            if error.code != OUT_OF_REACH:
                raise
            return None

    def hessian(self, values: np.ndarray) -> np.ndarray:
        """Return its second derivatives by the values, exact where its gradient is zero.

        Elsewhere the curvature of the coordinates themselves is left out: a metric, good for steps.
        """
        theta = self.theta(values)
        matrix = self.posterior.hessian(theta)
        if not self.with_prior:
            matrix = matrix - self.posterior.prior_hessian(theta)
        return self.by_values(matrix, theta)

    def by_values(self, matrix: np.ndarray, theta: np.ndarray) -> np.ndarray:
        r"""Return second derivatives by theta as such by the values, :math:`J^{-T} H J^{-1}`."""
        inverse = np.linalg.inv(self.posterior.coordinates.jacobian(theta))
        return np.asarray(inverse.T @ matrix @ inverse)
