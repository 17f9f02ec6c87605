"""What the data added to the priors: figures of cases where they are known, and what is said of them."""

import numpy as np
import pytest

from bayesmap.checks.prior_report import PriorReport, diagnosis
from bayesmap.errors import BayesmapInputError
from bayesmap.fit import MapFit
from bayesmap.models.derived_prior import DerivedPrior
from bayesmap.models.prior import Prior
from bayesmap.plots.priors import plot_priors
from bayesmap.testing import toy_dataset, toy_models

INDEX, AMPLITUDE, NORM = "source.spectral.index", "source.spectral.amplitude", "toy-bkg.spectral.norm"
LON = "source.spatial.lon_0"


@pytest.fixture(scope="module")
def report(small_fit, small_tree):
    return small_fit.prior_report(small_tree)


def test_contraction_is_one_minus_the_ratio_of_variances(report, small_tree):
    spread = float(small_tree["posterior"][INDEX].std(ddof=1))
    row = report.rows[INDEX]
    assert row["posterior_sd"] == pytest.approx(spread)
    assert row["prior_sd"] == pytest.approx(1.5, rel=0.03)
    assert row["contraction"] == pytest.approx(1.0 - spread**2 / 1.5**2, abs=1e-3)
    assert report.rows[LON]["contraction"] > 0.99
    assert list(report.rows) == [INDEX, AMPLITUDE, LON, "source.spatial.lat_0", NORM]


def test_weak_priors_say_nothing(report):
    assert report.warnings == ()
    assert {row["diagnosis"] for row in report.rows.values()} == {"-"}
    assert all(row["likelihood_sensitivity"] > 0.05 for row in report.rows.values())
    text = str(report)
    assert text.startswith("priors: the data decide every parameter\nparameter")
    assert "uniform on the sphere within" in text


def test_the_table_has_the_rows(report):
    table = report.to_table()
    assert table.colnames[:3] == ["name", "prior", "unit"]
    assert list(table["name"]) == list(report.rows)
    assert table["contraction"][0] == report.rows[INDEX]["contraction"]


@pytest.fixture(scope="module")
def strong():
    """Fit with an index that contradicts the data, a norm that only the prior tells, and a flux."""
    priors = {
        INDEX: Prior("Normal", mu=3.6, sigma=0.1),
        NORM: Prior("Normal", mu=1.0, sigma=0.001),
        AMPLITUDE: DerivedPrior("flux", Prior("HalfNormal", sigma=1e-8), energy_min="1 TeV", energy_max="10 TeV"),
    }
    models = toy_models().with_frozen({LON: True, "source.spatial.lat_0": True})
    fit = MapFit.from_dataset(toy_dataset(npix=10), models, priors=priors)
    return fit, fit.sample(draws=1000, tune=150, chains=4, cores=2, random_seed=3)


@pytest.mark.statistical
def test_conflict_and_returned_priors_are_told(strong):
    fit, tree = strong
    found = fit.prior_report(tree)
    assert found.rows[INDEX]["diagnosis"] == "prior-data conflict"
    assert found.rows[NORM]["diagnosis"] == "prior-dominated"
    assert found.rows[NORM]["contraction"] < 0.05
    assert any(line.startswith(f"{NORM} returns its prior (contraction") for line in found.warnings)
    assert any(line.startswith(f"{INDEX} is pulled by prior and data") for line in found.warnings)
    assert found.rows[AMPLITUDE]["prior"].startswith("flux(1 TeV to 10 TeV) ~ HalfNormal")
    assert plot_priors(tree, found).axes[0].get_title().endswith("prior-data conflict")


def test_flat_priors_have_no_contraction(small_tree):
    fit = MapFit.from_dataset(toy_dataset(npix=12), toy_models(), priors="flat")
    found = fit.prior_report(small_tree, draws=40)
    assert found.draws == 40
    for row in found.rows.values():
        assert np.isnan(row["contraction"])
        assert np.isnan(row["prior_sd"])
        assert row["prior_sensitivity"] == 0.0
        assert row["diagnosis"] == "-"
    assert "0.00/" in str(found)
    figure = plot_priors(small_tree, found)
    assert figure.axes[0].get_title() == "flat prior"


def test_priors_are_drawn_beside_the_posterior(report, small_tree):
    figure = plot_priors(small_tree, report)
    assert figure.axes[0].get_xlabel() == "source.index"
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names == ["posterior", "prior"]
    figure.draw_without_rendering()


def test_figures_that_are_not_known():
    assert diagnosis(float("nan"), 0.0, 0.3) == "-"
    assert diagnosis(-0.1, 0.0, 0.3) == "prior-dominated"
    assert diagnosis(0.9, 0.08, 0.3, prior_chance=0.1) == "-"
    assert diagnosis(0.9, 0.2, 0.3, likelihood_chance=0.4) == "prior-dominated"


def test_a_number_of_draws_that_makes_no_sense(small_fit, small_tree):
    with pytest.raises(BayesmapInputError, match="BM-CK-004.*0 draws"):
        small_fit.prior_report(small_tree, draws=0)


def test_it_is_a_record(report):
    assert isinstance(report, PriorReport)
    assert report.prior[INDEX].sizes == {"draw": 8000}
