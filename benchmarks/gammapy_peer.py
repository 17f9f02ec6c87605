"""Gammapy 2 with iminuit on the same fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gammapy.datasets import Datasets, MapDataset
from gammapy.modeling import Fit
from gammapy.modeling.models import Models


class Peer:
    """Gammapy's likelihood, and its fit with explicit first steps."""

    def __init__(self, folder: Path, record: dict[str, Any]) -> None:
        name = record["dataset"]
        self.dataset = MapDataset.read(folder / f"{name}.mapdataset.fits.gz", name=name)
        self.record = record
        self.reset()
        free = self.datasets.models.parameters.free_parameters
        rng = np.random.default_rng(1)
        errors = np.array([row["error"] for row in record["best_fit"].values()])
        best = np.array([row["value"] for row in record["best_fit"].values()])
        self.points = best + 0.3 * errors * rng.standard_normal((64, len(free)))
        self.calls = 0

    def reset(self) -> None:
        """Set the models anew at their start values, with the first steps as errors."""
        models = Models.from_dict(self.record["models_start"])
        self.dataset.models = models
        self.datasets = Datasets([self.dataset])
        free = models.parameters.free_parameters
        for parameter, step in zip(free, self.record["initial_steps"].values(), strict=True):
            parameter.error = step

    def value(self) -> None:
        """Evaluate the statistic with all parameters changed."""
        free = self.datasets.models.parameters.free_parameters
        for parameter, value in zip(free, self.points[self.calls % len(self.points)], strict=True):
            parameter.value = value
        self.datasets.stat_sum()
        self.calls += 1

    def fit(self) -> None:
        """Run MIGRAD and HESSE from the start values."""
        self.reset()
        Fit().run(self.datasets)
