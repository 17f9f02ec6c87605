"""The documentation as a site: every page and every public name has a place, and it is built without a warning."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bayesmap

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
NEEDED = ("sphinx", "myst_nb", "numpydoc", "furo", "latex2mathml")


def placed():
    """Return the pages that the index names."""
    trees = re.findall(r"```{toctree}\n(.*?)```", (DOCS / "index.md").read_text(), flags=re.DOTALL)
    return {line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")}


def test_every_page_and_lesson_has_a_place():
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    lessons = {f"lessons/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert placed() == pages | lessons, "give it a place in docs/index.md"


def test_the_reference_names_everything_public():
    named = re.findall(r"^   (\w+)$", (DOCS / "api.md").read_text(), flags=re.MULTILINE)
    assert sorted(named) == sorted(bayesmap.__all__), "give it a place in docs/api.md"


@pytest.mark.slow
def test_it_is_built_without_a_warning(tmp_path):
    missing = [name for name in NEEDED if not importlib.util.find_spec(name)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (extra docs)")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "-q",
        "-D",
        "nb_execution_mode=off",
        str(DOCS),
        str(tmp_path / "html"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "html" / "generated" / "bayesmap.MapFit.html").read_text()
    assert "random_seed" in page
    assert "<math" in (tmp_path / "html" / "models.html").read_text()
    assert not re.findall(r'(?:src|href)="https?://[^"]*\.(?:js|css)"', (tmp_path / "html" / "models.html").read_text())
