"""Pictures of calibrations: what is marked is what the record says."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color

from bayesmap.plots.calibration import BAD, GOOD, plot_coverage, plot_rank_histograms, plot_ranks, plot_z_scores
from tests.checks.test_calibration import NAMES, made


@pytest.fixture(scope="module")
def wrong():
    return made(truth_shift=0.7)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def visible(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def test_curves_outside_their_envelope_are_red(wrong):
    panels = visible(plot_ranks(wrong))
    assert len(panels) == len(NAMES)
    colors = [panel.lines[-1].get_color() for panel in panels]
    assert [same_color(color, BAD) for color in colors] == [True, False, False]
    assert "amplitude" in panels[1].get_title()
    curve = panels[0].lines[-1].get_ydata()
    low, high = wrong.uniform.envelope
    assert np.any((curve < low - wrong.uniform.fractions) | (curve > high - wrong.uniform.fractions))


def test_histograms_hold_every_simulation(wrong):
    for panel in visible(plot_rank_histograms(wrong)):
        heights = panel.patches[-1].get_xy()[:, 1]
        assert heights.max() <= wrong.simulations
    few = made(n=13)
    assert len(visible(plot_rank_histograms(few))) == len(NAMES)


def test_coverage_of_every_quantity(wrong):
    (axes,) = visible(plot_coverage(wrong))
    curves = [line for line in axes.lines if len(line.get_xdata()) == 99]
    assert len(curves) == len(NAMES)
    np.testing.assert_allclose(curves[1].get_ydata()[49], wrong.shares(0.5)[1] - 0.5)


def test_scores_of_every_parameter(wrong):
    panels = visible(plot_z_scores(wrong))
    assert len(panels) == 2
    np.testing.assert_allclose(panels[0].lines[-1].get_ydata(), wrong.z_scores[:, 0])
    assert same_color(panels[0].lines[-1].get_color(), GOOD)
    returned = visible(plot_z_scores(made(sd=0.999)))
    assert same_color(returned[0].lines[-1].get_color(), BAD)
