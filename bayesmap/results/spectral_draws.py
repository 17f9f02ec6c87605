"""The spectral parameters of a source in every draw, in canonical units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.errors import BayesmapInputError
from bayesmap.models.link import link_order, linked_canonical
from bayesmap.models.sky import Models, SkyModel


def sky_model(models: Models, source: str) -> SkyModel:
    """Return a source of the sky by name.

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-009 for a background.
    """
    model = models[source]
    if not isinstance(model, SkyModel):
        raise BayesmapInputError(
            "BM-FT-009",
            what=f"{source!r} is {type(model).__name__}",
            rule="A flux is known for sources of the sky",
            remedy=f"Choose one of {', '.join(item.name for item in models.sky_models)}",
        )
    return model


def spectral_draws(tree: xr.DataTree, models: Models, source: str) -> dict[str, Any]:
    """Return the spectral parameters of a source by name in canonical units, each of shape (n_draw,).

    A frozen parameter keeps its value; a linked one follows what it is linked to, draw by draw.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior.
    models : Models
        Best fit.
    source : str
        Name of a source.

    Returns
    -------
    dict
        Chains one after the other.
    """
    model = sky_model(models, source)
    known, size = parameter_draws(tree, models), tree["posterior"].sizes["chain"] * tree["posterior"].sizes["draw"]
    own = {item.name: known[f"{source}.spectral.{item.name}"] for item in model.spectral_model.parameters}
    return {name: np.broadcast_to(np.asarray(value, dtype=np.float64), (size,)) for name, value in own.items()}


def parameter_draws(tree: xr.DataTree, models: Models) -> dict[str, Any]:
    """Return all parameters by qualified name in canonical units: draws, shape (n_draw,), of those that vary.

    A frozen parameter is a number; a linked one follows what it is linked to, draw by draw.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior.
    models : Models
        Best fit.
    """
    posterior = tree["posterior"]
    drawn = {name: posterior[name].values.ravel() for name in models.parameters if name in posterior.data_vars}
    return all_parameters(drawn, models)


def all_parameters(drawn: Mapping[str, Any], models: Models) -> dict[str, Any]:
    """Return all parameters by qualified name in canonical units.

    Parameters
    ----------
    drawn : mapping
        Values, in the units of the parameters, of those that vary: numbers, or arrays of one shape.
    models : Models
        Gives the values of the others; linked parameters follow what they are linked to.
    """
    table = models.parameters
    known: dict[str, Any] = {}
    for name, parameter in table.items():
        known[name] = drawn.get(name, parameter.value) * parameter.canonical_factor
    for name in link_order(dict(table.items())):
        known[name] = linked_canonical(np, table[name], known, table)
    return known
