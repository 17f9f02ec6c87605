"""Fixtures that every layer shares. No network, no work at import but the settings of the numerical libraries."""

from __future__ import annotations

import os
from pathlib import Path

# Before NumPy, JAX and PyTensor are imported: one thread a process (pytest-xdist runs several), a compile cache of
# its own, so that tests neither reuse nor fill the one of the user's analyses.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bayesmap-tests"
os.environ.setdefault("PYTENSOR_FLAGS", f"base_compiledir={_CACHE / 'pytensor'}")
os.environ.setdefault("MPLBACKEND", "agg")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
DATA_VARIABLE = "BAYESMAP_REFERENCE_DATA"


LONG_TIER = tuple(
    line for line in (ROOT / "tests" / "long_tier.txt").read_text().splitlines() if line and not line.startswith("#")
)


LONG_FILES = ("tests/statistical/", "tests/posterior/", "tests/inference/", "tests/fold/", "tests/fit/")
"""Folders whose files take long: they begin, so that no process waits for another at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what `long_tier.txt` lists, before pytest selects by marks; put long files first."""
    for item in items:
        if item.nodeid.startswith(LONG_TIER):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: next((k for k, name in enumerate(LONG_FILES) if item.nodeid.startswith(name)), 99))


def find_reference_data(environ, root):
    """Return the folder of the reference data sets, or None where there is none.

    A folder that was named but is not there is an error: a typo must not look like a skip.
    """
    named = environ.get(DATA_VARIABLE)
    if named:
        folder = Path(named)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{DATA_VARIABLE}={named} is not a folder. Correct it, or unset it to skip these tests."
            )
        return folder.resolve()
    folder = root.parent / "shared" / "data"
    return folder.resolve() if folder.is_dir() else None


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the reference data sets (real data, Gammapy's numbers), never part of the repository."""
    folder = find_reference_data(os.environ, ROOT)
    if folder is None:
        pytest.skip(f"reference data not found: set {DATA_VARIABLE} to their folder")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded generator, the same numbers in every test and every run."""
    return np.random.default_rng(20260101)


@pytest.fixture(scope="session")
def small_fit():
    """Optimized fit of a point source on a small map; compiled once. Tests must not change it."""
    from bayesmap.fit import MapFit
    from bayesmap.testing import toy_dataset, toy_models

    fit = MapFit.from_dataset(toy_dataset(npix=12), toy_models())
    assert fit.optimize().success
    return fit


@pytest.fixture(scope="session")
def small_tree(small_fit):
    """Draws of `small_fit`; tests must not change them."""
    return small_fit.sample(draws=500, tune=200, chains=4, cores=2, random_seed=7)
