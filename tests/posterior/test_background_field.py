"""A background whose shape is off by a smooth field: the field is found, and the source is not taken for it."""

import dataclasses

import numpy as np
import pytest

from bayesmap.fit import MapFit, simulate
from bayesmap.inference.samplers.pymc_nuts import value_point
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel
from bayesmap.models.spatial.gaussian_process_norm import GaussianProcessNormSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.results.posterior import verdict_of
from bayesmap.testing import toy_response

AMPLITUDE = "source.spectral.amplitude"
TRUE = 2e-9
RESPONSE = toy_response(npix=20, background=60.0)
Y, X = np.indices((20, 20))
WRONG = 1.0 + 0.2 * np.sin(2 * np.pi * (X - 2) / 18) * np.cos(2 * np.pi * (Y - 7) / 20)
"""By how much the background is off: plus and minus 20 %, with the source on a hill."""


def source():
    lon, lat = RESPONSE.counts.geom.to_image().pixel_centers()
    place = {"lon_0": float(lon[7, 6]), "lat_0": float(lat[7, 6]), "sigma": 0.15}
    shape = GaussianSpatialModel(**place)
    shape = shape.with_parameters(tuple(item.replace(frozen=True) for item in shape.parameters))
    return SkyModel(PowerLawSpectralModel(index=2.2, amplitude=f"{TRUE} cm-2 s-1 TeV-1"), shape, name="source")


@pytest.fixture(scope="module")
def data():
    level = RESPONSE.background.copy_with(data=RESPONSE.background.data * WRONG)
    counts = simulate(dataclasses.replace(RESPONSE, background=level), Models((source(), FoVBackgroundModel("toy"))), 3)
    return dataclasses.replace(counts, background=RESPONSE.background)


@pytest.fixture(scope="module")
def fitted(data):
    field = GaussianProcessNormSpatialModel.from_geom(RESPONSE.counts.geom, "0.5 deg")
    fit = MapFit.from_dataset(data, Models((source(), FoVBackgroundModel("toy", spatial_model=field))))
    return fit, fit.run()


def pull(result):
    parameter = result.model.parameters[AMPLITUDE]
    return (parameter.value - TRUE) / parameter.error


@pytest.mark.statistical
def test_the_flux_is_biased_without_the_field_and_not_with_it(data, fitted):
    plain = MapFit.from_dataset(data, Models((source(), FoVBackgroundModel("toy")))).run()
    assert plain.success
    assert pull(plain) > 5.0
    assert fitted[1].success
    assert abs(pull(fitted[1])) < 2.0


def test_the_gradient_is_that_of_differences(fitted):
    posterior = fitted[0]._posterior
    rng = np.random.default_rng(2)
    theta = posterior.coordinates.start.copy()
    theta[3:] += 0.1 * rng.random(len(theta) - 3)
    _, gradient = posterior.value_and_gradient(theta)
    for i in range(len(theta)):
        step = 1e-4 * max(abs(theta[i]), 0.1 if i > 0 else 0.0) if i != 1 else 1e-4 * TRUE
        ends = [posterior.log_posterior(theta + sign * step * np.eye(len(theta))[i]) for sign in (-2, -1, 1, 2)]
        slope = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step)
        assert slope == pytest.approx(gradient[i], rel=1e-5, abs=1e-5 * np.abs(gradient[3:]).max())


def test_the_model_of_pymc_has_the_density_of_the_compiled_posterior(fitted):
    fit, _ = fitted
    posterior, model = fit._posterior, fit.pymc_model
    z = posterior.variables.forward(posterior.coordinates.start) + 0.05
    z[1] -= 0.05
    value, _ = UnboundedPosterior(posterior).value_and_gradient(z)
    theirs = model.compile_logp(mode="JAX")(value_point(model, posterior.variables, z))
    assert float(theirs) == pytest.approx(value, rel=1e-10)


@pytest.mark.slow
@pytest.mark.statistical
def test_the_posterior_recovers_the_shape(fitted):
    fit, _ = fitted
    tree = fit.sample(draws=1500, tune=800, chains=4, cores=2, random_seed=1, target_accept=0.95)
    verdict = verdict_of(tree)
    assert verdict.ok, str(verdict)
    posterior = tree["posterior"]
    amplitude = posterior[AMPLITUDE].values
    assert abs(amplitude.mean() - TRUE) < 2.0 * amplitude.std()
    lon, lat = RESPONSE.counts.geom.to_image().pixel_centers()
    field = fit.model["toy-bkg"].spatial_model
    found = []
    for k in range(0, 1500, 30):
        draw = posterior.isel(chain=k % 4, draw=k)
        values = {item.name: float(draw[f"toy-bkg.spatial.{item.name}"]) for item in field.parameters[2:]}
        factor = field.factor(np, lon, lat, **values)
        found.append(float(draw["toy-bkg.spectral.norm"]) * factor)
    mean, spread = np.mean(found, axis=0), np.std(found, axis=0)
    assert np.sqrt(np.mean((mean - WRONG) ** 2)) < 0.5 * np.sqrt(np.mean((1.0 - WRONG) ** 2))
    assert np.sqrt(np.mean(((mean - WRONG) / spread) ** 2)) < 1.5
