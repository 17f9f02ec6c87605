"""A spline table divided by the reach of its planes gives the same image."""

import numpy as np
import pytest

from bayesmap.fold.kernel import SplineTable
from bayesmap.fold.reaches import LOST, by_reach, reaches

FACTOR, REACH = 4, 12


def falling(widths):
    """Return a table of one Gaussian a plane; of width zero, a plane without flux."""
    half = FACTOR * (REACH + 1) + 8
    steps = np.arange(-half, half + 1) / FACTOR
    squared = steps[:, None] ** 2 + steps[None, :] ** 2
    planes = [np.zeros_like(squared) if s == 0.0 else np.exp(-0.5 * squared / s**2) for s in widths]
    values = np.stack(planes)
    total = values.sum(axis=(1, 2), keepdims=True)
    return SplineTable(FACTOR**2 * values / np.where(total > 0.0, total, 1.0), FACTOR, REACH)


def image(table):
    """Return the planes of a table at no offset, in the window of the widest, and where they begin."""
    margin = REACH - table.reach
    values = table.polyphase()[FACTOR + 1, FACTOR + 1]
    return np.pad(values, ((0, 0), (margin, margin), (margin, margin)))


@pytest.mark.parametrize("widths", [[1.6] * 6 + [0.3] * 14, [0.0, 0.0, 1.5, 0.4, 0.4, 0.0], [1.0], [0.3] * 9])
def test_parts_give_the_image(widths):
    table = falling(widths)
    whole = image(table)
    found = np.zeros_like(whole)
    for part in by_reach(table):
        found[part.first : part.first + len(part.coefficients)] = image(part)
    np.testing.assert_allclose(found, whole, rtol=1e-8, atol=LOST)


def test_narrow_planes_get_a_small_window():
    wide, narrow = by_reach(falling([1.6] * 6 + [0.3] * 14))
    assert (wide.first, narrow.first) == (0, 6)
    assert narrow.reach < wide.reach / 2 < REACH


def test_a_plane_keeps_its_flux():
    table = falling([1.6] * 6 + [0.3] * 14)
    sums = np.concatenate([part.coefficients.sum(axis=(1, 2)) for part in by_reach(table)])
    np.testing.assert_allclose(sums, FACTOR**2, rtol=1e-14)


def test_reaches_hold_the_flux():
    table = falling([1.6, 0.3, 0.0])
    found = reaches(table)
    assert found[2] == -1
    half = (table.coefficients.shape[-1] - 1) // 2
    cut = slice(half - FACTOR * found[1], half + FACTOR * found[1] + 1)
    assert table.coefficients[1, cut, cut].sum() > (1.0 - 2.0 * LOST) * FACTOR**2
