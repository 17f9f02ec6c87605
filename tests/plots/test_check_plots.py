"""Pictures of predictive checks: what is drawn is what was found."""

import numpy as np
import pytest

from bayesmap.plots.checks import check_pictures
from bayesmap.plots.prior_check import plot_prior_check


@pytest.fixture(scope="module")
def only(small_fit, small_tree):
    return small_fit.check(small_tree, draws=40, ranked=19).datasets["toy"]


@pytest.fixture(scope="module")
def figures(only):
    return check_pictures(only)


def test_there_is_a_picture_of_each(figures):
    assert set(figures) == {"overview", "spectrum", "maximum", "pit", "radial", "significance"}
    for figure in figures.values():
        figure.canvas.draw()


def test_overview_shows_every_p_value(figures, only):
    (axes,) = figures["overview"].axes
    assert len(axes.get_yticks()) == len(only.discrepancies) + 1
    shown = axes.containers[0].lines[0].get_xdata()
    assert np.array_equal(shown, [item.p_value for item in only.discrepancies.values()])


def test_band_shows_counts(figures, only):
    points = figures["spectrum"].axes[0].lines[-1]
    assert np.array_equal(points.get_ydata(), only.spectrum.counts)
    points = figures["radial"].axes[0].lines[-1]
    assert np.array_equal(points.get_ydata(), only.profiles["source"].counts)


def test_maximum_marks_the_observed_value(figures, only):
    line = figures["maximum"].axes[0].lines[-1]
    assert line.get_xdata()[0] == np.median(only.discrepancies["maximum_excess"].observed)


def test_places_are_circled(figures):
    panel = figures["significance"].axes[0]
    assert [patch.get_label() for patch in panel.patches] == ["largest excess", "largest deficit"]


def test_prior_check_shows_the_observed_total(small_fit):
    check = small_fit.prior_check(20).datasets["toy"]
    figure = plot_prior_check(check)
    figure.canvas.draw()
    assert figure.axes[1].lines[-1].get_xdata()[0] == check.observed
