"""Where radial profiles are taken: at the sources, and where the user wants them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.posterior.compiled import CompiledPosterior

REACH = 2.0
"""A source reaches so many times its size around its position."""
Place = tuple[float, float, float]


def source_places(posterior: CompiledPosterior, theta: np.ndarray, dataset: MapDataset) -> dict[str, Place]:
    """Return the sources that lie on a map at their mean parameters: name -> (lon, lat, reach) in deg.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    theta : ndarray, shape (n_chain, n_draw, size)
        Draws.
    dataset : MapDataset
        The positions are in the frame of its map.
    """
    coordinates = posterior.coordinates
    mean = coordinates.to_values(theta.reshape(-1, coordinates.size).mean(axis=0))
    models, geom, found = coordinates.models.with_values(mean), dataset.counts.geom.to_image(), {}
    for model in models.sky_models:
        shape: Any = model.spatial_model
        if not shape.has_position or not model.applies_to(dataset.name):
            continue
        position = SkyCoord(*shape.position, unit="deg", frame=shape.frame).transform_to(geom.frame)
        lon, lat = float(position.spherical.lon.deg), float(position.spherical.lat.deg)
        x, y = (float(value) for value in geom.sky_to_pixel(lon, lat))
        if -0.5 <= x <= geom.n_lon - 0.5 and -0.5 <= y <= geom.n_lat - 0.5:
            sizes = (getattr(shape, name).canonical_value for name in shape.size_names)
            found[model.name] = (lon, lat, REACH * float(sum(sizes)))
    return found


def check_positions(positions: Mapping[str, tuple[float, float]]) -> dict[str, Place]:
    """Return positions that the user gave as those of points.

    Raises
    ------
    BayesmapInputError
        BM-CK-033 for what is no pair of numbers.
    """
    found = {}
    for name, place in positions.items():
        values = tuple(place) if isinstance(place, tuple | list | np.ndarray) else ()
        numbers = all(isinstance(value, float | int | np.floating | np.integer) for value in values)
        if len(values) != 2 or not numbers or not all(map(math.isfinite, values)) or abs(values[1]) > 90.0:
            raise BayesmapInputError(
                "BM-CK-033",
                what=f"the position {name!r} is {place!r}",
                rule="A position is (lon, lat) in degrees, in the frame of the map, lat between -90 and 90",
                remedy="Pass for example positions={'tail': (83.7, 22.1)}",
            )
        found[str(name)] = (float(values[0]), float(values[1]), 0.0)
    return found
