"""The examples of docs/regions.md run, and leave what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from regions import Regions

PAGE = Path(__file__).resolve().parents[2] / "docs" / "regions.md"


@pytest.mark.slow
def test_the_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        exec(compile(text, str(PAGE), "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:4]] == [
        "source, position (Laplace), 95 %",
        "source, position (draws), 95 %",
        "source, position (highest density), 95 %",
        "source, extension, sigma",
    ]
    assert names["drawn"].share == pytest.approx(0.95, abs=0.02)
    assert names["symmetric"].area == pytest.approx(names["credible"].area, rel=0.2)
    assert len(Regions.read("positions.reg", format="ds9")) >= 3
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*(f"{name}.png" for name in ("position", "regions", "residuals", "correlation", "butterfly")), "positions.reg"]
    )
    assert str(names["table"]["median"].unit) == "1 / (GeV s cm2)"


def test_every_picture_of_the_page_is_there():
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", PAGE.read_text())
    assert len(pictures) == 5
    assert all((PAGE.parent / name).is_file() for name in pictures)
