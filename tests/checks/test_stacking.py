"""Stacking weights are the maximum over the simplex."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from bayesmap.checks.stacking import GAP, stacking_weights


def score(weights, elpd):
    return np.sum(scipy.special.logsumexp(elpd, axis=0, b=np.asarray(weights)[:, None]))


def test_no_point_of_a_grid_is_better(rng):
    elpd = rng.standard_normal((3, 400)) * np.array([[0.8], [1.0], [0.5]]) - 2.0
    found = stacking_weights(elpd)
    assert found.sum() == pytest.approx(1.0)
    grid = [(a, b, 1.0 - a - b) for a in np.linspace(0, 1, 51) for b in np.linspace(0, 1 - a, 51)]
    assert score(found, elpd) > max(score(point, elpd) for point in grid) - GAP
    assert stacking_weights(elpd[::-1]) == pytest.approx(found[::-1], abs=1e-3)


def test_two_models_by_a_plain_search(rng):
    elpd = rng.standard_normal((2, 300)) - 1.0
    best = scipy.optimize.minimize_scalar(lambda w: -score((w, 1 - w), elpd), bounds=(0, 1), method="bounded")
    assert stacking_weights(elpd)[0] == pytest.approx(best.x, abs=1e-3)


def test_a_model_that_is_worse_everywhere_gets_nothing(rng):
    base = rng.standard_normal(200)
    found = stacking_weights(np.stack([base, base - 1.0, base - 500.0]))
    assert found == pytest.approx([1.0, 0.0, 0.0], abs=1e-4)


def test_one_model_gets_everything():
    assert stacking_weights(np.array([[-1.0, -2.0]])) == pytest.approx([1.0])
