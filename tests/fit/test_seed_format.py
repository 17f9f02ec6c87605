"""Dictionaries of intervals: what they say where the best value lies outside the draws' interval."""

import numpy as np
import pytest
import xarray as xr

from bayesmap.fit.seed_format import posterior_interval
from bayesmap.results.verdict import Verdict
from bayesmap.testing import toy_models

NAME = "source.spectral.index"


def tree_of(values, verdict):
    draws = xr.Dataset({NAME: (("chain", "draw"), values, {"unit": ""})})
    steps = xr.Dataset({"n_steps": (("chain", "draw"), np.ones(values.shape, dtype=int))})
    tree = xr.DataTree.from_dict({"posterior": draws, "sample_stats": steps})
    tree.attrs["verdict"] = verdict.to_json()
    return tree


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_a_best_value_outside_the_interval_is_said(rng, shift):
    models = toy_models()
    best = models.parameters[NAME].value
    tree = tree_of(best + shift + rng.standard_normal((4, 500)), Verdict((), {}, ()))
    found = posterior_interval(tree, models, NAME, 1.0, "eti")
    assert found["lower"] == pytest.approx(best - found["errn"])
    assert found["upper"] == pytest.approx(best + found["errp"])
    assert found["success"]
    assert (found["errn"] < 0.0) == (shift > 0.0)
    assert ("lies outside the interval" in found["message"]) == (shift > 0.0)


def test_a_verdict_is_passed_on(rng):
    tree = tree_of(rng.standard_normal((4, 500)), Verdict(("divergent: 7 of 2000",), {}, ()))
    found = posterior_interval(tree, toy_models(), NAME, 1.0, "eti")
    assert not found["success"]
    assert "divergent: 7 of 2000" in found["message"]
