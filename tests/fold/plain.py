"""Predicted counts of free sources straight from the fold's graph, by NumPy: nothing is compiled."""

import numpy as np
import pytensor
import pytensor.tensor as pt

from bayesmap.fold.forward import build_fold
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.pixelmap import unit_vector

MODE = pytensor.compile.mode.Mode(linker="py", optimizer=None)


def parameter_graph(models):
    """Return the values of models as constants."""
    values = {name: pt.constant(item.canonical_value) for name, item in models.parameters.items()}
    placed = [model for model in models.sky_models if model.spatial_model.has_position]
    vectors = {model.name: pt.constant(unit_vector(np, *model.spatial_model.position)) for model in placed}
    return ParameterGraph(values, vectors)


def plain_npred(dataset, models, exposure_order="true"):
    """Return predicted counts, shape (n_energy, n_lat, n_lon)."""
    return plain_function(dataset, models, exposure_order)(models)


def plain_function(dataset, models, exposure_order="true"):
    """Return a function of models like these, with other values, that gives their predicted counts."""
    fold = build_fold(dataset, models, exposure_order)

    def npred(at):
        graph = fold.npred(parameter_graph(at))
        return np.asarray(pytensor.function([], graph, mode=MODE)())

    return npred
