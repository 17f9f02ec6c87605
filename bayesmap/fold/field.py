"""Image of a correlated field: its brightness at the centres of the padded map's pixels, spread by the PSF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.pixelmap import build_pixel_map
from bayesmap.fold.placement import Image, Piece
from bayesmap.fold.setup import FoldSetup
from bayesmap.fold.wide import SkyGrid, build_sky_grid, build_transfer
from bayesmap.models.spatial.gaussian_process_sky import GaussianProcessSpatialModel
from bayesmap.models.spatial.offsets import offsets, rotate

METRIC = 0.5
"""Degrees around the map's centre in which the metric of the PSF is measured."""


@dataclass(frozen=True)
class FieldImage:
    """A field with free parameters in one dataset.

    Parameters
    ----------
    model : GaussianProcessSpatialModel
        At its start values.
    x, y : ndarray, shape (n_lat + 2 pad, n_lon + 2 pad), unit deg
        Offsets of the pixel centres from its centre.
    grid : SkyGrid
        The padded sky.
    transfer : shared variable
        Transfer function of the PSF.
    """

    model: GaussianProcessSpatialModel
    x: np.ndarray
    y: np.ndarray
    grid: SkyGrid
    transfer: Any

    def images(self, mixing: Any, _: Any, values: dict[str, Any]) -> tuple[Image]:
        """Return the image of predicted counts, n_reco planes.

        Parameters
        ----------
        mixing : tensor, shape (n_reco, n_true), unit cm-2 s-1
            Flux per true-energy bin times its share in each reconstructed-energy bin.
        values : dict
            Shape parameters by name.
        """
        brightness = self.model.brightness_at(pt, self.x, self.y, values)
        return (Image((Piece(self.grid.npred(mixing, brightness, self.transfer), 0, 0),)),)


def build_field_image(setup: FoldSetup, model: GaussianProcessSpatialModel, name: str) -> FieldImage:
    """Prepare the image of a field."""
    grid = setup.shared("grid", lambda: build_sky_grid(setup))
    lon, lat = setup.geom.pad(grid.pad).pixel_centers()
    x, y = offsets(*rotate(lon, lat, setup.geom.frame, model.frame), *model.position)
    jacobian = build_pixel_map(setup.geom, *setup.geom.center, METRIC).jacobian
    return FieldImage(model, x, y, grid, build_transfer(setup, grid.size, jacobian, name))
