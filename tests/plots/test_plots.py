"""Pictures show the numbers that they are given, with coordinates and units."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from bayesmap.checks.residuals import residual_significance, significance_image
from bayesmap.errors import BayesmapInputError
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models import Models, PowerLawSpectralModel, SkyModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.plots.counts import plot_counts
from bayesmap.plots.sky import source_positions
from bayesmap.plots.spectrum import plot_spectrum, poisson_interval


@pytest.fixture
def maps(rng):
    axis = MapAxis.from_energy_bounds(0.1, 10.0, 3)
    geom = WcsGeom.create(skydir=(0.0, 0.0), npix=(12, 10), binsz=0.1, frame="galactic", axes=(axis,))
    npred = np.full(geom.shape, 4.0) * np.array([5.0, 2.0, 0.5])[:, None, None]
    return WcsNDMap(geom, rng.poisson(npred)), WcsNDMap(geom, npred)


@pytest.fixture
def models():
    def source(name, lon, lat, frame):
        return SkyModel(PowerLawSpectralModel(), PointSpatialModel(lon_0=lon, lat_0=lat, frame=frame), name=name)

    # RA 266.4168, Dec -29.0078 is Galactic (359.944, -0.046), Sgr A*; the third one lies off the map.
    return Models(
        (
            source("a", "0.2 deg", "0.1 deg", "galactic"),
            source("sgr", "266.4168 deg", "-29.0078 deg", "icrs"),
            source("far", "30 deg", "0 deg", "galactic"),
        )
    )


def panels(figure):
    return [axes for axes in figure.axes if axes.images]


def test_three_panels_with_their_numbers(maps):
    counts, npred = maps
    left, middle, right = panels(plot_counts(counts, npred, radius=1.0))
    np.testing.assert_array_equal(left.images[0].get_array(), counts.data.sum(axis=0))
    np.testing.assert_array_equal(middle.images[0].get_array(), npred.data.sum(axis=0))
    np.testing.assert_array_equal(right.images[0].get_array(), significance_image(counts.data, npred.data, radius=1.0))
    assert left.images[0].norm is middle.images[0].norm
    assert right.images[0].norm.vmin == -right.images[0].norm.vmax


def test_axes_and_colour_bars_have_labels_with_units(maps):
    figure = plot_counts(*maps)
    first = panels(figure)[0]
    assert first.coords[0].get_axislabel() == "Galactic longitude (deg)"
    assert first.coords[1].get_axislabel() == "Galactic latitude (deg)"
    labels = [axes.get_xlabel() for axes in figure.axes if axes not in panels(figure)]
    assert labels == ["counts per pixel", "predicted counts per pixel", r"significance ($\sigma$)"]


def test_bins_outside_the_mask_are_left_out(maps):
    counts, npred = maps
    mask = np.ones(counts.data.shape, dtype=bool)
    mask[:, 0, 0] = False
    mask[0] = False
    left, _, right = panels(plot_counts(counts, npred, mask=mask))
    shown = np.ma.filled(left.images[0].get_array(), np.nan)
    assert np.isnan(shown[0, 0])
    assert np.isnan(np.ma.filled(right.images[0].get_array(), np.nan)[0, 0])
    np.testing.assert_array_equal(shown[1:], counts.data[1:, 1:].sum(axis=0))


def test_positions_are_turned_into_the_frame_of_the_map(models):
    positions = source_positions(models, "galactic")
    assert positions["a"] == pytest.approx((0.2, 0.1), abs=1e-9)
    assert positions["sgr"] == pytest.approx((359.944, -0.046), abs=2e-3)


def test_sources_on_the_map_are_marked(maps, models):
    figure = plot_counts(*maps, models=models)
    assert [[text.get_text() for text in axes.texts] for axes in panels(figure)] == [["a", "sgr"]] * 3


def test_it_draws_on_the_figure_it_is_given(maps):
    figure = Figure()
    assert plot_counts(*maps, figure=figure) is figure
    other = Figure()
    assert plot_spectrum(*maps, figure=other) is other


def test_pictures_can_be_written(maps, models, tmp_path):
    plot_counts(*maps, models=models).savefig(tmp_path / "maps.png", dpi=50)
    plot_spectrum(*maps).savefig(tmp_path / "spectrum.png", dpi=50)
    assert all((tmp_path / name).read_bytes()[:4] == b"\x89PNG" for name in ("maps.png", "spectrum.png"))


def test_spectrum_shows_sums_inside_the_mask(maps):
    counts, npred = maps
    mask = np.zeros(counts.data.shape, dtype=bool)
    mask[:, :5] = True
    above, below = plot_spectrum(counts, npred, mask=mask).axes
    observed, expected = counts.data[:, :5].sum(axis=(1, 2)), npred.data[:, :5].sum(axis=(1, 2))
    np.testing.assert_array_equal(above.lines[0].get_ydata(), observed)
    np.testing.assert_array_equal(above.patches[0].get_data().values, expected)
    np.testing.assert_array_equal(below.lines[1].get_ydata(), residual_significance(observed, expected))
    assert below.get_xlabel() == "Reconstructed energy (TeV)"
    assert above.get_xscale() == "log"


def test_spectrum_shows_each_component(maps):
    counts, npred = maps
    part = npred.copy_with(data=npred.data * 0.25)
    above, _ = plot_spectrum(counts, npred, components={"crab": part}).axes
    shown = {patch.get_label(): patch.get_data().values for patch in above.patches}
    np.testing.assert_array_equal(shown["crab"], part.data.sum(axis=(1, 2)))
    np.testing.assert_array_equal(shown["predicted"], npred.data.sum(axis=(1, 2)))


def test_empty_bins_are_shown_too(maps):
    counts, npred = maps
    plot_spectrum(counts.copy_with(data=np.zeros_like(counts.data)), npred).draw_without_rendering()


def test_poisson_interval_is_exact():
    # Gehrels 1986, ApJ 303, 336, tables 1 and 2: 1 sigma limits for 0, 1, 10 counts
    low, high = poisson_interval(np.array([0.0, 1.0, 10.0]))
    np.testing.assert_allclose(high, [1.841, 3.300, 14.27], atol=6e-3)
    np.testing.assert_allclose(low, [0.0, 0.173, 6.891], atol=6e-4)


def test_shapes_must_agree(maps):
    counts, npred = maps
    with pytest.raises(BayesmapInputError, match="BM-CK-001"):
        plot_counts(counts, npred.crop(0, 5, 0, 5))
