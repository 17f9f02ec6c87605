"""Parameters: units, limits, equality."""

from __future__ import annotations

import math

import astropy.units as u
import pytest

from bayesmap.errors import ModelError, UnitsError
from bayesmap.models.parameter import Parameter, make_parameter

AMPLITUDE = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1", min=0.0, max=1e-9)


@pytest.mark.parametrize(
    ("unit", "canonical", "factor"),
    [
        ("", "", 1.0),
        ("GeV", "TeV", 1e-3),
        ("1/GeV", "TeV-1", 1e3),
        ("MeV-1 s-1 m-2", "cm-2 s-1 TeV-1", 100.0),
        ("erg-1 cm-2 s-1", "cm-2 s-1 TeV-1", 1.602176634),
        ("rad", "deg", 180 / math.pi),
        ("arcmin", "deg", 1 / 60),
        ("deg-2", "sr-1", (180 / math.pi) ** 2),
        ("m2 s", "cm2 s", 1e4),
    ],
)
def test_canonical_factor(unit, canonical, factor):
    parameter = Parameter("x", 3.0, unit)
    assert parameter.canonical_unit == canonical
    assert parameter.canonical_factor == pytest.approx(factor, rel=1e-12)
    assert parameter.canonical_value == pytest.approx(3 * factor, rel=1e-12)


def test_a_unit_of_another_kind_has_no_factor():
    with pytest.raises(UnitsError, match=r"BM-GE-005: parameter 'x' has unit 'kg'.*convertible"):
        _ = Parameter("x", 1.0, "kg").canonical_factor


def test_make_parameter_keeps_the_users_unit_and_converts_limits():
    made = make_parameter(AMPLITUDE, "2e-8 m-2 s-1 TeV-1")
    assert (made.value, made.unit) == (2e-8, "TeV-1 s-1 m-2")
    assert (made.min, made.max) == (0.0, pytest.approx(1e-5))
    assert make_parameter(AMPLITUDE, 3e-12) == AMPLITUDE.with_value(3e-12)
    assert make_parameter(AMPLITUDE, u.Quantity(3e-12, AMPLITUDE.unit)) == AMPLITUDE.with_value(3e-12)
    own = Parameter("amplitude", 1.0, "m-2 s-1 TeV-1")
    assert make_parameter(AMPLITUDE, own) is own


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        (Parameter("index", 1.0), ModelError, "BM-MO-002: a Parameter named 'index' was given for 'amplitude'"),
        (Parameter("amplitude", 1.0), UnitsError, "BM-GE-005"),
        ("1e-12", UnitsError, "BM-GE-005"),
        ("nonsense", UnitsError, "BM-GE-005: parameter 'amplitude' was given as 'nonsense'"),
        (1 * u.TeV, UnitsError, "BM-GE-005"),
        (math.nan, ModelError, "BM-MO-003: parameter 'amplitude' has value nan"),
        (1.0, ModelError, r"BM-MO-006: parameter 'amplitude' has value 1.0 outside its limits \[0.0, 1e-09\]"),
    ],
)
def test_make_parameter_refuses(value, error, match):
    with pytest.raises(error, match=match):
        make_parameter(AMPLITUDE, value)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"value": math.inf}, "BM-MO-003"),
        ({"error": -1.0}, "BM-MO-003.*error -1.0"),
        ({"error": math.inf}, "BM-MO-003"),
        ({"min": 2.0, "max": 1.0}, "BM-MO-005.*min 2.0 above max 1.0"),
        ({"min": 2.0, "max": 3.0}, "BM-MO-006"),
    ],
)
def test_impossible_parameters_are_refused(changes, match):
    with pytest.raises(ModelError, match=match):
        Parameter("x", **({"value": 1.0} | changes))
    with pytest.raises(UnitsError, match="BM-GE-005"):
        Parameter("x", 1.0, "parsecs per fortnight")


def test_with_value_takes_floats_quantities_and_text():
    energy = Parameter("reference", 1.0, "TeV", frozen=True)
    assert energy.with_value(2).value == 2.0
    assert energy.with_value(300 * u.GeV).value == pytest.approx(0.3)
    assert energy.with_value("300 GeV").value == pytest.approx(0.3)
    assert energy.with_value("300 GeV").unit == "TeV"
    assert energy.with_value("300 GeV").frozen
    assert energy.quantity == 1 * u.TeV


def test_equality_knows_nan_and_spellings_of_units():
    assert Parameter("x", 1.0, "cm-2 s-1") == Parameter("x", 1.0, "s-1 cm-2", error=float("nan"))
    assert Parameter("x", 1.0, min=0) != Parameter("x", 1.0)
    assert Parameter("x", 1.0) != Parameter("x", 1.0, frozen=True)
    assert Parameter("x", 1.0) != 1.0
    assert hash(Parameter("x", 1.0)) == hash(Parameter("x", 1))
    with pytest.raises(AttributeError):
        Parameter("x", 1.0).value = 2.0
