"""The examples of the page on priors run, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "priors.md"
FIRST = "## Correlated priors"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*non-interactive:UserWarning")
def test_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    blocks = re.findall(r"```python\n(.*?)```", text[text.index(FIRST) :], flags=re.S)
    assert len(blocks) == 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    out = capsys.readouterr().out
    assert "flux(1 TeV to 10 TeV) ~ LogNormal(mu=-21.4164, sigma=0.3)" in out
    assert (tmp_path / "priors.png").stat().st_size > 10_000
