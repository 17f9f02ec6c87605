"""The page on coverage: its example runs, and its table is that of the record."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_example_runs(capsys):
    (text,) = re.findall(r"```python\n(.*?)```", (DOCS / "coverage.md").read_text(), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(text, "coverage.md", "exec"), names)
    assert capsys.readouterr().out.startswith("40 simulations, 0 failed\n")


def test_the_table_is_that_of_the_record():
    spec = importlib.util.spec_from_file_location("coverage_figures", DOCS / "coverage_figures.py")
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    record = json.loads((DOCS / "coverage-data" / "record.json").read_text())
    page = (DOCS / "coverage.md").read_text()
    assert figures.table(record) in page
    assert min(item["simulations"] for item in figures.intervals(record).values()) >= 200
