"""Simulated counts."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.dataset import MapDataset
from bayesmap.fit.facade import MapFit
from bayesmap.maps.map import WcsNDMap


def simulate(dataset: MapDataset, models: Any, seed: int, **options: Any) -> MapDataset:
    """Draw Poisson counts from the models' predicted counts.

    Parameters
    ----------
    dataset : MapDataset
        Responses and geometry; its counts are replaced.
    models : Models or SkyModel
        The truth.
    seed : int
        Seed of the random numbers.
    **options
        ``exposure_order``, ``energy_integration`` and ``convention`` of `MapFit`.

    Returns
    -------
    MapDataset
        The same dataset with new counts.
    """
    zeros = WcsNDMap(dataset.counts.geom, np.zeros(dataset.counts.data.shape))
    empty = dataset.with_counts(zeros)
    npred = MapFit.from_dataset(empty, models, priors="flat", **options).npred()
    rng = np.random.default_rng(seed)
    return dataset.with_counts(WcsNDMap(npred.geom, rng.poisson(npred.data).astype(np.float64), u.Unit("")))
