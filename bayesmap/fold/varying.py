"""Responses that change over the field, at the place of a source: exact where it stands still, smooth where it moves.

A source that moves is folded with the response at the four corners of the cell that holds its start, and the counts are
combined with the bilinear weights of its current position (a polynomial, continued beyond the cell).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.dataset import MapDataset
from bayesmap.fold.dispersion import Weights
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.pixelmap import build_pixel_map, frame_rotation, unit_vector
from bayesmap.irf.edisp_map import EDispKernelMap
from bayesmap.irf.psf_map import PSFMap
from bayesmap.models.sky import SkyModel

REACH = 5.0
"""Degrees around the start in which the position in a response map is known as a polynomial."""


def responses_at(dataset: MapDataset, model: SkyModel, part: str) -> tuple[tuple[MapDataset, ...], Weights | None]:
    """Return the dataset with the forms of one response that a source needs, and their weights.

    Parameters
    ----------
    dataset : MapDataset
        The dataset.
    model : SkyModel
        The source at its start position. One without a position has the response that the dataset stands for.
    part : str
        ``"psf"`` or ``"edisp"``.

    Returns
    -------
    datasets : tuple of MapDataset
        One, or four with the response at the corners of a cell.
    weights : callable or None
        None for one.
    """
    response: Any = getattr(dataset, part)
    spatial: Any = model.spatial_model
    if not isinstance(response, PSFMap | EDispKernelMap) or not spatial.has_position:
        return (dataset,), None
    rotation = frame_rotation(spatial.frame, response.geom.frame)
    direction = rotation @ unit_vector(np, *spatial.position)
    lon = float(np.rad2deg(np.arctan2(direction[1], direction[0])))
    lat = float(np.rad2deg(np.arctan2(direction[2], np.hypot(direction[0], direction[1]))))
    if spatial.lon_0.frozen and spatial.lat_0.frozen:
        return (_with(dataset, part, response.at(lon, lat)),), None
    corners, cell = response.cell(lon, lat)
    pixel_map = build_pixel_map(response.geom, lon, lat, REACH)

    def weights(parameters: ParameterGraph) -> Any:
        vector = parameters.vectors[model.name]
        turned = pt.stack([sum(float(row[i]) * vector[i] for i in range(3)) for row in rotation])
        found = cell.weights(*pixel_map.pixel(pt, turned))
        return pt.stack([pt.as_tensor(weight, dtype="float64") for weight in found])

    return tuple(_with(dataset, part, corner) for corner in corners), weights


def _with(dataset: MapDataset, part: str, response: Any) -> MapDataset:
    changes: dict[str, Any] = {part: response}
    return dataclasses.replace(dataset, **changes)
