"""Diffuse emission as a correlated field: against direct sums, its derivatives, and a fit that finds its flux."""

import numpy as np
import pytest

from bayesmap.fit import MapFit, simulate
from bayesmap.fold.reference import reference_npred
from bayesmap.inference.samplers.pymc_nuts import value_point
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.gaussian_process_sky import GaussianProcessSpatialModel
from bayesmap.models.spatial.hilbert import is_weight
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.testing import toy_response

AMPLITUDE = "diffuse.spectral.amplitude"
TRUE = 5e-9
RESPONSE = toy_response(npix=14)


def models(amplitude=TRUE, scatter=0.8):
    field = GaussianProcessSpatialModel.from_geom(RESPONSE.counts.geom, "0.7 deg", scatter=scatter)
    rng = np.random.default_rng(5)
    weights = {name: rng.standard_normal() for name in field.basis.names}
    field = field.with_parameters(
        tuple(item.replace(value=weights[item.name]) for item in field.parameters if is_weight(item.name))
    )
    spectrum = PowerLawSpectralModel(index=2.2, amplitude=f"{amplitude} cm-2 s-1 TeV-1")
    both = Models((SkyModel(spectrum, field, name="diffuse"), FoVBackgroundModel("toy")))
    return both.with_frozen({"toy-bkg.spectral.norm": True})


@pytest.fixture(scope="module")
def fit():
    truth = models()
    return MapFit.from_dataset(simulate(RESPONSE, truth, 3), truth)


def test_it_is_the_direct_sum_on_a_finer_grid(fit):
    expected = reference_npred(RESPONSE, models(), oversample=3)
    assert np.abs(fit.npred().data - expected).max() < 1e-4 * expected.max()


def test_frozen_it_is_folded_once_to_the_same(fit):
    frozen = models().with_frozen({name: True for name in models().parameters if ".spatial." in name})
    once = MapFit.from_dataset(fit.dataset, frozen)
    assert once.npred().data == pytest.approx(fit.npred().data, rel=1e-9)


def test_the_gradient_is_that_of_differences(fit):
    posterior = fit._posterior
    theta = posterior.coordinates.start
    _, gradient = posterior.value_and_gradient(theta)
    for i in (0, 1, 2, 3, 4, 12, len(theta) - 1):
        step = 1e-4 * abs(theta[i])
        ends = [posterior.log_posterior(theta + k * step * np.eye(len(theta))[i]) for k in (-2, -1, 1, 2)]
        slope = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step)
        assert slope * theta[i] == pytest.approx(gradient[i] * theta[i], rel=1e-5, abs=1e-4)


def test_the_model_of_pymc_has_the_density_of_the_compiled_posterior(fit):
    posterior, model = fit._posterior, fit.pymc_model
    z = posterior.variables.forward(posterior.coordinates.start)
    value, _ = UnboundedPosterior(posterior).value_and_gradient(z)
    theirs = model.compile_logp(mode="JAX")(value_point(model, posterior.variables, z))
    assert float(theirs) == pytest.approx(value, rel=1e-10)


@pytest.mark.statistical
def test_a_fit_finds_flux_and_shape(fit):
    start = models().with_values({name: 0.0 for name in models().parameters if is_weight(name)})
    again = MapFit.from_dataset(fit.dataset, start.with_values({AMPLITUDE: 0.5 * TRUE, "diffuse.spatial.scatter": 0.5}))
    best = again.run()
    assert best.success
    found = best.model.parameters[AMPLITUDE]
    assert abs(found.value - TRUE) < 3.0 * found.error
    geom = RESPONSE.counts.geom.to_image()
    true = models()[0].spatial_model.evaluate_geom(geom).value
    shape = best.model[0].spatial_model.evaluate_geom(geom).value
    assert np.corrcoef(true.ravel(), shape.ravel())[0, 1] > 0.95
