"""Settings of the documentation site; `python -m sphinx -W docs docs/_build/html` makes it, without network.

The lessons of `notebooks/` are copied to `docs/lessons/` and executed (again only when they change). ``-D
nb_execution_mode=off`` shows them without output.
"""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from latex2mathml.converter import convert

DOCS = Path(__file__).resolve().parent
LESSONS = DOCS / "lessons"

project = "bayesmap"
author = copyright = "the bayesmap developers"
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "py:obj"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_timeout = 1800
nb_execution_raise_on_error = True
nb_output_stderr = "remove"
nb_execution_excludepatterns = [
    *([] if os.environ.get("BAYESMAP_REFERENCE_DATA") else ["lessons/real-data.ipynb"]),
    *([] if importlib.util.find_spec("gammapy") else ["lessons/from-gammapy.ipynb"]),
]

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = "bayesmap"
html_math_renderer = "mathml"
html_show_sourcelink = False


def setup(app: Any) -> None:
    """Register formulas as MathML, which browsers show without a script from the network, and copy the lessons."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    app.connect("source-read", _links_of_the_site)
    _copy_lessons()


def _inline(writer: Any, node: nodes.Element) -> None:
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.Element) -> None:
    writer.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def _links_of_the_site(app: Any, name: str, source: list[str]) -> None:
    """Point links that lead to a notebook in the repository to its page."""
    source[0] = source[0].replace("](../notebooks/", "](lessons/")


def _copy_lessons() -> None:
    LESSONS.mkdir(exist_ok=True)
    for path in sorted((DOCS.parent / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = re.sub(r"\]\(\.\./docs/", "](../", cell.source)
        text, copy = nbformat.writes(notebook), LESSONS / path.name
        if not copy.exists() or copy.read_text() != text:
            copy.write_text(text)
