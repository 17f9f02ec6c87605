"""Credible intervals against the quantiles of known distributions, with the Monte Carlo error of the draws."""

import math

import numpy as np
import pytest
import scipy.stats as st
import xarray as xr

from bayesmap.errors import BayesmapInputError
from bayesmap.results.intervals import interval, mass_in_one_dimension, mass_in_two_dimensions

N_CHAIN, N_DRAW = 4, 2500


def tree_of(values, unit="deg"):
    return xr.DataTree.from_dict({"posterior": xr.Dataset({"x": (("chain", "draw"), values, {"unit": unit})})})


def autocorrelated(rng, rho):
    """Chains with standard normal margins and correlation `rho` from draw to draw."""
    steps = rng.standard_normal((N_CHAIN, N_DRAW)) * math.sqrt(1.0 - rho**2)
    values = np.empty_like(steps)
    values[:, 0] = rng.standard_normal(N_CHAIN)
    for k in range(1, N_DRAW):
        values[:, k] = rho * values[:, k - 1] + steps[:, k]
    return values


def test_masses():
    assert mass_in_one_dimension(1.0) == pytest.approx(0.6826894921370859, rel=1e-14)
    assert mass_in_two_dimensions(1.0) == pytest.approx(0.3934693402873666, rel=1e-14)
    assert mass_in_two_dimensions(1e-6) == pytest.approx(5e-13, rel=1e-6)


@pytest.mark.statistical
@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_equal_tails_of_a_normal(rng, sigma, rho):
    found = interval(tree_of(3.0 + 0.2 * autocorrelated(rng, rho)), "x", sigma=sigma)
    assert abs(found.lower - (3.0 - 0.2 * sigma)) < 4.0 * found.mcse_lower
    assert abs(found.upper - (3.0 + 0.2 * sigma)) < 4.0 * found.mcse_upper
    assert (found.unit, found.kind, found.mass) == ("deg", "eti", mass_in_one_dimension(sigma))
    assert found.lower < found.median < found.upper


@pytest.mark.statistical
@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_monte_carlo_error_is_the_scatter_of_the_ends(rho):
    rng = np.random.default_rng(5)
    found = [interval(tree_of(autocorrelated(rng, rho)), "x") for _ in range(50)]
    for end in ("lower", "upper"):
        scatter = np.std([getattr(item, end) for item in found], ddof=1)
        stated = np.mean([getattr(item, f"mcse_{end}") for item in found])
        # The standard deviation of 50 numbers has an error of 10 %: three of them, and some for the estimate itself.
        assert 0.7 < scatter / stated < 1.35


@pytest.mark.statistical
def test_highest_density_of_a_skewed_distribution(rng):
    found = interval(tree_of(rng.exponential(2.0, (N_CHAIN, N_DRAW))), "x", kind="hdi")
    assert 0.0 <= found.lower < 0.01
    expected = -2.0 * math.log(1.0 - found.mass)
    density = (1.0 - found.mass) / 2.0
    error = math.sqrt(found.mass * (1.0 - found.mass) / (N_CHAIN * N_DRAW)) / density
    assert abs(found.upper - expected) < 4.0 * error
    assert math.isnan(found.mcse_lower)
    assert math.isnan(found.mcse_upper)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["eti", "hdi"])
def test_interval_holds_its_mass_of_other_draws(rng, kind):
    found = interval(tree_of(st.skewnorm(4.0).rvs((N_CHAIN, N_DRAW), random_state=rng)), "x", kind=kind)
    mass = np.diff(st.skewnorm(4.0).cdf([found.lower, found.upper]))[0]
    assert abs(mass - found.mass) < 5.0 * math.sqrt(0.25 / (N_CHAIN * N_DRAW))


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan, math.inf])
def test_sigma_must_be_positive(sigma):
    with pytest.raises(BayesmapInputError, match="BM-FT-007.*sigma is"):
        interval(tree_of(np.zeros((2, 10))), "x", sigma=sigma)


def test_kind_must_be_known():
    with pytest.raises(BayesmapInputError, match="BM-FT-003.*'central'(.|\n)*eti, hdi"):
        interval(tree_of(np.zeros((2, 10))), "x", kind="central")


def test_too_few_draws_for_the_tail_say_how_many_are_needed(rng):
    tree = tree_of(rng.standard_normal((4, 250)))
    assert interval(tree, "x", sigma=2.0).upper == pytest.approx(2.0, abs=0.3)
    with pytest.raises(BayesmapInputError, match=r"BM-FT-051: beyond the lower end of the 99.7300% interval of x lie"):
        interval(tree, "x", sigma=3.0)
    with pytest.raises(BayesmapInputError, match=r"Draw at least \d{5} draws in all"):
        interval(tree, "x", sigma=3.0, kind="hdi")
