r"""Moments of a source on a fine lattice of its pixels: what each lattice point gets of its flux.

The source is an affine image of its unit shape. Its moments with the cubic B-spline,
:math:`M_m = \int s(x)\,\beta(m_x - x)\,\beta(m_y - y)\,dx\,dy` in lattice units, are exact for every size down to zero,
where they are those of a point, and sum to the flux. None is negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.models.spatial.base import SpatialModel
from bayesmap.models.spatial.columns import cubic_bspline

COLUMN_SPACING = 0.4
"""Pixels between columns at most: the pixel and the PSF smooth what is finer."""
NODE_SPACING, FEWEST_NODES = 0.25, 96
"""Pixels between the nodes of a brightness, on average; least number of nodes along an axis."""


@dataclass(frozen=True)
class Moments:
    """How the moments of one model are worked out.

    Parameters
    ----------
    shape : type
        Spatial model class; its `image_kind` says whether by columns or on nodes.
    n_nodes : int
        Columns, or nodes along an axis.
    largest : dict
        Shape parameters at the largest size that the fit allows, and ``pixels``, that size in pixels.
    """

    shape: type[SpatialModel]
    n_nodes: int
    largest: dict[str, float]

    def on_lattice(
        self, lattice: np.ndarray, centre: tuple[Any, Any], ellipse: tuple[Any, Any, Any], values: dict[str, Any]
    ) -> Any:
        """Return M, shape (n, n) for y and x.

        Parameters
        ----------
        lattice : ndarray, shape (n,)
            Lattice points along both axes.
        centre : (y, x) tensors
            Place of the source, lattice units.
        ellipse : tuple of tensor
            (xx, xy, yy) of the unit ellipse's matrix, lattice units squared.
        values : dict
            Shape parameters.
        """
        image = self._by_columns if self.shape.image_kind == "columns" else self._on_nodes
        return image(lattice, centre, ellipse, values)

    def _by_columns(
        self, lattice: np.ndarray, centre: tuple[Any, Any], ellipse: tuple[Any, Any, Any], values: dict[str, Any]
    ) -> Any:
        """Return the moments by columns along y: x = L (u, v) with L lower triangular."""
        xx, xy, yy = ellipse
        l_xx = pt.sqrt(xx)
        l_yx = xy / l_xx
        l_yy = pt.sqrt(yy - l_yx * l_yx)
        total = 0.0
        for strips in self.shape.strips(pt, self.n_nodes, self.largest, **values):  # type: ignore[attr-defined]
            nodes = pt.as_tensor(strips.nodes)
            x, y = centre[1] + l_xx * nodes, centre[0] + l_yx * nodes
            rows = cubic_bspline(pt, lattice[None, :] - x[:, None]) * pt.as_tensor(strips.flux)[:, None]
            columns = strips.profile(lattice[None, :] - y[:, None], l_yy)
            total = total + pt.dot(columns.T, rows)
        return total

    def _on_nodes(
        self, lattice: np.ndarray, centre: tuple[Any, Any], ellipse: tuple[Any, Any, Any], values: dict[str, Any]
    ) -> Any:
        r"""Return the moments of a brightness on nodes that fill the ellipse's box and move with it.

        With pixel-aligned unit coordinates (u, v) the squared elliptical radius is
        :math:`(u^2 - 2 c u v + v^2) / (1 - c^2)`, c = xy / sqrt(xx yy). An even number of nodes leaves out the centre.
        """
        xx, xy, yy = ellipse
        half_x, half_y = pt.sqrt(xx), pt.sqrt(yy)
        correlation = xy / (half_x * half_y)
        reach = self.shape.extent(pt, **values) / self.shape.ellipse(pt, **values)[0]
        nodes = reach * ((np.arange(self.n_nodes) + 0.5) / (0.5 * self.n_nodes) - 1.0)
        u, v = nodes[None, :], nodes[:, None]
        squared = (u * u - 2.0 * correlation * u * v + v * v) / (1.0 - correlation * correlation)
        share = self.shape.profile(pt, squared, **values)  # type: ignore[attr-defined]
        rows = cubic_bspline(pt, lattice[None, :] - (centre[1] + half_x * nodes)[:, None])
        columns = cubic_bspline(pt, lattice[None, :] - (centre[0] + half_y * nodes)[:, None])
        return pt.dot(columns.T, pt.dot(share / pt.sum(share), rows))


def build_moments(spatial: SpatialModel, largest: dict[str, float], scale: float, radius: float) -> Moments:
    """Choose the numbers of nodes.

    Parameters
    ----------
    spatial : SpatialModel
        At its start values.
    largest : dict
        Shape parameters at the largest size.
    scale : float
        Pixels per degree.
    radius : float
        Pixels that the lattice must reach at that size.
    """
    if spatial.image_kind == "columns":
        n_nodes = 2 * int(np.ceil(radius / COLUMN_SPACING)) + 9
    else:
        n_nodes = max(FEWEST_NODES, 2 * int(np.ceil(spatial.extent(np, **largest) * scale / NODE_SPACING)))
    pixels = float(spatial.ellipse(np, **largest)[0]) * scale
    return Moments(type(spatial), n_nodes, largest | {"pixels": pixels})
