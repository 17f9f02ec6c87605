"""Which prior a parameter gets, and that the compiled posterior and the PyMC model carry the same ones."""

import numpy as np
import pymc as pm
import pytest

from bayesmap.errors import BayesmapInputError, ModelError, PriorError
from bayesmap.fit import MapFit
from bayesmap.inference.samplers.pymc_nuts import value_order, value_point
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.posterior.likelihood import observe
from bayesmap.posterior.priors import choose_priors
from bayesmap.testing import toy_dataset, toy_models, toy_response

INDEX, AMPLITUDE, NORM = "source.spectral.index", "source.spectral.amplitude", "toy-bkg.spectral.norm"
OWN, PASSED = Prior("Normal", mu=2.0, sigma=0.1), Prior("Normal", mu=3.0, sigma=0.2)


@pytest.fixture(scope="module")
def geom():
    return toy_response(npix=12).counts.geom


def models_with_own():
    return toy_models(index=Parameter("index", 2.2, prior=OWN))


def test_a_passed_prior_comes_before_the_own_one_and_that_before_the_set(geom):
    models = models_with_own()
    assert choose_priors(models, "default", (geom,))[INDEX] == OWN
    assert choose_priors(models, "flat", (geom,))[INDEX] == OWN
    chosen = choose_priors(models, {"index": PASSED}, (geom,))
    assert chosen[INDEX] == PASSED
    assert chosen[NORM] == Prior("HalfNormal", sigma=2.0)


def test_sets(geom):
    models = toy_models()
    assert set(choose_priors(models, "flat", (geom,)).values()) == {Prior("Flat")}
    default = choose_priors(models, "default", (geom,))
    assert list(default) == list(models.parameters.free_names)
    assert default[AMPLITUDE] == Prior("HalfStudentT", nu=3.0, sigma=4e-9)


@pytest.mark.parametrize(
    ("priors", "error", "match"),
    [
        ("uniform", BayesmapInputError, "BM-FT-003.*'uniform'(.|\n)*default, flat"),
        ({"source.spectral.indx": OWN}, ModelError, "BM-MO-002.*indx"),
        ({"source.spectral.reference": OWN}, PriorError, r"BM-PR-006.*source\.spectral\.reference"),
    ],
)
def test_what_is_refused(geom, priors, error, match):
    with pytest.raises(error, match=match):
        choose_priors(toy_models(), priors, (geom,))


def test_a_prior_that_is_none_is_told():
    with pytest.raises(PriorError, match=r"BM-PR-001.*source\.spectral\.index is float"):
        MapFit.from_dataset(toy_dataset(npix=12), toy_models(), priors={INDEX: 2.0})


@pytest.fixture(scope="module")
def stated():
    """Fit with every kind of transform: two limits, one limit, stated positions, a live distribution."""
    models = toy_models(index=Parameter("index", 2.2, min=1.0, max=4.0))
    priors = {
        INDEX: pm.Normal.dist(2.3, 0.7),
        AMPLITUDE: Prior("LogUniformPrior", min=1e-11, max=1e-8),
        NORM: Prior("Gamma", alpha=4.0, beta=4.0),
        "source.spatial.lat_0": Prior("Normal", mu=21.95, sigma="3 arcmin"),
    }
    return MapFit.from_dataset(toy_dataset(npix=12), models, priors=priors)


def test_stated_priors_are_in_both_densities(stated):
    posterior, model = stated._posterior, stated.pymc_model
    unbounded, order = UnboundedPosterior(posterior), value_order(model, posterior.variables)
    function = model.compile_fn([model.logp(), model.dlogp()], inputs=model.value_vars, mode="JAX")
    start = posterior.variables.forward(posterior.coordinates.start)
    for step in np.random.default_rng(1).standard_normal((20, len(start))):
        z = start + 0.2 * step
        value, gradient = unbounded.value_and_gradient(z)
        theirs, slopes = function(value_point(model, posterior.variables, z))
        assert float(theirs) == pytest.approx(value, rel=1e-10)
        assert np.abs(slopes - gradient[order]).max() < 1e-8 * np.abs(gradient).max()


def test_stated_priors_are_told(stated):
    assert stated.priors[AMPLITUDE] == "LogUniformPrior(min=1e-11, max=1e-08)"
    assert stated.priors["source.spatial.position"].startswith("lon_0 Uniform(")
    assert stated.priors["source.spatial.position"].endswith("lat_0 Normal(mu=21.95, sigma=3 arcmin)")
    lower, upper = stated._posterior.variables.bounds()
    assert (lower[0], upper[0]) == (1.0, 4.0)
    assert (lower[1], upper[1]) == pytest.approx((1e-11, 1e-8), rel=1e-12)


def test_other_counts_need_no_other_functions(small_fit):
    data = toy_dataset(npix=12, seed=8)
    fresh = MapFit.from_dataset(data, toy_models())
    exchanged = small_fit._posterior.with_counts(observe(data))
    start = fresh._posterior.coordinates.start
    assert exchanged.log_posterior(start) == fresh._posterior.log_posterior(start)
    assert exchanged.log_posterior(start) != small_fit._posterior.log_posterior(start)
