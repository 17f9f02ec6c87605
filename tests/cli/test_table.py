"""The table of parameters as a reader sees it."""

from __future__ import annotations

import math

import pytest

from bayesmap.cli.table import format_value, parameter_note, parameter_table, prior_table, truth_table
from bayesmap.models import Models, Parameter, PowerLawSpectralModel, SkyModel
from bayesmap.models.spatial.point import PointSpatialModel


@pytest.mark.parametrize(
    ("value", "error", "texts"),
    [
        (2.27184, 0.0321, ("2.272", "0.032")),
        (-0.00012, 0.034, ("-0.000", "0.034")),
        (3.1234e-12, 4.07e-13, ("3.12e-12", "4.1e-13")),
        (1.5e-13, 4.0e-12, ("1.5e-13", "4.0e-12")),
        (123456.7, 1234.0, ("1.235e+05", "1.2e+03")),
        (4321.0, 120.0, ("4321", "120")),
        (1.0, math.nan, ("1", "")),
        (0.0, 0.0, ("0", "")),
    ],
)
def test_value_and_error_end_at_the_same_digit(value, error, texts):
    assert format_value(value, error) == texts


@pytest.mark.parametrize(
    ("parameter", "at_bound", "note"),
    [
        (Parameter("a", 1.0, frozen=True), False, "frozen"),
        (Parameter("a", 0.0, min=0.0, error=0.1), True, "at min"),
        (Parameter("a", 0.9995, min=0.0, max=1.0, error=0.1), True, "at max"),
        (Parameter("a", 0.9995, max=1.0, error=0.1), False, ""),
        (Parameter("a", 0.5), False, ""),
    ],
)
def test_notes(parameter, at_bound, note):
    assert parameter_note(parameter, at_bound=at_bound) == note


def test_the_note_of_a_linked_parameter_is_its_link():
    linked = Parameter("index", 2.0, link="{crab.spectral.index} + 0.5")
    assert parameter_note(linked) == "= {crab.spectral.index} + 0.5"


@pytest.fixture
def models():
    source = SkyModel(
        PowerLawSpectralModel(index=Parameter("index", 2.27184, error=0.0321), amplitude="3e-12 cm-2 s-1 TeV-1"),
        PointSpatialModel(lon_0="83.63 deg", lat_0="22.01 deg"),
        name="crab",
    )
    return Models((source,))


def test_columns_line_up(models):
    lines = parameter_table(models).splitlines()
    assert lines[0].split() == ["name", "value", "error", "unit", "note"]
    index = next(line for line in lines if line.startswith("crab.spectral.index"))
    assert index.split() == ["crab.spectral.index", "2.272", "0.032"]
    assert lines[0].index("value") + len("value") == index.index("2.272") + len("2.272")
    assert next(line for line in lines if "reference" in line).endswith("frozen")


def test_truth_and_pull_stand_beside_the_fit(models):
    text = parameter_table(models, {"crab.spectral.index": 2.3, "crab.spectral.reference": 1.0})
    index = next(line for line in text.splitlines() if line.startswith("crab.spectral.index"))
    assert index.split() == ["crab.spectral.index", "2.272", "0.032", "2.3", "-0.9"]


def test_parameters_at_a_limit_are_marked(models):
    limited = models.parameters["crab.spatial.lat_0"]
    assert limited.max == 90.0
    text = parameter_table(models, at_bound=["crab.spatial.lat_0"])
    assert [line.split()[0] for line in text.splitlines() if "at m" in line] == ["crab.spatial.lat_0"]


def test_priors_stand_in_one_column():
    text = prior_table({"a.spectral.index": "Normal(mu=2.5, sigma=1.5)", "b": "Flat()"})
    assert text.splitlines() == [
        "prior of             (numbers in the parameter's unit)",
        "a.spectral.index  ~  Normal(mu=2.5, sigma=1.5)",
        "b                 ~  Flat()",
    ]


def test_posterior_beside_the_truth():
    rows = {
        "a": {"mean": 2.27184, "sd": 0.0321, "lower": 2.24, "upper": 2.30, "unit": "TeV"},
        "b": {"mean": 3.0e-12, "sd": 0.0, "lower": 3e-12, "upper": 3e-12, "unit": ""},
    }
    lines = truth_table(rows, {"a": 2.3, "b": 3e-12}, 0.6827).splitlines()
    assert lines[0].split() == ["name", "mean", "sd", "68.3%", "interval", "true", "pull", "unit"]
    assert lines[1].split() == ["a", "2.272", "0.032", "[2.240,", "2.300]", "2.3", "-0.9", "TeV"]
    assert lines[2].split() == ["b", "3e-12", "[3e-12,", "3e-12]", "3e-12"]
