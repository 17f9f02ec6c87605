"""The posterior as a PyMC model."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import pymc as pm

from bayesmap.posterior.compiled import Observation
from bayesmap.posterior.observed import observe_counts
from bayesmap.posterior.variables import Variables


def build_posterior(observations: Sequence[Observation], variables: Variables) -> pm.Model:
    """Return the PyMC model: priors, the forward fold, and the counts in the bins of the mask.

    Parameters
    ----------
    observations : sequence of Observation
        Forward model and counts of each dataset.
    variables : Variables
        Free parameters with their priors.

    Returns
    -------
    pymc.Model
        Free variables by qualified name (positions as two-vectors ``source.spatial.position`` of tangent-plane offsets
        in degrees), and the observed ``counts`` along the dimension ``bin``, with ``bin_energy``, ``bin_lon`` and
        ``bin_lat`` as its constant data; of several datasets with ``<dataset>.`` before these names.
    """
    importlib.import_module("bayesmap.fold.ops.numba_rules")  # PyMC compiles for numba by default
    with pm.Model(coords={"offset": ["x", "y"]}) as pymc_model:
        theta = variables.declare(pymc_model)
        parameters = variables.coordinates.graph(theta)
        for item in observations:
            prefix = f"{item.counts.dataset.name}." if len(observations) > 1 else ""
            prediction = item.fold.predict(parameters)
            observe_counts(pymc_model, prediction.npred, prediction.no_support, item.counts, parameters, prefix)
    return pymc_model
