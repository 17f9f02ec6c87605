"""The posterior as a PyMC model."""

from __future__ import annotations

import pymc as pm

from bayesmap.dataset import MapDataset
from bayesmap.fold.forward import Fold
from bayesmap.posterior.likelihood import observe_counts
from bayesmap.posterior.variables import Variables


def build_posterior(fold: Fold, variables: Variables, dataset: MapDataset) -> pm.Model:
    """Return the PyMC model: priors, the forward fold, and Poisson counts in the bins of the mask.

    Parameters
    ----------
    fold : Fold
        Forward model of the dataset.
    variables : Variables
        Free parameters with their priors.
    dataset : MapDataset
        Counts and mask.

    Returns
    -------
    pymc.Model
        Free variables by qualified name (positions as two-vectors ``source.spatial.position`` of tangent-plane offsets
        in degrees), and the observed ``counts`` along the dimension ``bin``, with ``bin_energy``, ``bin_lon`` and
        ``bin_lat`` as its constant data.
    """
    with pm.Model(coords={"offset": ["x", "y"]}) as pymc_model:
        theta = variables.declare(pymc_model)
        parameters = variables.coordinates.graph(theta)
        npred = fold.npred(parameters)
        observe_counts(pymc_model, npred, fold.no_support(parameters), dataset)
    return pymc_model
