"""The guard against FFT round-off, on both sides of its bound."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from bayesmap.fold.guard import without_round_off
from tests.fold.plain import MODE

PEAK = 250.0
BOUND = 2.5e-10  # 1e-12 of PEAK, in numbers of its own


@pytest.fixture(scope="module")
def guard():
    npred = pt.tensor("npred", dtype="float64", shape=(2, 3, 4))
    return pytensor.function([npred], without_round_off(npred), mode=MODE)


def cube(value, peak=PEAK):
    """Two planes with the value at one place of the first; the peak of the second is 1e6 times higher."""
    planes = np.full((2, 3, 4), 0.25)
    planes[0, 1, 2], planes[1, 1, 2] = peak, 1e6 * peak
    planes[0, 2, 3] = value
    return planes


@pytest.mark.parametrize("value", [-1e-300, -1e-16, -0.999 * BOUND])
def test_round_off_becomes_zero(guard, value):
    planes = cube(value)
    found = guard(planes)
    assert found[0, 2, 3] == 0.0
    found[0, 2, 3] = value
    assert np.array_equal(found, planes)


@pytest.mark.parametrize("value", [-1.001 * BOUND, -1e-6, -1.0, -np.inf])
def test_what_is_more_negative_stays(guard, value):
    """The bound is of the own plane's peak: the second, 1e6 times brighter, forgives nothing in the first."""
    planes = cube(value)
    assert np.array_equal(guard(planes), planes)


@pytest.mark.parametrize("value", [0.0, 1e-300, 0.5 * BOUND, 1.0])
def test_what_is_not_negative_stays(guard, value):
    planes = cube(value)
    assert np.array_equal(guard(planes), planes)


def test_a_plane_without_anything_positive_stays(guard):
    planes = np.zeros((2, 3, 4))
    planes[0] = -1e-30
    assert np.array_equal(guard(planes), planes)


def test_no_number_stays_visible(guard):
    assert np.isnan(guard(cube(np.nan))[0, 2, 3])


def test_gradient_is_zero_under_the_guard_and_one_elsewhere():
    npred = pt.tensor("npred", dtype="float64", shape=(2, 3, 4))
    slope = pytensor.function([npred], pt.grad(pt.sum(without_round_off(npred)), npred), mode=MODE)
    expected = np.ones((2, 3, 4))
    assert np.array_equal(slope(cube(-1.001 * BOUND)), expected)
    expected[0, 2, 3] = 0.0
    assert np.array_equal(slope(cube(-0.999 * BOUND)), expected)
