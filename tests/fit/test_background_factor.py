"""A background scaled by a factor on the sky and one in energy, through the fit."""

from __future__ import annotations

import dataclasses

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose

from bayesmap import MapFit, Models, read_models, simulate, write_models
from bayesmap.models import FoVBackgroundModel, PiecewiseNormSpectralModel
from bayesmap.models.spatial.piecewise_norm import PiecewiseNormSpatialModel
from bayesmap.testing import toy_models, toy_response

CENTER = SkyCoord(83.63, 22.01, unit="deg", frame="icrs")
NORMS = [1.0, 1.3, 0.7, 0.9, 1.2, 1.1, 0.8, 1.4, 0.6]
ENERGY_NORMS = [0.8, 1.3, 0.9]
ENERGY = [0.7, 2.0, 9.0] * u.TeV


def sky_factor(interp="lin"):
    """Nodes around the map, in a frame that is not the map's."""
    middle = CENTER.galactic
    lon, lat = (step.ravel() for step in np.meshgrid([-1.5, 0.1, 1.6], [-1.4, 0.2, 1.5]))
    nodes = middle.l.deg + lon, middle.b.deg + lat
    return PiecewiseNormSpatialModel(*nodes, norms=NORMS, frame="galactic", interp=interp)


def background(**changes):
    spectral = PiecewiseNormSpectralModel(ENERGY, norms=ENERGY_NORMS)
    return FoVBackgroundModel("toy", **({"spectral_model": spectral, "spatial_model": sky_factor()} | changes))


@pytest.fixture(scope="module")
def dataset():
    empty = dataclasses.replace(toy_response(npix=12), name="toy")
    return simulate(empty, Models((*toy_models().sky_models, background())), 5)


@pytest.fixture(scope="module")
def fit(dataset):
    return MapFit.from_dataset(dataset, Models((*toy_models().sky_models, background())), priors="flat")


def factor_by_hand(dataset, spatial, norms):
    """Interpolated factor at the pixel centres, turned to the model's frame by astropy."""
    lon, lat = dataset.counts.geom.to_image().pixel_centers()
    there = SkyCoord(lon, lat, unit="deg", frame="icrs").galactic
    values = {f"norm_{k}": norm for k, norm in enumerate(norms)}
    return spatial.factor(np, there.l.deg, there.b.deg, **values)


def energy_factor_by_hand(dataset):
    center = dataset.axis.center
    return np.exp(np.interp(np.log(center), np.log(ENERGY.to_value("TeV")), np.log(ENERGY_NORMS)))


def test_the_prediction_is_background_times_both_factors(dataset, fit):
    sky = factor_by_hand(dataset, sky_factor(), NORMS)
    assert np.ptp(sky) > 0.1
    expected = dataset.background.data * energy_factor_by_hand(dataset)[:, None, None] * sky
    assert_allclose(fit.npred_components()["toy-bkg"].data, expected, rtol=1e-10)


def test_it_follows_the_norms(dataset, fit):
    changed = [1.1, *NORMS[1:5], 0.5, *NORMS[6:]]
    at = {"toy-bkg.spatial.norm_0": 1.1, "toy-bkg.spatial.norm_5": 0.5}
    sky = factor_by_hand(dataset, sky_factor(), changed)
    expected = dataset.background.data * energy_factor_by_hand(dataset)[:, None, None] * sky
    assert_allclose(fit.npred_components(at)["toy-bkg"].data, expected, rtol=1e-10)


def test_gradient_equals_finite_differences(fit):
    posterior = fit._posterior
    names = posterior.coordinates.names
    own = [k for k, name in enumerate(names) if name.startswith("toy-bkg.") and ".norm_" in name]
    assert len(own) == len(NORMS) + len(ENERGY_NORMS)
    theta = posterior.coordinates.start.copy()
    theta[own] += 0.02
    _, gradient = posterior.value_and_gradient(theta)
    scale = np.max(np.abs(gradient[own]))
    for k in own:
        step = np.zeros_like(theta)
        step[k] = 1e-3
        # Five points, so that neither rounding nor curvature shows.
        near = posterior.log_posterior(theta + step) - posterior.log_posterior(theta - step)
        far = posterior.log_posterior(theta + 2 * step) - posterior.log_posterior(theta - 2 * step)
        assert_allclose(gradient[k], (8 * near - far) / (12 * 1e-3), rtol=1e-7, atol=1e-8 * scale, err_msg=names[k])


def test_logarithmic_interpolation(dataset):
    spatial = sky_factor("log")
    fit = MapFit.from_dataset(dataset, Models(background(spatial_model=spatial)), priors="flat")
    expected = dataset.background.data * energy_factor_by_hand(dataset)[:, None, None]
    expected = expected * factor_by_hand(dataset, spatial, NORMS)
    assert_allclose(fit.npred().data, expected, rtol=1e-10)


def test_files_keep_both_factors(tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    models = Models(background())
    write_models(models, tmp_path / "m.yaml")
    assert read_models(tmp_path / "m.yaml") == models
    theirs = peers.Models.read(tmp_path / "m.yaml")
    assert theirs.parameters.value == pytest.approx([*ENERGY_NORMS, *NORMS], rel=1e-15)
    assert theirs[0].spatial_model.frame == "galactic"
    for again in (read_models(theirs), read_models(theirs[0])):
        assert [item.value for item in again.parameters.values()] == [*ENERGY_NORMS, *NORMS]
        # Gammapy turns longitudes to -180 to 180 deg.
        lon = again[0].spatial_model.lon.value % 360.0
        assert_allclose(lon, models[0].spatial_model.lon.value, rtol=1e-12)
        assert_allclose(again[0].spectral_model.energy.to_value("TeV"), ENERGY.to_value("TeV"), rtol=1e-15)
