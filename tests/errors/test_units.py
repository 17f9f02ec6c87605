"""The gate from quantities to arrays."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column

from bayesmap.errors import UnitsError
from bayesmap.units import parse_unit, to_float64


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (2, "TeV", 2.0),
        ("500 GeV", "TeV", 0.5),
        (u.Quantity(3, "h m2"), "cm2 s", 1.08e8),
        ([1, 2], "deg", [1.0, 2.0]),
        (["1 TeV", 500 * u.GeV], "TeV", [1.0, 0.5]),
        (Column([1.0], unit="GeV"), "TeV", [0.001]),
        (np.array([1, 2], dtype=">i2"), "", [1.0, 2.0]),
    ],
)
def test_values(value, unit, expected):
    np.testing.assert_allclose(to_float64(value, unit, "x"), expected, rtol=1e-15)


def test_result_is_a_frozen_native_copy():
    original = np.arange(6, dtype=">f4").reshape(2, 3).T
    result = to_float64(original, "", "x")
    assert (result.dtype, result.dtype.isnative, result.flags["C_CONTIGUOUS"]) == (np.float64, True, True)
    original[0, 0] = 99
    assert result[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        result[0, 0] = 1.0


def test_same_unit_changes_no_bit():
    values = np.random.default_rng(1).random(100)
    assert np.array_equal(to_float64(u.Quantity(values, "cm2 s"), "cm2 s", "exposure"), values)


@pytest.mark.parametrize("value", ["1 kg", 3 * u.s, "abc", object(), [1, 2] * u.Jy, None, 1j])
def test_what_does_not_convert(value):
    with pytest.raises(UnitsError, match="BM-GE-005: x "):
        to_float64(value, "TeV", "x")


def test_unknown_unit():
    with pytest.raises(UnitsError, match=r"BM-GE-005: exposure has the unit 'furlong'"):
        parse_unit("furlong", "exposure")
