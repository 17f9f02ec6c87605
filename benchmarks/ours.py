"""bayesmap: a compiled fit, and coordinates that change from call to call."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmap.dataset import MapDataset
from bayesmap.fit import MapFit
from bayesmap.models import Models


class Mine:
    """A fit, ready.

    Parameters
    ----------
    dataset : MapDataset
        Data.
    models : Models
        Start values.
    **options
        Of `MapFit`.
    """

    def __init__(self, dataset: MapDataset, models: Models, **options: Any) -> None:
        self.map_fit = MapFit.from_dataset(dataset, models, **options)
        self.posterior = self.map_fit._posterior
        self.theta = self.map_fit._theta
        self.points = np.array([self.theta])
        self.root = np.eye(len(self.theta))
        self.calls = 0

    def spread(self) -> Mine:
        """Fit, and take the points from the Laplace approximation; return itself."""
        self.fit()
        hessian = self.map_fit.covariance().hessian
        scale = 1.0 / np.sqrt(np.diag(hessian))
        self.root = scale[:, None] * np.linalg.cholesky(np.linalg.inv(hessian * np.outer(scale, scale)))
        deviates = np.random.default_rng(1).standard_normal((64, len(scale)))
        self.points = self.map_fit._theta + deviates @ self.root.T
        return self

    def near(self) -> Mine:
        """Take points close to the start values, without a fit; return itself."""
        rng = np.random.default_rng(1)
        self.points = self.theta * (1.0 + 1e-3 * rng.standard_normal((64, len(self.theta))))
        return self

    def value_and_gradient(self) -> None:
        """Evaluate the log-posterior and its gradient at a new point."""
        self.posterior.value_and_gradient(self.points[self.calls % len(self.points)])
        self.calls += 1

    def fit(self) -> None:
        """Optimize from the start values, and work out the covariance."""
        if not self.map_fit.run().success:
            raise RuntimeError("the fit failed")
