"""The reference data are found, skipped or missed for a stated reason."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("shared_conftest", Path(__file__).resolve().parents[1] / "conftest.py")


@pytest.fixture(scope="module")
def find_reference_data():
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    return module.find_reference_data


def test_named_folder_wins(tmp_path, find_reference_data):
    named = tmp_path / "elsewhere"
    named.mkdir()
    assert find_reference_data({"BAYESMAP_REFERENCE_DATA": str(named)}, tmp_path / "repository") == named.resolve()


def test_named_folder_that_is_missing_fails(tmp_path, find_reference_data):
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        find_reference_data({"BAYESMAP_REFERENCE_DATA": str(tmp_path / "typo")}, tmp_path)


def test_folder_beside_the_repository_is_found(tmp_path, find_reference_data):
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert find_reference_data({}, tmp_path / "repository") == (tmp_path / "shared" / "data").resolve()


def test_nothing_there_means_none(tmp_path, find_reference_data):
    assert find_reference_data({}, tmp_path / "a" / "repository") is None


def test_the_long_tier_lists_what_there_is():
    """A renamed test would silently come back into the normal tier."""
    root = Path(__file__).resolve().parents[2]
    lines = [line for line in (root / "tests" / "long_tier.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines == sorted(set(lines))
    for line in lines:
        file, name = line.split("::", 1)
        assert f"def {name.split('[')[0].split('.')[-1]}(" in (root / file).read_text(), line
