"""HESSE beside the exact Hessian, and MINOS beside a profile that is worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from bayesmap.errors import BayesmapInputError
from bayesmap.fit import MapFit
from bayesmap.inference.backends.base import objective
from bayesmap.inference.backends.minuit_hesse import raised, turned
from bayesmap.inference.named import NamedPosterior
from bayesmap.testing import toy_dataset, toy_models
from tests.inference.backends import AMPLITUDE, put_out_fit

INDEX = "source.spectral.index"


@pytest.fixture(scope="module")
def fit():
    found = MapFit.from_dataset(toy_dataset(npix=12), toy_models(), priors="flat")
    assert found.run().success
    return found


def test_hesse_agrees_with_the_exact_hessian(fit):
    exact, found = fit.covariance(), fit.covariance("minuit")
    assert found.success
    assert (found.method, found.message[:7]) == ("HESSE", "HESSE: ")
    assert found.names == exact.names
    assert found.errors == pytest.approx(exact.errors, rel=0.01)
    assert found.correlation == pytest.approx(exact.correlation, abs=0.01)
    assert np.array_equal(found.hessian, exact.hessian)
    assert found.nfev > 10
    assert found.matrices == 0
    assert found.model.parameters[INDEX].error == found.errors[found.names.index(INDEX)]
    best = fit.run(covariance_opts={"backend": "minuit"})
    assert best.success
    assert best.method.endswith("; HESSE covariance")


@pytest.fixture
def at_the_best(fit):
    """The function that HESSE is given before it is turned."""
    return replace(objective(fit._posterior, fit._theta), origin=fit._theta)


def test_hesse_gets_coordinates_in_which_the_hessian_is_one(fit, at_the_best):
    found = turned(at_the_best, fit.covariance().hessian, np.full(at_the_best.size, True))
    step = 1e-3 * np.eye(found.size)
    slopes = np.array([found.gradient(row) - found.gradient(-row) for row in step]) / 2e-3
    assert slopes == pytest.approx(2.0 * np.eye(found.size), abs=1e-5)
    assert np.all(np.isinf(found.limits))


def test_hesse_gets_a_value_of_the_size_that_its_rounding_tells(fit, at_the_best):
    """The sum over all bins is rounded as a number of its own size is, within a factor of some."""
    free = np.full(at_the_best.size, True)
    found = raised(turned(at_the_best, fit.covariance().hessian, free), free)
    size = abs(2.0 * at_the_best.reference)
    assert 0.1 * size < found.level < 30.0 * size
    assert found.value_and_gradient(np.zeros(found.size))[0] == pytest.approx(found.level, abs=1e-9)


def test_hesse_keeps_coordinates_with_a_limit_nearby(fit, at_the_best):
    place = fit.free_parameters.index(AMPLITUDE)
    lower = np.array(at_the_best.bounds[0])
    lower[place] = at_the_best.origin[place] - 0.5 * fit.covariance().errors[place]
    limited = replace(at_the_best, bounds=(lower, at_the_best.bounds[1]))
    found = turned(limited, fit.covariance().hessian, np.full(limited.size, True))
    assert np.array_equal(found.root, np.eye(found.size))
    assert np.array_equal(found.limits[0], limited.limits[0])


def test_hesse_keeps_coordinates_where_the_hessian_is_not_positive_definite(at_the_best):
    found = turned(at_the_best, -np.eye(at_the_best.size), np.full(at_the_best.size, True))
    assert np.array_equal(found.root, np.eye(found.size))


def test_hesse_leaves_out_what_stands_at_a_limit():
    fit = put_out_fit(free_position=False)
    fit.optimize()
    found = fit.covariance("minuit")
    assert np.isnan(found.errors[found.names.index(AMPLITUDE)])
    assert f"{AMPLITUDE} is at its limit: no symmetric error" in found.reasons


def test_the_ends_of_minos_are_where_the_profile_has_risen(fit):
    """The profile by hand: the parameter held at the end, all others found again by SciPy."""
    found = fit.confidence("index", backend="minuit", sigma=2.0)
    assert found["success"], found["message"]
    assert (found["backend"], found["kind"]) == ("minuit", "profile")
    named, errors = NamedPosterior(fit._posterior), fit.covariance().errors
    best, held = named.values(fit._theta), fit.free_parameters.index(INDEX)
    others = np.arange(len(best)) != held
    peak = named.log_posterior(best)
    for end in (found["lower"], found["upper"]):

        def rise(x, end=end):
            values = best.copy()
            values[held], values[others] = end, best[others] + errors[others] * x
            value, gradient = named.value_and_gradient(values)
            return 2.0 * (peak - value), -2.0 * errors[others] * gradient[others]

        again = minimize(rise, np.zeros(others.sum()), jac=True, method="BFGS", options={"gtol": 1e-5})
        assert again.fun == pytest.approx(4.0, abs=0.01)


def test_minos_of_every_parameter_is_near_the_symmetric_error(fit):
    for name in fit.free_parameters:
        found = fit.confidence(name, backend="minuit")
        error = fit.confidence(name, backend="laplace")["errp"]
        assert found["success"], found["message"]
        assert found["errp"] == pytest.approx(error, rel=0.15)
        assert found["errn"] == pytest.approx(error, rel=0.15)
        half = fit.confidence(name, backend="minuit", sigma=0.5, strategy=1)
        assert half["errp"] + half["errn"] == pytest.approx(0.5 * (found["errp"] + found["errn"]), rel=0.05)
        assert found["nfev"] > half["nfev"] // 10 > 0


def test_an_open_side_is_no_number():
    fit = put_out_fit(free_position=False)
    found = fit.confidence(AMPLITUDE, backend="minuit")
    assert not found["success"]
    assert np.isnan(found["errn"])
    assert np.isnan(found["lower"])
    assert "limit" in found["message"]


def test_words_and_options_are_checked_first(fit):
    with pytest.raises(BayesmapInputError, match="^BM-FT-010: backend 'minuit' was given kind"):
        fit.confidence("index", backend="minuit", kind="hdi")
    with pytest.raises(BayesmapInputError, match="^BM-FT-041: the backend 'minuit' has no option 'draws'"):
        fit.confidence("index", backend="minuit", draws=5)
    with pytest.raises(BayesmapInputError, match="^BM-FT-002: covariance has no backend 'hesse'.*laplace, minuit"):
        fit.covariance("hesse")


def test_the_gradient_by_named_values(fit):
    named, theta = NamedPosterior(fit._posterior), fit._theta
    values = named.values(theta) * 1.0005
    _, gradient = named.value_and_gradient(values)
    for i, error in enumerate(fit.covariance().errors):
        step = np.zeros(len(values))
        step[i] = 1e-3 * error
        slope = (named.log_posterior(values + step) - named.log_posterior(values - step)) / (2.0 * step[i])
        assert gradient[i] == pytest.approx(slope, rel=1e-4, abs=1e-6 / error)
