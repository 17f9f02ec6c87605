"""Comparison of models: differences of the same groups, weights, evidence, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bayesmap import BayesmapInputError, MapFit, compare, log_evidence
from bayesmap.results.comparison import Comparison, ranked
from bayesmap.results.loo import Groups, Loo
from bayesmap.testing import toy_dataset, toy_models


@pytest.fixture(scope="module")
def none(small_fit):
    """The same data without the source."""
    fit = MapFit.from_dataset(small_fit.dataset, toy_models()["toy-bkg"])
    fit.sample(draws=200, chains=4, random_seed=2)
    return fit


@pytest.fixture(scope="module")
def found(small_fit, small_tree, none):
    seen = []
    fits = {"none": none, "source": (small_fit, small_tree)}
    return compare(fits, random_seed=5, draws=400, progress=lambda *one: seen.append(one)), seen


def test_the_source_is_there(found, small_fit, small_tree, none):
    result, seen = found
    assert result.names == ("source", "none")
    source = small_fit.loo(small_tree, draws=400)
    assert result["source"].elpd == pytest.approx(source.elpd)
    values = none.loo(draws=400).elpd_i - source.elpd_i
    assert result["none"].delta == pytest.approx(values.sum())
    assert result["none"].delta_error == pytest.approx(np.sqrt(len(values) * values.var(ddof=1)))
    assert result["none"].delta < -5.0 * result["none"].delta_error
    assert result["source"].delta == 0.0
    assert result.weights["source"] > 0.99
    assert {name for name, *_ in seen} == {"none", "source"}
    delta, error = result.difference("source", "none")
    assert (delta, error) == pytest.approx((-result["none"].delta, result["none"].delta_error))


def test_the_evidence_is_that_of_each_model(found, small_fit):
    result, _ = found
    alone = log_evidence(small_fit, random_seed=5)
    assert result["source"].log_z == pytest.approx(alone.log_z, abs=1e-9)
    factor, error = result.log_bayes_factor("source", "none")
    assert factor > 100.0
    assert 0.0 < error < 0.2


def test_records_hold_the_same_numbers(found):
    result, _ = found
    record = json.loads(json.dumps(result.record(), allow_nan=False))
    assert [row["name"] for row in record["models"]] == ["source", "none"]
    assert record["differences"][0]["delta"] == pytest.approx(-result["none"].delta)
    table = result.to_table()
    assert list(table["elpd"]) == [row.elpd for row in result.rows]
    assert table.meta["by"] == "bin"
    text = str(result)
    assert "432 bins left out one by one" in text
    assert f"{result['none'].delta:.1f} +- {result['none'].delta_error:.1f}" in text


def test_without_proper_priors_there_is_no_evidence(small_fit, small_tree, none):
    flat = MapFit.from_dataset(small_fit.dataset, toy_models()["toy-bkg"], priors="flat")
    flat.sample(draws=90, chains=4, random_seed=2)
    result = compare({"flat": flat, "source": (small_fit, small_tree)}, by="energy", draws=200)
    assert np.isnan(result["flat"].log_z)
    assert "toy-bkg.spectral.norm" in result.missing["flat"]
    assert any(note.startswith("flat: no evidence") for note in result.notes)
    assert any(reason.startswith("flat: posterior few_draws") for reason in result.reasons)
    assert not result.success


def test_other_data_and_other_draws_are_refused(small_fit, small_tree, none):
    with pytest.raises(BayesmapInputError, match="BM-FT-003: method is 'exact'"):
        compare({"a": small_fit, "b": none}, evidence="exact")
    with pytest.raises(BayesmapInputError, match="BM-CK-010: 1 fit is given"):
        compare({"one": small_fit})
    other = MapFit.from_dataset(toy_dataset(npix=12, seed=2), toy_models()["toy-bkg"])
    with pytest.raises(BayesmapInputError, match="BM-CK-010: 'a' and 'b' are fits of different data"):
        compare({"a": small_fit, "b": other})
    with pytest.raises(BayesmapInputError, match="BM-CK-010: the draws of 'b' are of .*amplitude"):
        compare({"a": (small_fit, small_tree), "b": (none, small_tree)})
    with pytest.raises(BayesmapInputError, match="BM-CK-010: the draws of 'b' are those of other data"):
        compare({"b": (other, none._tree), "a": (other, none._tree)})


def toy_loo(values):
    none, groups = np.zeros(len(values)), {"toy": Groups(np.arange(len(values)))}
    return Loo("bin", np.asarray(values, dtype=float), none, none, groups, 1000)


def test_models_that_predict_alike_are_said_to():
    loos = ranked({"b": toy_loo(np.full(20, -1.1)), "a": toy_loo(np.full(20, -1.0))})
    result = Comparison(loos, {"a": 0.6, "b": 0.4})
    assert result.best == "a"
    assert result.notes == ("b predicts as well as a: elpd differs by less than 4",)
    assert result.success
