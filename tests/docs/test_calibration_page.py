"""The page on calibration: its example runs."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_example_runs(capsys):
    (text,) = re.findall(r"```python\n(.*?)```", (DOCS / "calibration.md").read_text(), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(text, "calibration.md", "exec"), names)
    assert capsys.readouterr().out.startswith("calibrated (8 of 8 simulations have a posterior)\n")
