"""Pictures of a comparison show its numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from bayesmap.checks.blocks import groups_of
from bayesmap.plots.comparison import plot_comparison
from bayesmap.plots.loo import plot_difference_map, plot_elpd_map, plot_pareto_k
from bayesmap.results.comparison import Comparison, ranked
from bayesmap.results.evidence import Evidence
from bayesmap.results.loo import Loo
from bayesmap.testing import toy_models, toy_response


@pytest.fixture(scope="module")
def data():
    dataset = toy_response(npix=10)
    mask = np.ones((3, 10, 10), dtype=bool)
    mask[:, 0, 0] = False
    from bayesmap import WcsNDMap

    return dataclasses.replace(dataset, mask=WcsNDMap(dataset.counts.geom, mask))


def loo_of(data, by="bin", seed=1):
    rng = np.random.default_rng(seed)
    groups = groups_of({"toy": data}, by)
    number = groups["toy"].of_bin.max() + 1
    values = -rng.exponential(size=number)
    shape = rng.normal(0.1, 0.2, number)
    shape[0] = np.inf
    return Loo(by, values, shape, np.zeros(number), groups, 2000)


@pytest.fixture(scope="module")
def comparison(data):
    loos = ranked({"point": loo_of(data), "disk": loo_of(data, seed=2)})
    known = {"point": Evidence(-300.0, 0.1, 0.2, 1000.0, 4000, 1)}
    return Comparison(loos, {"point": 0.7, "disk": 0.3}, known, reasons=("disk: posterior few_draws",))


def images(figure):
    return [np.ma.filled(axes.images[0].get_array().astype(float), np.nan) for axes in figure.axes if axes.images]


@pytest.mark.parametrize("by", ["bin", "energy", "tile"])
def test_maps_of_elpd_add_up(data, by):
    loo = loo_of(data, by)
    whole, *each = images(plot_elpd_map(loo, data, models=toy_models()))
    assert np.nansum(whole) == pytest.approx(loo.elpd)
    assert np.nansum(each) == pytest.approx(loo.elpd)
    assert np.isnan(whole[0, 0])


def test_the_worst_k_is_on_top(data):
    loo = loo_of(data)
    figure = plot_pareto_k(loo, data)
    whole, *each = images(figure)
    assert np.nanmax(whole) == 1.5
    np.testing.assert_array_equal(whole[1:], np.max(each, axis=0)[1:])
    assert "1 of 297 bins above 0.70" in figure.get_suptitle()


def test_maps_of_differences(data, comparison):
    figure = plot_difference_map(comparison, "point", "disk", data)
    whole = images(figure)[0]
    delta, error = comparison.difference("point", "disk")
    assert np.nansum(whole) == pytest.approx(delta)
    assert f"{delta:.1f} \N{PLUS-MINUS SIGN} {error:.1f}" in figure.get_suptitle()
    limits = figure.axes[0].images[0].get_clim()
    assert limits[0] == -limits[1]
    same = Comparison(dict.fromkeys(("a", "b"), comparison.loos["point"]), {"a": 0.5, "b": 0.5})
    assert np.nansum(images(plot_difference_map(same, "a", "b", data))[0]) == 0.0


def test_a_row_for_each_model(comparison):
    figure = plot_comparison(comparison, figure=Figure(layout="constrained"))
    left, middle, right = figure.axes
    assert [text.get_text() for text in left.get_yticklabels()] == list(comparison.names)
    assert [bar.get_width() for bar in middle.patches] == [comparison.weights[name] for name in comparison.names]
    points = [line.get_xdata()[0] for line in left.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert points == pytest.approx([row.delta for row in comparison.rows])
    assert right.get_xlabel().startswith("ln Z")
    assert "NOT TRUSTWORTHY" in figure.get_suptitle()
    without = plot_comparison(dataclasses.replace(comparison, evidences={}))
    assert len(without.axes) == 2


def test_a_spectrum_is_a_line(data):
    from bayesmap import SpectrumDatasetOnOff

    spectrum = SpectrumDatasetOnOff(
        name="toy", axis=data.axis, counts=[4.0, 1.0, 0.0], counts_off=[2.0, 0.0, 0.0], acceptance=1.0,
        acceptance_off=4.0, axis_true=data.axis_true, exposure=np.ones(5) * 1e10, edisp=data.edisp,
    )  # fmt: skip
    loo = Loo("bin", np.array([-1.0, -2.0, -3.0]), np.zeros(3), np.zeros(3), groups_of({"toy": spectrum}, "bin"), 1000)
    (steps,) = plot_elpd_map(loo, spectrum).axes[0].patches
    np.testing.assert_allclose(steps.get_data().values, loo.elpd_i)
