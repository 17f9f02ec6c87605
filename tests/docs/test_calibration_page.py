"""The page on calibration: its example runs, and its table is that of the record."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_example_runs(capsys):
    (text,) = re.findall(r"```python\n(.*?)```", (DOCS / "calibration.md").read_text(), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(text, "calibration.md", "exec"), names)
    assert capsys.readouterr().out.startswith("calibrated (8 of 8 simulations have a posterior)\n")


def test_the_tables_are_those_of_the_record():
    spec = importlib.util.spec_from_file_location("calibration_figures", DOCS / "calibration_figures.py")
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    record = json.loads((DOCS / "calibration-data" / "record.json").read_text())
    assert figures.table(record) in (DOCS / "calibration.md").read_text()
    main = record[figures.MAIN]
    assert main["simulations"] + main["refused"] == 1000
    assert main["success"]
    bugs = [item for name, item in record.items() if name not in (figures.MAIN, "on-off")]
    assert bugs
    assert not any(item["success"] for item in bugs)
