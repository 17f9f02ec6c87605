"""What goes wrong inside the sampler, or differs when a run is continued: told as it is, and no draw is lost."""

from __future__ import annotations

import json
import shutil
import threading

import numpy as np
import pytest

from bayesmap import load_posterior
from bayesmap.errors import BayesmapIOError
from bayesmap.inference.samplers import nutpie_nuts
from bayesmap.inference.samplers.base import Target
from bayesmap.results.draw_store import MANIFEST
from tests.trust.test_draw_store import RUN, manifest_of, same_bits, unfinished

CALLS = 6000
"""Of the density, after which it fails: when draws of the first chains are written, and not all are made."""


@pytest.fixture(scope="module")
def whole(small_fit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("draws") / "whole"
    return small_fit.sample(**RUN, store=folder), folder


def failing(error, calls):
    """Return `Target.evaluate` with a density that fails after so many calls."""
    evaluate, lock, left = Target.evaluate, threading.Lock(), [calls]

    def other(self):
        density = evaluate(self)

        def function(w):
            with lock:
                left[0] -= 1
            if left[0] < 0:
                raise error
            return density(w)

        return function

    return other


@pytest.mark.parametrize(
    ("error", "calls"), [(MemoryError("no room"), 40), (RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), CALLS)]
)
def test_an_error_of_the_density_is_told_and_leaves_the_draws(small_fit, whole, tmp_path, monkeypatch, error, calls):
    """Early, and when draws are written: it is that error, and not one of the sampler's thread that it ended."""
    folder = tmp_path / "draws"
    with monkeypatch.context() as patch:
        patch.setattr(Target, "evaluate", failing(error, calls))
        with pytest.raises(type(error), match=str(error)):
            small_fit.sample(**RUN, store=folder)
    if calls == CALLS:
        left = load_posterior(folder)
        for name, values in left["posterior"].data_vars.items():
            kept = whole[0]["posterior"][name].sel(chain=values["chain"].values).values[:, : values.sizes["draw"]]
            assert np.array_equal(values.values, kept), name
    assert same_bits(whole[0], small_fit.sample(**RUN, store=folder, resume=True))


def test_an_interrupt_while_a_chain_begins_is_no_finished_run(small_fit, monkeypatch):
    start = nutpie_nuts._Pool._start

    def interrupted(self, chain):
        if chain == RUN["chains"] - 1:
            raise KeyboardInterrupt
        start(self, chain)

    monkeypatch.setattr(nutpie_nuts._Pool, "_start", interrupted)
    assert small_fit.sample(**RUN).attrs["status"] == "interrupted"


def test_another_density_is_refused_before_a_draw_is_made(small_fit, whole, tmp_path):
    """Of a processor, a library or code that no hash of the inputs sees: by its values at a few points."""
    folder = shutil.copytree(whole[1], tmp_path / "copy")
    unfinished(folder, 1, 0)
    manifest = manifest_of(folder)
    manifest["probe"][0] = float.hex(np.nextafter(float.fromhex(manifest["probe"][0]), np.inf))
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BayesmapIOError, match="BM-IO-028.*the density is not, to the last bit"):
        small_fit.sample(**RUN, store=folder, resume=True)


def test_a_misspelt_option_deletes_nothing(small_fit, whole, tmp_path):
    folder = shutil.copytree(whole[1], tmp_path / "copy")
    with pytest.raises(TypeError, match="target_acept"):
        small_fit.sample(**RUN, store=folder, overwrite=True, target_acept=0.9)
    assert same_bits(whole[0], load_posterior(folder), groups=("posterior", "sample_stats"))
