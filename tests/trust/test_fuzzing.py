"""Damaged inputs: each is refused with a code, or read as what it says. ``python -m fuzzing`` runs more of them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from fuzzing.case import ORDER, PLAN, TEXTS, run_case
from fuzzing.documents import lost
from fuzzing.numbers import differences
from fuzzing.supervise import run_all, table
from fuzzing.targets import FITS_TARGETS, compared

SEED = 1
SHORT = 240
"""Cases of the normal tier; the long tier runs ten thousand of another seed."""


def test_no_case_is_a_finding(corpus):
    found = [run_case(SEED, number, corpus) for number in range(SHORT)]
    bad = [item for item in found if item.outcome == "finding"]
    assert not bad, "\n".join(f"python -m fuzzing --seed {SEED} --case {item.number}: {item.why}" for item in bad)
    assert {item.kind for item in found} == set(PLAN)
    assert {item.outcome for item in found} == {"refused", "accepted", "changed"}


def test_a_case_depends_on_seed_and_number_alone(corpus):
    for number in (3, 40, 77):
        one, other = (run_case(SEED, number, corpus) for _ in range(2))
        assert (one.what, one.outcome, one.codes) == (other.what, other.outcome, other.codes)
    assert run_case(2, 3, corpus).what != run_case(SEED, 3, corpus).what


@pytest.mark.parametrize(("name", "read"), sorted({pair for pairs in TEXTS.values() for pair in pairs}, key=str))
def test_good_documents_are_read_as_they_say(corpus, tmp_path, name, read):
    for file in corpus.glob("*.*"):
        if file.is_file():
            shutil.copy(file, tmp_path)
    assert read(tmp_path / name) == []


@pytest.mark.parametrize("target", FITS_TARGETS, ids=lambda target: target.file)
def test_good_files_are_read_as_they_say(corpus, target):
    mine, said = compared(target, target.read(corpus / target.file), target.says(corpus / target.file))
    assert differences(mine, said) == []
    assert mine


def test_every_kind_has_its_share():
    assert len(ORDER) == 100
    assert sorted(ORDER) == sorted(PLAN)


def test_what_is_passed_over_is_seen():
    assert lost({"a": "1.0", "b": ["x"]}, {"a": 1.0, "b": ["x"]}, "") == []
    assert lost({"a": "010"}, {"a": 8.0}, "") == ["a: '010' was read as 8.0"]
    assert lost({"a": {"b": "1"}}, {"a": {}}, "") == ["a.b was passed over"]
    said = {"name": "x", "value": "2.0", "unit": "GeV"}
    assert lost(said, {"name": "x", "value": 0.002, "unit": "TeV"}, "p") == []
    assert lost(said, {"name": "x", "value": 2.0, "unit": "TeV"}, "p") == ["p.value: '2.0' was read as 2.0 TeV"]


def test_other_numbers_are_seen():
    assert differences({"a": np.ones(3), "f": "icrs"}, {"a": np.ones(3), "f": "icrs"}) == []
    assert differences({"a": np.ones(3)}, {"a": np.array([1.0, 1.0, 1.0 + 1e-8])}) == ["a"]
    assert differences({"a": np.ones(3), "f": "icrs"}, {"a": np.ones((3, 1)), "f": "fk5"}) == ["a", "f"]


@pytest.mark.slow
def test_ten_thousand_cases_in_watched_processes(capsys):
    found = run_all(2, range(10_000), jobs=1, limit=120.0)
    assert len(found) == 10_000
    assert not [item for item in found if item.outcome == "finding"], f"{capsys.readouterr().out}{table(found, 2)}"
