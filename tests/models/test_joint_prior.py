"""Correlated priors and priors on derived quantities, as they are stated."""

import numpy as np
import pytest

from bayesmap.errors import PriorError
from bayesmap.models.derived_prior import DERIVED_QUANTITIES, DerivedPrior
from bayesmap.models.joint_prior import MultivariatePrior
from bayesmap.models.prior import Prior
from bayesmap.models.sky import Models
from bayesmap.models.spectral.exp_cutoff_power_law import ExpCutoffPowerLawSpectralModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.results.fit import CovarianceResult
from bayesmap.testing import toy_models

FLUX, TEV = "cm-2 s-1 TeV-1", "1 TeV"


def test_sigma_and_correlation_make_the_covariance():
    prior = MultivariatePrior(mu=[2.0, 3.0], sigma=[0.5, 2.0], correlation=[[1, -0.5], [-0.5, 1]])
    assert prior.cov == ((0.25, -0.5), (-0.5, 4.0))
    assert prior == MultivariatePrior("MvNormal", [2.0, 3.0], [[0.25, -0.5], [-0.5, 4.0]])
    assert str(prior) == "MvNormal(mu=[2, 3], sigma=[0.5, 2], correlation=[-0.5])"
    assert prior.correlation == pytest.approx(np.array([[1.0, -0.5], [-0.5, 1.0]]))


def test_units_are_converted():
    prior = MultivariatePrior(mu=[2.0, f"3e-11 {FLUX}"], sigma=[0.1, f"1e-11 {FLUX}"])
    mean, cov = prior.numbers(["", "cm-2 s-1 GeV-1"])
    assert mean == pytest.approx([2.0, 3e-14], rel=1e-12)
    assert np.diag(cov) == pytest.approx([0.01, 1e-28], rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"type": "MvNorm", "mu": [1, 2], "sigma": [1, 1]}, r"BM-PR-001.*MvNorm(.|\n)*Did you mean 'MvNormal'"),
        ({"mu": [1.0], "sigma": [1.0]}, "BM-PR-010.*1 means"),
        ({"mu": [1, 2]}, "BM-PR-010.*not exactly one of cov and sigma"),
        ({"mu": [1, 2], "cov": np.eye(2), "sigma": [1, 1]}, "BM-PR-010.*not exactly one"),
        ({"mu": [1, 2], "cov": np.eye(3)}, r"BM-PR-010.*shape \(3, 3\)"),
        ({"mu": [1, 2], "cov": np.eye(2), "correlation": np.eye(2)}, "BM-PR-010.*correlation without sigma"),
        ({"mu": [1, 2], "sigma": [1, 1, 1]}, "BM-PR-010.*2 means and 3 sigmas"),
        ({"type": "MvStudentT", "mu": [1, 2], "sigma": [1, 1]}, "BM-PR-010.*nu = None"),
        ({"mu": [1, 2], "sigma": [1, 1], "nu": 3}, "BM-PR-010.*nu = 3"),
        ({"mu": [1, 2], "cov": [[1, 2], [2, 1]]}, "BM-PR-011.*smallest eigenvalue is -1"),
        ({"mu": [1, 2], "cov": [[1, 0.5], [0.2, 1]]}, "BM-PR-011.*not symmetric"),
        ({"mu": [1, 2], "cov": [[1, np.nan], [np.nan, 1]]}, "BM-PR-011.*not finite"),
        ({"mu": [1, np.inf], "cov": np.eye(2)}, "BM-PR-011.*not finite"),
        ({"mu": [1, 2], "sigma": [1, -1]}, "BM-PR-011.*not above zero"),
        ({"mu": [1, 2], "sigma": [1, "3 TeV"]}, "BM-PR-002.*3.0 TeV.*no unit"),
    ],
)
def test_bad_joint_priors(arguments, match):
    with pytest.raises(PriorError, match=match):
        MultivariatePrior(**arguments)


def test_a_unit_that_does_not_fit_its_parameter():
    with pytest.raises(PriorError, match="BM-PR-002.*'TeV', its parameter ''"):
        MultivariatePrior(mu=["1 TeV", 2], sigma=[1, 1]).numbers(["", ""])


def covariance(matrix):
    models = Models(toy_models()[0])
    names = ("source.spectral.index", "source.spectral.amplitude")
    return CovarianceResult(models, True, names, np.array(matrix), "")


def test_the_covariance_of_an_earlier_fit_is_a_prior():
    found = covariance([[0.04, 1e-11], [1e-11, 1e-20]])
    prior = MultivariatePrior.from_covariance(found, ["source.spectral.amplitude", "source.spectral.index"], scale=2.0)
    assert prior.mu == (8e-10, 2.2)
    assert prior.sigma == pytest.approx([2e-10, 0.4])
    assert prior.correlation[0, 1] == pytest.approx(0.5)
    assert prior.numbers(["m-2 s-1 TeV-1", ""])[0] == pytest.approx([8e-6, 2.2])


def test_a_covariance_that_has_not_the_parameter_or_no_numbers():
    with pytest.raises(PriorError, match=r"BM-PR-010.*source\.spectral\.reference"):
        MultivariatePrior.from_covariance(covariance(np.eye(2)), ["source.spectral.reference", "source.spectral.index"])
    with pytest.raises(PriorError, match="BM-PR-011.*not finite"):
        MultivariatePrior.from_covariance(covariance(np.full((2, 2), np.nan)), covariance(np.eye(2)).names)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("fluxx", {"energy_min": TEV, "energy_max": "2 TeV"}), "BM-PR-014.*fluxx(.|\n)*Did you mean 'flux'"),
        (("flux", {}), "BM-PR-014.*fewer than two energies"),
        (("flux", {"energy_min": "2 TeV", "energy_max": TEV}), "BM-PR-014.*2 TeV to 1 TeV"),
        (("cutoff_energy", {"energy_min": TEV, "energy_max": "2 TeV"}), "BM-PR-014.*belongs to no energies"),
        (("cutoff_energy", {"unit": "cm"}), "BM-PR-014.*'cm'"),
        (("cutoff_energy", {"unit": "TeVish"}), "BM-PR-014.*'TeVish'"),
    ],
)
def test_bad_derived_priors(arguments, match):
    quantity, options = arguments
    with pytest.raises(PriorError, match=match):
        DerivedPrior(quantity, Prior("HalfNormal", sigma=1.0), **options)


def test_derived_quantities_are_those_of_the_spectrum():
    model = PowerLawSpectralModel(index=2.0, amplitude=f"3e-12 {FLUX}")
    values, band = model.canonical_values, (1.0, 10.0)
    assert DERIVED_QUANTITIES["flux"].value(np, model, values, "amplitude", band) == pytest.approx(2.7e-12)
    energy_flux = DERIVED_QUANTITIES["energy_flux"].value(np, model, values, "amplitude", band)
    assert energy_flux == pytest.approx(3e-12 * np.log(10.0))
    cut = ExpCutoffPowerLawSpectralModel(lambda_="0.05 TeV-1")
    assert DERIVED_QUANTITIES["cutoff_energy"].value(np, cut, cut.canonical_values, "lambda_", band) == pytest.approx(
        20.0
    )


@pytest.mark.parametrize(
    ("name", "own"), [("flux", "amplitude"), ("energy_flux", "amplitude"), ("cutoff_energy", "lambda_")]
)
def test_slope_and_inverse_belong_to_the_value(name, own):
    formula = DERIVED_QUANTITIES[name]
    model = ExpCutoffPowerLawSpectralModel(index=1.7, amplitude=f"3e-12 {FLUX}", lambda_="0.05 TeV-1")
    values, band = model.canonical_values, (0.5, 30.0)

    def value(x):
        return float(formula.value(np, model, {**values, own: x}, own, band))

    x = values[own]
    assert formula.slope(np, model, values, own, band) == pytest.approx(
        (value(1.001 * x) - value(0.999 * x)) / (0.002 * x), rel=1e-5
    )
    assert formula.inverse(np, model, {**values, own: value(x)}, own, band) == pytest.approx(x, rel=1e-12)
