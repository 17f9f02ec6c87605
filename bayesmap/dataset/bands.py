"""Bands of reconstructed energy: which bins of a dataset lie in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bayesmap.dataset.record import MapDataset
from bayesmap.dataset.spectrum import SpectrumDatasetOnOff
from bayesmap.errors import BayesmapInputError
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import BoolArray, FloatArray, to_float64

TOLERANCE = 1e-6
"""Relative distance at which two edges are the same."""


def checked_edges(edges: Any, axes: Sequence[MapAxis]) -> FloatArray:
    """Return the edges of bands in TeV, checked against the energy bins of datasets.

    Parameters
    ----------
    edges : Quantity, shape (n + 1,)
        Edges.
    axes : sequence of MapAxis
        Reconstructed energies of the datasets.

    Raises
    ------
    BayesmapInputError
        BM-FT-061 for edges that are none, BM-FT-060 for one that lies inside a bin, with the nearest that do not.
    """
    values = np.atleast_1d(to_float64(edges, "TeV", "energy_edges"))
    if values.ndim != 1 or len(values) < 2 or not np.all(np.isfinite(values)) or not np.all(np.diff(values) > 0):
        raise _no_edges(edges)
    if values[0] <= 0.0:
        raise _no_edges(edges)
    for axis in axes:
        _check_on(values, axis)
    return values


def band_of(axis: MapAxis, edges: FloatArray) -> np.ndarray:
    """Return the number of the band that each bin lies in, -1 outside all, shape (n_reco,)."""
    found = np.searchsorted(edges, axis.center) - 1
    return np.where((axis.center > edges[0]) & (axis.center < edges[-1]), found, -1)


def in_bands(dataset: Any, edges: FloatArray) -> Any:
    """Return a dataset whose mask excludes what lies outside the bands, or None where nothing is left."""
    used = dataset.mask_data & _spread(band_of(dataset.axis, edges) >= 0, dataset)
    if not used.any():
        return None
    if isinstance(dataset, SpectrumDatasetOnOff):
        return replace(dataset, mask=used)
    return replace(dataset, mask=WcsNDMap(dataset.counts.geom, used))


def sums_per_band(dataset: Any, edges: FloatArray, values: Any) -> FloatArray:
    """Return sums over the used bins of each band, shape (n,).

    Parameters
    ----------
    dataset : MapDataset or SpectrumDatasetOnOff
        Dataset.
    edges : ndarray, shape (n + 1,), unit TeV
        Bands.
    values : ndarray
        One for each bin, or for each used bin.
    """
    used = dataset.mask_data
    band = np.broadcast_to(_spread(band_of(dataset.axis, edges), dataset), used.shape)[used]
    chosen = np.asarray(values) if np.ndim(values) == 1 and np.shape(values) != used.shape else np.asarray(values)[used]
    inside = band >= 0
    return np.bincount(band[inside], weights=chosen[inside], minlength=len(edges) - 1)


def check_used(datasets: Sequence[Any], edges: FloatArray) -> None:
    """Refuse a band in which no bin is used.

    Raises
    ------
    BayesmapInputError
        BM-FT-062.
    """
    ones = (sums_per_band(item, edges, np.ones(item.mask_data.shape)) for item in datasets)
    empty = np.flatnonzero(sum(ones, np.zeros(len(edges) - 1)) == 0)
    if len(empty):
        raise no_band(edges, int(empty[0]), "no bin of the data is used")


def no_band(edges: FloatArray, k: int, what: str) -> BayesmapInputError:
    """Return the error for a band that can have no flux point."""
    return BayesmapInputError(
        "BM-FT-062",
        what=f"between {edges[k]:.6g} and {edges[k + 1]:.6g} TeV {what}",
        rule="A flux point needs bins inside the mask where the source is expected",
        remedy="Leave the band out, or join it to a neighbour",
    )


def _spread(per_energy: BoolArray | np.ndarray, dataset: Any) -> np.ndarray:
    return per_energy[:, None, None] if isinstance(dataset, MapDataset) else per_energy


def _check_on(values: FloatArray, axis: MapAxis) -> None:
    known = axis.edges
    for value in values:
        inside = known[0] * (1.0 + TOLERANCE) < value < known[-1] * (1.0 - TOLERANCE)
        if inside and not np.any(np.abs(known / value - 1.0) < TOLERANCE):
            above = int(np.searchsorted(known, value))
            raise BayesmapInputError(
                "BM-FT-060",
                what=f"the edge {value:.6g} TeV lies inside a bin of reconstructed energy",
                rule=f"The nearest edges of bins are {known[above - 1]:.6g} and {known[above]:.6g} TeV",
                remedy="Use edges of bins (dataset.axis.edges), or bin the data anew",
            )


def _no_edges(edges: Any) -> BayesmapInputError:
    return BayesmapInputError(
        "BM-FT-061",
        what=f"the energy edges are {edges}",
        rule="They are at least two, above zero, finite and increasing",
        remedy="Write for example [1, 3, 10] * u.TeV",
    )
