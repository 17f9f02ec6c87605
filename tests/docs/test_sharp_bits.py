"""Every check of docs/sharp-bits.md holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sharp-bits.md"
SECTIONS = [text for text in PAGE.read_text().split("\n## ")[1:]]


def blocks(text):
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_every_section_has_a_check():
    assert [section.splitlines()[0] for section in SECTIONS if len(blocks(section)) != 1] == []
    assert all("assert " in blocks(section)[0] for section in SECTIONS)


@pytest.mark.slow
def test_the_checks_hold():
    names: dict[str, object] = {}
    for text in blocks(PAGE.read_text()):
        exec(compile(text, str(PAGE), "exec"), names)
