"""Simulated counts: what a model predicts, with the scatter of its law of counts."""

from __future__ import annotations

import dataclasses
from typing import Any, overload

import numpy as np

from bayesmap.dataset import Dataset, MapDataset, SpectrumDatasetOnOff
from bayesmap.errors import BayesmapInputError
from bayesmap.fit.facade import MapFit
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import to_float64


@overload
def simulate(dataset: MapDataset, models: Any, seed: int, **options: Any) -> MapDataset: ...
@overload
def simulate(
    dataset: SpectrumDatasetOnOff, models: Any, seed: int, *, background: Any, **options: Any
) -> SpectrumDatasetOnOff: ...
def simulate(dataset: Dataset, models: Any, seed: int, *, background: Any = None, **options: Any) -> Dataset:
    """Draw counts from the models' predicted counts.

    Parameters
    ----------
    dataset : MapDataset or SpectrumDatasetOnOff
        Responses and geometry; its counts are replaced.
    models : Models or SkyModel
        The truth. With an `OverdispersionModel` counts are negative binomial, else Poisson.
    seed : int
        Seed of the random numbers.
    background : array_like, shape (n_reco,)
        Of a spectrum: expected background counts in its On region.
    **options
        ``exposure_order``, ``energy_integration``, ``convention`` and ``likelihood`` of `MapFit`.

    Returns
    -------
    MapDataset or SpectrumDatasetOnOff
        The same dataset with new counts; of a spectrum, On and Off.

    Raises
    ------
    BayesmapInputError
        BM-IN-043 for a spectrum without expected background, or a map with one.

    Examples
    --------
    >>> from bayesmap.testing import toy_models, toy_response
    >>> int(simulate(toy_response(), toy_models(), seed=1).counts.data.sum()) > 0
    True
    """
    rng = np.random.default_rng(seed)
    if isinstance(dataset, MapDataset) != (background is None):
        raise BayesmapInputError(
            "BM-IN-043",
            what=f"{type(dataset).__name__} {dataset.name!r} was to be simulated with background={background!r}",
            rule="A spectrum needs its expected background; that of a map is part of the dataset",
            remedy="Pass background= for a spectrum only",
        )
    if isinstance(dataset, MapDataset):
        empty = dataset.with_counts(WcsNDMap(dataset.counts.geom, np.zeros(dataset.counts.data.shape)))
        fit = MapFit.from_dataset(empty, models, priors="flat", **options)
        return dataset.with_counts(WcsNDMap(dataset.counts.geom, fit.draw_counts(rng)))
    expected = to_float64(background, "", "background")
    nothing = np.zeros(dataset.axis.nbin)
    empty_spectrum = dataclasses.replace(dataset, counts=nothing, counts_off=nothing)
    signal = MapFit.from_dataset(empty_spectrum, models, priors="flat", **options).npred()
    return dataclasses.replace(
        dataset,
        counts=rng.poisson(signal + expected).astype(np.float64),
        counts_off=rng.poisson(expected / dataset.alpha).astype(np.float64),
    )
