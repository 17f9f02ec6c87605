"""Conditional optima and crossings on functions whose profiles are known, or found by SciPy one point at a time."""

import numpy as np
import pytest
from scipy.optimize import brentq, lsq_linear, minimize_scalar

from bayesmap.inference.conditional import Place, Surface, positive, settle
from bayesmap.inference.crossing import cross

ALL = np.inf


class Made:
    """A log-density of two functions: Delta(x), and its gradient; a Hessian by differences of the gradient."""

    def __init__(self, delta, gradient):
        self.delta, self.gradient = delta, gradient

    def value_and_gradient(self, x):
        return -0.5 * self.delta(x), -0.5 * self.gradient(x)

    def hessian(self, x):
        steps = 1e-5 * np.eye(len(x))
        return np.array([-0.5 * (self.gradient(x + h) - self.gradient(x - h)) / 2e-5 for h in steps])


def surface_of(delta, gradient, best, lower=-ALL, upper=ALL):
    """Return the surface, and its minimum with the exact second derivatives."""
    best = np.asarray(best, dtype=float)
    made = Made(delta, gradient)
    bounds = (np.broadcast_to(lower, best.shape).astype(float), np.broadcast_to(upper, best.shape).astype(float))
    surface = Surface(made, best, np.ones_like(best), bounds, -0.5 * delta(best))
    start = np.zeros_like(best)
    value, slope = surface.at(start)
    return surface, Place(start, value, slope, positive(-2.0 * made.hessian(best)))


def quadratic(seed, size):
    matrix = np.random.default_rng(seed).standard_normal((size, 2 * size))
    return matrix @ matrix.T / size


def held_at(k, size):
    return np.arange(size) == k


def side(surface, best, k, sigma, sign):
    ray = np.zeros(len(best.x))
    ray[k] = sign
    return cross(surface, best, ray != 0.0, ray, sigma)


@pytest.mark.parametrize("size", [1, 2, 6])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0])
def test_of_a_normal_density_the_ends_are_its_standard_deviations(size, sigma):
    matrix = quadratic(size, size)
    surface, best = surface_of(lambda x: x @ matrix @ x, lambda x: 2.0 * matrix @ x, np.zeros(size))
    covariance = np.linalg.inv(matrix)
    for k in range(size):
        for sign in (-1.0, 1.0):
            found = side(surface, best, k, sigma, sign)
            assert found.found, found.problem
            assert found.place.x[k] == pytest.approx(sign * sigma * np.sqrt(covariance[k, k]), rel=1e-7)
            # The others follow the regression on the held one.
            assert found.place.x == pytest.approx(covariance[:, k] / covariance[k, k] * found.place.x[k], abs=1e-6)


@pytest.mark.parametrize("others_known", [True, False])
def test_others_stop_at_their_limits(others_known):
    """The profile of a quadratic inside a box, beside bounded least squares at each point."""
    size, level = 5, 2.0
    matrix = quadratic(3, size)
    root = np.linalg.cholesky(matrix).T
    shift = 0.3 * np.ones(size)
    lower, upper = np.full(size, -0.2), np.full(size, 0.25)
    lower[0], upper[0] = -ALL, ALL

    def constrained(t, minimum=0.0):
        free = lsq_linear(root[:, 1:], root @ shift - root[:, 0] * t, (lower[1:], upper[1:]), tol=1e-14)
        return 2.0 * free.cost - minimum

    lowest = minimize_scalar(constrained, bracket=(-1.0, 0.0, 1.0), tol=1e-12)
    inside = lsq_linear(root[:, 1:], root @ shift - root[:, 0] * lowest.x, (lower[1:], upper[1:]), tol=1e-14).x
    peak = np.concatenate([[lowest.x], inside])
    for limit in (lower, upper):
        peak = np.where(np.abs(peak - limit) < 1e-9, limit, peak)
    surface, best = surface_of(
        lambda x: (x - shift) @ matrix @ (x - shift), lambda x: 2.0 * matrix @ (x - shift), peak, lower, upper
    )
    if not others_known:  # a matrix that knows nothing of correlations is learned on the way
        best = Place(best.x, best.value, best.gradient, np.diag(np.diag(best.curvature)))
    assert np.any((peak[1:] == lower[1:]) | (peak[1:] == upper[1:]))
    for sign in (-1.0, 1.0):
        found = side(surface, best, 0, level, sign)
        assert found.found, found.problem
        end = brentq(lambda t: constrained(t, lowest.fun) - level**2, lowest.x, lowest.x + sign * 20.0, xtol=1e-12)
        assert surface.values(found.place.x)[0] == pytest.approx(end, abs=1e-4)
        assert np.all(surface.values(found.place.x)[1:] >= lower[1:])
        assert np.all(surface.values(found.place.x)[1:] <= upper[1:])


def banana(x):
    return x[0] ** 2 + 25.0 * (x[1] - x[0] ** 2) ** 2


def banana_gradient(x):
    across = 50.0 * (x[1] - x[0] ** 2)
    return np.array([2.0 * x[0] - 2.0 * x[0] * across, across])


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_a_curved_valley_is_followed(sigma):
    surface, best = surface_of(banana, banana_gradient, [0.0, 0.0])
    for sign in (-1.0, 1.0):  # along x the other follows x^2, and the profile is x^2
        found = side(surface, best, 0, sigma, sign)
        assert found.place.x == pytest.approx([sign * sigma, sigma**2], abs=1e-3)
        assert found.place.x[0] == pytest.approx(sign * sigma, abs=1e-4)
    below = side(surface, best, 1, sigma, -1.0)  # at x = 0
    assert below.place.x[1] == pytest.approx(-sigma / 5.0, abs=1e-4)
    # Above, the saddle x = 0 gives way to two valleys, x^2 = y - 1/50: the profile is y - 1/100.
    above = side(surface, best, 1, sigma, 1.0)
    if above.place.x[0] != 0.0:
        assert above.place.x[1] == pytest.approx(sigma**2 + 0.01, abs=1e-3)


def two_valleys(x):
    """Valleys at u near -1 and 1, of one height at t = 0; along t the second is far flatter, and from 1.43 on alone."""
    t, u = x
    return 3.5 * t**2 + 4.0 * (u**2 - 1.0) ** 2 - 3.0 * t**2 * u


def two_valleys_gradient(x):
    t, u = x
    return np.array([7.0 * t - 6.0 * t * u, 16.0 * u * (u**2 - 1.0) - 3.0 * t**2])


@pytest.mark.parametrize("first", [1.0, 0.3, 0.1, 0.03])
def test_the_valley_of_the_best_fit_is_followed(first):
    """However wrong the first guess of the scale is: bold steps must not end in the other valley."""
    surface, best = surface_of(two_valleys, two_valleys_gradient, [0.0, -1.0])
    best = Place(best.x, best.value, best.gradient, first * best.curvature)

    def rise(t):
        low = minimize_scalar(lambda u: two_valleys((t, u)), bounds=(-1.2, -0.65), method="bounded")
        return low.fun - 4.0

    end = brentq(rise, 0.1, 1.2)
    for sign in (-1.0, 1.0):
        found = side(surface, best, 0, 2.0, sign)
        assert found.found, found.problem
        assert found.place.x[0] == pytest.approx(sign * end, abs=1e-4)


def test_the_way_does_not_matter():
    surface, best = surface_of(banana, banana_gradient, [0.0, 0.0])
    held, target = held_at(0, 2), np.array([1.7, 0.0])
    at_once = settle(surface, best, held, target)
    place = best
    for x in np.linspace(0.0, 1.7, 30)[1:]:
        place = settle(surface, place, held, np.array([x, 0.0]))
    assert at_once.x == pytest.approx(place.x, abs=1e-4)
    assert at_once.value == pytest.approx(place.value, abs=1e-6)


def test_tiny_moves_do_not_spoil_the_matrix():
    """Thousands of moves at the edge of round-off, with noise in the gradient."""
    matrix, rng = quadratic(1, 4), np.random.default_rng(2)
    surface, best = surface_of(
        lambda x: x @ matrix @ x, lambda x: 2.0 * matrix @ x + 1e-9 * rng.standard_normal(4), np.zeros(4)
    )
    place, held = best, held_at(1, 4)
    for step in 10.0 ** rng.uniform(-14, -4, 2000):
        place = settle(surface, place, held, place.x + step * np.ones(4))
        assert not place.problem
    assert np.linalg.eigvalsh(place.curvature)[0] > 0.5 * np.linalg.eigvalsh(best.curvature)[0]


def test_sides_without_an_end_are_open():
    def saturating(x):
        return 1.0 - np.exp(-x @ x)

    def slope(x):
        return 2.0 * x * np.exp(-x @ x)

    surface, best = surface_of(saturating, slope, [0.0])
    found = side(surface, best, 0, 1.2, 1.0)
    assert found.open
    assert "risen by 1 only" in found.problem
    assert side(surface, best, 0, 0.9, 1.0).place.x[0] == pytest.approx(np.sqrt(-np.log(1.0 - 0.81)), abs=1e-4)
    bounded, best = surface_of(
        lambda x: float((x - 0.5) @ (x - 0.5)), lambda x: 2.0 * (x - 0.5), [0.5], lower=0.0, upper=3.0
    )
    below = side(bounded, best, 0, 1.0, -1.0)
    assert below.open
    assert bounded.values(below.place.x)[0] == 0.0
    at_limit, best = surface_of(lambda x: x @ x + x[0], lambda x: 2.0 * x + 1.0, [0.0], lower=0.0)
    assert side(at_limit, best, 0, 1.0, -1.0).open
    # The slope at a limit is not zero there: t + t^2 = 1.
    assert side(at_limit, best, 0, 1.0, 1.0).place.x[0] == pytest.approx((np.sqrt(5.0) - 1.0) / 2.0, abs=1e-4)


def test_the_end_of_the_support_is_no_crossing():
    def delta(x):
        return float(x @ x) if x[0] < 0.7 else np.inf

    surface, best = surface_of(delta, lambda x: 2.0 * x, [0.0])
    found = side(surface, best, 0, 1.0, 1.0)
    assert found.open
    assert found.problem == "the profile has risen by 0.49 only where its support ends"
    assert found.place.x[0] == pytest.approx(0.7, abs=1e-5)
    assert side(surface, best, 0, 0.6, 1.0).place.x[0] == pytest.approx(0.6, abs=1e-4)
    # A limit that is itself without support costs one more step.
    edge, best = surface_of(lambda x: float(x @ x) if x[0] > -0.5 else np.inf, lambda x: 2.0 * x, [0.0], lower=-0.5)
    found = side(edge, best, 0, 1.0, -1.0)
    assert found.open
    assert found.place.x[0] == pytest.approx(-0.5, abs=1e-5)
    assert edge.count.calls < 8


def test_a_jump_is_said():
    def delta(x):
        return float(x @ x) + (5.0 if x[0] > 0.5 else 0.0)

    surface, best = surface_of(delta, lambda x: 2.0 * x, [0.0])
    found = side(surface, best, 0, 1.0, 1.0)
    assert not found.open
    assert "jump" in found.problem


def test_a_better_optimum_is_not_hidden():
    def well(x):
        return float(np.sin(x[0]) ** 2 - 0.3 * x[0] ** 2 / (1.0 + x[0] ** 2 / 20.0) * (x[0] > 0))

    def slope(x):
        h = 1e-6
        return np.array([(well(x + h) - well(x - h)) / (2.0 * h)])

    surface, best = surface_of(well, slope, [0.0])
    found = side(surface, best, 0, 2.0, 1.0)
    assert not found.found
    assert not found.open
    assert found.problem.startswith("a better optimum, by")
