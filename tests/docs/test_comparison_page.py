"""The examples in docs/comparison.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "comparison.md"


@pytest.mark.slow
def test_the_examples_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        exec(compile(text, str(PAGE), "exec"), names)
    said = capsys.readouterr().out
    assert "432 bins left out one by one" in said
    assert "by a fit without them" in said
    assert "(smc, " in said
    assert "12 data sets simulated under the simple model" in said
    pictures = {"comparison.png", "pareto-k.png", "elpd.png", "difference.png", "choice.png"}
    assert {path.name for path in tmp_path.iterdir()} == pictures


def test_the_pictures_are_there():
    for name in re.findall(r"!\[.*?\]\((.*?)\)", PAGE.read_text()):
        assert (PAGE.parent / name).read_bytes()[:4] == b"\x89PNG"
