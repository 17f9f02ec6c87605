"""The evidence in three ways: importance sampling around the optimum, sequential Monte Carlo, nested sampling."""

from __future__ import annotations

import logging
import math
import sys

import numpy as np
import pytest
import scipy.special

from bayesmap import (
    BayesmapInputError,
    FoVBackgroundModel,
    MapFit,
    Models,
    Parameter,
    PowerLawNormSpectralModel,
    Prior,
    log_evidence,
    simulate,
)
from bayesmap.inference.batch import forward_many, prior_and_likelihood
from bayesmap.inference.cube import prior_cube
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.results.evidence import Evidence, coarse
from bayesmap.testing import toy_dataset, toy_models, toy_response

SHAPE, RATE = 20.0, 20.0


@pytest.fixture(scope="module")
def conjugate():
    """A background norm with a Gamma prior, and ln Z in closed form."""
    norm = Parameter("norm", 1.0, min=0.0, prior=Prior("Gamma", alpha=SHAPE, beta=RATE))
    models = Models((FoVBackgroundModel("toy", spectral_model=PowerLawNormSpectralModel(norm=norm)),))
    fit = MapFit.from_dataset(simulate(toy_response(npix=10), models, seed=5), models)
    counts, mu = np.asarray(fit.dataset.counts.data), fit.npred({"toy-bkg.spectral.norm": 1.0}).data
    own = np.sum(scipy.special.xlogy(counts, mu) - scipy.special.gammaln(counts + 1.0))
    prior = SHAPE * np.log(RATE) - scipy.special.gammaln(SHAPE)
    n, total = counts.sum(), mu.sum()
    return fit, own + prior + scipy.special.gammaln(SHAPE + n) - (SHAPE + n) * np.log(RATE + total)


@pytest.mark.parametrize(("method", "draws"), [("laplace", None), ("smc", 200), ("ultranest", 100)])
def test_the_closed_form(conjugate, method, draws):
    if method == "ultranest":
        pytest.importorskip("ultranest")
    fit, exact = conjugate
    seen = []
    found = log_evidence(fit, draws, 3, method=method, progress=lambda *done: seen.append(done))
    assert found.success, found.reasons
    assert found.method == method
    assert 0.0 < found.error <= 0.2
    assert abs(found.log_z - exact) < min(3.0 * found.error, 0.3)
    if method == "smc":
        assert seen[-1] == (1000, 1000)
        assert log_evidence(fit, draws, 3, method="smc").log_z == found.log_z


def test_many_points_at_once_are_those_one_by_one(small_fit):
    posterior = small_fit._posterior
    theta = posterior.variables.draw(40, 1)
    z = forward_many(posterior, theta)
    np.testing.assert_allclose(posterior.to_theta(z), theta, rtol=1e-9, atol=1e-12)
    prior, likelihood = prior_and_likelihood(posterior)(z)
    unbounded = UnboundedPosterior(posterior)
    for k in range(0, 40, 7):
        np.testing.assert_allclose(z[k], posterior.variables.forward(theta[k]), rtol=1e-9)
        assert likelihood[k] == pytest.approx(posterior.log_likelihood(theta[k]), rel=1e-10)
        assert prior[k] + likelihood[k] == pytest.approx(unbounded.value(z[k]), rel=1e-10)


def test_the_cube_covers_the_prior(small_fit):
    """The mean of p / q under q is the integral of the prior, one."""
    posterior = small_fit._posterior
    cube = prior_cube(posterior, 1)
    u = np.random.default_rng(2).uniform(size=(4000, len(posterior.coordinates.names)))
    z, density = cube.z(u)
    weights = np.exp(prior_and_likelihood(posterior)(z)[0] - density)
    assert weights.mean() == pytest.approx(1.0, abs=5.0 * weights.std() / math.sqrt(len(weights)))
    assert weights.std() < 2.0


@pytest.mark.slow
@pytest.mark.statistical
def test_three_ways_agree():
    """S19: a source of free position, index and amplitude, and a background."""
    pytest.importorskip("ultranest")
    fit = MapFit.from_dataset(toy_dataset(npix=12), toy_models())
    found = {method: log_evidence(fit, random_seed=1, method=method) for method in ("laplace", "smc", "ultranest")}
    for item in found.values():
        assert item.success, str(item)
        assert item.error <= 0.2
    for first, second in (("laplace", "ultranest"), ("smc", "ultranest"), ("laplace", "smc")):
        one, other = found[first], found[second]
        assert abs(one.log_z - other.log_z) < 3.0 * math.hypot(one.error, other.error), (str(one), str(other))


def test_without_ultranest_the_extra_is_named(conjugate, monkeypatch):
    monkeypatch.setitem(sys.modules, "ultranest", None)
    with pytest.raises(BayesmapInputError, match=r"BM-CK-013: UltraNest is not installed.*bayesmap\[ultranest\]"):
        log_evidence(conjugate[0], method="ultranest")


def test_nested_sampling_leaves_no_traces(conjugate, capfd):
    pytest.importorskip("ultranest")
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    log_evidence(conjugate[0], 50, 3, method="ultranest")
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert capfd.readouterr().out == ""
    assert not any(isinstance(item, logging.NullHandler) for item in logging.getLogger("ultranest").handlers)


def test_an_unknown_method_is_refused(conjugate):
    with pytest.raises(BayesmapInputError, match="BM-FT-003: method is 'nested'.*laplace, smc, ultranest"):
        log_evidence(conjugate[0], method="nested")


def test_a_coarse_evidence_is_not_trusted():
    assert coarse(0.2) == ()
    assert "0.31, above 0.2" in coarse(0.31)[0]
    found = Evidence(-10.0, 0.31, math.nan, 400.0, 5000, 1, reasons=coarse(0.31), method="smc")
    assert str(found).startswith("NOT TRUSTWORTHY")
    assert str(found).endswith("(smc, 5000 evaluations)")
