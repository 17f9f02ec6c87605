"""Calibration of a comparison: the law of the test statistic where it is known, rates, and what is refused."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
import scipy.stats
from matplotlib.figure import Figure

from bayesmap import BayesmapInputError, MapFit, calibrate_comparison, compare, source_significance
from bayesmap.fit.options import observe_all
from bayesmap.maps.map import WcsNDMap
from bayesmap.plots.choice import plot_choice
from bayesmap.results.choice import ChoiceCalibration
from bayesmap.testing import toy_dataset, toy_models

HELD = {"lon_0": True, "lat_0": True, "index": True, "norm": True}


@pytest.fixture(scope="module")
def pair():
    """A faint source of known place and shape, or none: one free parameter more, zero without it."""
    models = toy_models(amplitude="3e-11 cm-2 s-1 TeV-1").with_frozen(HELD | {"norm": False})
    data = toy_dataset(models, npix=8, seed=2)
    bounded = models.with_parameters(
        {"source.spectral.amplitude": models.parameters["source.spectral.amplitude"].replace(min=0.0)}
    )
    fits = (
        MapFit.from_dataset(data, models["toy-bkg"], priors="flat"),
        MapFit.from_dataset(data, bounded, priors="flat"),
    )
    assert all(fit.optimize().success or fit.optimize().at_bound for fit in fits)
    return fits


def under(pair, side, simulations, seed, draws=150):
    return calibrate_comparison(*pair, simulations=simulations, random_seed=seed, under=side, draws=draws)


def test_the_test_statistic_of_the_data_is_that_of_the_source(pair):
    seen = []
    found = calibrate_comparison(
        *pair, simulations=10, random_seed=3, draws=110, progress=lambda *done: seen.append(done)
    )
    assert found.observed["ts"] == pytest.approx(source_significance(pair[1], "source").ts, abs=1e-4)
    assert found.simulations == 10
    assert not found.failed
    assert seen[-1] == (10, 10)
    assert np.all(found.ts > -1e-5)
    p, error = found.p_value("ts")
    assert p == pytest.approx((1 + np.sum(found.ts >= found.observed["ts"])) / 11)
    assert error > 0.0
    json.dumps(found.record(), allow_nan=False)
    assert "10 data sets simulated under the simple model (0 failed)" in str(found)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(pair):
    first, second = (under(pair, "simple", 10, 5, draws=110) for _ in range(2))
    assert first.record() == second.record()


@pytest.mark.slow
@pytest.mark.statistical
def test_the_law_of_the_test_statistic_comes_out(pair):
    """Zero half of the time, else chi-squared of one (Chernoff 1954)."""
    found = under(pair, "simple", 300, 11)
    positive = found.ts > 1e-4
    assert scipy.stats.binomtest(int(positive.sum()), found.simulations, 0.5).pvalue > 1e-3
    assert scipy.stats.kstest(found.ts[positive], scipy.stats.chi2(1).cdf).pvalue > 1e-3


def of_data(fit, counts):
    """Return a fit of other counts of the same data set, with the same compiled functions."""
    dataset = fit.dataset.with_counts(WcsNDMap(fit.dataset.counts.geom, counts))
    other = copy.copy(fit)
    other.__dict__.pop("pymc_model", None)
    other.datasets, other._counts = (dataset,), observe_all((dataset,), fit._start)
    other._posterior = fit._posterior.with_counts(*other._counts)
    other._best = other._covariance = other._tree = None
    return other


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("side", ["simple", "complex"])
def test_compare_chooses_as_often_as_its_calibration_says(pair, side):
    """Data sets of other seeds, compared from the beginning by `compare`; by the sign, and by a difference of one."""
    expected = under(pair, side, 200, 21, draws=400)
    truth = pair[("simple", "complex").index(side)]
    rng = np.random.default_rng(99)
    deltas = []
    for _ in range(100):
        counts = truth._posterior.draw(truth._best.theta, rng)
        fits = {name: of_data(fit, counts) for name, fit in zip(("simple", "complex"), pair, strict=True)}
        found = compare(fits, evidence=None, random_seed=1, draws=400, chains=4, cores=1)
        deltas.append(found.difference("complex", "simple")[0])
    for limit in (0.0, 1.0):
        chosen = int(np.sum(np.array(deltas) > limit))
        share, error = expected.rate("delta", limit)
        spread = np.hypot(error, np.sqrt(share * (1.0 - share) / len(deltas)))
        assert abs(chosen / len(deltas) - share) < 4.0 * max(spread, 0.02)
    right = np.sum(np.array(deltas) > 0.0) / len(deltas)
    assert (right > 0.5) == (side == "complex")


def made(under, seed=1, shift=0.0):
    rng = np.random.default_rng(seed)
    ts, delta = rng.chisquare(1, 200) + shift, rng.normal(-0.5 + shift, 1.0, 200)
    observed = {"ts": 9.0, "delta": 2.0, "delta_error": 1.5}
    return ChoiceCalibration(under, "bin", ts, delta, np.ones(200), np.zeros(200, int), observed, (), seed)


def test_rates_have_errors():
    found = made("simple")
    share, error = found.rate("delta")
    assert share == np.mean(found.delta > 0.0)
    assert error == pytest.approx(np.sqrt(share * (1 - share) / 200))
    limit = found.limit("delta", 0.05)
    assert found.rate("delta", limit)[0] == pytest.approx(0.05, abs=0.006)
    assert made("complex", shift=4.0).rate("delta", limit)[0] > 0.9
    none = dataclasses.replace(found, observed={"ts": 1e9, "delta": 1e9, "delta_error": 1.0})
    assert none.p_value("ts")[0] == pytest.approx(1 / 201)


def test_the_picture_shows_both_and_the_data():
    simple, both = made("simple"), made("complex", 2, 4.0)
    figure = plot_choice(simple, both, figure=Figure(layout="constrained"))
    for axes, statistic in zip(figure.axes, ("ts", "delta"), strict=True):
        heights = [patch.get_data().values.sum() for patch in axes.patches]
        assert heights == [200, 200]
        assert axes.lines[0].get_xdata()[0] == simple.observed[statistic]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"under": "both"}, "BM-FT-003: under is 'both'"),
        ({"simulations": 0}, "BM-FT-005: simulations is 0"),
        ({"simulations": 2, "draws": 100}, "BM-CK-014: 2 of 2 simulations"),
        ({"by": "dataset"}, "BM-CK-008"),
    ],
)
def test_what_makes_no_sense_is_refused(pair, options, message):
    with pytest.raises(BayesmapInputError, match=message):
        calibrate_comparison(*pair, random_seed=1, **options)
