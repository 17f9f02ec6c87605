"""Sampling: the same seed, the same numbers; the samplers agree; what is refused; interrupted runs."""

import importlib
import json
import sys
import threading

import arviz as az
import numpy as np
import pytest

from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.inference.samplers.base import STATISTICS
from bayesmap.results.draws import longest_part
from bayesmap.results.posterior import free_names, verdict_of

SHORT = {"draws": 60, "tune": 60, "chains": 3}


@pytest.fixture(scope="module")
def first(small_fit):
    return small_fit.sample(**SHORT, cores=1, random_seed=3)


def same_bits(a, b):
    groups = ("posterior", "sample_stats")
    return all(
        np.array_equal(values, b[group][name].values)
        for group in groups
        for name, values in ((key, item.values) for key, item in a[group].data_vars.items())
    )


def test_same_seed_gives_the_same_bits(small_fit, first):
    assert same_bits(first, small_fit.sample(**SHORT, cores=1, random_seed=3))


def test_number_of_cores_changes_nothing(small_fit, first):
    assert same_bits(first, small_fit.sample(**SHORT, cores=2, random_seed=3))
    assert same_bits(first, small_fit.sample(**SHORT, cores=3, random_seed=3))


def test_another_seed_or_chain_gives_other_draws(small_fit, first):
    other = small_fit.sample(**SHORT, cores=2, random_seed=4)
    assert not same_bits(first, other)
    index = first["posterior"]["source.spectral.index"].values
    assert not np.array_equal(index[0], index[1])


def test_a_random_seed_is_stated_and_gives_the_draws_again(small_fit):
    tree = small_fit.sample(draws=20, tune=30, chains=2, cores=2)
    seed = json.loads(tree.attrs["sampler"])["seed"]
    assert same_bits(tree, small_fit.sample(draws=20, tune=30, chains=2, cores=1, random_seed=seed))


def test_every_statistic_is_there(small_tree):
    stats = small_tree["sample_stats"]
    assert set(stats.data_vars) == set(STATISTICS)
    assert all(item.dims == ("chain", "draw") for item in stats.data_vars.values())
    # The density of w is that of z times a constant; it is the posterior's up to Jacobians.
    assert np.all(stats["energy"].values >= -stats["lp"].values)
    assert np.all(stats["n_steps"].values < 2 ** (stats["tree_depth"].values.astype(int) + 1))


def agree(a, b):
    for name in free_names(a):
        one, two = (tree["posterior"].to_dataset()[[name]] for tree in (a, b))
        error = np.hypot(float(az.mcse(one)[name]), float(az.mcse(two)[name]))
        assert abs(float(one[name].mean()) - float(two[name].mean())) < 5.0 * error, name


@pytest.mark.statistical
def test_numpyro_finds_the_same_means(small_fit, small_tree):
    pytest.importorskip("numpyro")
    tree = small_fit.sample(draws=300, tune=150, chains=3, random_seed=9, nuts_sampler="numpyro")
    agree(small_tree, tree)
    assert set(tree["sample_stats"].data_vars) == set(STATISTICS)
    assert json.loads(tree.attrs["sampler"])["library"] == "numpyro"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["numpyro", "pymc"])
def test_same_seed_gives_the_same_bits_with_every_sampler(small_fit, name):
    pytest.importorskip(name)
    runs = [small_fit.sample(**SHORT, random_seed=9, nuts_sampler=name) for _ in range(2)]
    assert same_bits(*runs)


@pytest.mark.statistical
def test_pymc_finds_the_same_means(small_fit, small_tree):
    tree = small_fit.sample(draws=250, tune=150, chains=2, random_seed=9, nuts_sampler="pymc")
    agree(small_tree, tree)
    assert set(tree["sample_stats"].data_vars) == set(STATISTICS)
    assert json.loads(tree.attrs["sampler"])["library"] == "pymc"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"nuts_sampler": "stan"}, "BM-FT-002.*'stan'(.|\n)*nutpie, numpyro, pymc"),
        ({"draws": 0}, "BM-FT-005.*draws is 0"),
        ({"draws": 10.0}, r"BM-FT-005.*draws is 10\.0"),
        ({"tune": -1}, "BM-FT-005.*tune is -1"),
        ({"chains": True}, "BM-FT-005.*chains is True"),
        ({"cores": 0}, "BM-FT-005.*cores is 0"),
        ({"random_seed": -1}, "BM-FT-005.*random_seed is -1"),
        ({"random_seed": 2**64}, "BM-FT-005.*random_seed is 18446744073709551616"),
        ({"max_treedepth": 0}, "BM-FT-005.*max_treedepth is 0"),
        ({"target_accept": 1.0}, r"BM-FT-005.*target_accept is 1\.0"),
        ({"target_accept": float("nan")}, "BM-FT-005.*target_accept is nan"),
    ],
)
def test_options_that_make_no_sense_are_told(small_fit, options, match):
    with pytest.raises(BayesmapInputError, match=match):
        small_fit.sample(**options)


def test_a_sampler_that_is_not_installed_is_told(small_fit, monkeypatch):
    monkeypatch.setitem(sys.modules, "numpyro", None)
    monkeypatch.delitem(sys.modules, "bayesmap.inference.samplers.numpyro_nuts", raising=False)
    with pytest.raises(BayesmapInputError, match=r"BM-FT-004.*'numpyro'(.|\n)*pip install 'bayesmap\[numpyro\]'"):
        small_fit.sample(nuts_sampler="numpyro")


@pytest.mark.parametrize(
    ("lengths", "chains", "kept"),
    [
        ((100, 100, 100), [0, 1, 2], 100),
        ((100, 90, 95), [0, 1, 2], 90),
        ((100, 100, 3, 0), [0, 1], 100),
        ((10, 60, 0, 50), [1, 3], 50),
        ((0, 0, 7), [2], 7),
        ((0, 0), [0], 0),
    ],
)
def test_most_draws_of_chains_of_unequal_length_are_kept(lengths, chains, kept):
    found, length = longest_part(list(lengths))
    assert found.tolist() == chains
    assert length == kept


@pytest.fixture
def interrupt(monkeypatch):
    """Return a function that makes the wait for nutpie end in a KeyboardInterrupt once so many draws are made."""
    sampler = importlib.import_module("nutpie.sample")._BackgroundSampler
    original, reached = sampler.wait, threading.Event()

    def wait(self, *, timeout=None):
        if reached.is_set():
            raise KeyboardInterrupt
        return original(self, timeout=0.01)

    def after(draws):
        monkeypatch.setattr(sampler, "wait", wait)
        return lambda done, total, divergences: reached.set() if done >= draws else None

    return after


def test_an_interrupted_run_keeps_what_it_had(small_fit, interrupt):
    tree = small_fit.sample(draws=5000, tune=50, chains=2, cores=2, random_seed=3, progress=interrupt(400))
    assert tree.attrs["status"] == "interrupted"
    assert any(reason.startswith("interrupted:") for reason in verdict_of(tree).reasons)
    assert 0 < tree["posterior"].sizes["draw"] < 5000
    for group in ("posterior", "sample_stats"):
        for values in tree[group].data_vars.values():
            assert np.all(np.isfinite(values.values.astype(float)))
    assert json.loads(tree.attrs["sampler"])["requested"] == [2, 5000]


def test_fewer_draws_than_chains_are_no_error(small_fit):
    tree = small_fit.sample(draws=2, tune=20, chains=4, cores=2, random_seed=3)
    assert tree["posterior"].sizes["draw"] == 2
    assert verdict_of(tree).status == "few_draws"


def test_a_run_interrupted_in_its_warm_up_is_told(small_fit, interrupt):
    with pytest.raises(FitStateError, match=r"BM-FT-006.*before a chain left its warm-up"):
        small_fit.sample(draws=100, tune=100_000, chains=2, cores=2, random_seed=3, progress=interrupt(1))


def test_bars_show_each_chain_whole(small_fit, capsys):
    small_fit.sample(draws=30, tune=20, chains=2, cores=2, random_seed=3, progressbar=True, modes=False)
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in lines if line.startswith(("chain 0", "chain 1"))]
    assert all("50/50" in line for line in lines if line.startswith("chain"))
