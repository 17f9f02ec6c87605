"""Whitening from paths and from the best normal: exact on a normal, better than the mode where it says little."""

import numpy as np
import pytest

from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.fit import MapFit
from bayesmap.inference.descent import descend
from bayesmap.inference.origin import ADVICE, whitened
from bayesmap.inference.pathfinder import minus, pathfinder
from bayesmap.inference.variational import Objective, base_draws, variational
from bayesmap.inference.whitening import Whitening
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models
from bayesmap.testing import toy_dataset, toy_models

ROOT = np.array([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.3, -0.2, 1.5]])
MEAN = np.array([0.5, -1.0, 0.7])
PLAIN = Whitening(np.zeros(3), np.eye(3))
ALL = pytest.mark.parametrize("method", [pathfinder, variational])


class Toy:
    """Posterior with a given log-density of z and gradient."""

    def __init__(self, function):
        self.function = function

    def whitened(self, origin, root):
        def evaluate(w):
            value, gradient = self.function(origin + root @ w)
            return value, root.T @ gradient

        return evaluate


def normal(z):
    w = np.linalg.solve(ROOT, z - MEAN)
    return -0.5 * w @ w, -np.linalg.solve(ROOT.T, w)


def funnel(z):
    """Neal's funnel: the density grows without bound in its neck, where a mode is of no use."""
    s, x = z[0], z[1:]
    size = 0.5 * np.exp(-s) * x @ x
    value = -(s**2) / 18.0 - size - 0.5 * len(x) * s
    return value, np.concatenate([[-s / 9.0 + size - 0.5 * len(x)], -np.exp(-s) * x])


@ALL
def test_a_normal_is_found_exactly(method):
    found = method(Toy(normal), PLAIN, 1)
    assert found.origin == pytest.approx(MEAN, abs=0.1)
    check_covariance(found, 0.05 if method is variational else 0.4)


def check_covariance(found, tolerance):
    """Variances along all directions; those of a path are estimates."""
    inner = np.linalg.solve(ROOT, found.root)
    assert np.linalg.eigvalsh(inner @ inner.T) == pytest.approx(np.ones(3), abs=tolerance)


@ALL
def test_it_is_the_same_from_other_coordinates(method):
    found = method(Toy(normal), Whitening(np.array([3.0, 1.0, -1.0]), 0.5 * ROOT), 1)
    assert found.origin == pytest.approx(MEAN, abs=0.1)
    check_covariance(found, 0.05 if method is variational else 0.4)


@ALL
def test_the_same_seed_gives_the_same_numbers(method):
    first, again = (method(Toy(funnel), PLAIN, 5) for _ in range(2))
    assert np.array_equal(first.root, again.root)
    assert np.array_equal(first.origin, again.origin)


@ALL
def test_in_a_funnel_it_lies_where_the_mass_is(method):
    """The mode, at s = -9 times half the dimension, holds no mass: s has mean 0 and deviation 3."""
    found = method(Toy(funnel), PLAIN, 2)
    assert -3.5 < found.origin[0] < 3.0
    assert np.all(np.isfinite(found.root))
    assert np.linalg.matrix_rank(found.root) == 3


@ALL
def test_a_support_with_an_edge_is_kept_to(method):
    found = method(Toy(lambda z: normal(z) if z[0] < 0.5 else (-np.inf, np.zeros(3))), PLAIN, 3)
    assert np.all(np.isfinite(found.root))
    assert found.origin[0] < 0.5


def test_pathfinder_without_support_is_told():
    with pytest.raises(FitStateError, match=r"BM-FT-008"):
        pathfinder(Toy(lambda z: (-np.inf, np.zeros(3))), PLAIN, 3)
    tiny = Toy(lambda z: (0.0, np.zeros(3)) if np.linalg.norm(z) < 1e-3 else (-np.inf, np.zeros(3)))
    with pytest.raises(FitStateError, match=r"BM-FT-014.*no normal"):
        pathfinder(tiny, PLAIN, 3)


def test_a_descent_ends_where_the_normal_is():
    places = list(descend(minus(normal), np.array([4.0, 4.0, -4.0]), tolerance=1e-6, max_iterations=100))
    assert places[-1].point == pytest.approx(MEAN, abs=1e-5)
    inner = np.linalg.solve(ROOT, np.linalg.cholesky(places[-1].inverse))
    assert np.linalg.eigvalsh(inner @ inner.T) == pytest.approx(np.ones(3), abs=0.3)
    assert all(np.all(np.linalg.eigvalsh(place.inverse) > 0) for place in places)
    assert np.all(np.diff([place.value for place in places]) < 0)


def test_base_draws_have_mean_zero_and_unit_covariance():
    draws = base_draws(4, 1)
    assert draws.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-14)
    assert draws.T @ draws / len(draws) == pytest.approx(np.eye(4), abs=1e-12)


def test_the_objective_has_the_gradient_it_states():
    objective = Objective(minus(funnel), base_draws(3, 1))
    point = np.random.default_rng(4).standard_normal(9) * 0.3
    _, gradient = objective(point)
    for i, step in enumerate(1e-5 * np.eye(9)):
        difference = (objective(point + step)[0] - objective(point - step)[0]) / 2e-5
        assert gradient[i] == pytest.approx(difference, rel=1e-5, abs=1e-7)
    mean, root = objective.unpack(point)
    assert objective.pack(mean, root) == pytest.approx(point, rel=1e-14)


def test_an_unknown_start_is_told(small_fit):
    with pytest.raises(BayesmapInputError, match=r"BM-FT-015.*'magic'(.|\n)*laplace, pathfinder, variational"):
        small_fit.sample(start="magic")


def test_a_poor_mode_is_told_with_advice(small_fit, monkeypatch):
    monkeypatch.setattr("bayesmap.inference.origin.whiten", lambda *a, **k: Whitening(MEAN, ROOT, ("not there",)))
    assert whitened(small_fit._posterior, small_fit._theta, "laplace", seed=1).notes == ("not there", ADVICE)


def test_every_step_is_shown(small_fit):
    for name in ("laplace", "pathfinder", "variational"):
        calls = []
        whitened(small_fit._posterior, small_fit._theta, name, seed=1, show=lambda calls=calls: calls.append(1))
        assert calls


@pytest.mark.statistical
@pytest.mark.parametrize("start", ["pathfinder", "variational"])
def test_draws_do_not_depend_on_the_start(small_fit, small_tree, start):
    import arviz as az

    from bayesmap.results.posterior import free_names, verdict_of

    tree = small_fit.sample(draws=250, tune=150, chains=4, cores=2, random_seed=3, start=start)
    assert any("whitened by" in note for note in verdict_of(tree).notes)
    for name in free_names(tree):
        one, two = (item["posterior"].to_dataset()[[name]] for item in (small_tree, tree))
        error = np.hypot(float(az.mcse(one)[name]), float(az.mcse(two)[name]))
        assert abs(float(one[name].mean()) - float(two[name].mean())) < 5.0 * error, name


@pytest.mark.statistical
@pytest.mark.slow
def test_at_a_limit_every_start_gives_the_same_draws():
    """A source that is not there: the density of its amplitude falls from zero on."""
    import arviz as az

    fixed = dict.fromkeys(("source.spatial.lon_0", "source.spatial.lat_0", "source.spectral.index"), True)
    models = toy_models(amplitude="1e-10 cm-2 s-1 TeV-1").with_frozen(fixed)
    fit = MapFit.from_dataset(toy_dataset(Models(FoVBackgroundModel("toy")), npix=12, seed=2), models)
    means = []
    for start in ("laplace", "pathfinder", "variational"):
        tree = fit.sample(draws=400, chains=4, cores=2, random_seed=3, start=start)
        draws = tree["posterior"].to_dataset()[["source.spectral.amplitude"]]
        assert float(az.ess(draws)["source.spectral.amplitude"]) > 400, start
        means.append([float(item["source.spectral.amplitude"]) for item in (draws.mean(), az.mcse(draws))])
    (first, error), *others = means
    for mean, other in others:
        assert abs(mean - first) < 5.0 * np.hypot(error, other)
