"""Checks of a posterior hold one map at a time, however many draws; a group of draws is held once or twice."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bayesmap.checks.predictive import predictive_maps
from bayesmap.posterior.likelihood import observe
from bayesmap.testing import toy_response


def peak(action):
    """Bytes that an action takes at a time, beyond what was there."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@dataclass(frozen=True)
class Predicting:
    """What a check asks of a posterior."""

    variables: Any
    coordinates: Any
    counts: Any
    npred: Any
    spread: Any


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_predictive_maps_do_not_grow_with_the_draws(small_fit, small_tree, spread):
    dataset = toy_response(npix=100)
    npred = dataset.background.data + 0.5
    posterior = Predicting(
        variables=small_fit._posterior.variables,
        coordinates=small_fit._posterior.coordinates,
        counts={dataset.name: observe(dataset)},
        npred=lambda theta: npred.copy(),
        spread=lambda theta: spread,
    )
    cube = npred.nbytes
    few, many = (peak(lambda n=n: predictive_maps(posterior, small_tree, dataset, draws=n)) for n in (24, 84))
    assert few < 60 * cube
    assert many - few < 0.05 * 60 * cube  # what is kept of a draw: no map


@pytest.mark.parametrize("name", ["posterior_predictive", "pointwise_log_likelihood"])
def test_a_group_is_held_at_most_twice(name, small_fit, small_tree):
    getattr(small_fit, name)(small_tree, draws=10)  # compiled
    draws = 400
    group = 8 * draws * int(np.count_nonzero(small_fit.dataset.mask_data))
    assert group < peak(lambda: getattr(small_fit, name)(small_tree, draws=draws)) < 2.5 * group
