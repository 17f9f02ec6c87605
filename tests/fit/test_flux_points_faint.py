"""Flux points of a source that is hardly there, on a background that is loosely known: densities at zero."""

import astropy.units as u
import numpy as np
import pytest

from bayesmap import MapFit, Prior, flux_points
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.testing import toy_dataset, toy_models

pytestmark = [pytest.mark.statistical, pytest.mark.slow]
MASS = 0.95
PRIOR = Prior("Gamma", alpha=1.0, beta=0.1)


@pytest.fixture(scope="module")
def fit():
    """Few counts: the background under the source is known from the map's other pixels to some ten per cent."""
    models = toy_models(PointSpatialModel(lon_0=83.63, lat_0=22.01), amplitude="3e-11 cm-2 s-1 TeV-1")
    frozen = {"lon_0": True, "lat_0": True, "index": True}
    data = toy_dataset(models, npix=10, background=0.1, seed=5)
    return MapFit.from_dataset(data, models.with_frozen(frozen), priors={"toy-bkg.spectral.norm": PRIOR})


@pytest.fixture(scope="module")
def points(fit):
    edges = fit.dataset.axis.edges * u.TeV
    return flux_points(fit, "source", edges), flux_points(
        fit, "source", edges, backend="nuts", draws=2500, random_seed=3
    )


def test_norms_stand_near_zero(points):
    quick, _ = points
    assert np.any(quick.norm < 5.0 * quick.norm_err)


def test_limits_are_those_of_draws(points):
    """Standard error of a quantile: sqrt(p (1 - p) / N) / density; of the weighted draws some hundred count."""
    quick, drawn = points
    assert quick.success, quick.reasons
    assert drawn.success, drawn.reasons
    for k in range(len(quick)):
        values = np.sort(drawn.draws.values[..., k].ravel())
        low, high = np.quantile(values, [MASS - 0.02, MASS + 0.02])
        density = 0.04 / (high - low)
        error = np.sqrt(MASS * (1.0 - MASS) / 1000.0) / density
        assert abs(quick.norm_ul[k] - drawn.norm_ul[k]) < 4.0 * error
        assert quick.norm_err[k] == pytest.approx(drawn.norm_err[k], rel=0.15)
