"""The likelihood is a pure function of its parameters: no memory, no source that is switched off."""

import numpy as np
import pytest

from bayesmap.fit import MapFit
from bayesmap.testing import toy_dataset, toy_models


@pytest.fixture(scope="module")
def posterior():
    return MapFit.from_dataset(toy_dataset(), toy_models())._posterior


def test_any_order_gives_the_same_bits(posterior):
    rng = np.random.default_rng(2)
    start = posterior.coordinates.start
    thetas = [start * (1.0 + 0.05 * rng.standard_normal(len(start))) for _ in range(8)]
    expected = [posterior.log_posterior(theta) for theta in thetas]
    for _ in range(100):
        for index in rng.permutation(len(thetas)):
            assert posterior.log_posterior(thetas[index]) == expected[index]


def test_a_source_that_left_the_map_comes_back(posterior):
    start = posterior.coordinates.start
    before = posterior.npred(start)
    away = start.copy()
    away[list(posterior.coordinates.moving["source"])] = 15.0
    assert posterior.log_posterior(away) == -np.inf
    assert np.array_equal(posterior.npred(start), before)
