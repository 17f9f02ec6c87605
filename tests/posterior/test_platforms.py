"""The compiled functions are of no one kind of processor: the same program is lowered for a GPU, without one."""

from __future__ import annotations

import re

import jax.numpy as jnp
import pytest

from bayesmap import MapFit
from bayesmap.models import GaussianSpatialModel
from bayesmap.testing import toy_dataset, toy_models


@pytest.fixture(scope="module")
def posterior():
    models = toy_models(GaussianSpatialModel(lon_0=83.60, lat_0=22.05, sigma=0.32))
    return MapFit.from_dataset(toy_dataset(), models)._posterior


@pytest.mark.parametrize("name", ["value_and_gradient", "fisher"])
def test_programs_are_lowered_for_cuda(posterior, name):
    theta = jnp.asarray(posterior.coordinates.start)
    traced = posterior.functions[name].trace(theta, posterior.constants)
    program = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "stablehlo" in program
    # A callback into Python, or a routine of one processor's library, would be a custom call.
    assert re.findall(r"custom_call @(\w+)", program) == []
