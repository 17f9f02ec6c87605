"""Pictures of profiles, contours, residuals, regions and spectra show the numbers that they are given."""

from __future__ import annotations

import math
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import SkyCoord
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline

from bayesmap.checks.residuals import significance_image
from bayesmap.errors import BayesmapInputError
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.plots.butterfly import plot_butterfly
from bayesmap.plots.contours import plot_contours
from bayesmap.plots.correlation import plot_correlation
from bayesmap.plots.position import plot_position
from bayesmap.plots.profile import plot_profile
from bayesmap.plots.regions import plot_regions
from bayesmap.plots.residuals import plot_residuals
from bayesmap.results.butterfly import butterfly_table
from bayesmap.results.flux import FluxBand
from bayesmap.results.position import position_contour, position_ellipse
from bayesmap.results.profile import Profile, ProfileContour, ProfileInterval
from bayesmap.results.regions import ContourRegion, EllipseRegion

NAMES = ("crab.spectral.amplitude", "crab.spectral.index")
BEST, SIGMA = (3e-12, 2.2), (2e-13, 0.1)
UNIT = "cm-2 s-1 TeV-1"


@pytest.fixture
def tree(rng):
    values = [best + sigma * rng.standard_normal((4, 500)) for best, sigma in zip(BEST, SIGMA, strict=True)]
    units = (UNIT, "")
    named = {name: (("chain", "draw"), values[i], {"unit": units[i]}) for i, name in enumerate(NAMES)}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(named)})


def profile(kind="profile", statistic="posterior", steepness=1.0):
    values = BEST[0] + SIGMA[0] * np.linspace(-4.0, 4.0, 33)
    stat = 100.0 + steepness * ((values - BEST[0]) / SIGMA[0]) ** 2
    return Profile(NAMES[0], UNIT, values, stat, stat, BEST[0], 100.0, kind, statistic, np.ones(33, bool), 5)


def test_profile_is_shown_as_a_rise_in_handy_units(tree):
    ends = ProfileInterval(NAMES[0], UNIT, BEST[0], BEST[0] - SIGMA[0], BEST[0] + SIGMA[0], 1.0, False, False, True,
                           "profile", "posterior", 5)  # fmt: skip
    figure = plot_profile([profile(), profile("slice", steepness=2.0)], tree=tree, intervals=[ends])
    axes = figure.axes[0]
    curves = {line.get_label(): line.get_xydata() for line in axes.lines}
    curve = curves["profile of the posterior"]
    np.testing.assert_allclose(curve[:, 1], ((curve[:, 0] - 3.0) / 0.2) ** 2, rtol=1e-9, atol=1e-9)
    assert "slice of the posterior, others held" in curves
    np.testing.assert_allclose(curves["ends of the interval"], [[2.8, 1.0], [3.2, 1.0]])
    levels = sorted(line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":")
    assert levels == [1.0, 4.0]
    assert axes.get_xlabel() == "crab.amplitude ($10^{-12}$ cm$^{-2}$ s$^{-1}$ TeV$^{-1}$)"


@pytest.mark.statistical
def test_the_shaded_posterior_ends_at_its_intervals(tree):
    axes = plot_profile(profile(), tree=tree).axes[0]
    shaded = {item.get_label(): item.get_paths()[0].vertices[:, 0] for item in axes.collections}
    inside = shaded["their interval of 68.27 %"]
    ends = tree["posterior"][NAMES[0]].quantile([0.158655, 0.841345]).values / 1e-12
    assert (inside.min(), inside.max()) == pytest.approx(tuple(ends), rel=1e-5)
    assert inside.max() == pytest.approx(3.2, abs=4.0 * 0.2 * 1.5 / math.sqrt(2000))


def test_a_profile_alone_on_axes_of_another_figure():
    figure = Figure()
    axes = figure.subplots(1, 2)
    assert plot_profile(profile(), figure=figure, axes=axes[1]) is figure
    assert len(axes[0].lines) == 0
    assert len(axes[1].lines) > 0


def test_pictures_refuse_what_is_not_there(tree):
    other = replace(profile(), name="crab.spectral.index")
    with pytest.raises(BayesmapInputError, match=r"BM-FT-079.*crab\.spectral\.index"):
        plot_profile([profile(), other])
    absent = tree.copy(deep=True)
    del absent["posterior"][NAMES[0]]
    with pytest.raises(BayesmapInputError, match=r"BM-FT-078.*crab\.spectral\.index"):
        plot_profile(profile(), tree=absent)
    with pytest.raises(BayesmapInputError, match=r"BM-FT-078.*'sigma'.*crab\.spectral\.index"):
        plot_contours(tree, "sigma", "index")
    with pytest.raises(BayesmapInputError, match="BM-FT-079"):
        plot_contours(tree, *NAMES, profiles=replace(contour(1.0), x_name="crab.spatial.sigma"))
    with pytest.raises(BayesmapInputError, match="BM-FT-078"):
        plot_correlation(tree, names=["sigma"])
    assert plot_contours(tree, "index", "amplitude").axes[0].get_xlabel() == "crab.index"


def contour(sigma, points=60):
    turn = np.linspace(0.0, 2.0 * np.pi, points, endpoint=False)
    x, y = (best + sigma * width * part for best, width, part in zip(BEST, SIGMA, (np.cos(turn), np.sin(turn)),
                                                                      strict=True))  # fmt: skip
    missing = np.zeros(points, dtype=bool)
    return ProfileContour(*NAMES, UNIT, "", x, y, *BEST, sigma, np.full(points, sigma**2), missing, True, "profile",
                          "posterior", 9)  # fmt: skip


def test_contours_of_both_definitions_lie_on_each_other(tree):
    axes = plot_contours(tree, NAMES[1], NAMES[0], profiles=[contour(1.0), contour(2.0)]).axes[0]
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    closed = lines[r"profile, $\Delta(-2\ln p) = 4$"]
    np.testing.assert_array_equal(closed[0], closed[-1])
    # The axes are exchanged: index along x, amplitude in 1e-12 along y.
    np.testing.assert_allclose(np.hypot((closed[:, 0] - 2.2) / 0.1, (closed[:, 1] - 3.0) / 0.2), 2.0)
    mass = lines["credible region, 86.47 %"]
    radius = np.hypot((mass[:, 0] - 2.2) / 0.1, (mass[:, 1] - 3.0) / 0.2)
    assert radius.mean() == pytest.approx(2.0, abs=0.15)
    np.testing.assert_allclose(lines["best fit"], [[2.2, 3.0]])
    with pytest.raises(BayesmapInputError, match="BM-FT-007"):
        plot_contours(tree, *NAMES, sigmas=(0.0,))


@pytest.fixture
def maps(rng):
    axis = MapAxis.from_energy_bounds(0.1, 10.0, 3)
    geom = WcsGeom.create(skydir=(0.0, 0.0), npix=(30, 20), binsz=0.1, frame="galactic", axes=(axis,))
    npred = np.full(geom.shape, 4.0)
    return WcsNDMap(geom, rng.poisson(npred).astype(float)), WcsNDMap(geom, npred)


def test_residuals_are_those_of_the_disk_and_the_histogram_counts_all_pixels(maps):
    mask = np.ones(maps[0].data.shape, dtype=bool)
    mask[:, :3] = False
    figure = plot_residuals(*maps, mask=mask, size=0.15, regions=regions())
    image = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    np.testing.assert_allclose(image, significance_image(maps[0].data, maps[1].data, mask=mask, radius=1.5))
    histogram = figure.axes[-1]
    number = histogram.patches[0].get_data().values
    assert number.sum() == 30 * 17
    assert "510 pixels" in histogram.get_legend().get_texts()[0].get_text()
    normal = histogram.lines[0].get_xydata()
    assert np.trapezoid(normal[:, 1], normal[:, 0]) == pytest.approx(510 * 0.25, rel=1e-3)
    figure.draw_without_rendering()


def regions():
    border = np.stack(EllipseRegion("", "", "galactic", 0.5, 0.3, 0.2, 0.2, 0.0).outline(31), axis=1)
    galactic = SkyCoord(0.4, 0.1, unit="deg", frame="galactic").icrs
    return [
        EllipseRegion("a", "position (draws)", "icrs", galactic.ra.deg, galactic.dec.deg, 0.1, 0.05, 20.0, 0.95),
        ContourRegion("b", "position (highest density)", "galactic", 0.5, 0.3, (border,), 0.95),
        EllipseRegion("far", "extension, sigma", "galactic", 90.0, 10.0, 1.0, 1.0, 0.0),
    ]


def test_regions_stand_where_they_are_on_the_sky(maps):
    shown = regions()
    figure = plot_regions(maps[0], shown, width=1.5)
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), maps[0].data.sum(axis=0))
    geom = maps[0].geom.to_image()
    line = next(item.get_xydata() for item in axes.lines if len(item.get_xdata()) == 31)
    lon, lat = geom.pixel_to_sky(*line.T)
    centre = SkyCoord(0.5, 0.3, unit="deg", frame="galactic")
    np.testing.assert_allclose(centre.separation(SkyCoord(lon, lat, unit="deg", frame="galactic")).deg, 0.2, atol=1e-9)
    assert np.ptp(axes.get_xlim()) == pytest.approx(15.0)
    assert {text.get_text() for text in axes.texts} == {"a", "b"}
    words = {text.get_text() for text in axes.get_legend().get_texts()}
    assert words == {"error ellipse", "credible region", "extension"}
    plot_regions(maps[0], shown[:2]).draw_without_rendering()
    plot_regions(maps[0], []).draw_without_rendering()


def test_position_is_shown_in_angles_from_the_best_fit(small_fit, small_tree):
    models = small_fit.model
    regions = [position_contour(small_tree, models, "source", 0.6827),
               position_ellipse(small_fit.covariance(), models, "source", 0.9545)]  # fmt: skip
    start = SkyCoord(*models["source"].spatial_model.position, unit="deg")
    moved = start.directional_offset_by(math.atan2(36.0, 72.0) * u.rad, math.hypot(36.0, 72.0) * u.arcsec)
    truth, shown = (moved.ra.deg, moved.dec.deg), [*regions, *regions_of_others()]
    axes = plot_position(small_tree, models, "source", regions=shown, truth=truth).axes[0]
    assert axes.get_xlabel() == "Offset in right ascension (arcsec)"
    assert axes.get_xlim()[0] > axes.get_xlim()[1]
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert set(lines) == {"draws", "highest density, 68.27 %", "Laplace, 95.45 %", "best fit", "truth"}
    np.testing.assert_allclose(lines["truth"], [[36.0, 72.0]], rtol=1e-6)
    radius = 3600.0 * np.array([regions[1].semi_minor, regions[1].semi_major])
    found = np.hypot(*lines["Laplace, 95.45 %"].T)
    assert (found.min(), found.max()) == pytest.approx(tuple(radius), rel=1e-3)
    # The same share of the draws that are shown lies inside.
    inside = Outline(lines["highest density, 68.27 %"]).contains_points(lines["draws"]).mean()
    assert inside == pytest.approx(0.6827, abs=0.01)


def regions_of_others():
    return [EllipseRegion("other", "position (draws)", "icrs", 83.0, 22.0, 0.1, 0.1, 0.0, 0.95),
            EllipseRegion("source", "extension, sigma", "icrs", 83.0, 22.0, 0.1, 0.1, 0.0)]  # fmt: skip


@pytest.fixture
def band():
    energy = np.geomspace(0.1, 10.0, 5) * u.TeV
    flux = 1e-12 * energy.value**-2 * u.Unit("cm-2 s-1 TeV-1")
    ends = ((0.9 * flux, 0.8 * flux), (1.1 * flux, 1.2 * flux))
    return FluxBand("crab", energy, flux, 1.02 * flux, (0.682689, 0.954500), *ends)


@pytest.mark.parametrize(("power", "unit", "level"), [
    (2, None, 1.602176634e-12), (2, "TeV cm-2 s-1", 1e-12), (0, "m-2 s-1 TeV-1", 1e-8)])  # fmt: skip
def test_butterfly_in_the_units_that_were_asked_for(band, power, unit, level):
    axes = plot_butterfly([band, band], power=power, unit=unit, energy_unit="GeV").axes[0]
    line = axes.lines[0].get_xydata()
    np.testing.assert_allclose(line[:, 0], band.energy.to_value("GeV"))
    shape = 1.0 if power == 2 else band.energy.value**-2
    np.testing.assert_allclose(line[:, 1], 1.02 * level * shape)
    heights = axes.collections[1].get_paths()[0].vertices
    at_one = heights[np.isclose(heights[:, 0], 1e3), 1]
    assert (at_one.min(), at_one.max()) == pytest.approx((0.9 * level, 1.1 * level))
    assert axes.get_xlabel() == "Energy (GeV)"
    table = butterfly_table(band, power=power, unit=unit)
    np.testing.assert_allclose(table["median"].value, line[:, 1])
    assert table["lower_95.45"][2].value == pytest.approx(0.8 * level)
    assert table.colnames == ["energy", "best", "median", "lower_68.27", "upper_68.27", "lower_95.45", "upper_95.45"]
    assert table.meta["source"] == "crab"


def test_butterfly_refuses_units_that_do_not_fit(band):
    for options in ({"power": 3}, {"power": 2, "unit": "TeV"}, {"power": 0, "unit": "parsnip"}):
        with pytest.raises(BayesmapInputError, match="BM-FT-076"):
            butterfly_table(band, **options)
        with pytest.raises(BayesmapInputError, match="BM-FT-076"):
            plot_butterfly(band, **options)


def test_butterfly_of_an_absent_source(band):
    zero = 0.0 * band.best
    absent = FluxBand("crab", band.energy, zero, zero, (0.683,), (zero,), (band.best,))
    plot_butterfly(absent).draw_without_rendering()
