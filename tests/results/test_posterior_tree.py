"""Draws as one tree: groups, coordinates, units, provenance; and back to theta."""

import dataclasses
import json

import numpy as np
import pytest

from bayesmap.dataset import MapDataset
from bayesmap.maps.map import WcsNDMap
from bayesmap.posterior.priors import build_variables
from bayesmap.results.draws import Draws
from bayesmap.results.posterior import free_names, parameter_dataset, posterior_tree, theta_of
from bayesmap.results.provenance import data_hash
from bayesmap.testing import toy_models, toy_response


def test_theta_of_is_the_inverse(small_fit, small_tree):
    variables = small_fit._posterior.variables
    theta = theta_of(small_tree, variables)
    assert theta.shape == (4, 500, 5)
    again = parameter_dataset(theta, variables)
    for name, values in small_tree["posterior"].data_vars.items():
        assert np.array_equal(values.values, again[name].values), name


def test_groups_dimensions_and_units(small_fit, small_tree):
    assert set(small_tree.children) == {"posterior", "sample_stats", "observed_data", "constant_data"}
    assert free_names(small_tree) == small_fit.free_parameters
    table = small_fit.model.parameters
    for name in free_names(small_tree):
        values = small_tree["posterior"][name]
        assert values.dims == ("chain", "draw")
        assert values.attrs["unit"] == table[name].unit
    position = small_tree["posterior"]["source.spatial.position"]
    assert position.dims == ("chain", "draw", "offset")
    assert position.coords["offset"].values.tolist() == ["x", "y"]
    assert position.attrs["unit"] == "deg"
    assert small_tree["posterior"]["source.spectral.index"].attrs["prior"] == "Normal(mu=2.5, sigma=1.5)"


def test_data_are_those_of_the_mask(small_fit, small_tree):
    dataset = small_fit.dataset
    counts = small_tree["observed_data"]["counts"]
    assert np.array_equal(counts.values, dataset.counts.data[dataset.mask_data])
    assert np.array_equal(counts.coords["bin"].values, np.flatnonzero(dataset.mask_data))
    for name in ("energy", "lon", "lat"):
        assert np.array_equal(counts.coords[name].values, small_tree["constant_data"][f"bin_{name}"].values)


def test_provenance(small_fit, small_tree):
    attrs = {name: json.loads(text) for name, text in small_tree.attrs.items() if name != "status"}
    assert small_tree.attrs["status"] == "finished"
    assert attrs["dataset"] == {"name": "toy", "sha256": data_hash(small_fit.dataset)}
    assert attrs["sampler"]["seed"] == 7
    assert attrs["sampler"]["requested"] == [4, 500]
    assert attrs["priors"] == small_fit.priors
    assert {"python", "bayesmap", "pymc", "jax", "numpy"} <= set(attrs["versions"])
    assert attrs["options"]["convention"] == "exact"


def test_hash_is_that_of_the_numbers(small_fit):
    dataset = small_fit.dataset
    assert data_hash(dataclasses.replace(dataset, name="other")) == data_hash(dataset)
    changed = np.array(dataset.counts.data)
    changed[0, 3, 4] += 1
    assert data_hash(dataset.with_counts(WcsNDMap(dataset.counts.geom, changed))) != data_hash(dataset)


def seam_tree(theta) -> tuple[object, MapDataset]:
    """Return variables and tree of a source at lon 0.01, with given offsets."""
    from bayesmap.models.spatial.point import PointSpatialModel

    dataset = toy_response(center=(0.01, 5.0), npix=12)
    variables = build_variables(toy_models(PointSpatialModel(lon_0=0.01, lat_0=5.0)), "default", (dataset.counts.geom,))
    draws = Draws(
        theta=theta, statistics={"diverging": np.zeros(theta.shape[:2], bool)}, max_treedepth=10, tune=5,
        requested=theta.shape[:2], seed=1, library="made up", version="0", status="finished", seconds=0.0,
    )  # fmt: skip
    return variables, posterior_tree(draws, variables, (dataset,), {})


def test_longitude_is_continuous_over_the_seam():
    theta = np.ones((2, 3, 5))
    theta[..., 2] = [[-0.3, 0.0, 0.3], [-0.02, -0.01, 0.0]]
    theta[..., 3] = 0.0
    variables, tree = seam_tree(theta)
    lon = tree["posterior"]["source.spatial.lon_0"].values
    assert lon == pytest.approx(0.01 + theta[..., 2] / np.cos(np.deg2rad(5.0)), abs=2e-5)
    assert np.array_equal(theta_of(tree, variables), theta)
