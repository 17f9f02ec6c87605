"""Combinations of parameters that are known, of parameters that are not."""

import numpy as np
import pytest
import xarray as xr

from bayesmap.checks.ridges import ridges
from bayesmap.testing import toy_models

NAMES = tuple(toy_models().parameters.free_names)
INDEX, AMPLITUDE, LON, _, NORM = NAMES


def draws(change=lambda x: x, n=1000, seed=1):
    values = change(np.random.default_rng(seed).standard_normal((len(NAMES), 4, n)))
    return xr.Dataset({name: (("chain", "draw"), value) for name, value in zip(NAMES, values, strict=True)})


def correlated(i, j, rho):
    def change(x):
        x[j] = rho * x[i] + np.sqrt(1.0 - rho**2) * x[j]
        return x

    return change


@pytest.mark.parametrize("seed", range(20))
def test_independent_parameters_have_none(seed):
    assert ridges(draws(seed=seed), toy_models()) == ()


def test_between_models():
    (found,) = ridges(draws(correlated(1, 4, -0.998)), toy_models())
    assert found.names == (AMPLITUDE, NORM)
    assert found.models == ("source", "toy-bkg")
    assert found.between_models
    assert found.correlation == pytest.approx(0.998, abs=5e-4)


def test_within_a_model_it_is_a_matter_of_its_form():
    (found,) = ridges(draws(correlated(0, 1, 0.999)), toy_models())
    assert not found.between_models
    assert "reference energy" in str(found)


def test_a_strong_correlation_is_no_ridge():
    assert ridges(draws(correlated(1, 4, 0.98)), toy_models()) == ()


def test_of_three_parameters_whose_sum_is_known():
    """Their correlations are one half each: no pair shows it."""

    def change(x):
        x[4] = -x[1] - x[2] + 0.05 * x[4]
        return x

    (found,) = ridges(draws(change), toy_models())
    assert found.names == (AMPLITUDE, LON, NORM)


def test_few_draws_tell_nothing():
    assert ridges(draws(correlated(1, 4, 0.9999), n=10), toy_models()) == ()


def test_scales_do_not_matter():
    def change(x):
        x = correlated(1, 4, 0.998)(x)
        x[1] *= 1e-12
        return x

    assert [item.names for item in ridges(draws(change), toy_models())] == [(AMPLITUDE, NORM)]
