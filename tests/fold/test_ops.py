"""The fold's linear Ops: each pullback is the adjoint, and NumPy, numba and JAX compute the same."""

from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import bayesmap.fold.ops.numba_rules  # noqa: F401 - registers itself
from bayesmap.fold.ops.fourier import InverseRealFFT2, RealFFT2
from bayesmap.fold.ops.stamp import TAPS, SplineStamp, SplineStampAdjoint
from bayesmap.fold.ops.window import AddWindow, CutWindow, PlaceWindow, SeenWindow
from bayesmap.posterior.jaxify import jaxify
from tests.fold.plain import MODE

SIZES = ((6, 8), (7, 9), (6, 9), (7, 8))
PLACES = ((2, 1), (-2, 6), (5, -3), (-9, 2), (3, 11))
"""Inside, over each edge, and off the image."""


def spectrum_shape(n_y, n_x):
    return (2, 3, n_y, n_x // 2 + 1)


def stamp_table(rng):
    return pt.constant(rng.standard_normal((2, TAPS + 3, TAPS + 4, 2, 6, 5)))


def add_window(size, i, j, window):
    return AddWindow()(pt.zeros((3, *size)), window, i, j)


def cases():
    """Name -> (linear function of one tensor, its input shape); the places of windows are not at a corner."""
    found = {}
    for n_y, n_x in SIZES:
        found[f"rfft2 {n_y}x{n_x}"] = (RealFFT2(n_y, n_x), (3, n_y, n_x))
        found[f"irfft2 {n_y}x{n_x}"] = (InverseRealFFT2(n_y, n_x), spectrum_shape(n_y, n_x))
        cut, place = CutWindow(n_y, n_x), PlaceWindow(n_y, n_x)
        found[f"cut {n_y}x{n_x}"] = (lambda image, op=cut: op(image, 2, 1), (3, n_y + 4, n_x + 2))
        found[f"place {n_y}x{n_x}"] = (lambda window, op=place: op(window, 1, 3), (3, n_y - 2, n_x - 4))
    for i, j in PLACES:
        for small, large in (((4, 5), (7, 8)), ((7, 8), (4, 5))):
            place = f"{small} of {large} at {i},{j}"
            found[f"add {place}"] = (partial(add_window, large, i, j), (3, *small))
            found[f"see {place}"] = (lambda image, size=small, i=i, j=j: SeenWindow(*size)(image, i, j), (3, *large))
    table = stamp_table(np.random.default_rng(1))
    found["stamp"] = (lambda weights: SplineStamp(6, 5)(table, [1, 2, 3, 0, 0], weights), (TAPS, TAPS))
    found["stamp adjoint"] = (lambda image: SplineStampAdjoint()(table, [1, 2, 3, 0, 0], image), (2, 6, 5))
    found["part of a stamp"] = (lambda weights: SplineStamp(3, 4)(table, [1, 1, 0, 2, 1], weights), (TAPS, TAPS))
    found["part of a stamp adjoint"] = (lambda image: SplineStampAdjoint()(table, [1, 1, 0, 2, 1], image), (2, 3, 4))
    return found


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_pullback_is_the_adjoint(name, rng):
    """<y, A x> = <A^T y, x>, with A x and A^T y by the Op and by its pullback."""
    linear, shape = CASES[name]
    x = pt.tensor("x", dtype="float64", shape=shape)
    image = linear(x)
    y = pt.tensor("y", dtype="float64", shape=image.type.shape)
    function = pytensor.function([x, y], [image, pt.grad(pt.sum(image * y), x)], mode=MODE)
    left, right = rng.standard_normal(shape), rng.standard_normal(image.type.shape)
    forward, back = function(left, right)
    rounding = 1e-12 * np.sum(np.abs(right * forward)) + 1e-300
    assert np.vdot(right, forward) == pytest.approx(np.vdot(back, left), abs=rounding)


@pytest.mark.parametrize("name", CASES)
def test_pullback_of_the_pullback_is_the_op(name, rng):
    linear, shape = CASES[name]
    x, direction = (pt.tensor(key, dtype="float64", shape=shape) for key in ("x", "direction"))
    image = linear(x)
    y = pt.tensor("y", dtype="float64", shape=image.type.shape)
    back = pt.grad(pt.sum(image * y), x)
    again = pt.grad(pt.sum(back * direction), y)
    function = pytensor.function([x, y, direction], [again, linear(direction)], mode=MODE, on_unused_input="ignore")
    values = (rng.standard_normal(v.type.shape) for v in (x, y, direction))
    found, expected = function(*values)
    assert np.max(np.abs(found - expected)) <= 1e-12 * np.max(np.abs(expected))


@pytest.mark.parametrize("size", SIZES)
def test_the_transforms_are_numpys(size, rng):
    image = rng.standard_normal((3, *size))
    spectrum = np.fft.rfft2(image)
    pair = np.stack([spectrum.real, spectrum.imag])
    assert np.max(np.abs(evaluate(RealFFT2(*size), image, "perform") - pair)) < 1e-12
    assert np.max(np.abs(evaluate(InverseRealFFT2(*size), pair, "perform") - image)) < 1e-12


@pytest.mark.parametrize("size", SIZES)
def test_windows_are_slices(size, rng):
    n_y, n_x = size
    image = rng.standard_normal((3, n_y + 4, n_x + 2))
    cut = evaluate(lambda x: CutWindow(n_y, n_x)(x, 2, 1), image, "perform")
    assert np.array_equal(cut, image[:, 2 : 2 + n_y, 1 : 1 + n_x])
    placed = evaluate(lambda x: PlaceWindow(n_y + 4, n_x + 2)(x, 2, 1), cut, "perform")
    assert np.array_equal(placed[:, 2 : 2 + n_y, 1 : 1 + n_x], cut)
    assert np.count_nonzero(placed) == cut.size


@pytest.mark.parametrize("place", PLACES)
def test_what_lies_beyond_the_image_is_lost(place, rng):
    """Adding a window is placing it on a canvas with room on every side, and cutting out the image."""
    window, (i, j) = rng.standard_normal((3, 4, 5)), place
    canvas = np.zeros((3, 47, 48))
    canvas[:, 20 + i : 24 + i, 20 + j : 25 + j] = window
    added = evaluate(partial(add_window, (7, 8), i, j), window, "perform")
    assert np.array_equal(added, canvas[:, 20:27, 20:28])
    image = canvas.copy()
    image[:, 20:27, 20:28] = rng.standard_normal((3, 7, 8))
    image[:, :20] = image[:, 27:] = image[:, :, :20] = image[:, :, 28:] = 0.0
    seen = evaluate(lambda x: SeenWindow(4, 5)(x, i, j), image[:, 20:27, 20:28], "perform")
    assert np.array_equal(seen, image[:, 20 + i : 24 + i, 20 + j : 25 + j])


def test_the_stamp_is_the_sum_over_the_taps(rng):
    table = stamp_table(np.random.default_rng(1)).data
    weights = rng.standard_normal((TAPS, TAPS))
    expected = sum(weights[k, m] * table[1, 2 + k, 3 + m] for k in range(TAPS) for m in range(TAPS))
    assert np.max(np.abs(evaluate(CASES["stamp"][0], weights, "perform") - expected)) < 1e-13


@pytest.mark.parametrize("backend", ["numba", "jax"])
@pytest.mark.parametrize("name", CASES)
def test_backends_agree(name, backend, rng):
    linear, shape = CASES[name]
    value = rng.standard_normal(shape)
    expected, found = evaluate(linear, value, "perform"), evaluate(linear, value, backend)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype == np.float64
    assert np.max(np.abs(found - expected)) <= 1e-13 * np.max(np.abs(expected))


@pytest.mark.parametrize("backend", ["perform", "numba", "jax"])
def test_the_place_of_a_window_is_an_input(backend, rng):
    """Compiled once, moved at run time: the index is no constant of the code."""
    image, i = pt.tensor("image", dtype="float64", shape=(2, 9, 8)), pt.iscalar("i")
    cut = CutWindow(4, 3)(image, i, i + 1)
    placed = PlaceWindow(9, 8)(cut, i + 1, i)
    function = compiled([image, i], [cut, placed], backend)
    values = rng.standard_normal((2, 9, 8))
    for place in (0, 1, 4):
        window, canvas = (np.asarray(output) for output in function(values, place))
        assert np.array_equal(window, values[:, place : place + 4, place + 1 : place + 4])
        assert np.array_equal(canvas[:, place + 1 : place + 5, place : place + 3], window)


def compiled(inputs, outputs, backend):
    if backend == "jax":
        function, constants, _ = jaxify(inputs, outputs)
        return lambda *values: function(*values, *constants)
    return pytensor.function(inputs, outputs, mode=MODE if backend == "perform" else "NUMBA")


def evaluate(linear, value, backend):
    x = pt.tensor("x", dtype="float64", shape=value.shape)
    return np.asarray(compiled([x], [linear(x)], backend)(value)[0])
