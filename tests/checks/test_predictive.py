"""Posterior predictive maps and p-values against direct simulation; thinning; limits of memory."""

import dataclasses

import numpy as np
import pytest
import scipy.stats as st

from bayesmap.checks.predictive import discrepancies, predictive_maps
from bayesmap.checks.tails import two_sided
from bayesmap.checks.thinning import thin
from bayesmap.errors import BayesmapInputError
from bayesmap.maps.map import WcsNDMap
from bayesmap.results.posterior import theta_of


@pytest.fixture(scope="module")
def maps(small_fit, small_tree):
    return small_fit.predictive(small_tree, random_seed=3)


def upper_tail(counts, npred):
    return st.poisson.sf(counts, npred) + 0.5 * st.poisson.pmf(counts, npred)


def lower_tail(counts, npred):
    return st.poisson.cdf(counts - 1, npred) + 0.5 * st.poisson.pmf(counts, npred)


def selected(small_fit, small_tree, draws=200):
    theta = theta_of(small_tree, small_fit._posterior.variables)
    return theta[:, thin(theta, draws)].reshape(-1, theta.shape[-1])


def test_moments_are_those_of_the_predicted_counts(small_fit, small_tree, maps):
    npred = np.array([small_fit._posterior.npred(theta) for theta in selected(small_fit, small_tree)])
    assert maps.draws == len(npred) == 200
    assert maps.npred_mean.data == pytest.approx(npred.mean(axis=0), rel=1e-10)
    assert maps.npred_sd.data == pytest.approx(npred.std(axis=0, ddof=1), rel=1e-8)
    tail = np.mean([upper_tail(small_fit.dataset.counts.data, item) for item in npred], axis=0)
    assert maps.p_value.data == pytest.approx(tail, rel=1e-10)
    assert maps.significance.data == pytest.approx(st.norm.isf(maps.p_value.data), rel=1e-10)


@pytest.mark.statistical
def test_p_values_are_those_of_a_direct_simulation(small_fit, small_tree, maps):
    rng, counts = np.random.default_rng(17), small_fit.dataset.counts.data
    theta = theta_of(small_tree, small_fit._posterior.variables).reshape(-1, 5)[::2]
    larger = []
    for point in theta:
        npred = small_fit._posterior.npred(point)
        ours, theirs = discrepancies(rng.poisson(npred), npred), discrepancies(counts, npred)
        larger.append({name: (ours[name] > theirs[name]) + 0.5 * (ours[name] == theirs[name]) for name in ours})
    for name, found in maps.p_values.items():
        direct = np.mean([row[name] for row in larger])
        error = np.sqrt(max(direct * (1.0 - direct), 0.01) * (1.0 / maps.draws + 1.0 / len(theta)))
        assert abs(found - direct) < 4.0 * error, name


def test_discrepancies_are_what_they_say():
    counts, npred = np.array([0.0, 3.0, 5.0]), np.array([1.5, 2.0, 9.0])
    found = discrepancies(counts, npred)
    terms = [1.5, 3.0 * np.log(1.5) - 1.0, 5.0 * np.log(5.0 / 9.0) + 4.0]
    assert found["deviance"] == pytest.approx(2.0 * sum(terms), rel=1e-13)
    assert found["total"] == 8.0
    assert found["largest_excess"] == pytest.approx(1.0 / np.sqrt(2.0))


def test_bins_where_nothing_can_be_are_no_excess():
    assert discrepancies(np.zeros(2), np.array([0.0, 1.0]))["largest_excess"] == 0.0


@pytest.mark.statistical
def test_spectrum_brackets_the_counts(small_fit, maps):
    spectrum = maps.spectrum
    assert np.array_equal(spectrum["counts"], small_fit.dataset.counts.data.sum(axis=(1, 2)))
    assert np.all(spectrum["lower"] <= spectrum["median"])
    assert np.all(spectrum["median"] <= spectrum["upper"])
    # A Poisson number about a fitted mean: at least the Poisson width.
    half = 0.5 * (spectrum["upper"] - spectrum["lower"])
    assert np.all(half > 0.8 * np.sqrt(maps.npred_mean.data.sum(axis=(1, 2))))


def test_same_seed_same_maps(small_fit, small_tree, maps):
    again = small_fit.predictive(small_tree, random_seed=3)
    assert again.p_values == maps.p_values
    assert np.array_equal(again.npred_mean.data, maps.npred_mean.data)


def test_outside_the_mask_there_is_no_p_value(small_fit, small_tree):
    dataset = small_fit.dataset
    inside = np.ones(dataset.counts.data.shape, bool)
    inside[:, :3] = False
    inside[2] = False
    masked = dataclasses.replace(dataset, mask=WcsNDMap(dataset.counts.geom, inside))
    found = predictive_maps(small_fit._posterior, small_tree, masked, draws=20)
    for item in (found.p_value, found.significance):
        assert np.array_equal(np.isnan(item.data), ~inside)
    assert found.spectrum["counts"][2] == 0
    assert found.spectrum["upper"][2] == 0


def test_progress_is_told(small_fit, small_tree):
    seen = []
    small_fit.predictive(small_tree, draws=8, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(k, 8) for k in range(1, 9)]


@pytest.mark.parametrize(("group", "other"), [("posterior_predictive", "check"), ("log_likelihood", "loo")])
def test_a_group_that_is_too_large_is_refused_before_it_is_made(small_fit, small_tree, group, other):
    verb = {
        "posterior_predictive": small_fit.posterior_predictive,
        "log_likelihood": small_fit.pointwise_log_likelihood,
    }
    seed = {"random_seed": 1} if group == "posterior_predictive" else {}
    with pytest.raises(
        BayesmapInputError,
        match=rf"BM-CK-005.*{group}.*4 chains x 500 draws x 432 bins(.|\n)*draws=289.*; {other}\(\) works",
    ):
        verb[group](small_tree, max_bytes=1_000_000, **seed)
    found = verb[group](small_tree, max_bytes=1_000_000, draws=280, **seed)[group]["counts"]
    assert found.dims == ("chain", "draw", "bin")
    assert found.nbytes <= 1_000_000
    assert group not in small_tree.children


def test_replicated_counts_are_whole_and_seeded(small_fit, small_tree):
    one, two = (small_fit.posterior_predictive(small_tree, random_seed=5, draws=40) for _ in range(2))
    values = one["posterior_predictive"]["counts"].values
    assert np.array_equal(values, two["posterior_predictive"]["counts"].values)
    assert np.array_equal(values, np.round(values))
    assert values.shape == (4, 10, 432)


@pytest.mark.parametrize(
    ("draws", "expected"),
    [(None, list(range(10))), (8, [0, 3, 6, 9]), (1000, list(range(10))), (1, [0]), (2, [0]), (4, [0, 9])],
)
def test_thinning_is_even_and_keeps_the_ends(draws, expected):
    assert thin(np.zeros((2, 10, 3)), draws).tolist() == expected


def test_thinning_to_nothing_is_told():
    with pytest.raises(BayesmapInputError, match="BM-CK-004.*0 draws"):
        thin(np.zeros((2, 10, 3)), 0)


def test_a_deficit_far_out_has_a_finite_significance():
    counts, npred = np.array([60.0, 400.0]), np.array([200.0, 200.0])
    deficit, excess = two_sided(upper_tail(counts, npred), lower_tail(counts, npred))
    assert -13.0 < deficit < -10.0
    assert 11.0 < excess < 14.0
