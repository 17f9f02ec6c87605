"""The posterior in unbounded coordinates: derivatives by the chain rule, and the change of coordinates itself."""

import numpy as np
import pytest

from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.inference.whitening import whiten


@pytest.fixture(scope="module")
def place(small_fit):
    whitening = whiten(small_fit._posterior, small_fit._theta)
    return UnboundedPosterior(small_fit._posterior), whitening


def richardson(function, step):
    """Central difference at two steps, the error of second order removed."""
    coarse = (function(step) - function(-step)) / (2.0 * step)
    fine = (function(step / 2) - function(-step / 2)) / step
    return (4.0 * fine - coarse) / 3.0


def points(whitening, number):
    steps = np.random.default_rng(8).standard_normal((number, len(whitening.origin)))
    return whitening.origin + steps @ whitening.root.T


def test_change_of_coordinates_goes_there_and_back(small_fit, place):
    posterior, (_, whitening) = small_fit._posterior, place
    many = points(whitening, 6)
    theta = posterior.to_theta(many)
    for z, row in zip(many, theta, strict=True):
        assert posterior.change(z)[0] == pytest.approx(row, rel=1e-14)
        assert posterior.variables.forward(row) == pytest.approx(z, rel=1e-12, abs=1e-12)
    lower, upper = posterior.variables.bounds()
    assert np.all((theta > lower) & (theta < upper))


def test_slopes_are_derivatives_of_the_change(small_fit, place):
    posterior, (_, whitening) = small_fit._posterior, place
    z = points(whitening, 1)[0]
    _, first, second, s, s_first, s_second = posterior.change(z)

    def moved(h):
        return [posterior.change(z + h)[k] for k in range(6)]

    for k, expected in ((0, first), (1, second), (3, s_first), (4, s_second)):
        difference = richardson(lambda h, k=k: moved(h)[k], 1e-3)
        assert difference == pytest.approx(expected, rel=1e-8, abs=1e-9 * np.abs(expected).max())
    # The logarithms of the slopes belong to whole variables: a position holds both of its entries in the first.
    assert s.sum() == pytest.approx(np.log(np.abs(first)).sum(), rel=1e-12)


def test_gradient_is_the_derivative(place):
    unbounded, whitening = place
    for z in points(whitening, 5):
        value, gradient = unbounded.value_and_gradient(z)
        along = whitening.root.T @ gradient
        difference = np.array(
            [
                richardson(lambda h, z=z, step=step: unbounded.value_and_gradient(z + h * step)[0], 5e-3)
                for step in whitening.root.T
            ]
        )
        round_off = 16 * np.finfo(float).eps * abs(value) / 5e-3
        assert np.all(np.abs(along - difference) < 1e-6 * np.maximum(np.abs(along), 1e-2) + round_off)


def test_hessian_is_the_derivative_of_the_gradient(place):
    unbounded, whitening = place
    for z in points(whitening, 2):
        hessian = whitening.root.T @ unbounded.hessian(z) @ whitening.root
        difference = np.stack(
            [
                whitening.root.T
                @ richardson(lambda h, z=z, step=step: unbounded.value_and_gradient(z + h * step)[1], 1e-2)
                for step in whitening.root.T
            ]
        )
        assert np.abs(hessian - difference).max() < 1e-5 * np.abs(hessian).max()
        assert np.array_equal(hessian.shape, (len(z), len(z)))


def test_whitened_function_is_the_same_density(small_fit, place):
    unbounded, whitening = place
    function = small_fit._posterior.whitened(whitening.origin, whitening.root)
    for w in np.random.default_rng(3).standard_normal((5, len(whitening.origin))):
        value, gradient = unbounded.value_and_gradient(whitening.origin + whitening.root @ w)
        found, slopes = function(w)
        assert found == pytest.approx(value, rel=1e-13)
        assert slopes == pytest.approx(whitening.root.T @ gradient, rel=1e-9, abs=1e-9)
