"""The posterior as one DataTree with ArviZ's groups, units and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.dataset import MapDataset
from bayesmap.posterior.likelihood import bin_coordinates
from bayesmap.posterior.variables import Variables
from bayesmap.results.draws import Draws
from bayesmap.results.provenance import data_hash, versions
from bayesmap.results.verdict import Verdict

SAMPLE_DIMS = ("chain", "draw")


def posterior_tree(draws: Draws, variables: Variables, dataset: MapDataset, options: Mapping[str, Any]) -> xr.DataTree:
    """Return the draws as a DataTree.

    Parameters
    ----------
    draws : Draws
        Draws of theta.
    variables : Variables
        What theta is made of.
    dataset : MapDataset
        What was fitted.
    options : dict
        How it was fitted; text and numbers.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` (free parameters by qualified name, longitudes continuous around the start, and the
        offsets ``source.spatial.position`` of moving sources), ``sample_stats``, ``observed_data`` and
        ``constant_data`` (along ``bin``, with its energy, lon and lat). Attributes of the root say how it was made, as
        JSON.
    """
    coordinates = {"chain": np.arange(draws.theta.shape[0]), "draw": np.arange(draws.theta.shape[1])}
    statistics = {name: (SAMPLE_DIMS, values) for name, values in draws.statistics.items()}
    tree = xr.DataTree.from_dict(
        {
            "posterior": parameter_dataset(draws.theta, variables).assign_coords(coordinates),
            "sample_stats": xr.Dataset(statistics, coordinates),
            **data_groups(dataset),
        }
    )
    record = {
        "versions": versions(),
        "sampler": {"library": draws.library, "version": draws.version, "tune": draws.tune, "seed": draws.seed,
                    "requested": draws.requested, "max_treedepth": draws.max_treedepth, "seconds": draws.seconds},
        "priors": variables.table(),
        "dataset": {"name": dataset.name, "sha256": data_hash(dataset)},
        "options": dict(options),
    }  # fmt: skip
    tree.attrs = {"status": draws.status, "notes": json.dumps(draws.notes)}
    tree.attrs |= {name: json.dumps(value) for name, value in record.items()}
    tree["posterior"].attrs = {"sample_dims": list(SAMPLE_DIMS), "inference_library": draws.library,
                               "inference_library_version": draws.version, "tuning_steps": draws.tune}  # fmt: skip
    return tree


def parameter_dataset(theta: np.ndarray, variables: Variables) -> xr.Dataset:
    """Return many theta, shape (n_chain, n_draw, size), as named variables with units."""
    coordinates = variables.coordinates
    values = coordinates.to_many_values(theta)
    table = coordinates.models.parameters
    dataset = xr.Dataset(
        {name: (SAMPLE_DIMS, values[..., i], {"unit": table[name].unit}) for i, name in enumerate(coordinates.names)}
    )
    for item in variables.items:
        if item.position is None:
            dataset[item.name].attrs["prior"] = item.text
        else:
            attrs = {"unit": item.unit, "prior": item.text, "meaning": "tangent-plane offsets from the start"}
            dataset[item.name] = ((*SAMPLE_DIMS, "offset"), theta[..., list(item.indices)], attrs)
            dataset = dataset.assign_coords(offset=["x", "y"])
    return dataset


def theta_of(tree: xr.DataTree, variables: Variables) -> np.ndarray:
    """Return the draws of theta out of a tree, shape (n_chain, n_draw, size): `parameter_dataset` backwards."""
    posterior = tree["posterior"]
    sizes = posterior.sizes
    theta = np.empty((sizes["chain"], sizes["draw"], variables.coordinates.size))
    for item in variables.items:
        theta[..., list(item.indices)] = np.reshape(posterior[item.name].values, (*theta.shape[:2], -1))
    return theta


def data_groups(dataset: MapDataset) -> dict[str, xr.Dataset]:
    """Return the groups of the data along the dimension ``bin``, one entry for each selected bin."""
    where = {name: ("bin", values) for name, values in bin_coordinates(dataset).items()}
    coords = {"bin": np.flatnonzero(dataset.mask_data), **where}
    counts = np.asarray(dataset.counts.data, dtype=np.float64)[dataset.mask_data]
    constants = {f"bin_{name}": values for name, values in where.items()}
    return {
        "observed_data": xr.Dataset({"counts": ("bin", counts)}, coords),
        "constant_data": xr.Dataset(constants, {"bin": coords["bin"]}),
    }


def free_names(tree: xr.DataTree) -> tuple[str, ...]:
    """Return the scalar parameters of a posterior, in order."""
    return tuple(str(name) for name, values in tree["posterior"].data_vars.items() if values.dims == SAMPLE_DIMS)


def verdict_of(tree: xr.DataTree) -> Verdict:
    """Return the verdict that was stored with a posterior."""
    return Verdict.from_json(tree.attrs["verdict"])
