"""A data set in a few figures, as JSON types: what a report says of it when the data are not at hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmap.checks.grouping import pixel_size, psf_radius
from bayesmap.dataset import Dataset, MapDataset, SpectrumDatasetOnOff
from bayesmap.results.provenance import data_hash


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return name, kind, size, counts, response and fingerprint of a data set.

    Parameters
    ----------
    dataset : MapDataset or SpectrumDatasetOnOff
        Data set.

    Returns
    -------
    dict
        JSON types. Energies in TeV, angles in deg, exposures in cm2 s.
    """
    used = dataset.mask_data
    own = _map(dataset) if isinstance(dataset, MapDataset) else _spectrum(dataset)
    notes = dataset.remarks if isinstance(dataset, MapDataset) else dataset.notes
    return {
        "name": dataset.name,
        **own,
        "energy": [float(dataset.axis.edges[0]), float(dataset.axis.edges[-1]), dataset.axis.nbin],
        "energy_true": [float(dataset.axis_true.edges[0]), float(dataset.axis_true.edges[-1]), dataset.axis_true.nbin],
        "bins": [int(np.count_nonzero(used)), int(used.size)],
        "edisp": dataset.edisp is not None,
        "notes": list(notes),
        "sha256": data_hash(dataset),
    }


def _map(dataset: MapDataset) -> dict[str, Any]:
    geom, used = dataset.counts.geom.to_image(), dataset.mask_data
    exposure = dataset.exposure.data[dataset.exposure.data > 0.0]
    background = None if dataset.background is None else float(dataset.background.data[used].sum())
    return {
        "kind": "map",
        "sky": f"{geom.n_lon} x {geom.n_lat} pixels of {pixel_size(geom):.3g} deg, {geom.projection}, {geom.frame}, "
        f"centre ({geom.center[0]:.4f}, {geom.center[1]:.4f}) deg",
        "counts": float(np.asarray(dataset.counts.data, dtype=np.float64)[used].sum()),
        "background": background,
        "exposure": [float(exposure.min()), float(exposure.max())] if exposure.size else None,
        "psf": None if dataset.psf is None else psf_radius(dataset),
        "weights": dataset.weights is not None,
    }


def _spectrum(dataset: SpectrumDatasetOnOff) -> dict[str, Any]:
    used, exposed = dataset.mask_data, dataset.exposure[dataset.exposure > 0.0]
    return {
        "kind": "On/Off spectrum",
        "sky": None,
        "counts": float(dataset.counts[used].sum()),
        "counts_off": float(dataset.counts_off[used].sum()),
        "background": float((dataset.alpha * dataset.counts_off)[used].sum()),
        "exposure": [float(exposed.min()), float(exposed.max())] if exposed.size else None,
        "psf": None,
        "weights": False,
    }
