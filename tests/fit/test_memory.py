"""Memory is estimated, and refused, before anything is compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import jax
import pytest

from bayesmap import MapFit
from bayesmap.errors import BayesmapInputError
from bayesmap.maps.map import WcsNDMap
from bayesmap.testing import toy_dataset, toy_models, toy_response

SCRIPT = """
import json, sys
from pathlib import Path
from bayesmap import MapFit
from bayesmap.testing import toy_dataset, toy_models
fit = MapFit.from_dataset(toy_dataset(npix=int(sys.argv[1]), binsz=0.02), toy_models())
estimate = fit.memory.total
fit.run()
line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(json.dumps([estimate, 1024.0 * float(line.split()[1])]))
"""


@pytest.fixture(scope="module")
def dataset():
    return toy_dataset()


def compilations(events):
    return [event for event, *_ in events if event.endswith("backend_compile_duration")]


def test_a_fit_above_its_limit_is_refused_before_it_is_compiled(dataset):
    fit = MapFit.from_dataset(dataset, toy_models(), memory_limit="520 MB")
    events = []
    jax.monitoring.register_event_duration_secs_listener(lambda *event, **_: events.append(event))
    for verb in (fit.optimize, fit.run, fit.sample):
        with pytest.raises(BayesmapInputError, match=r"^BM-FT-020: .*toy has 3 x 20 x 20 bins\. The limit is 520 MB"):
            verb()
    assert compilations(events) == []


def test_data_alone_above_the_limit_are_refused_before_the_model_is_built():
    with pytest.raises(BayesmapInputError, match=r"^BM-FT-020: .*data 0 MB"):
        MapFit.from_dataset(toy_response(), toy_models(), memory_limit=1e6)


def test_a_limit_that_is_none_is_refused(dataset):
    with pytest.raises(BayesmapInputError, match=r"^BM-FT-021: memory_limit is 'much'"):
        MapFit.from_dataset(dataset, toy_models(), memory_limit="much")


def test_the_estimate_has_every_part(dataset):
    memory = MapFit.from_dataset(dataset, toy_models()).memory
    assert min(vars(memory).values()) > 0
    assert memory.total < 1.5e9


def test_a_larger_map_needs_more(dataset):
    large = toy_response(npix=60)
    large = large.with_counts(WcsNDMap(large.counts.geom, large.counts.data))
    small, more = (MapFit.from_dataset(item, toy_models()).memory for item in (dataset, large))
    assert more.data == 9 * small.data
    assert more.constants > small.constants
    assert more.work > 2 * small.work


@pytest.mark.slow
@pytest.mark.parametrize("npix", [20, 200, 400])
def test_the_peak_is_within_half_of_the_estimate(npix, tmp_path):
    environment = os.environ | {"BAYESMAP_CACHE": str(tmp_path / "cache")}
    for _ in range(2):  # compiled anew, and from the cache
        command = [sys.executable, "-c", SCRIPT, str(npix)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        estimate, peak = json.loads(done.stdout.splitlines()[-1])
        assert 1.0 / 1.5 < peak / estimate < 1.5
