"""Pictures of flux points show the numbers of the points."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from matplotlib.figure import Figure

from bayesmap import BayesmapInputError, FluxPoints, PowerLawSpectralModel
from bayesmap.plots.sed import ARROW, plot_sed


@pytest.fixture(scope="module")
def points():
    """Three bands, the last of which is an upper limit without a row in the covariance."""
    covariance = np.array([[0.01, 0.002, np.nan], [0.002, 0.04, np.nan], [np.nan, np.nan, np.nan]])
    numbers = np.ones((3, 1))
    return FluxPoints(
        source="crab",
        reference=PowerLawSpectralModel(index=2.0, amplitude="1e-12 cm-2 s-1 TeV-1", reference="1 TeV"),
        edges=[1.0, 4.0, 16.0, 64.0] * u.TeV,
        norm=np.array([1.0, 0.5, 0.0]),
        norm_err=np.array([0.1, 0.2, 0.1]),
        norm_errn=np.array([0.1, 0.15, 0.0]),
        norm_errp=np.array([0.12, 0.25, 0.2]),
        norm_ul=np.array([1.2, 0.9, 0.3]),
        covariance=covariance,
        ts=np.array([100.0, 9.0, 0.0]),
        stat=np.zeros(3),
        counts=numbers,
        npred=numbers,
        npred_excess=numbers,
        datasets=("run",),
        method="laplace",
        success=True,
    )


def test_points_and_limits(points):
    axes = plot_sed(None, points=points, truth=points.reference).axes[0]
    drawn = {item.get_label(): item for item in axes.containers}
    line = drawn["flux points, 68%"].lines[0]
    np.testing.assert_allclose(line.get_xdata(), [2.0, 8.0])
    np.testing.assert_allclose(line.get_ydata(), [1e-12, 0.5e-12])
    limit = drawn["upper limits, 95%"]
    np.testing.assert_allclose(limit.lines[0].get_ydata(), [0.3e-12])
    ends = limit.lines[2][-1].get_segments()[0][:, 1]
    np.testing.assert_allclose(sorted(ends), [(1.0 - ARROW) * 0.3e-12, 0.3e-12])
    assert axes.get_ylim()[0] < ends.min()
    truth = next(item for item in axes.lines if item.get_label() == "truth")
    np.testing.assert_allclose(truth.get_ydata(), 1e-12)


def test_correlations_stand_in_a_panel(points):
    figure = plot_sed(None, points=points, correlation=True)
    panel = figure.axes[1]
    shown = np.ma.filled(panel.images[0].get_array(), np.nan)
    np.testing.assert_allclose(shown[0, 1], 0.1)
    assert np.isnan(np.diag(shown)).all()
    assert np.isnan(shown[2]).all()
    assert [item.get_text() for item in panel.texts] == ["0.10", "0.10"]
    figure.draw_without_rendering()


def test_nothing_to_show(points):
    axes = Figure().subplots()
    for arguments in ({}, {"correlation": True}, {"points": points, "correlation": True, "axes": axes}):
        with pytest.raises(BayesmapInputError, match="BM-FT-069"):
            plot_sed(None, **arguments)
