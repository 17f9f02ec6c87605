"""Distances on the sphere."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmap.maps.sphere import separation, triangle_area, unit_vectors


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 0), (90, 0), 90),
        ((359.99, 0), (0.01, 0), 0.02),
        ((10, 90), (190, 90), 0),
        ((0, 0), (180, 0), 180),
        ((12, 40), (12, 40 + 1e-9), 1e-9),
    ],
)
def test_separation(first, second, expected):
    assert separation(*first, *second) == pytest.approx(expected, rel=1e-6, abs=1e-13)


def test_octant():
    assert triangle_area(*unit_vectors([0, 90, 0], [0, 0, 90])) == pytest.approx(np.pi / 2)
