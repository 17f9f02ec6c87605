"""The likelihood is a pure function of its parameters: no memory, no source that is switched off."""

import numpy as np
import pytest

from bayesmap.fit import MapFit
from bayesmap.testing import toy_dataset, toy_models


@pytest.fixture(scope="module")
def posterior():
    return MapFit.from_dataset(toy_dataset(), toy_models())._posterior


def test_any_order_gives_the_same_bits(posterior):
    """A hundred random orders of points near and far; the source leaves the map in two of them."""
    rng = np.random.default_rng(2)
    start = posterior.coordinates.start
    thetas = [start * (1.0 + 0.05 * rng.standard_normal(len(start))) for _ in range(6)]
    for distance in (1.2, 15.0):
        away = start.copy()
        away[list(posterior.coordinates.moving["source"])] = distance
        thetas.append(away)
    expected = [posterior.value_and_gradient(theta) for theta in thetas]
    assert expected[-1][0] == -np.inf
    for _ in range(100):
        for index in rng.permutation(len(thetas)):
            value, gradient = posterior.value_and_gradient(thetas[index])
            assert value == expected[index][0]
            assert np.array_equal(gradient, expected[index][1], equal_nan=True)


def test_a_source_that_left_the_map_comes_back(posterior):
    start = posterior.coordinates.start
    before = posterior.npred(start)
    away = start.copy()
    away[list(posterior.coordinates.moving["source"])] = 15.0
    assert posterior.log_posterior(away) == -np.inf
    assert np.array_equal(posterior.npred(start), before)
