"""The picture of the correlations shows those of the covariance, or of the draws, once for each pair."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayesmap.plots.correlation import correlation_matrix, plot_correlation, short_names
from bayesmap.plots.labels import parameter_labels
from bayesmap.results.fit import CovarianceResult
from bayesmap.testing import toy_models

NAMES = ("crab.spectral.index", "4FGL J0534.5+2201.spectral.amplitude", "crab.spatial.sigma")
CORRELATION = np.array([[1.0, -0.8, 0.3], [-0.8, 1.0, 0.0], [0.3, 0.0, 1.0]])
SIGMAS = np.array([0.1, 3e-13, 0.02])


@pytest.fixture
def covariance():
    return CovarianceResult(toy_models(), True, NAMES, CORRELATION * np.outer(SIGMAS, SIGMAS), "")


def numbers(figure):
    return {text.get_position(): text.get_text() for text in figure.axes[0].texts}


def test_numbers_and_names_of_a_covariance(covariance):
    figure = plot_correlation(covariance, title="crab")
    assert numbers(figure) == {(0, 1): "\N{MINUS SIGN}0.80", (0, 2): "+0.30", (1, 2): "0.00"}
    axes = figure.axes[0]
    names = ["crab.index", "4FGL J0534.5+2201.amplitude", "crab.sigma"]
    assert [label.get_text() for label in axes.get_xticklabels()] == names
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert axes.get_title() == "crab"
    shown = np.ma.filled(axes.images[-1].get_array(), np.nan)
    np.testing.assert_allclose(shown[np.tril_indices(3, -1)], [-0.8, 0.3, 0.0])
    assert np.isnan(shown[np.triu_indices(3)]).all()


def test_a_parameter_at_a_limit_has_dashes(covariance):
    covariance.matrix[1] = covariance.matrix[:, 1] = np.nan
    figure = plot_correlation(covariance)
    assert numbers(figure) == {(0, 1): "\N{EN DASH}", (0, 2): "+0.30", (1, 2): "\N{EN DASH}"}


@pytest.mark.statistical
def test_correlations_of_draws(rng):
    values = rng.multivariate_normal(np.zeros(3), CORRELATION, (4, 1000)) * SIGMAS
    named = {name: (("chain", "draw"), values[..., i], {"unit": ""}) for i, name in enumerate(NAMES)}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(named)})
    found = correlation_matrix(tree, NAMES)
    # A correlation is known to (1 - rho^2) / sqrt(n).
    assert np.abs(found - CORRELATION).max() < 4.0 / np.sqrt(4000)
    assert len(numbers(plot_correlation(tree, names=NAMES[:2]))) == 1
    assert parameter_labels(tree)[NAMES[1]].text(lines=True).startswith("4FGL J0534.5+2201\namplitude")
    tree["posterior"][NAMES[2]][:] = 1.0
    assert numbers(plot_correlation(tree))[0, 2] == "\N{EN DASH}"
    plot_correlation(tree, names=NAMES[:1]).draw_without_rendering()


@pytest.mark.parametrize("n", [18, 45])
def test_many_parameters(n):
    names = tuple(f"s{i}.spectral.index" for i in range(n))
    figure = plot_correlation(CovarianceResult(toy_models(), True, names, np.eye(n), ""))
    assert len(numbers(figure)) == (n * (n - 1) // 2 if n == 18 else 0)
    figure.draw_without_rendering()


def test_draws_of_a_fit_and_its_covariance_agree(small_fit, small_tree):
    found = small_fit.covariance()
    error = 1.0 / np.sqrt(2000 / 4)
    assert np.abs(correlation_matrix(small_tree, found.names) - found.correlation).max() < 4.0 * error


def test_names_that_would_be_the_same_stay_whole():
    assert short_names(["a.spectral.norm", "a.spatial.norm"]) == ["a.spectral.norm", "a.spatial.norm"]
