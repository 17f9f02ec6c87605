"""The walk is one-way and every step is short: checked on the syntax tree, so nothing is imported."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "bayesmap"
# A module may import from its own layer and from layers written BEFORE it, nothing else.
LAYERS = (
    "errors", "units", "files", "fits", "maps", "irf", "dataset", "models", "io", "fold", "posterior", "results",
    "inference", "checks", "fit", "migration", "plots", "report", "cli", "testing",
)  # fmt: skip
# These layers are imported by `bayesmap check` and must stay light.
LIGHT_LAYERS = LAYERS[: LAYERS.index("io") + 1]
HEAVY_PACKAGES = {"pymc", "pytensor", "jax", "arviz", "nutpie", "numpyro", "xarray", "matplotlib"}
MAX_FUNCTION = 40  # code lines, docstring excluded
MAX_FILE = 400
DOOR = PACKAGE / "__init__.py"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != DOOR)

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))


def layer_of(path):
    """Name of the layer that a file belongs to; `python -m bayesmap` is the command line."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "cli" if first == "__main__" else first.lstrip("_")


def imported_modules(tree):
    """Yield (dotted name, line) of every import, eager, lazy or under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == PACKAGE.name:
                for alias in node.names:
                    yield f"{PACKAGE.name}.{alias.name}", node.lineno
            else:
                yield node.module, node.lineno


def misplaced_imports(source, own):
    """Return (layer, line) of the imports in `source` that point to a layer after `own`."""
    found = []
    for name, line in imported_modules(ast.parse(source)):
        head, *rest = name.split(".")
        if head != PACKAGE.name:
            continue
        other = rest[0].lstrip("_") if rest else ""
        if other not in LAYERS or LAYERS.index(other) > LAYERS.index(own):
            found.append((other, line))
    return found


def code_lines(function):
    doc = function.body[0] if ast.get_docstring(function) else None
    return function.end_lineno - function.lineno + 1 - ((doc.end_lineno - doc.lineno + 1) if doc else 0)


@each_module
def test_imports_point_one_way(path):
    own = layer_of(path)
    assert own in LAYERS, f"{path.relative_to(PACKAGE)} stands in no layer: give it one of {LAYERS}"
    misplaced = misplaced_imports(path.read_text(), own)
    assert not misplaced, (
        f"{path.relative_to(PACKAGE)}: `{own}` imports {misplaced} (layer, line), which come after it on the walk "
        f"({' -> '.join(LAYERS)}), or the door itself. Move the shared piece down, or the caller up."
    )


def test_a_backward_import_is_seen_wherever_it_hides():
    hidden = "def f():\n    from bayesmap.fit import MapFit\n"
    typing_only = "if TYPE_CHECKING:\n    import bayesmap.cli.main\n"
    door = "from bayesmap import MapFit\n"
    forward = "from bayesmap.errors import BayesmapError\n"
    assert misplaced_imports(hidden, "maps") == [("fit", 2)]
    assert misplaced_imports(typing_only, "maps") == [("cli", 2)]
    assert misplaced_imports(door, "maps") == [("MapFit", 1)]
    assert misplaced_imports(forward, "maps") == []


@each_module
def test_no_relative_imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}:{node.lineno}: use an absolute import"


@each_module
def test_early_layers_import_no_heavy_package(path):
    if layer_of(path) not in LIGHT_LAYERS:
        return
    heavy = [
        (name, line)
        for name, line in imported_modules(ast.parse(path.read_text()))
        if name.split(".")[0] in HEAVY_PACKAGES
    ]
    assert not heavy, (
        f"{path.relative_to(PACKAGE)} imports {heavy}: layers up to io use numpy, scipy, astropy and yaml only"
    )


@each_module
def test_only_one_file_imports_gammapy(path):
    importers = {PACKAGE / "io" / "gammapy.py"}
    found = [line for name, line in imported_modules(ast.parse(path.read_text())) if name.split(".")[0] == "gammapy"]
    assert not found or path in importers, (
        f"{path.relative_to(PACKAGE)}:{found}: gammapy is imported in io/gammapy.py only"
    )


@each_module
def test_functions_and_files_are_short(path):
    source = path.read_text()
    lines = source.count("\n")
    assert lines <= MAX_FILE, f"{path.name} has {lines} lines (at most {MAX_FILE}): split it by idea"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = code_lines(node)
            assert length <= MAX_FUNCTION, (
                f"{path.name}:{node.lineno} {node.name} is {length} lines of code (at most {MAX_FUNCTION})"
            )


@each_module
def test_state_is_set_once(path):
    """No method but __init__/__post_init__ assigns to self: objects are records, not machines."""
    if path == PACKAGE / "fit" / "facade.py":  # MapFit alone remembers: the last optimum
        return
    for cls in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ClassDef)):
        for method in (
            m for m in cls.body if isinstance(m, ast.FunctionDef) and m.name not in ("__init__", "__post_init__")
        ):
            for node in ast.walk(method):
                targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [getattr(node, "target", None)]
                for target in targets:
                    stored = (
                        isinstance(target, ast.Attribute)
                        and isinstance(target.value, ast.Name)
                        and target.value.id == "self"
                    )
                    assert not stored, (
                        f"{path.name}:{node.lineno} {cls.name}.{method.name} changes self after construction"
                    )
