"""Errors: one shape of message, exit codes, and a life across processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from bayesmap import errors


def geometry_error():
    return errors.GeometryError("BM-GE-001", what="maps differ.", rule="They must not", remedy="Resample one")


def test_message_is_code_what_rule_remedy():
    assert str(geometry_error()) == "BM-GE-001: maps differ. They must not. Resample one."


@pytest.mark.parametrize(
    ("name", "exit_code"),
    [
        ("BayesmapError", 1),
        ("BayesmapInputError", 2),
        ("GeometryError", 2),
        ("UnitsError", 2),
        ("ResponseError", 2),
        ("ModelError", 2),
        ("ConfigError", 2),
        ("PriorError", 2),
        ("FitStateError", 2),
        ("ProblemList", 2),
        ("BayesmapIOError", 4),
    ],
)
def test_exit_codes(name, exit_code):
    assert getattr(errors, name).exit_code == exit_code


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_survive_another_process(again):
    error = again(geometry_error())
    assert (type(error), str(error), error.code) == (errors.GeometryError, str(geometry_error()), "BM-GE-001")


def test_problem_list_names_all():
    other = errors.UnitsError("BM-GE-005", what="no unit", rule="It needs one", remedy="Add it")
    problems = errors.ProblemList([geometry_error(), other])
    assert problems.code == "BM-GE-001"
    assert "2 problems" in str(problems)
    assert "BM-GE-005: no unit" in str(problems)
    again = pickle.loads(pickle.dumps(problems))
    assert str(again) == str(problems)
    assert [problem.code for problem in again.problems] == ["BM-GE-001", "BM-GE-005"]


def test_raise_problems():
    errors.raise_problems([])
    with pytest.raises(errors.GeometryError, match="BM-GE-001"):
        errors.raise_problems([geometry_error()])
    with pytest.raises(errors.ProblemList, match="2 problems found"):
        errors.raise_problems([geometry_error(), geometry_error()])
