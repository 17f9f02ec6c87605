"""The page on trust names the bad inputs of the suite, each with the code that the suite asserts, and its code runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bayesmap
from bayesmap import Models, PointSpatialModel, PowerLawSpectralModel, SkyModel
from bayesmap.posterior.preflight import preflight
from bayesmap.testing import toy_dataset
from tests.trust.bad_data import BAD_DATA
from tests.trust.bad_files import BAD_FITS, BAD_MODELS, BAD_OUTPUTS, BAD_POSTERIORS, BAD_TEMPLATES, HOSTILE_YAML

PAGE = Path(__file__).resolve().parents[2] / "docs" / "trust.md"
SUITE = (*BAD_DATA, *BAD_MODELS, *HOSTILE_YAML, *BAD_FITS, *BAD_TEMPLATES, *BAD_OUTPUTS, *BAD_POSTERIORS)
SIZES = (17, "BM-MO-004"), (17, "BM-CF-005")
"""Asserted by functions of their own."""


def rows():
    """Return number, input and answer of each row of the table of bad inputs."""
    section = PAGE.read_text().split("## Bad inputs")[1].split("\n## ")[0]
    return re.findall(r"^\| (\d+) \| (.*) \| (.*) \|$", section, flags=re.MULTILINE)


def codes(answer):
    """Return the codes of an answer; `BM-CF-001, 002` are two of one kind."""
    found = []
    for kind, number, more in re.findall(r"(BM-[A-Z]{2}-)(\d{3})((?:, \d{3})*)", answer):
        found += [kind + item for item in (number, *re.findall(r"\d{3}", more))]
    return found


def test_the_table_is_that_of_the_suite():
    table = rows()
    assert [int(number) for number, _, _ in table] == list(range(1, 26))
    stated = {(int(number), code) for number, _, answer in table for code in codes(answer)}
    assert stated == {(case.row, case.code) for case in SUITE} | set(SIZES)


def test_rows_that_are_fine_have_a_test():
    text = (PAGE.parents[1] / "tests" / "trust" / "test_accepted_inputs.py").read_text()
    fine = {int(number) for number, _, answer in rows() if "fine" in answer}
    assert fine == {int(number) for number in re.findall(r"def test_row_(\d+)_", text)}


def test_the_codes_on_the_page_exist():
    known = set(re.findall(r"^\| (BM-[A-Z]{2}-\d{3}) ", (PAGE.parent / "errors.md").read_text(), flags=re.MULTILINE))
    assert set(codes(PAGE.read_text())) <= known


def test_the_examples_run():
    names = {name: getattr(bayesmap, name) for name in bayesmap.__all__}
    first, second = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    exec(first, names)
    assert [problem.code for problem in names["found"].problems] == ["BM-PR-004"]
    exec(second, names)
    a = SkyModel(PowerLawSpectralModel(amplitude=8e-10), PointSpatialModel(lon_0=83.7, lat_0=21.96), name="a")
    assert preflight([toy_dataset()], Models((a, names["second"]))).problems == ()


@pytest.mark.parametrize("answer", ["BM-IO-003, 002; BM-CF-001"])
def test_codes_are_spelled_out(answer):
    assert codes(answer) == ["BM-IO-003", "BM-IO-002", "BM-CF-001"]
