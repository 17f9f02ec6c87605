"""Limits under another prior, against posteriors that are known in closed form."""

from __future__ import annotations

import astropy.units as u
import pytest
import scipy.stats as st
import xarray as xr

from bayesmap.checks.limit_sensitivity import limit_sensitivity
from bayesmap.errors import BayesmapInputError
from bayesmap.fit.limits import prior_sensitivity
from bayesmap.models.prior import Prior
from bayesmap.posterior.priors import build_variables
from bayesmap.results.derived import integral_flux
from bayesmap.testing import toy_models

NAME = "source.spectral.amplitude"
SCALE = 3e-10
PRIOR_SCALE = 1e-9


@pytest.fixture(scope="module")
def variables():
    return build_variables(toy_models(), {NAME: Prior("Exponential", scale=PRIOR_SCALE)}, [])


@pytest.fixture(scope="module")
def tree():
    """Draws under an exponential prior of amplitude^2 exp(-amplitude / SCALE), which is a gamma distribution."""
    draws = st.gamma(3.0, scale=1.0 / (1.0 / SCALE + 1.0 / PRIOR_SCALE)).rvs((4, 2000), random_state=3)
    item = (("chain", "draw"), draws, {"unit": "cm-2 s-1 TeV-1"})
    return xr.DataTree.from_dict({"posterior": xr.Dataset({NAME: item})})


@pytest.mark.statistical
def test_limits_under_other_priors_are_those_of_their_posteriors(variables, tree):
    other = Prior("Exponential", scale=2.0 * PRIOR_SCALE)
    priors = {"flat": Prior("Flat"), "wide": other, "same": Prior("Exponential", scale=1e-9)}
    found = limit_sensitivity(variables, tree, NAME, NAME, priors=priors)
    expected = {
        "flat": st.gamma(3.0, scale=SCALE).ppf(0.95),
        "wide": st.gamma(3.0, scale=1.0 / (1.0 / SCALE + 0.5 / PRIOR_SCALE)).ppf(0.95),
        "same": found.limit.value,
    }
    for name, value in expected.items():
        item = found.others[name]
        assert abs(item.value - value) < 4.0 * item.mcse
        assert item.reliable
    assert found.others["same"].effective_size == pytest.approx(found.limit.effective_in_tail / 0.05, rel=1e-6)
    assert found.others["flat"].pareto_k < 0.7
    assert "prior of source.spectral.amplitude: Exponential(scale=1e-09)" in str(found)


@pytest.mark.statistical
def test_default_priors_bracket_the_limit(variables, tree):
    found = limit_sensitivity(variables, tree, NAME, NAME)
    flat, log = found.others["flat"], found.others["log-uniform"]
    assert log.value < found.limit.value < flat.value
    # Of a log-uniform prior the draws below two decades under the limit are missing: few of this posterior.
    assert abs(log.value - st.gamma(2.0, scale=SCALE).ppf(0.95)) < 4.0 * log.mcse


def test_weights_that_cannot_be_trusted_are_said_to_be_so(variables, tree):
    found = limit_sensitivity(variables, tree, NAME, NAME, priors={"far": Prior("Normal", mu=8e-9, sigma=5e-10)})
    assert not found.others["far"].reliable
    assert "NOT TRUSTWORTHY" in str(found)


def test_of_a_fit_the_limit_of_a_flux_follows_the_amplitude(small_fit, small_tree):
    flux = integral_flux(small_tree, small_fit.model, "source", 1 * u.TeV, 10 * u.TeV)
    found = prior_sensitivity(small_fit, flux, parameter="amplitude", tree=small_tree)
    assert found.limit.unit == "cm-2 s-1"
    assert found.others["flat"].value == pytest.approx(found.limit.value, rel=0.01)
    with pytest.raises(BayesmapInputError, match="BM-FT-053: it was not said which parameter"):
        prior_sensitivity(small_fit, flux, tree=small_tree)
    with pytest.raises(BayesmapInputError, match="BM-FT-053: the prior of source.spatial.lon_0 depends on"):
        prior_sensitivity(small_fit, "lon_0", tree=small_tree)
