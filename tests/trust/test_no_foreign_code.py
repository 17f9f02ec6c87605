"""No file is read in a way that could run code: looked up in the syntax tree of every module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "bayesmap"
MODULES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve",
    "jsonpickle", "runpy", "code", "urllib.request", "urllib3", "requests", "httpx", "aiohttp", "ftplib", "socket",
    "xml.etree", "xml.dom", "xml.sax.expatreader", "lxml",
}  # fmt: skip
EXCEPTIONS = {
    ("fit/job.py", "pickle"),
    ("fit/workers.py", "pickle"),
    ("fit/cluster.py", "pickle"),
}
"""Processes of one run hand each other jobs and results through their own pipes and Dask; SECURITY.md says so."""
FILE_LOADERS = {"load", "loads", "fromfile", "memmap", "read_pickle", "load_all", "unsafe_load", "full_load"}


def names_used(tree):
    """Yield every called name and every imported module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def forbidden_in(source):
    return {
        name for name in names_used(ast.parse(source)) if any(f"{name}.".startswith(f"{word}.") for word in FORBIDDEN)
    }


def calls_of(source, owner):
    """Yield calls `owner.method(...)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            value = node.func.value
            if isinstance(value, ast.Name) and value.id == owner:
                yield node


def test_what_is_looked_for_is_found():
    assert forbidden_in("import pickle") == {"pickle"}
    assert forbidden_in("def f():\n    from urllib.request import urlopen") == {"urllib.request"}
    assert forbidden_in("eval('1')") == {"eval"}
    assert forbidden_in("from urllib.parse import quote; expression.eval()") == set()


def test_nothing_that_runs_code_is_used():
    found = {(str(path.relative_to(PACKAGE)), name) for path in MODULES for name in forbidden_in(path.read_text())}
    assert found == EXCEPTIONS


def test_the_exceptions_are_named_in_the_policy():
    text = (PACKAGE.parent / "SECURITY.md").read_text()
    assert all(f"bayesmap/{path}" in text for path, _ in EXCEPTIONS)


def test_yaml_is_loaded_by_the_safe_loader_only():
    calls = [(path.name, call) for path in MODULES for call in calls_of(path.read_text(), "yaml")]
    loads = [(name, call) for name, call in calls if call.func.attr in ("load", "parse")]
    assert {name for name, _ in loads} == {"safe_yaml.py"}
    for _, call in loads:
        loader = next(item.value for item in call.keywords if item.arg == "Loader")
        assert ast.unparse(loader) in ("_Loader", "yaml.CSafeLoader")
    assert not [call for _, call in calls if call.func.attr in FILE_LOADERS - {"load"}]


@pytest.mark.parametrize("owner", ["np", "numpy", "xr", "pd"])
def test_arrays_are_not_loaded_as_objects(owner):
    allowed = {"open_datatree"}
    loaders = FILE_LOADERS | {"open_dataset", "open_zarr", "open_datatree", "load_dataset", "loadtxt", "genfromtxt"}
    found = {call.func.attr for path in MODULES for call in calls_of(path.read_text(), owner)} & loaders
    assert found <= allowed


def test_fits_files_are_opened_in_one_place():
    """Astropy opens addresses of the network and keeps files open; `read_fits` gives it bytes."""
    found = {
        path.name
        for path in MODULES
        for call in calls_of(path.read_text(), "fits")
        if call.func.attr in ("open", "getdata")
    }
    assert found == {"hdu.py"}
