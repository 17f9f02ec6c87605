"""The public door: every name opens, and opening it is cheap."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import bayesmap

DOOR = Path(bayesmap.__file__)
HEAVY = ("pymc", "pytensor", "jax", "arviz", "nutpie", "gammapy", "matplotlib")
PROMISED = {"MapFit", "read_dataset", "read_models"}


def imported_under_type_checking():
    tree = ast.parse(DOOR.read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {(node.module, alias.name) for node in block.body for alias in node.names}


def modules_after(code):
    script = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", bayesmap.__all__)
def test_every_public_name_opens(name):
    assert getattr(bayesmap, name).__name__ == name


def test_promised_names_are_there():
    assert set(bayesmap.__all__) >= PROMISED


def test_the_three_lists_of_the_door_agree():
    homes = {(home, name) for home, names in bayesmap._HOMES.items() for name in names}
    assert homes == imported_under_type_checking()
    assert {name for _, name in homes} == set(bayesmap.__all__)


def test_every_model_and_error_is_re_exported():
    from bayesmap import errors
    from bayesmap.models import registry

    models = {cls.__name__ for cls in (registry.spectral_models() | registry.spatial_models()).values()}
    family = {
        name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, errors.BayesmapError)
    }
    missing = (models | family) - set(bayesmap.__all__)
    assert not missing, f"add to bayesmap/__init__.py (TYPE_CHECKING block, _HOMES and __all__): {sorted(missing)}"


def test_importing_the_package_imports_nothing_heavy():
    loaded = modules_after("import bayesmap")
    assert loaded.isdisjoint(HEAVY)
    assert "numpy" not in loaded


def test_reading_needs_nothing_heavy():
    assert modules_after("from bayesmap import read_dataset, read_models, MapDataset, SkyModel").isdisjoint(HEAVY)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'MapFitt'"):
        bayesmap.MapFitt  # noqa: B018
