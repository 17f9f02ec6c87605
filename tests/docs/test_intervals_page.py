"""The examples of docs/intervals.md run, and show what the page says of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "intervals.md"


@pytest.mark.slow
def test_the_examples_run_and_the_definitions_agree(capsys):
    names: dict[str, object] = {}
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        exec(compile(text, str(PAGE), "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in lines[:2]] == ["True", "True"]
    assert "True True" in lines
    assert "0.3935 1.515" in lines
    held, moved = names["held"], names["moved"]
    assert np.all(held["delta"] >= moved["delta"] - 1e-6)
    found, interval = names["symmetric"], names["interval"]
    # Quantiles of draws and the normal approximation: near, the posterior is nearly normal.
    assert interval["upper"] - interval["lower"] == pytest.approx(2.0 * found["errp"], rel=0.15)
    for key in "xy":
        assert np.ptp(names["credible"][key]) == pytest.approx(np.ptp(names["profile"][key]), rel=0.2)
        assert np.ptp(names["slice_"][key]) < np.ptp(names["profile"][key])
