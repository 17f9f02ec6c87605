"""The table of a posterior: verdict first, numbers with units, digits that the error allows."""

import numpy as np
import pytest
import xarray as xr

from bayesmap.results.summary import COLUMNS, summarise
from bayesmap.results.verdict import Verdict


def tree_of(verdict, n_chain=4, **columns):
    rng = np.random.default_rng(2)
    data = {
        name: (("chain", "draw"), mean + sd * rng.standard_normal((n_chain, 500)), {"unit": unit})
        for name, (mean, sd, unit) in columns.items()
    }
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(data)})
    tree.attrs["verdict"] = verdict.to_json()
    return tree


COLUMNS_OF = {"index": (2.2, 0.05, ""), "amplitude": (3e-12, 2e-13, "cm-2 s-1 TeV-1"), "lon": (83.633, 0.002, "deg")}


def test_verdict_comes_first():
    good = str(summarise(tree_of(Verdict((), {"r_hat": 1.001}), **COLUMNS_OF)))
    assert good.splitlines()[0] == "posterior: ok (r_hat 1.001)"
    reasons = ("divergent: 3 draws diverged", "few_chains: 2 chains")
    bad = str(summarise(tree_of(Verdict(reasons, {"chains": 2}), **COLUMNS_OF))).splitlines()
    assert bad[0] == "posterior NOT TO BE TRUSTED (chains 2)"
    assert bad[1:3] == [f"- {reason}" for reason in reasons]


def test_notes_are_shown_even_where_all_is_well():
    text = str(summarise(tree_of(Verdict((), {}, ("the mode was not found",)), **COLUMNS_OF)))
    assert text.splitlines()[:2] == ["posterior: ok ()", "the mode was not found"]


def test_numbers_are_those_of_the_draws():
    tree = tree_of(Verdict(()), **COLUMNS_OF)
    summary = summarise(tree, sigma=2.0)
    for name, row in summary.rows.items():
        values = tree["posterior"][name].values
        assert tuple(row) == COLUMNS
        assert row["unit"] == COLUMNS_OF[name][2]
        assert row["mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert row["sd"] == pytest.approx(values.std(ddof=1), rel=1e-12)
        assert [row["lower"], row["median"], row["upper"]] == pytest.approx(
            np.quantile(values, [0.5 * (1 - summary.mass), 0.5, 0.5 * (1 + summary.mass)]), rel=1e-12
        )
        assert row["mcse_mean"] == pytest.approx(row["sd"] / np.sqrt(2000.0), rel=0.15)
    assert summary.mass == pytest.approx(0.9545, abs=1e-4)


def test_rows_show_unit_and_two_digits_of_the_error():
    head, index, amplitude, lon = str(summarise(tree_of(Verdict(()), **COLUMNS_OF))).splitlines()[1:]
    assert "68.3% interval" in head
    assert "cm-2 s-1 TeV-1" in amplitude
    assert len(index.split()[1].split(".")[1]) == 3  # the standard deviation is 0.050
    assert lon.split()[1] == "deg"
    assert len(lon.split()[2].split(".")[1]) == 4  # 0.0020
    assert amplitude.split()[4].endswith("e-12")
    assert len({line.index("[") for line in (index, amplitude, lon)}) == 1


def test_one_chain_has_no_r_hat():
    summary = summarise(tree_of(Verdict(("few_chains: 1",)), n_chain=1, **COLUMNS_OF))
    assert np.isnan(summary.rows["index"]["r_hat"])
    assert "nan" in str(summary)


def test_verdict_goes_through_json():
    verdict = Verdict(("at_bound: x",), {"r_hat": 1.5, "chains": 4}, ("note",))
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert not verdict.ok
    assert verdict.status == "at_bound"
    assert Verdict(()).status == "ok"
    assert Verdict(("few_draws: a", "few_draws: b", "divergent: c")).status == "few_draws, divergent"


def test_draws_that_are_not_finite_can_still_be_shown():
    tree = tree_of(Verdict(("not_finite: some draws are not finite",)), index=(2.2, 0.05, ""))
    tree["posterior"]["index"][0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        assert str(summarise(tree)).startswith("posterior NOT TO BE TRUSTED")
