"""Credible contours of Gaussian draws: the mass of a second sample inside, and the area."""

import math

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from bayesmap.results.contours import credible_contour
from bayesmap.results.intervals import mass_in_two_dimensions

N_DRAW = 8000
CORRELATIONS = [0.0, 0.6, 0.99]


def draws(rng, rho, scale=(1.0, 1.0)):
    covariance = np.array([[1.0, rho], [rho, 1.0]]) * np.outer(scale, scale)
    return rng.multivariate_normal([0.0, 0.0], covariance, N_DRAW).T


def area(line):
    x, y = np.asarray(line).T
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def inside(contour, points):
    """Even number of outlines around a point: outside (holes are outlines too)."""
    counts = sum(Outline(piece).contains_points(points.T).astype(int) for piece in contour.pieces)
    return counts % 2 == 1


@pytest.mark.statistical
@pytest.mark.parametrize("rho", CORRELATIONS)
@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_region_holds_its_mass_of_a_second_sample(rng, rho, sigma):
    contour = credible_contour(*draws(rng, rho), mass_in_two_dimensions(sigma), 200)
    found = np.mean(inside(contour, draws(rng, rho)))
    mass = mass_in_two_dimensions(sigma)
    # Both samples scatter: the level by the first one, the share by the second one.
    assert abs(found - mass) < 4.0 * math.sqrt(2.0 * mass * (1.0 - mass) / N_DRAW)


@pytest.mark.statistical
@pytest.mark.parametrize("rho", CORRELATIONS)
@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_area_is_that_of_the_ellipse(rng, rho, sigma):
    scale = (3e-12, 0.2)
    contour = credible_contour(*draws(rng, rho, scale), mass_in_two_dimensions(sigma), 200)
    expected = math.pi * sigma**2 * scale[0] * scale[1] * math.sqrt(1.0 - rho**2)
    # d(area) / area = d(mass) / mass' with the mass's Monte Carlo error, and the kernel's roughness of the border.
    mass = mass_in_two_dimensions(sigma)
    error = math.sqrt(mass * (1.0 - mass) / N_DRAW) / (0.5 * sigma**2 * (1.0 - mass))
    assert area(contour.pieces[0]) == pytest.approx(expected, rel=4.0 * error + 0.02)
    # The points that are returned outline the same region.
    assert area(np.stack([contour.x, contour.y], axis=1)) == pytest.approx(area(contour.pieces[0]), rel=5e-3)


@pytest.mark.parametrize("rho", CORRELATIONS)
def test_points_lie_on_the_border(rng, rho):
    contour = credible_contour(*draws(rng, rho), mass_in_two_dimensions(1.0), 64)
    assert contour.x.shape == contour.y.shape == (64,)
    piece = contour.pieces[0]
    assert piece[0] == pytest.approx(piece[-1])
    starts, steps = piece[:-1], np.diff(piece, axis=0)
    for point in np.stack([contour.x, contour.y], axis=1):
        along = np.clip(np.sum((point - starts) * steps, axis=1) / np.sum(steps**2, axis=1), 0.0, 1.0)
        assert np.hypot(*(starts + along[:, None] * steps - point).T).min() < 1e-9
    assert (contour.x[0], contour.y[0]) != (contour.x[-1], contour.y[-1])
    gaps = np.hypot(*np.diff(np.stack([contour.x, contour.y]) / np.ptp(piece, axis=0)[:, None], axis=1))
    assert gaps.max() < 1.2 * gaps.min() or rho == 0.99  # chords of the narrow ends are shorter than their arcs


@pytest.mark.statistical
def test_two_modes_give_two_pieces(rng):
    left, right = rng.standard_normal((2, 2, N_DRAW // 2))
    left[0] -= 6.0
    right[0] += 6.0
    contour = credible_contour(*np.concatenate([left, right], axis=1), mass_in_two_dimensions(1.5), 50)
    assert [np.sign(piece[:, 0].mean()) for piece in contour.pieces].count(1.0) == 1
    assert len(contour.pieces) == 2


def test_scale_and_shift_change_nothing(rng):
    x, y = draws(rng, 0.5)
    plain = credible_contour(x, y, 0.4, 40)
    moved = credible_contour(1e-12 * x + 5e-12, 40.0 * y - 3.0, 0.4, 40)
    assert moved.x == pytest.approx(1e-12 * plain.x + 5e-12, rel=1e-6)
    assert moved.y == pytest.approx(40.0 * plain.y - 3.0, rel=1e-6, abs=1e-4)


@pytest.mark.statistical
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_a_limit_ends_the_region(rng, swap, sigma):
    """Half a normal, correlated with another: the region of highest density is the half of an ellipse."""
    x, y = draws(rng, 0.6)
    second = draws(rng, 0.6)
    order = [1, 0] if swap else [0, 1]
    limits = ((0.0, np.inf), (-np.inf, np.inf))
    first = np.stack([x, y])[:, x > 0.0][order]
    second = second[:, second[0] > 0.0][order]
    mass = mass_in_two_dimensions(sigma)
    contour = credible_contour(*first, mass, 300, limits=tuple(limits[k] for k in order))
    along = np.concatenate([piece[:, order[0]] for piece in contour.pieces])
    assert along.min() == 0.0
    found, number = np.mean(inside(contour, second)), first.shape[1]
    assert abs(found - mass) < 4.0 * math.sqrt(2.0 * mass * (1.0 - mass) / number)
    expected = 0.5 * math.pi * sigma**2 * math.sqrt(1.0 - 0.6**2)
    error = math.sqrt(mass * (1.0 - mass) / number) / (0.5 * sigma**2 * (1.0 - mass))
    assert area(contour.pieces[0]) == pytest.approx(expected, rel=4.0 * error + 0.02)


@pytest.mark.statistical
def test_two_limits_end_the_region(rng):
    """Two exponentials: the region is a triangle at the corner, whose area is known."""
    x, y = rng.exponential(size=(2, N_DRAW))
    contour = credible_contour(x, y, 0.6, 300, limits=((0.0, np.inf), (0.0, np.inf)))
    assert contour.pieces[0].min() == 0.0
    edge = 2.022313  # 1 - (1 + s) exp(-s) = 0.6
    # A kernel smooths the corner and the border.
    assert area(contour.pieces[0]) == pytest.approx(0.5 * edge**2, rel=0.06)


@pytest.mark.parametrize("rho", [0.6, 0.98])
def test_limits_far_away_change_nothing(rng, rho):
    x, y = draws(rng, rho)
    free = credible_contour(x, y, 0.4, 100)
    far = credible_contour(x, y, 0.4, 100, limits=((-50.0, np.inf), (-50.0, 50.0)))
    assert np.array_equal(free.x, far.x)
    assert np.array_equal(free.y, far.y)
