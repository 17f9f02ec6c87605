"""Numba against JAX: the log-likelihood and its gradient at random points."""

import jax
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import bayesmap.fold.ops.numba_rules  # noqa: F401 - registers itself
from bayesmap.fold.counted import build_counted
from bayesmap.fold.forward import build_fold
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.disk import DiskSpatialModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.jaxify import jaxify
from bayesmap.posterior.likelihood import observe
from bayesmap.testing import toy_dataset

N_POINTS = 20


SHAPES = {
    "point": PointSpatialModel(lon_0=83.70, lat_0=21.96),
    "gauss, between two images": GaussianSpatialModel(lon_0=83.60, lat_0=22.05, sigma=0.32),
    "disk": DiskSpatialModel(lon_0=83.66, lat_0=22.10, r_0=0.2),
}


def graph_of(spatial):
    """Return theta, value and gradient built as the posterior builds them, and the coordinates."""
    spectrum = PowerLawSpectralModel(index=2.2, amplitude="2e-9 cm-2 s-1 TeV-1")
    models = Models((SkyModel(spectrum, spatial, name="source"), FoVBackgroundModel("toy")))
    dataset = toy_dataset(models, seed=4, npix=10)
    fold, coordinates = build_fold(dataset, models), Coordinates(models, tuple(models.parameters.free_names))
    theta = pt.tensor("theta", dtype="float64", shape=(coordinates.size,))
    counts, parameters = observe(dataset), coordinates.graph(theta)
    counted = build_counted(fold, counts.blocks, counts.weights).predict(fold.predict(parameters))
    value = counts.log_likelihood(counted, parameters)
    return theta, [value, pt.grad(value, theta)], coordinates


def points(coordinates):
    rng = np.random.default_rng(6)
    start = coordinates.start
    spread = 0.02 * np.where(start == 0.0, 1.0, np.abs(start))
    return [start + spread * rng.standard_normal(len(start)) for _ in range(N_POINTS)]


SLOW = pytest.mark.slow  # numba compiles the graph of an extended source for one to two minutes


@pytest.mark.parametrize("shape", [name if name == "point" else pytest.param(name, marks=SLOW) for name in SHAPES])
def test_numba_and_jax_agree(shape):
    theta, outputs, coordinates = graph_of(SHAPES[shape])
    numba = pytensor.function([theta], outputs, mode="NUMBA")
    function, constants = jaxify([theta], outputs[:1])[:2]
    # JAX differentiates by itself, as the posterior lets it: pullbacks of the Ops on one side, its own on the other.
    jax_both = jax.jit(jax.value_and_grad(lambda point: function(point, *constants)[0]))
    for point in points(coordinates):
        value, gradient = numba(point)
        jax_value, jax_gradient = (np.asarray(output) for output in jax_both(point))
        assert np.isfinite(value)
        assert jax_value == pytest.approx(float(value), rel=1e-10)
        assert np.max(np.abs(jax_gradient - gradient)) < 1e-8 * np.max(np.abs(gradient))
