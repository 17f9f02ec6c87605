"""The example of other optimisers in docs/fitting.md runs."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fitting.md"


def test_the_example_of_other_optimisers_runs(capsys):
    section = PAGE.read_text().split("## Other optimisers")[1].split("\n## ")[0]
    names: dict[str, object] = {}
    for text in re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL):
        exec(compile(text, str(PAGE), "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["L-BFGS-B", "Nelder-Mead", "MIGRAD"]
    assert all(line.split()[1] == "True" for line in lines[:3])
    assert names["interval"]["success"]
    assert names["errors"].success
