"""What the repository promises about itself: documents complete, no foreign data, no path of one machine."""

from __future__ import annotations

import ast
import hashlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bayesmap"
ERRORS_PAGE = ROOT / "docs" / "errors.md"
NOTATION_PAGE = ROOT / "docs" / "notation.md"
CODE = re.compile(r"BM-[A-Z]{2}-\d{3}")


def tracked_files():
    result = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if result.returncode != 0:
        pytest.skip("not a git checkout: the list of tracked files is unknown")
    return [ROOT / name for name in result.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def codes_in_source():
    """Error codes that stand as string literals in the package's code (docstrings explain codes, they raise none)."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.add(node.value)
    return found


def table_codes(text):
    """Codes of the first column of the tables in a Markdown page."""
    return [match.group() for line in text.splitlines() if (match := CODE.match(line.removeprefix("|").strip()))]


def test_no_reference_data_in_the_repository(reference_data):
    foreign = {sha256(path): path.name for path in reference_data.rglob("*") if path.is_file()}
    copied = {str(path.relative_to(ROOT)): foreign[sha256(path)] for path in tracked_files() if sha256(path) in foreign}
    assert not copied, (
        f"files of the reference data were copied into the repository (their licences forbid it): {copied}"
    )


def machine_paths(text):
    """Absolute paths that make sense on one machine only."""
    folders = "|".join(["work", "tmp", "root", "home", "Users"])
    return re.findall(rf"(?<![\w./~$}}-])/(?:{folders})/\w+", text)


def test_no_path_of_one_machine():
    text_files = [
        path
        for path in tracked_files()
        if path.suffix in {".py", ".md", ".toml", ".yaml"} or path.parent.name in {".ci", "scripts"}
    ]
    found = {str(path.relative_to(ROOT)): machine_paths(path.read_text()) for path in text_files}
    assert {name: paths for name, paths in found.items() if paths} == {}, "write paths relative to the repository"


def test_a_machine_path_is_seen():
    path = "/".join(["", "home", "someone", "data.fits"])
    assert machine_paths(f"open('{path}')") == ["/".join(["", "home", "someone"])]
    assert machine_paths("see docs/work/notes and $HOME/work/x") == []


def test_every_error_code_is_documented():
    documented = table_codes(ERRORS_PAGE.read_text())
    assert len(documented) == len(set(documented)), "a code stands twice in docs/errors.md"
    raised = codes_in_source()
    assert raised - set(documented) == set(), "raised in the source, missing in docs/errors.md"
    assert set(documented) - raised == set(), "listed in docs/errors.md, raised nowhere"


def test_every_parameter_name_is_in_the_notation_table():
    from bayesmap.models import registry

    classes = [*registry.spectral_models().values(), *registry.spatial_models().values()]
    names = {name for cls in classes for name in parameter_names(cls)}
    listed = set(re.findall(r"`(\w+)`", NOTATION_PAGE.read_text()))
    assert names - listed == set(), "parameter names missing in docs/notation.md"


def parameter_names(cls):
    """Declared parameter names of a model class."""
    return [parameter.name for parameter in cls.default_parameters]


def test_readme_commands_are_what_ci_runs():
    readme = (ROOT / "README.md").read_text()
    command = (ROOT / ".ci" / "run").read_text().rstrip().splitlines()[-1]
    assert command in readme, "the README's test command and .ci/run differ"
    assert shlex.split(command)[0] == "./scripts/setup"
