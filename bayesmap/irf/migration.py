"""Energy dispersion given as a density in migra = reconstructed / true energy."""

from __future__ import annotations

import numpy as np

from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.maps.axis import MapAxis
from bayesmap.units import FloatArray


def from_migration(axis_true: MapAxis, migra: MapAxis, density: FloatArray, axis: MapAxis) -> EnergyDispersion:
    """Integrate a density in migra over the bins of reconstructed energy.

    Entry (i, j) is the integral of density i from e_j / E_i to e_{j+1} / E_i, with E_i the centre of the true bin and
    the density constant inside each bin of migra. The rows are those of the file: they are not renormalised.

    Parameters
    ----------
    axis_true : MapAxis
        True energy.
    migra : MapAxis
        Bins of migra.
    density : ndarray, shape (n_true, n_migra)
        Probability per unit of migra.
    axis : MapAxis
        Reconstructed energy, edges e_j.

    Returns
    -------
    EnergyDispersion
    """
    steps = density * np.diff(migra.edges)
    cumulative = np.concatenate([np.zeros((axis_true.nbin, 1)), np.cumsum(steps, axis=1)], axis=1)
    bounds = axis.edges[np.newaxis, :] / axis_true.center[:, np.newaxis]
    at_bounds = np.stack([np.interp(b, migra.edges, c) for b, c in zip(bounds, cumulative, strict=True)])
    note = "energy dispersion integrated from a table of migra at the centre of each true-energy bin"
    return EnergyDispersion(axis_true, axis, np.diff(at_bounds, axis=1), (note,))
