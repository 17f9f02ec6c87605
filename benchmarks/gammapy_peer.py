"""Gammapy 2 with iminuit on the same data and models."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from gammapy.datasets import Datasets, MapDataset
from gammapy.modeling import Fit
from gammapy.modeling.models import Models

import bayesmap


class Peer:
    """Gammapy's likelihood, and its fit with explicit first steps.

    Parameters
    ----------
    dataset : gammapy.datasets.MapDataset
        Data.
    start : dict
        Models at the start values, as Gammapy's dictionary.
    steps : sequence of float
        First step of each free parameter.
    best, errors : sequence of float
        Points at which the statistic is evaluated scatter around the best values by 0.3 errors.
    """

    def __init__(self, dataset: Any, start: dict[str, Any], steps: Any, best: Any, errors: Any) -> None:
        self.dataset, self.start, self.steps = dataset, start, list(steps)
        self.best, self.errors = np.array(best), np.array(errors)
        self.reset()
        rng = np.random.default_rng(1)
        self.points = self.best + 0.3 * self.errors * rng.standard_normal((64, len(self.best)))
        self.calls = 0

    @classmethod
    def of_reference(cls, folder: Path, record: dict[str, Any]) -> Peer:
        """Return the fit of a record of the reference data."""
        name = record["dataset"]
        dataset = MapDataset.read(folder / f"{name}.mapdataset.fits.gz", name=name)
        rows = record["best_fit"].values()
        values, errors = [row["value"] for row in rows], [row["error"] for row in rows]
        return cls(dataset, record["models_start"], record["initial_steps"].values(), values, errors)

    @classmethod
    def of_simulated(cls, dataset: Any, models: Any) -> Peer:
        """Return the same of data and models of bayesmap's, written and read again; first steps of 2 % or 0.01."""
        with tempfile.TemporaryDirectory() as folder:
            bayesmap.write_dataset(dataset, Path(folder) / "data.fits")
            bayesmap.write_models(models, Path(folder) / "models.yaml")
            data = MapDataset.read(Path(folder) / "data.fits", name=dataset.name)
            theirs = Models.read(Path(folder) / "models.yaml")
        free = theirs.parameters.free_parameters
        steps = [0.01 if item.name in ("lon_0", "lat_0", "tilt") else 0.02 * abs(item.value) for item in free]
        return cls(data, theirs.to_dict(), steps, [item.value for item in free], steps)

    @property
    def free(self) -> Any:
        """Free parameters."""
        return self.datasets.models.parameters.free_parameters

    def reset(self) -> None:
        """Set the models anew at their start values, with the first steps as errors."""
        self.dataset.models = Models.from_dict(self.start)
        self.datasets = Datasets([self.dataset])
        for parameter, step in zip(self.free, self.steps, strict=True):
            parameter.error = step

    def statistic(self, values: Any) -> float:
        """Return the statistic at values of the free parameters."""
        for parameter, value in zip(self.free, values, strict=True):
            parameter.value = value
        return float(self.datasets.stat_sum())

    def value(self) -> None:
        """Evaluate the statistic with all parameters changed."""
        self.statistic(self.points[self.calls % len(self.points)])
        self.calls += 1

    def fit(self) -> None:
        """Run MIGRAD and HESSE from the start values."""
        self.reset()
        Fit().run(self.datasets)

    def fit_and_minos(self) -> None:
        """Run MIGRAD and HESSE, then MINOS (one sigma) for every free parameter, as `Fit.confidence` does."""
        self.reset()
        fit = Fit()
        fit.run(self.datasets)
        for parameter in self.free:
            fit.confidence(self.datasets, parameter, sigma=1)
