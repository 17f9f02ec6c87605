"""Other modes of a posterior: found where they matter, and nowhere else."""

import json

import numpy as np
import pytest

from bayesmap.checks.sbc import simulated
from bayesmap.fit import MapFit, simulate
from bayesmap.inference import modes
from bayesmap.inference.modes import modes_json, other_modes
from bayesmap.inference.optimize import optimize
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.testing import toy_response

PLACES = {"a": (83.9, 22.3), "b": (83.3, 21.7)}


def sources(*names, amplitude=8e-10):
    spectrum = PowerLawSpectralModel(index=2.2, amplitude=f"{amplitude} cm-2 s-1 TeV-1")
    found = [
        SkyModel(spectrum, PointSpatialModel(lon_0=PLACES[name][0], lat_0=PLACES[name][1]), name=name) for name in names
    ]
    return Models((*found, FoVBackgroundModel("toy")))


def best_of(posterior):
    best, theta = optimize(posterior, lambda _: float("nan"))
    assert best.success
    return theta, best.hessian


@pytest.fixture(scope="module")
def one():
    return MapFit.from_dataset(simulate(toy_response(npix=16), sources("a", "b"), 1), sources("a"))._posterior


def test_a_source_that_may_be_at_either_of_two_places(one):
    theta, hessian = best_of(one)
    (found,) = other_modes(one, theta, hessian)
    values = one.coordinates.to_values(found.theta)
    reached = values["a.spatial.lon_0"], values["a.spatial.lat_0"]
    expected = PLACES["a"] if np.hypot(*(theta[list(one.coordinates.moving["a"])])) > 0.3 else PLACES["b"]
    assert reached == pytest.approx(expected, abs=0.05)
    share = 1.0 / (1.0 + np.exp(log_laplace(one, theta) - log_laplace(one, found.theta)))
    assert found.share == pytest.approx(share, abs=1e-3)
    assert "a.spatial.lon_0" in str(found)
    assert json.loads(modes_json(one, theta, hessian)) == [str(found)]


def log_laplace(posterior, theta):
    """With a Hessian by differences of the gradient."""
    size = len(theta)
    steps = 1e-5 * np.maximum(np.abs(theta), 1e-3 * np.sqrt(1.0 / np.diag(posterior.fisher(theta))))
    rows = []
    for i in range(size):
        ahead, behind = (posterior.value_and_gradient(theta + sign * steps[i] * np.eye(size)[i])[1] for sign in (1, -1))
        rows.append((ahead - behind) / (2.0 * steps[i]))
    hessian = -0.5 * (np.array(rows) + np.array(rows).T)
    return posterior.log_posterior(theta) - 0.5 * np.linalg.slogdet(hessian)[1]


@pytest.mark.statistical
def test_data_of_the_model_itself_have_one_mode(one):
    """No false alarm in ten data sets, each with a source that is clearly seen."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        observed, _ = simulated(one, one.coordinates.start, rng)
        assert other_modes(observed, *best_of(observed)) == ()


@pytest.mark.slow
def test_sources_with_exchanged_names_are_no_mode_of_their_own():
    fit = MapFit.from_dataset(simulate(toy_response(npix=16), sources("a", "b"), 1), sources("a", "b"))
    theta, hessian = best_of(fit._posterior)
    exchanged = dict(fit._posterior.coordinates.to_values(theta))
    for bare in ("spectral.index", "spectral.amplitude", "spatial.lon_0", "spatial.lat_0"):
        exchanged[f"a.{bare}"], exchanged[f"b.{bare}"] = exchanged[f"b.{bare}"], exchanged[f"a.{bare}"]
    other = fit._posterior.coordinates.to_theta(exchanged)
    assert np.isfinite(fit._posterior.log_posterior(other))
    assert other_modes(fit._posterior, theta, hessian) == ()


def test_predictions_are_compared_where_one_of_them_is_zero():
    one, two = np.array([0.0, 4.0, 2.0, 0.0]), np.array([3.0, 4.0, 0.0, 0.0])
    assert modes._distance(one, two) == modes._distance(two, one) == 2.0 * 3.0 + 2.0 * 2.0
    assert modes._distance(one, one) == 0.0
