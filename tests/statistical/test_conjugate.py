"""A posterior known in closed form: one background norm with a Gamma prior.

Counts are Poisson of norm x b with a prior Gamma(alpha, beta), so the posterior is Gamma(alpha + sum n, beta + sum b).
"""

import dataclasses

import arviz as az
import numpy as np
import pytest
import scipy.stats

from bayesmap.fit import MapFit
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.prior import Prior
from bayesmap.testing import toy_response

ALPHA, BETA = 3.0, 2.0
pytestmark = pytest.mark.statistical


@pytest.fixture(scope="module")
def conjugate():
    """A fit of few counts, so that the posterior is far from normal, and the exact posterior."""
    response = toy_response(npix=8, background=0.05)
    counts = np.random.default_rng(4).poisson(response.background.data).astype(float)
    dataset = dataclasses.replace(response, counts=WcsNDMap(response.counts.geom, counts))
    fit = MapFit.from_dataset(
        dataset, FoVBackgroundModel("toy"), priors={"norm": Prior("Gamma", alpha=ALPHA, beta=BETA)}
    )
    exact = scipy.stats.gamma(ALPHA + counts.sum(), scale=1.0 / (BETA + dataset.background.data.sum()))
    return fit, exact


@pytest.fixture(scope="module")
def draws(conjugate):
    fit, _ = conjugate
    return fit.sample(draws=2000, random_seed=11)["posterior"]["toy-bkg.spectral.norm"]


def test_draws_are_those_of_the_exact_posterior(conjugate, draws):
    _, exact = conjugate
    size = float(az.ess(draws.to_dataset(name="norm"))["norm"])
    step = max(1, int(np.ceil(draws.size / size)))
    thinned = draws.values[:, ::step].ravel()
    assert scipy.stats.kstest(thinned, exact.cdf).pvalue > 1e-3


def test_moments_are_exact_within_the_chains_own_error(conjugate, draws):
    _, exact = conjugate
    dataset = draws.to_dataset(name="norm")
    assert abs(float(draws.mean()) - exact.mean()) < 4.0 * float(az.mcse(dataset)["norm"])
    assert abs(float(draws.std()) - exact.std()) < 4.0 * float(az.mcse(dataset, method="sd")["norm"])


def test_the_best_fit_is_the_mode(conjugate):
    fit, exact = conjugate
    shape, scale = exact.args[0], exact.kwds["scale"]
    best = fit.optimize()
    assert best.model.parameters["norm"].value == pytest.approx((shape - 1.0) * scale, rel=1e-6)
