"""Every notebook says what its text form says, holds no output, and runs from a clean kernel without a warning."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
QUICK = ("first-fit",)
"""The others run in the long tier: ``pytest -m slow tests/notebooks``."""
PICTURES = {
    "first-fit": 4,
    "diagnostics": 9,
    "predictive-checks": 8,
    "model-comparison": 2,
    "from-gammapy": 3,
    "own-model": 5,
    "real-data": 5,
}
NEEDS_GAMMAPY = ("from-gammapy",)
NEEDS_REFERENCE_DATA = ("real-data",)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_run = pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.slow, id=path.stem) for path in NOTEBOOKS],
)


def said(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_all_are_listed():
    assert sorted(PICTURES) == [path.stem for path in NOTEBOOKS]
    assert [path.stem for path in sorted(FOLDER.glob("*.py"))] == [path.stem for path in NOTEBOOKS]


@each_notebook
def test_both_forms_say_the_same(path):
    text = path.with_suffix(".py")
    assert said(jupytext.read(path)) == said(jupytext.read(text)), (
        f"run: python -m jupytext --update --to ipynb notebooks/{text.name}"
    )


@each_notebook
def test_no_output_is_stored(path):
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@each_run
def test_it_runs(path, tmp_path, request, monkeypatch):
    if path.stem in NEEDS_GAMMAPY and importlib.util.find_spec("gammapy") is None:
        pytest.skip("gammapy is not installed")
    if path.stem in NEEDS_REFERENCE_DATA:
        monkeypatch.setenv("BAYESMAP_REFERENCE_DATA", str(request.getfixturevalue("reference_data")))
    notebook = jupytext.read(path)
    NotebookClient(notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    warnings = [text for output in outputs if output.get("name") == "stderr" for text in [output.text]]
    # numpyro's progress bar misses ipywidgets, which nothing here needs.
    assert [text for text in warnings if "IProgress not found" not in text] == []
    shown = [output.data for output in outputs if "data" in output]
    assert sum("image/png" in data for data in shown) == PICTURES[path.stem]
    assert [data["text/plain"] for data in shown if " at 0x" in data["text/plain"] and len(data) == 1] == []
