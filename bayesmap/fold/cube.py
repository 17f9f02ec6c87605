r"""Templates of a brightness that changes with energy: integrals over true-energy bins at a few energies a bin.

The counts of bin j are :math:`\int_j s(E)\,I_E\,dE` with a free spectrum s and images I of a known brightness, a power
law of energy between its nodes.  Bins are split at the nodes, and each piece gets Gauss-Legendre nodes in ln E:
:math:`\sum_k w_k\,s(E_k)\,I_k`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np

from bayesmap.fold.fixed import EnergyNodes, FinePlanes, fine_places, fine_solid_angle
from bayesmap.fold.setup import FoldSetup
from bayesmap.models.spatial.template import TemplateSpatialModel, between, place_between

N_GAUSS = 3
"""Nodes a piece. Relative error L^6 / 2e6 for the piece's length L in ln E times the index: 3e-9 at L = 0.25, index
1.7; pieces longer than `LONGEST` are split."""
LONGEST = 0.4


def energy_nodes(setup: FoldSetup, nodes: np.ndarray, limits: tuple[float, float]) -> EnergyNodes:
    """Return the energies for a brightness with kinks at `nodes` that is zero outside `limits`."""
    gauss, weights = np.polynomial.legendre.leggauss(N_GAUSS)
    energy, weight, parent = [], [], []
    for j, (low, high) in enumerate(zip(setup.edges[:-1], setup.edges[1:], strict=True)):
        start, stop = max(low, limits[0]), min(high, limits[1])
        if stop <= start:
            continue
        knots = np.log(np.concatenate([[start], nodes[(nodes > start) & (nodes < stop)], [stop]]))
        for left, right in itertools.pairwise(knots):
            ends = np.linspace(left, right, max(1, int(np.ceil((right - left) / LONGEST))) + 1)
            half = 0.5 * np.diff(ends)[:, None]
            points = np.exp(ends[:-1, None] + half * (1.0 + gauss)).ravel()
            tilt = (points / np.sqrt(low * high)) ** setup.slope[j]
            energy.append(points)
            weight.append((half * weights).ravel() * points * tilt)
            parent.append(np.full(points.shape, j))
    if not energy:
        return EnergyNodes(setup.edges[:1], np.zeros(1), np.zeros(1, dtype=int))
    return EnergyNodes(np.concatenate(energy), np.concatenate(weight), np.concatenate(parent))


def cube_templates(
    setup: FoldSetup,
    jacobian: np.ndarray,
    spatial: TemplateSpatialModel,
    to_frame: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, EnergyNodes]:
    """Fold a template cube.

    Parameters
    ----------
    setup : FoldSetup
        The dataset.
    jacobian : ndarray, shape (2, 2), unit pixel / deg
        Metric of the map.
    spatial : TemplateSpatialModel
        The cube.
    to_frame : callable
        (lon, lat) in degrees of the map's frame -> in degrees of the cube's frame.

    Returns
    -------
    templates : ndarray, shape (n, n_lat, n_lon) or (n_reco, n, n_lat, n_lon), unit cm2 s
        Counts per unit flux at each of the energies.
    nodes : EnergyNodes
        The n energies.
    """
    nodes = energy_nodes(setup, spatial.energies, spatial.energy_range)
    below, fraction = place_between(spatial.energies, nodes.energy)
    planes = FinePlanes(setup, jacobian)
    sky = functools.lru_cache(maxsize=2)(_fine_cube(setup, planes.pad, spatial, to_frame))
    images: list[np.ndarray] = []
    for j in np.unique(nodes.parent):
        fold = planes.at_bin(int(j))
        for k in np.flatnonzero(nodes.parent == j):
            low = int(below[k])
            images.append(fold(between(sky(low), sky(low + 1), fraction[k])))
    return np.stack(images, axis=-3), nodes


def _fine_cube(
    setup: FoldSetup,
    pad: int,
    spatial: TemplateSpatialModel,
    to_frame: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> Callable[[int], np.ndarray]:
    """Return the function from a plane of the cube to its fine sky; the places are found once for all planes."""
    places = [(weight, spatial.points(*to_frame(lon, lat))) for weight, lon, lat in fine_places(setup, pad)]
    solid_angle = fine_solid_angle(setup, pad)

    def sky(plane: int) -> np.ndarray:
        image = spatial.plane(plane)
        return np.asarray(sum(weight * points.interpolate(image) for weight, points in places) * solid_angle)

    return sky
