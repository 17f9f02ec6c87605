"""A best fit imports no more than it needs, and a second process finds all that the first one compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# numpyro is no word of ours: PyTensor imports it for JAX where it is installed.
NOT_NEEDED = {"arviz", "arviz_stats", "matplotlib", "nutpie", "numba", "scipy.stats", "gammapy", "ultranest"}
SCRIPT = """
import json, sys
import jax
from bayesmap import MapFit
from bayesmap.testing import toy_dataset, toy_models
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
models = toy_models().with_frozen({f"source.spatial.{name}": True for name in ("lon_0", "lat_0")})
fit = MapFit.from_dataset(toy_dataset(models, int(sys.argv[1])), models)
best = fit.run()
str(best)
count = lambda name: sum(event.endswith("compilation_cache/" + name) for event in events)
print(json.dumps({"modules": sorted(sys.modules), "hits": count("cache_hits"), "misses": count("cache_misses"),
                  "stat": best.total_stat, "success": best.success}))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What a best fit says of itself, in two processes after each other with different counts, and the cache."""
    cache = tmp_path_factory.mktemp("home") / "made" / "by bayesmap"
    environment = os.environ | {"BAYESMAP_CACHE": str(cache)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    found = []
    for seed in ("1", "2"):
        command = [sys.executable, "-c", SCRIPT, seed]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.append(json.loads(result.stdout.splitlines()[-1]))
    return *found, cache


def test_a_best_fit_imports_only_what_it_needs(runs):
    first, _, _ = runs
    assert first["success"]
    assert NOT_NEEDED.isdisjoint(first["modules"])


def test_a_second_process_compiles_nothing_for_other_counts(runs):
    first, second, _ = runs
    assert first["misses"] > 0
    assert second["misses"] == 0
    assert second["hits"] >= first["misses"]
    assert second["success"]
    assert second["stat"] != first["stat"]


def test_the_cache_is_the_users_own(runs):
    *_, cache = runs
    (folder,) = cache.iterdir()
    assert [oct(path.stat().st_mode & 0o777) for path in (cache, folder)] == ["0o700", "0o700"]
    assert any(folder.iterdir())
