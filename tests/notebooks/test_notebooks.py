"""Notebooks run from top to bottom, and hold no output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def test_there_is_one():
    assert "getting-started" in [path.stem for path in NOTEBOOKS]


@each_notebook
def test_no_output_is_stored(path):
    for cell in code_cells(path):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@each_notebook
def test_it_runs(path, capsys):
    names = {}
    for cell in code_cells(path):
        exec(compile("".join(cell["source"]), path.name, "exec"), names)
    out = capsys.readouterr().out
    assert "posterior: ok (" in out
    for figure in (item for item in names.values() if isinstance(item, Figure)):
        figure.draw_without_rendering()
