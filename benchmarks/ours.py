"""bayesmap on a fit of the reference data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bayesmap.fit import MapFit
from bayesmap.io.gammapy import read_dataset
from bayesmap.io.yaml import read_models


class Mine:
    """A compiled fit, and coordinates that change from call to call."""

    def __init__(self, folder: Path, record: dict[str, Any]) -> None:
        name = record["dataset"]
        dataset = read_dataset(folder / f"{name}.mapdataset.fits.gz", name=name)
        models = read_models(record["models_start"])
        self.map_fit = MapFit.from_dataset(dataset, models, exposure_order="after_psf")
        self.map_fit.run()
        self.posterior = self.map_fit._posterior
        covariance = np.linalg.inv(self.map_fit.covariance().hessian)
        rng = np.random.default_rng(1)
        self.points = rng.multivariate_normal(self.map_fit._theta, covariance, size=64)
        self.calls = 0

    def value_and_gradient(self) -> None:
        """Evaluate the log-posterior and its gradient at a new point."""
        self.posterior.value_and_gradient(self.points[self.calls % len(self.points)])
        self.calls += 1

    def fit(self) -> None:
        """Optimize from the start values, and work out the covariance."""
        if not self.map_fit.run().success:
            raise RuntimeError("the fit failed")
