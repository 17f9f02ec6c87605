"""Residuals of On counts: the law of the likelihood, its limits, and its tails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from bayesmap.checks.on_off import expected_background, on_off_significance
from bayesmap.dataset import SpectrumDatasetOnOff
from bayesmap.maps.axis import MapAxis
from bayesmap.plots.spectrum import plot_on_off


@pytest.fixture
def spectrum():
    axis = MapAxis.from_energy_bounds(1.0, 100.0, 4)
    return SpectrumDatasetOnOff(
        name="crab",
        axis=axis,
        counts=[50.0, 12.0, 0.0, 3.0],
        counts_off=[100.0, 9.0, 0.0, 4.0],
        acceptance=1.0,
        acceptance_off=5.0,
        axis_true=axis.rename("energy_true"),
        exposure=np.ones(4),
        mask=[True, True, True, False],
    )


def test_background_is_the_mean_of_what_the_off_counts_leave(spectrum):
    assert_allclose(expected_background(spectrum), [20.1, 1.9, 0.1, 0.9])


def test_significance_is_the_share_of_simulated_counts(spectrum, rng):
    signal = np.array([25.0, 12.0, 0.3, 1.0])
    drawn = rng.poisson(signal + rng.gamma(spectrum.counts_off + 0.5, spectrum.alpha, (200_000, 4)))
    above = np.mean(drawn > spectrum.counts, axis=0) + 0.5 * np.mean(drawn == spectrum.counts, axis=0)
    found = on_off_significance(spectrum, signal)
    assert np.isnan(found[3])
    assert_allclose(scipy.stats.norm.sf(found[:3]), above[:3], atol=0.004)


def test_with_many_off_counts_it_is_that_of_a_known_background(spectrum):
    sure = replace(spectrum, counts_off=spectrum.counts_off * 1e6, acceptance_off=5e6)
    law = scipy.stats.poisson([45.0, 13.8])
    above = law.sf(spectrum.counts[:2]) + 0.5 * law.pmf(spectrum.counts[:2])
    found = on_off_significance(sure, np.array([25.0, 12.0, 0.3, 1.0]))[:2]
    assert_allclose(scipy.stats.norm.sf(found), above, rtol=1e-4)


def test_far_tails_keep_their_digits(spectrum):
    far = replace(spectrum, counts=[250.0, 0.0, 0.0, 0.0])
    excess, deficit, _, _ = on_off_significance(far, np.array([25.0, 400.0, 0.0, 0.0]))
    assert 18.0 < excess < 30.0
    assert -30.0 < deficit < -20.0


def test_picture_shows_counts_parts_and_residuals(spectrum):
    signal = np.array([25.0, 12.0, 0.3, 1.0])
    figure = plot_on_off(spectrum, signal, components={"crab": signal})
    above, below = figure.axes
    labels = above.get_legend_handles_labels()[1]
    assert labels == ["crab", "background", "predicted", "observed, 68% Poisson interval"]
    shown = below.containers[0].lines[0].get_ydata()
    assert_allclose(shown, on_off_significance(spectrum, signal))
    figure.draw_without_rendering()
