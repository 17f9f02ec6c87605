"""Where sources stand relative to the map of a dataset."""

from __future__ import annotations

import numpy as np

from bayesmap.dataset import MapDataset
from bayesmap.errors import ModelError
from bayesmap.fold.pixelmap import frame_rotation, unit_vector
from bayesmap.fold.setup import psf_reach
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.sphere import separation
from bayesmap.models.sky import Models, SkyModel


def place_on(geom: WcsGeom, model: SkyModel) -> tuple[float, float]:
    """Return longitude and latitude of a source's start in the frame of a map, in degrees."""
    spatial = model.spatial_model
    direction = frame_rotation(spatial.frame, geom.frame) @ unit_vector(np, *spatial.position)  # type: ignore[attr-defined]
    lon, lat = np.arctan2(direction[1], direction[0]), np.arctan2(direction[2], np.hypot(direction[0], direction[1]))
    return float(np.rad2deg(lon)), float(np.rad2deg(lat))


def check_position(geom: WcsGeom, reach: int, name: str, lon: float, lat: float) -> None:
    """Refuse a source that stands beyond the padded map.

    Parameters
    ----------
    geom : WcsGeom
        Map.
    reach : int
        Pixels that the PSF reaches.
    name : str
        Name of the source.
    lon, lat : float
        Position in the map's frame, deg.

    Raises
    ------
    ModelError
        BM-MO-001 with the distance to the map's edge.
    """
    beyond = pixels_outside(geom, lon, lat)
    if not beyond <= reach:
        centre = geom.center
        raise ModelError(
            "BM-MO-001",
            what=f"source {name!r} at lon={lon:.4f}, lat={lat:.4f} deg ({geom.frame}) stands "
            f"{_distance(geom, lon, lat):.2f} deg outside the map around ({centre[0]:.4f}, {centre[1]:.4f}) deg",
            rule=f"A source must lie on the map or within the PSF's reach of it ({reach * pixel_side(geom):.2f} deg)",
            remedy="Correct its position or frame, or remove it from the models",
        )


def edge_notes(dataset: MapDataset, models: Models) -> tuple[str, ...]:
    """Return a note on each source that stands off the map, so that only the PSF brings some of it in.

    Parameters
    ----------
    dataset : MapDataset
        Data.
    models : Models
        At their start values.

    Examples
    --------
    >>> from bayesmap.models.spatial.point import PointSpatialModel
    >>> from bayesmap.testing import toy_models, toy_response
    >>> edge_notes(toy_response(), toy_models(PointSpatialModel(lon_0=83.63, lat_0=23.06)))
    ("source 'source' stands 0.05 deg outside the map of 'toy': it is seen by what the PSF brings in only",)
    """
    geom = dataset.counts.geom.to_image()
    notes = []
    for model in models.sky_models:
        if model.applies_to(dataset.name) and model.spatial_model.has_position:  # type: ignore[attr-defined]
            place = place_on(geom, model)
            if 0.0 < pixels_outside(geom, *place) <= psf_reach(dataset.psf, geom):
                notes.append(
                    f"source {model.name!r} stands {_distance(geom, *place):.2f} deg outside the map of "
                    f"{dataset.name!r}: it is seen by what the PSF brings in only"
                )
    return tuple(notes)


def pixels_outside(geom: WcsGeom, lon: float, lat: float) -> float:
    """Return by how many pixels a position lies beyond the edge of a map; below zero inside, NaN where it has none."""
    x, y = (float(np.squeeze(v)) for v in geom.sky_to_pixel(np.array([lon]), np.array([lat])))
    return float(np.max([-0.5 - x, x - geom.n_lon + 0.5, -0.5 - y, y - geom.n_lat + 0.5]))


def _distance(geom: WcsGeom, lon: float, lat: float) -> float:
    """Return the degrees to the nearest place on the map; where the projection has none, to its centre."""
    x, y = (float(np.squeeze(v)) for v in geom.sky_to_pixel(np.array([lon]), np.array([lat])))
    if not np.isfinite([x, y]).all():
        return float(separation(lon, lat, *geom.center))
    edge = min(max(x, -0.5), geom.n_lon - 0.5), min(max(y, -0.5), geom.n_lat - 0.5)
    return float(separation(lon, lat, *geom.pixel_to_sky(*edge)))


def pixel_side(geom: WcsGeom) -> float:
    """Return the side in degrees of a typical pixel."""
    return float(np.rad2deg(np.sqrt(np.median(geom.solid_angle()))))
