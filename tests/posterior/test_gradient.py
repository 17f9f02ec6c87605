"""Exact gradients and Hessians against differences, for every model with every parameter free."""

import numpy as np
import pytest

from bayesmap.fit import MapFit
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.disk import DiskSpatialModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.exp_cutoff_power_law import ExpCutoffPowerLawSpectralModel
from bayesmap.models.spectral.log_parabola import LogParabolaSpectralModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.testing import toy_dataset

POSITION = {"lon_0": 83.70, "lat_0": 21.96}
BRIGHT = "4e-9 cm-2 s-1 TeV-1"
CASES = {
    "point, power law": (PointSpatialModel(**POSITION), PowerLawSpectralModel(index=2.2, amplitude=BRIGHT)),
    "gauss, cut-off": (
        GaussianSpatialModel(**POSITION, sigma=0.25, e=0.6, phi=40.0),
        ExpCutoffPowerLawSpectralModel(index=1.8, amplitude=BRIGHT, lambda_="0.1 TeV-1"),
    ),
    "disk, log parabola": (
        DiskSpatialModel(**POSITION, r_0=0.35, e=0.5, phi=-30.0, edge_width=0.4),
        LogParabolaSpectralModel(alpha=2.0, beta=0.1, amplitude=BRIGHT, reference="1 TeV"),
    ),
}
N_POINTS = 50
STEP = 5e-3  # standard deviations


def models_of(spatial, spectral):
    models = Models((SkyModel(spectral, spatial, name="source"), FoVBackgroundModel("toy")))
    names = [name for name in models.parameters if not name.endswith(".reference")]
    free = dict.fromkeys(names, False)
    if isinstance(spectral, ExpCutoffPowerLawSpectralModel):
        free["source.spectral.alpha"] = True  # degenerate with the cut-off energy in three bins
    return models.with_frozen(free)


@pytest.fixture(scope="module", params=CASES)
def whitened(request):
    """Compiled functions, the truth as origin, and the inverse root of the expected information there."""
    models = models_of(*CASES[request.param])
    fit = MapFit.from_dataset(toy_dataset(models, seed=3, background=2.0), models)
    posterior = fit._posterior
    origin = posterior.coordinates.start
    values, vectors = np.linalg.eigh(scaled(posterior.fisher(origin)))
    scale = 1.0 / np.sqrt(np.diag(posterior.fisher(origin)))
    return posterior, origin, scale[:, None] * vectors / np.sqrt(values)


def scaled(matrix):
    root = np.sqrt(np.diag(matrix))
    return matrix / np.outer(root, root)


def richardson(function, step):
    """Central difference at two steps, the error of second order removed."""
    coarse = (function(step) - function(-step)) / (2.0 * step)
    fine = (function(step / 2) - function(-step / 2)) / step
    return (4.0 * fine - coarse) / 3.0


def points(posterior, origin, root):
    rng = np.random.default_rng(5)
    lower, upper = posterior.variables.bounds()
    found = []
    while len(found) < N_POINTS:
        theta = origin + root @ (0.7 * rng.standard_normal(len(origin)))
        if np.all(theta > lower) and np.all(theta < upper) and np.isfinite(posterior.log_posterior(theta)):
            found.append(theta)
    return found


def test_gradient_is_the_derivative(whitened):
    posterior, origin, root = whitened
    for theta in points(posterior, origin, root):
        gradient = root.T @ posterior.value_and_gradient(theta)[1]
        difference = np.array(
            [
                richardson(lambda h, at=theta, along=column: posterior.log_posterior(at + h * along), STEP)
                for column in root.T
            ]
        )
        tolerance = 1e-6 * np.maximum(np.abs(gradient), 1e-3 * np.max(np.abs(gradient)))
        # The difference itself carries the round-off of the value, 1e-16 of it over the step.
        round_off = 16 * np.finfo(float).eps * abs(posterior.log_posterior(theta)) / STEP
        assert np.all(np.abs(gradient - difference) <= tolerance + round_off)


def test_hessian_is_the_derivative_of_the_gradient(whitened):
    posterior, origin, root = whitened
    hessian = root.T @ posterior.hessian(origin) @ root
    difference = np.stack(
        [
            root.T @ richardson(lambda h, column=column: posterior.value_and_gradient(origin + h * column)[1], 1e-2)
            for column in root.T
        ]
    )
    assert np.max(np.abs(hessian - difference)) < 1e-4 * np.max(np.abs(hessian))
