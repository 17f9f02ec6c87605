"""`MapFit.pymc_model` is a plain PyMC model with the compiled posterior's density; PyMC and ArviZ work on it."""

import arviz as az
import numpy as np
import pymc as pm
import pytest

from bayesmap.fit import MapFit
from bayesmap.inference.samplers.pymc_nuts import value_order, value_point
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.inference.whitening import whiten
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models
from bayesmap.testing import toy_dataset, toy_models

JAX = {"mode": "JAX"}
# PyTensor copies PyMC's random generators into the compiled JAX function and says so: PyMC's own doing.
COPIES = pytest.mark.filterwarnings("ignore:The RandomType SharedVariables:UserWarning")


@pytest.fixture(scope="module")
def model(small_fit):
    return small_fit.pymc_model


@pytest.fixture(scope="module")
def few(small_tree):
    return small_tree.isel(draw=slice(0, 500, 10))


@pytest.fixture(scope="module")
def points(small_fit):
    whitening = whiten(small_fit._posterior, small_fit._theta)
    steps = np.random.default_rng(4).standard_normal((20, len(whitening.origin)))
    return whitening.origin + 1.5 * steps @ whitening.root.T


def test_value_and_gradient_are_those_of_the_compiled_posterior(small_fit, model, points):
    variables, unbounded = small_fit._posterior.variables, UnboundedPosterior(small_fit._posterior)
    function = model.compile_fn([model.logp(), model.dlogp()], inputs=model.value_vars, **JAX)
    order = value_order(model, variables)
    for z in points:
        value, gradient = unbounded.value_and_gradient(z)
        theirs, slopes = function(value_point(model, variables, z))
        assert float(theirs) == pytest.approx(value, rel=1e-10)
        assert np.abs(slopes - gradient[order]).max() < 1e-8 * np.abs(gradient).max()


def test_a_model_without_a_moving_source_has_support():
    """No cut-out to leave: a background alone, and a source that is frozen but for its spectrum."""
    still = {"source.spatial.lon_0": True, "source.spatial.lat_0": True}
    for models in (Models(FoVBackgroundModel("toy")), toy_models().with_frozen(still)):
        fit = MapFit.from_dataset(toy_dataset(npix=8), models)
        posterior, model = fit._posterior, fit.pymc_model
        z = posterior.variables.forward(fit._theta)
        value, _ = UnboundedPosterior(posterior).value_and_gradient(z)
        theirs = model.compile_logp(**JAX)(value_point(model, posterior.variables, z))
        assert np.isfinite(value)
        assert float(theirs) == pytest.approx(value, rel=1e-10)


def test_it_is_a_plain_model_with_readable_names(model):
    assert type(model) is pm.Model
    assert [item.name for item in model.free_RVs] == [
        "source.spectral.index",
        "source.spectral.amplitude",
        "source.spatial.position",
        "toy-bkg.spectral.norm",
    ]
    assert [item.name for item in model.deterministics] == ["source.spatial.lon_0", "source.spatial.lat_0"]
    assert [item.name for item in model.observed_RVs] == ["counts"]
    assert model.named_vars_to_dims["counts"] == ("bin",)
    assert model.named_vars_to_dims["source.spatial.position"] == ("offset",)
    assert list(model.coords["offset"]) == ["x", "y"]


def test_bins_are_the_selected_ones_with_their_places(small_fit, model):
    dataset = small_fit.dataset
    selected = np.flatnonzero(dataset.mask_data)
    assert list(model.coords["bin"]) == selected.tolist()
    where = np.unravel_index(selected, dataset.counts.data.shape)
    lon, lat = dataset.counts.geom.to_image().pixel_centers()
    assert np.array_equal(model["bin_energy"].get_value(), dataset.counts.geom.axes[0].center[where[0]])
    assert np.array_equal(model["bin_lon"].get_value(), lon[where[1:]])
    assert np.array_equal(model["bin_lat"].get_value(), lat[where[1:]])
    observed = model.rvs_to_values[model["counts"]]
    assert np.array_equal(observed.data, dataset.counts.data.ravel()[selected])


def test_initial_values_are_those_of_the_best_fit(small_fit, model):
    values = small_fit.initial_values
    assert set(values) == {item.name for item in model.free_RVs}
    assert float(values["source.spectral.index"]) == small_fit.model.parameters["source.spectral.index"].value
    assert values["source.spatial.position"].shape == (2,)


@COPIES
def test_prior_predictive(model):
    with model:
        prior = pm.sample_prior_predictive(draws=20, random_seed=1, compile_kwargs=JAX)
    counts = prior["prior_predictive"]["counts"]
    assert counts.dims == ("chain", "draw", "bin")
    assert np.all(counts.values == np.round(counts.values))
    assert np.all(prior["prior"]["source.spectral.amplitude"] > 0)
    assert len(np.unique(prior["prior"]["source.spectral.index"])) == 20


@COPIES
@pytest.mark.statistical
def test_posterior_predictive_scatters_about_the_prediction(small_fit, model, few):
    with model:
        found = pm.sample_posterior_predictive(few, random_seed=1, progressbar=False, compile_kwargs=JAX)
    totals = found["posterior_predictive"]["counts"].sum("bin").values
    ours = small_fit.posterior_predictive(few, random_seed=2)["posterior_predictive"]["counts"].sum("bin").values
    # Same draws of theta, other Poisson numbers: the difference has twice the Poisson variance.
    error = np.sqrt(2.0 * totals.mean() / totals.size)
    assert abs(totals.mean() - ours.mean()) < 4.0 * error


def test_pointwise_log_likelihood_is_that_of_pymc_and_loo_reads_it(small_fit, model, small_tree):
    with model:
        theirs = pm.compute_log_likelihood(small_tree.copy(), progressbar=False, compile_kwargs=JAX)
    ours = small_fit.pointwise_log_likelihood(small_tree)
    values = ours["log_likelihood"]["counts"]
    assert values.values == pytest.approx(theirs["log_likelihood"]["counts"].values, rel=1e-9, abs=1e-11)
    assert az.loo(ours).elpd == pytest.approx(az.loo(theirs).elpd, rel=1e-9)
    assert values.coords["energy"].dims == ("bin",)
