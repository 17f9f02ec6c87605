"""Pictures of a posterior show the numbers of its draws, with names and units."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from bayesmap.checks.predictive import PredictiveMaps
from bayesmap.checks.residuals import significance_image
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models import PowerLawSpectralModel
from bayesmap.plots.corner import plot_corner
from bayesmap.plots.labels import parameter_labels
from bayesmap.plots.predictive import energy_groups, plot_predictive
from bayesmap.plots.sed import plot_sed
from bayesmap.plots.trace import plot_trace
from bayesmap.results.flux import FluxBand

UNITS = {"crab.spectral.index": "", "crab.spectral.amplitude": "cm-2 s-1 TeV-1", "crab.spatial.lon_0": "deg"}


@pytest.fixture
def tree(rng):
    values = rng.standard_normal((3, 4, 200))
    draws = {"index": 2.2 + 0.1 * values[0], "amplitude": 3e-12 * np.exp(0.1 * values[1]), "lon_0": 83.6 + values[2]}
    named = {name: (("chain", "draw"), draws[name.split(".")[-1]], {"unit": unit}) for name, unit in UNITS.items()}
    diverging = np.zeros((4, 200), dtype=bool)
    diverging[1, 50] = True
    statistics = xr.Dataset({"diverging": (("chain", "draw"), diverging)})
    return xr.DataTree.from_dict({"posterior": xr.Dataset(named), "sample_stats": statistics})


def test_labels_have_units_and_powers_of_ten(tree):
    labels = parameter_labels(tree)
    assert labels["crab.spectral.index"].text() == "crab.index"
    assert labels["crab.spatial.lon_0"].text() == "crab.lon_0 (deg)"
    amplitude = labels["crab.spectral.amplitude"]
    assert amplitude.factor == 1e-12
    assert amplitude.text(lines=True) == "crab\namplitude\n($10^{-12}$ cm$^{-2}$ s$^{-1}$ TeV$^{-1}$)"


def test_corner_shows_each_pair_once(tree):
    figure = plot_corner(tree, best={"crab.spectral.index": 2.2, "crab.spectral.amplitude": 3e-12})
    assert len(figure.axes) == 6
    labels = [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]
    assert labels == [label.text(lines=True) for label in parameter_labels(tree).values()]
    pair = figure.axes[1]
    mark = next(line for line in pair.lines if line.get_marker() == "+")
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == pytest.approx((2.2, 3.0))
    assert [text.get_text() for text in figure.legends[0].get_texts()][1:] == ["best fit"]


def test_corner_regions_hold_their_share(tree):
    from matplotlib.path import Path

    pair = plot_corner(tree, names=("crab.spectral.index", "crab.spatial.lon_0")).axes[1]
    draws = tree["posterior"]
    points = np.stack([draws["crab.spectral.index"].values.ravel(), draws["crab.spatial.lon_0"].values.ravel()], axis=1)
    rings = [line for line in pair.lines if line.get_marker() == "None" and len(line.get_xdata()) > 20]
    shares = sorted(float(Path(ring.get_xydata()).contains_points(points).mean()) for ring in rings)
    assert shares[0] == pytest.approx(0.393, abs=0.05)
    assert shares[-1] == pytest.approx(0.865, abs=0.05)


def test_corner_of_a_few_draws_or_of_equal_ones_has_points_only(tree):
    few = tree.isel(draw=slice(0, 3))
    plot_corner(few).draw_without_rendering()
    stuck = tree.copy(deep=True)
    stuck["posterior"]["crab.spectral.index"][:] = 2.0
    plot_corner(stuck).draw_without_rendering()


def test_trace_shows_each_chain_and_its_divergences(tree):
    figure = plot_trace(tree)
    assert len(figure.axes) == 6
    left, right = figure.axes[2:4]
    assert left.get_ylabel().startswith("crab\namplitude")
    chains = [line for line in right.lines if len(line.get_xdata()) == 200]
    np.testing.assert_allclose(
        [line.get_ydata() for line in chains], tree["posterior"]["crab.spectral.amplitude"].values / 1e-12
    )
    marks = [list(line.get_xdata()) for line in right.lines if line.get_marker() == "|"]
    assert marks == [[], [50], [], []]
    assert "1 divergences" in figure.axes[1].get_title()


@pytest.fixture
def band():
    energy = np.geomspace(0.1, 10.0, 5) * u.TeV
    flux = 1e-12 * energy.value**-2 * u.Unit("cm-2 s-1 TeV-1")
    ends = ((0.9 * flux, 0.8 * flux), (1.1 * flux, 1.2 * flux))
    return FluxBand("crab", energy, flux, 1.02 * flux, (0.683, 0.954), *ends)


def test_sed_is_energy_squared_times_flux(band):
    axes = plot_sed(band, truth=PowerLawSpectralModel(index=2.0, amplitude="2e-12 cm-2 s-1 TeV-1")).axes[0]
    curves = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(curves["best fit"], 1e-12, rtol=1e-12)
    np.testing.assert_allclose(curves["posterior median"], 1.02e-12, rtol=1e-12)
    np.testing.assert_allclose(curves["truth"], 2e-12, rtol=1e-12)
    shaded = [item.get_label() for item in axes.collections]
    assert shaded == ["95% credible band", "68% credible band"]
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((0.8e-12, 1.2e-12))
    assert axes.get_xlabel() == "Energy (TeV)"
    assert "TeV cm$^{-2}$ s$^{-1}$" in axes.get_ylabel()


def test_sed_of_a_source_that_may_be_absent(band):
    zero = 0.0 * band.best
    absent = FluxBand("crab", band.energy, zero, zero, (0.683,), (zero,), (band.best,))
    plot_sed(absent).draw_without_rendering()


@pytest.fixture
def checked(rng):
    axis = MapAxis.from_energy_bounds(0.1, 10.0, 4)
    geom = WcsGeom.create(skydir=(0.0, 0.0), npix=(12, 10), binsz=0.1, frame="galactic", axes=(axis,))
    npred = np.full(geom.shape, 3.0)
    counts = WcsNDMap(geom, rng.poisson(npred).astype(float))
    mean = WcsNDMap(geom, npred)
    total = np.full(4, 360.0)
    spectrum = {"counts": counts.data.sum(axis=(1, 2)), "lower": total - 19, "median": total, "upper": total + 19}
    p_values = {"deviance": 0.4, "total": 0.51, "largest_excess": 0.2}
    return counts, PredictiveMaps(mean, mean, mean, mean, p_values, spectrum, 200)


def test_predictive_maps_are_residuals_of_groups_of_energies(checked):
    counts, predictive = checked
    mask = np.ones(counts.data.shape, dtype=bool)
    mask[:, 0] = False
    figure = plot_predictive(counts, predictive, mask=mask, radius=1.0)
    images = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert energy_groups(4) == [(0, 2), (2, 3), (3, 4)]
    first = mask.copy()
    first[2:] = False
    expected = significance_image(counts.data, predictive.npred_mean.data, mask=first, radius=1.0)
    np.testing.assert_array_equal(np.ma.filled(images[0], np.nan), expected)
    titles = [axes.get_title() for axes in figure.axes]
    assert "p-values of the whole map: deviance 0.40, total counts 0.51, largest excess 0.20" in titles


def test_spectrum_shows_observed_and_replicated(checked):
    counts, predictive = checked
    figure = plot_predictive(counts, predictive)
    left, right = (axes for axes in figure.axes if axes.get_xlabel() == "Reconstructed energy (TeV)")
    np.testing.assert_array_equal(left.lines[0].get_ydata(), counts.data.sum(axis=(1, 2)))
    np.testing.assert_allclose(right.lines[0].get_ydata(), counts.data.sum(axis=(1, 2)) / 360.0)
    np.testing.assert_array_equal(left.patches[0].get_data().values, 379.0)
    np.testing.assert_array_equal(left.patches[0].get_data().baseline, 341.0)


def test_they_draw_on_the_figure_they_are_given(tree, band, checked):
    for draw in (
        lambda figure: plot_corner(tree, figure=figure),
        lambda figure: plot_trace(tree, figure=figure),
        lambda figure: plot_sed(band, figure=figure),
        lambda figure: plot_predictive(*checked, figure=figure),
    ):
        figure = Figure()
        assert draw(figure) is figure


def test_empty_bins_are_shown_too(checked):
    counts, predictive = checked
    zero = {name: np.zeros(4) for name in predictive.spectrum}
    empty = PredictiveMaps(*(predictive.npred_mean,) * 4, predictive.p_values, zero, 200)
    plot_predictive(counts.copy_with(data=np.zeros_like(counts.data)), empty).draw_without_rendering()
