r"""Moments of a source on a fine lattice of its pixels: what each lattice point gets of its flux.

The source is an affine image of its unit shape. Its moments with the cubic B-spline,
:math:`M_m = \int s(x)\,\beta(m_x - x)\,\beta(m_y - y)\,dx\,dy` in lattice units, are exact for every size down to zero,
where they are those of a point, and sum to the flux. None is negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.models.spatial.base import SpatialModel
from bayesmap.models.spatial.columns import cubic_bspline

COLUMN_SPACING = 0.4
"""Pixels between columns at most: the pixel and the PSF smooth what is finer."""
NODE_SPACING, FEWEST_NODES = 0.25, 96
"""Pixels between the nodes of a brightness, on average; least number of nodes along an axis."""
WIDEST, CORNER = 1.15, 16
"""Nodes of a brightness larger than the cut-out reach `WIDEST` times the cut-out; power of the smooth minimum."""


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
    cut : bool
        True for a brightness that may be larger than the cut-out: its nodes end there.
    """

    shape: type[SpatialModel]
    n_nodes: int
    largest: dict[str, float]
    cut: bool = False

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
        The nodes of a box within the cut-out share the flux by their brightness; those of a larger box, which ends
        there, get brightness times area.
        """
        xx, xy, yy = ellipse
        half_x, half_y = pt.sqrt(xx), pt.sqrt(yy)
        correlation = xy / (half_x * half_y)
        reach = self.shape.extent(pt, **values) / self.shape.ellipse(pt, **values)[0]
        u = self._unit_nodes(reach, half_x, lattice)
        v = self._unit_nodes(reach, half_y, lattice)
        free = 1.0 - correlation * correlation
        squared = (u * u)[None, :] - 2.0 * correlation * v[:, None] * u[None, :] + (v * v)[:, None]
        share = self.shape.profile(pt, squared / free, **values)  # type: ignore[attr-defined]
        if self.cut:
            share = share * ((u[1] - u[0]) * (v[1] - v[0]) / (pt.sqrt(free) * self._integral(reach, values)))
        else:
            share = share / pt.sum(share)
        rows = cubic_bspline(pt, lattice[None, :] - (centre[1] + half_x * u)[:, None])
        columns = cubic_bspline(pt, lattice[None, :] - (centre[0] + half_y * v)[:, None])
        return pt.dot(columns.T, pt.dot(share, rows))

    def _unit_nodes(self, reach: Any, half: Any, lattice: np.ndarray) -> Any:
        """Return nodes up to the reach, or the cut-out's end if nearer; one unit is `half` lattice points."""
        places = reach * ((np.arange(self.n_nodes) + 0.5) / (0.5 * self.n_nodes) - 1.0)
        if not self.cut:
            return places
        beyond = reach * half / (WIDEST * -lattice[0])
        return places / (1.0 + beyond**CORNER) ** (1.0 / CORNER)

    def _integral(self, reach: Any, values: dict[str, Any]) -> Any:
        """Return the integral of the brightness over the plane, in units of the ellipse."""
        nodes, weights = _radial_nodes()
        radii = 0.5 * reach * (1.0 + nodes)
        brightness = self.shape.profile(pt, radii * radii, **values)  # type: ignore[attr-defined]
        return np.pi * reach * pt.sum(weights * radii * brightness)


@cache
def _radial_nodes() -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss-Legendre nodes and weights; worked out when first used, because 400 of them take their time."""
    return np.polynomial.legendre.leggauss(400)


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
    pixels = float(spatial.ellipse(np, **largest)[0]) * scale
    extent = float(spatial.extent(np, **largest)) * scale
    cut = False
    if spatial.image_kind == "columns":
        n_nodes = 2 * int(np.ceil(radius / COLUMN_SPACING)) + 9
    else:
        cut = extent > radius
        n_nodes = max(FEWEST_NODES, 2 * int(np.ceil(min(extent, WIDEST * radius) / NODE_SPACING)))
    return Moments(type(spatial), n_nodes, largest | {"pixels": pixels}, cut)
