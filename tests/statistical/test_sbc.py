"""Simulation-based calibration of the whole chain, and that it finds what is wrong."""

import numpy as np
import pytest

from bayesmap.checks.sbc import RANK_DRAWS, calibrate, uniformity
from bayesmap.fit import MapFit
from bayesmap.models.prior import Prior
from bayesmap.testing import toy_models, toy_response

pytestmark = pytest.mark.statistical
PRIORS = {
    "index": Prior("Normal", mu=2.2, sigma=0.3),
    "amplitude": Prior("Gamma", mu=8e-10, sigma=2e-10),
    "lon_0": Prior("Normal", mu=83.70, sigma=0.1),
    "lat_0": Prior("Normal", mu=21.96, sigma=0.1),
    "norm": Prior("Gamma", mu=1.0, sigma=0.2),
}


@pytest.fixture(scope="module")
def fit():
    return MapFit.from_dataset(
        toy_response(npix=10, binsz=0.2, psf_sigma=0.2, background=1.0), toy_models(), priors=PRIORS
    )


def test_ranks_are_uniform(fit):
    check(calibrate(fit._posterior, simulations=200, random_seed=17))


@pytest.mark.slow
def test_ranks_are_uniform_in_many_simulations(fit):
    found = calibrate(fit._posterior, simulations=1000, random_seed=29)
    check(found)
    assert np.mean(np.abs(found.z_scores) < 4.0) >= 0.999


def check(found):
    """All quantities uniform at 1e-3 each; at most one fit in fifty without a posterior."""
    assert len(found.failed) <= 0.02 * (len(found.ranks) + len(found.failed))
    for name, p_value in found.p_values().items():
        assert p_value > 1e-3, (name, p_value)


def test_one_compilation_serves_all_simulations(fit):
    calibrate(fit._posterior, simulations=2, random_seed=1)
    compiled = fit._posterior.functions["value_and_gradient"]._cache_size()
    calibrate(fit._posterior, simulations=3, random_seed=2)
    assert fit._posterior.functions["value_and_gradient"]._cache_size() == compiled == 1


def test_a_wrong_background_is_found(fit):
    found = calibrate(
        fit._posterior,
        simulations=40,
        random_seed=3,
        mutate=lambda npred: npred + 0.3 * npred.max() / 10.0,
    )
    assert min(found.p_values().values()) < 1e-3


def test_the_p_value_is_uniform_under_the_null_and_small_off_it():
    rng = np.random.default_rng(8)
    null = [uniformity(rng.integers(0, RANK_DRAWS + 1, size=200), RANK_DRAWS, replicas=2000) for _ in range(40)]
    assert 0.25 < np.mean(null) < 0.75
    shifted = np.floor((RANK_DRAWS + 1) * rng.beta(1.4, 1.0, size=200)).astype(int)
    assert uniformity(shifted, RANK_DRAWS, replicas=2000) < 1e-2
