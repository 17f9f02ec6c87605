"""The posterior as one DataTree with ArviZ's groups, units and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.dataset import Dataset, MapDataset
from bayesmap.posterior.observed import bin_coordinates
from bayesmap.posterior.variables import DEVIATE, Variables
from bayesmap.results.draws import Draws
from bayesmap.results.provenance import data_hash, versions
from bayesmap.results.verdict import Verdict

SAMPLE_DIMS = ("chain", "draw")
LOWER, UPPER = "lower_limit", "upper_limit"
"""Attributes of the draws of a parameter: ends of its support."""


def posterior_tree(
    draws: Draws, variables: Variables, datasets: Sequence[Dataset], options: Mapping[str, Any]
) -> xr.DataTree:
    """Return the draws as a DataTree.

    Parameters
    ----------
    draws : Draws
        Draws of theta.
    variables : Variables
        What theta is made of.
    datasets : sequence of MapDataset or SpectrumDatasetOnOff
        What was fitted.
    options : dict
        How it was fitted; text and numbers.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` (free parameters by qualified name, longitudes continuous around the start, and the
        offsets ``source.spatial.position`` of moving sources), ``sample_stats``, ``observed_data`` and
        ``constant_data`` (along ``bin``, with its energy, lon and lat; of several datasets with ``<dataset>.`` before
        these names). Attributes of the root say how it was made, as JSON.
    """
    coordinates = {"chain": np.arange(draws.theta.shape[0]), "draw": np.arange(draws.theta.shape[1])}
    statistics = {name: (SAMPLE_DIMS, values) for name, values in draws.statistics.items()}
    tree = xr.DataTree.from_dict(
        {
            "posterior": parameter_dataset(draws.theta, variables).assign_coords(coordinates),
            "sample_stats": xr.Dataset(statistics, coordinates),
            **data_groups(datasets),
        }
    )
    record = {"library": draws.library, "version": draws.version, "tune": draws.tune, "seed": draws.seed,
              "requested": draws.requested, "max_treedepth": draws.max_treedepth, "seconds": draws.seconds}  # fmt: skip
    tree.attrs = {"status": draws.status, "notes": json.dumps(draws.notes), "sampler": json.dumps(record)}
    tree.attrs |= what_was_fitted(variables, datasets, options)
    tree["posterior"].attrs = sampler_attributes(draws.library, draws.version, draws.tune)
    return tree


def what_was_fitted(variables: Variables, datasets: Sequence[Dataset], options: Mapping[str, Any]) -> dict[str, str]:
    """Return the attributes of a posterior's root that do not depend on the draws, as JSON."""
    record = {
        "versions": versions(),
        "priors": variables.table(),
        "priors_sha256": variables.digest(),
        "dataset": _identity(datasets[0]) if len(datasets) == 1 else [_identity(item) for item in datasets],
        "options": dict(options),
    }
    return {name: json.dumps(value) for name, value in record.items()}


def sampler_attributes(library: str, version: str, tune: int) -> dict[str, Any]:
    """Return the attributes of the group ``posterior``, by ArviZ's names."""
    return {"sample_dims": list(SAMPLE_DIMS), "inference_library": library,
            "inference_library_version": version, "tuning_steps": tune}  # fmt: skip


def parameter_dataset(theta: np.ndarray, variables: Variables) -> xr.Dataset:
    """Return many theta, shape (n_chain, n_draw, size), as named variables with units."""
    coordinates = variables.coordinates
    values = coordinates.to_many_values(theta)
    table = coordinates.models.parameters
    dataset = xr.Dataset(
        {name: (SAMPLE_DIMS, values[..., i], {"unit": table[name].unit}) for i, name in enumerate(coordinates.names)}
    )
    for name, ends in _limits(variables).items():
        dataset[name].attrs |= ends
    for item in variables.items:
        if item.name.endswith(DEVIATE):
            attrs = {"unit": "", "prior": "Normal(0, 1)", "meaning": "deviate of a pooled parameter"}
            dataset[item.name] = (SAMPLE_DIMS, theta[..., item.indices[0]], attrs)
            dataset[item.name.removesuffix(DEVIATE)].attrs["prior"] = item.text
        elif item.position is None:
            for i in item.indices:
                dataset[coordinates.names[i]].attrs["prior"] = item.text
        else:
            attrs = {"unit": item.unit, "prior": item.text, "meaning": "tangent-plane offsets from the start"}
            dataset[item.name] = ((*SAMPLE_DIMS, "offset"), theta[..., list(item.indices)], attrs)
            dataset = dataset.assign_coords(offset=["x", "y"])
    return dataset


def _limits(variables: Variables) -> dict[str, dict[str, float]]:
    """Return the ends of the support of each parameter that is sampled as it is, where it has any."""
    coordinates, (lower, upper) = variables.coordinates, variables.bounds()
    changed = {*coordinates.pooled, *(i for pair in coordinates.moving.values() for i in pair)}
    found = {}
    for i, name in enumerate(coordinates.names):
        ends = {} if i in changed else {LOWER: float(lower[i]), UPPER: float(upper[i])}
        found[name] = {key: end for key, end in ends.items() if np.isfinite(end)}
    return found


def limits_of(draws: xr.DataArray) -> tuple[float, float]:
    """Return the limits of a parameter's draws, infinite where there is none."""
    return float(draws.attrs.get(LOWER, -np.inf)), float(draws.attrs.get(UPPER, np.inf))


def theta_of(tree: xr.DataTree, variables: Variables) -> np.ndarray:
    """Return the draws of theta out of a tree, shape (n_chain, n_draw, size): `parameter_dataset` backwards."""
    posterior = tree["posterior"]
    sizes = posterior.sizes
    theta = np.empty((sizes["chain"], sizes["draw"], variables.coordinates.size))
    for item in variables.items:
        if item.position is None and item.is_vector:
            theta[..., list(item.indices)] = np.stack(
                [posterior[variables.coordinates.names[i]].values for i in item.indices], axis=-1
            )
        else:
            theta[..., list(item.indices)] = np.reshape(posterior[item.name].values, (*theta.shape[:2], -1))
    return theta


def _identity(dataset: Dataset) -> dict[str, str]:
    return {"name": dataset.name, "sha256": data_hash(dataset)}


def data_groups(datasets: Sequence[Dataset]) -> dict[str, xr.Dataset]:
    """Return the groups of the data along the dimension ``bin``, one entry for each selected bin.

    With several datasets every name begins with the dataset's.
    """
    observed, constant = xr.Dataset(), xr.Dataset()
    for dataset in datasets:
        prefix = f"{dataset.name}." if len(datasets) > 1 else ""
        dim = f"{prefix}bin"
        values = bin_coordinates(dataset)
        where = {f"{prefix}{name}": (dim, value) for name, value in values.items()}
        coords = {dim: np.flatnonzero(dataset.mask_data), **where}
        data = dataset.counts.data if isinstance(dataset, MapDataset) else dataset.counts
        counts = np.asarray(data, dtype=np.float64)[dataset.mask_data]
        observed = observed.merge(xr.Dataset({f"{prefix}counts": (dim, counts)}, coords))
        constants = {f"{prefix}bin_{name}": (dim, value) for name, value in values.items()}
        constant = constant.merge(xr.Dataset(constants, {dim: coords[dim]}))
    return {"observed_data": observed, "constant_data": constant}


def counts_name(tree: xr.DataTree, dataset: str) -> str:
    """Return the name that the counts of a dataset have in the groups of a tree."""
    joint = f"{dataset}.counts"
    return joint if joint in tree["observed_data"].data_vars else "counts"


def free_names(tree: xr.DataTree) -> tuple[str, ...]:
    """Return the scalar parameters of a posterior, in order; the deviates of pooled parameters are not among them."""
    found = tree["posterior"].data_vars.items()
    return tuple(str(name) for name, item in found if item.dims == SAMPLE_DIMS and not str(name).endswith(DEVIATE))


def verdict_of(tree: xr.DataTree) -> Verdict:
    """Return the verdict that was stored with a posterior."""
    return Verdict.from_json(tree.attrs["verdict"])
