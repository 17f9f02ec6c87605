"""Minuit and SciPy on real data: the same optimum, covariance and intervals as the package's own."""

import dataclasses
import json

import numpy as np
import pytest

from bayesmap import MapFit, read_dataset, read_models

CASES = (
    "fermi_crab_lp", "fermi_crab_plpos", "fermi_gc_point", "fermi_gc_diffuse", "hess_crab_point", "hess_crab_gauss",
    "cta_gc",
)  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=CASES)
def fit(request, reference_data):
    record = json.loads((reference_data / "fits" / f"{request.param}.json").read_text())
    name = record["dataset"]
    dataset = read_dataset(reference_data / f"{name}.mapdataset.fits.gz", name=name).nodes_as_bins()
    models = read_models(record["models_start"], root=reference_data / "fits", allow_paths=[reference_data / name])
    if request.param == "fermi_gc_diffuse":  # a cube and an isotropic table are its background
        dataset = dataclasses.replace(dataset, background=None)
    return MapFit.from_dataset(dataset, models, exposure_order="after_psf", priors="flat")


@pytest.mark.parametrize(
    ("backend", "options"), [("minuit", {"strategy": 2}), ("minuit", {}), ("scipy", {}), ("scipy", {"method": "SLSQP"})]
)
def test_the_same_optimum(fit, backend, options):
    best = fit.optimize()
    found = fit.optimize(backend, **options)
    assert found.success, (found.reasons, found.notes)
    assert abs(2.0 * (found.log_posterior - best.log_posterior)) < 1e-4


def test_the_same_covariance(fit):
    assert fit.run().success
    exact, found = fit.covariance(), fit.covariance("minuit")
    assert found.success, found.reasons
    assert found.errors == pytest.approx(exact.errors, rel=0.01)
    assert found.correlation == pytest.approx(exact.correlation, abs=0.01)


def test_the_interval_of_the_index_or_norm(fit):
    fit.run()
    name = fit.free_parameters[-1]
    found = fit.confidence(name, backend="minuit")
    assert found["success"], found["message"]
    error = fit.confidence(name, backend="laplace")["errp"]
    assert np.array([found["errp"], found["errn"]]) == pytest.approx(error, rel=0.2)
