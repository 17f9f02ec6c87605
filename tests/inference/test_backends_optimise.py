"""Optimisers of other packages: the same optimum, the same verdict, limits respected, bad words told."""

import sys

import numpy as np
import pytest

from bayesmap.errors import BayesmapInputError
from bayesmap.fit import MapFit
from bayesmap.inference.backends import base, registry
from bayesmap.inference.backends.registry import OPTIMISERS, load
from bayesmap.testing import toy_dataset, toy_models
from tests.inference.backends import AMPLITUDE, SOME, WAYS, Watched, put_out_fit


@pytest.fixture(scope="module")
def fit():
    """Fit that starts away from its best: 2 delta ln p of some hundreds."""
    return MapFit.from_dataset(toy_dataset(npix=12), toy_models(index=2.5, amplitude="5e-10 cm-2 s-1 TeV-1"))


@pytest.fixture(scope="module")
def best(fit):
    found = fit.optimize()
    assert found.success
    return found


@pytest.fixture(scope="module", params=[False, True], ids=["position frozen", "position free"])
def put_out(request):
    return put_out_fit(request.param)


@pytest.mark.parametrize(("backend", "options"), WAYS)
def test_all_reach_the_same_optimum(fit, best, backend, options):
    found = fit.optimize(backend, **options)
    assert found.success, found.reasons
    assert abs(2.0 * (found.log_posterior - best.log_posterior)) < 1e-4
    assert found.distance < 1e-2
    assert found.total_stat == pytest.approx(best.total_stat, abs=0.05)
    assert (found.backend, found.at_bound) == (backend, ())
    assert found.nfev > 10
    assert found.matrices == 3
    assert found.notes[0].startswith(f"{backend} said: ")
    errors = fit.covariance()
    assert errors.success
    assert errors.nfev == 0
    shift = found.theta - best.theta
    assert np.sqrt(shift @ errors.hessian @ shift) < 0.02


@pytest.mark.parametrize(("backend", "options"), SOME)
def test_a_sick_fit_gets_the_same_verdict(put_out, backend, options):
    """An amplitude at zero, and where the position is free too, nothing that constrains it."""
    expected = put_out.optimize()
    found = put_out.optimize(backend, **options)
    assert not expected.success
    assert not found.success
    assert found.at_bound == expected.at_bound == (AMPLITUDE,)
    assert found.reasons == expected.reasons
    assert found.model.parameters[AMPLITUDE].value == 0.0


@pytest.mark.parametrize(("backend", "options"), WAYS)
def test_limits_are_never_passed(put_out, backend, options):
    posterior = Watched(put_out._posterior)
    load("optimize", OPTIMISERS, backend)(posterior, posterior.coordinates.start, **options)
    lower, _ = posterior.variables.bounds()
    amplitude = posterior.coordinates.names.index(AMPLITUDE)
    assert lower[amplitude] == 0.0
    assert min(theta[amplitude] for theta in posterior.seen) >= 0.0


def test_a_search_that_was_stopped_says_how_far_it_is(fit):
    found = fit.optimize("scipy", max_iterations=1)
    assert not found.success
    assert found.message.startswith("L-BFGS-B ended ")
    assert "sigma from the optimum, more than the tolerance 0.01" in found.reasons[0]
    assert "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT" in found.notes[0].upper()
    assert fit.optimize("scipy", max_iterations=1, tolerance=1e3).success


def test_several_starts(fit, best):
    found = fit.optimize("scipy", starts=2, random_seed=1)
    assert found.success
    assert len(found.starts.losses) == 2
    assert found.notes[-1] == "2 of 2 starts reached the best optimum"
    assert 2.0 * (best.log_posterior - found.log_posterior) < 1e-4


def test_no_support_is_a_wall_above_the_start():
    class Half:
        def value_and_gradient(self, theta):
            return (-np.inf, np.full(2, np.nan)) if theta[0] < 0 else (-float(theta @ theta), -2.0 * theta)

        def log_posterior(self, theta):
            return self.value_and_gradient(theta)[0]

    unlimited = np.full(2, np.inf)
    function = base.Objective(Half(), np.array([1.0, 0.0]), np.array([0.5, 2.0]), (-unlimited, unlimited), -1.0)
    value, gradient = function.value_and_gradient(np.array([0.0, 0.0]))
    assert (value, gradient.tolist()) == (0.0, [2.0, 0.0])
    value, gradient = function.value_and_gradient(np.array([-4.0, 0.0]))
    assert (value, gradient.tolist()) == (1016.0, [-8.0, 0.0])
    assert function.value(np.array([-4.0, 0.0])) == 1016.0
    assert function.gradient(np.array([-4.0, 0.0])).tolist() == [-8.0, 0.0]
    assert function.record.calls == 3


def test_a_limit_of_x_is_the_limit_of_theta():
    lower, upper = np.array([0.1, -np.inf]), np.array([0.7, np.inf])
    function = base.Objective(None, np.array([0.3, 1.0]), np.array([0.07, 3.0]), (lower, upper), 0.0)
    low, high = function.limits
    assert function.theta(np.array([low[0], 0.0])).tolist() == [0.1, 1.0]
    assert function.theta(np.array([high[0], 1.0])).tolist() == [0.7, 4.0]


@pytest.mark.parametrize(
    ("backend", "options", "match"),
    [
        ("minuet", {}, r"^BM-FT-002: optimize has no backend 'minuet'\. Backends are minuit, newton, scipy, sherpa"),
        ("newton", {"tol": 1.0}, r"^BM-FT-041: the backend 'newton' has no option 'tol'\. .*tolerance, max_iterations"),
        ("minuit", {"progress": print}, "^BM-FT-041: the backend 'minuit' has no option 'progress'.*strategy"),
        ("scipy", {"gotl": 1.0}, r"^BM-FT-041: the backend 'scipy' has no option 'gotl'\. .*gtol"),
        ("scipy", {"method": "BFGS"}, r"^BM-FT-042: the backend 'scipy' has no method 'BFGS'\. .*L-BFGS-B"),
        ("minuit", {"method": "hesse"}, "^BM-FT-042: .*'hesse'.*migrad, simplex, scan"),
    ],
)
def test_bad_words_are_told(fit, backend, options, match):
    with pytest.raises(BayesmapInputError, match=match):
        fit.optimize(backend, **options)


@pytest.mark.parametrize(("backend", "package"), [("minuit", "iminuit"), ("sherpa", "sherpa")])
def test_a_missing_package_is_named_with_its_extra(fit, monkeypatch, backend, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.optmethods", None)
    for module in ("minuit", "minuit_hesse", "minuit_minos", "sherpa"):
        monkeypatch.delitem(sys.modules, f"{registry.FOLDER}.{module}", raising=False)
    match = rf"^BM-FT-040: the backend '{backend}' .* needs the package .* not installed.*bayesmap\[{backend}\]"
    with pytest.raises(BayesmapInputError, match=match):
        fit.optimize(backend)
    if backend == "minuit":
        with pytest.raises(BayesmapInputError, match=match):
            fit.covariance("minuit")
        with pytest.raises(BayesmapInputError, match=match):
            fit.confidence("index", backend="minuit")
