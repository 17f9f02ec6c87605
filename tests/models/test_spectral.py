"""Spectral models: values of other programs, laws over the registry, gradients at the singular points."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad

from bayesmap.errors import ModelError, UnitsError
from bayesmap.models import (
    ExpCutoffPowerLawSpectralModel,
    LogParabolaSpectralModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
)
from bayesmap.models.spectral.power_law import sinhc

EDGES = np.geomspace(0.05, 80.0, 8)


def quadrature(model_class, low, high, slope, values):
    """Integral by scipy, in ln E."""
    center = np.sqrt(low * high)

    def integrand(x):
        energy = np.exp(x)
        return model_class().evaluate(np, energy, **values) * (energy / center) ** slope * energy

    return quad(integrand, np.log(low), np.log(high), epsabs=0, epsrel=1e-11, limit=200)[0]


@pytest.mark.parametrize("cutoff", [0.02, 0.1, 1.0, 50.0])
def test_cutoff_anywhere_in_a_narrow_or_wide_bin(cutoff):
    values = {"index": 1.8, "amplitude": 1.0, "reference": 1.0, "lambda_": 1 / cutoff, "alpha": 1.0}
    for low, high in ((0.5 * cutoff, 3 * cutoff), (0.05, 10 * cutoff)):
        got = ExpCutoffPowerLawSpectralModel().integral(np, np.array([low]), np.array([high]), np.zeros(1), **values)
        assert_allclose(got[0], quadrature(ExpCutoffPowerLawSpectralModel, low, high, 0.0, values), rtol=1e-9)


@pytest.mark.parametrize(
    ("model", "integral", "energy_flux"),
    [
        (PowerLawSpectralModel(index=2.3, amplitude=4.0), 2.9227116204223784, 6.650836884969039),
        (PowerLawSpectralModel(index=2.0, amplitude=4.0), 3.6, 9.210340371976184),
        (PowerLawSpectralModel(index=1.0, amplitude=2.0), 4.605170185, 18.0),
        (ExpCutoffPowerLawSpectralModel(index=1.6, amplitude=4.0), 3.765838739678921, 9.901735870666526),
        (
            LogParabolaSpectralModel(alpha=2.3, beta=0.5, amplitude=4.0, reference=1.0),
            2.255689748270628,
            3.9586515834989267,
        ),
        (PowerLawNormSpectralModel(norm=4.0, tilt=2.0), 3.6, 9.210340371976184),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "tag") else "",
)
def test_seed_integrals(model, integral, energy_flux):
    """Numbers of test_spectral.py of Gammapy 0.10 and 2.1, 1-10 TeV; theirs are log-log trapezoids, 1e-4."""
    unit = "" if model.is_norm else "cm-2 s-1 TeV-1"
    flux = model.integral_flux(1 * u.TeV, 10 * u.TeV)
    assert flux.unit == u.Unit(f"{unit} TeV")
    assert_allclose(flux.value, integral, rtol=1e-4)
    energy = model.energy_flux(1 * u.TeV, 10 * u.TeV)
    assert energy.unit == u.Unit(f"{unit} TeV2")
    assert_allclose(energy.value, energy_flux, rtol=1e-4)


@pytest.mark.parametrize(
    ("model", "flux"),
    [
        (PowerLawSpectralModel(index=2.62, amplitude=2.83e-11), 1.74688947e-11),
        (PowerLawSpectralModel(index=2.63, amplitude=3.45e-11), 2.11653715e-11),
        (ExpCutoffPowerLawSpectralModel(index=2.39, amplitude=3.76e-11, lambda_=1 / 14.3), 2.267957713046026e-11),
        (ExpCutoffPowerLawSpectralModel(index=2.21, amplitude=3.80e-11, lambda_=1 / 6.0), 2.070767119534948e-11),
        (
            LogParabolaSpectralModel(alpha=2.47, beta=0.24 / np.log(10), amplitude=3.23e-11, reference=1.0),
            2.028222279117e-11,
        ),
    ],
    ids=["hegra", "hess_pl", "hess_ecpl", "magic_ecpl", "magic_lp"],
)
def test_crab_flux_above_1_tev(model, flux):
    """Published Crab spectra, flux in 1-1000 TeV from Gammapy 2.1, test_spectral_crab.py: three decades in one call."""
    assert_allclose(model.integral_flux(1 * u.TeV, 1e3 * u.TeV).value, flux, rtol=1e-4)
    got = model.integral_flux([1, 2] * u.TeV, 1e3 * u.TeV)
    assert got.shape == (2,)
    exact = quadrature(type(model), 1.0, 1e3, 0.0, model.canonical_values)
    assert_allclose(got[0].value, exact, rtol=1e-9)


@pytest.mark.parametrize("energies", [(0, 1), (-1, 1), (2, 1), (1, np.inf), (np.nan, 1)])
def test_impossible_energy_ranges_are_refused(energies):
    with pytest.raises(ModelError, match="BM-MO-018: the energy range is"):
        PowerLawSpectralModel().integral_flux(*(energies * u.TeV))


def test_peak_energies():
    """4 TeV, 0.74082 TeV and NaN are the numbers of test_spectral.py of Gammapy 0.10 and 2.1."""
    assert ExpCutoffPowerLawSpectralModel(index=1.6).e_peak.to_value("TeV") == pytest.approx(4.0)
    assert ExpCutoffPowerLawSpectralModel(index=1.8, alpha=0.8).e_peak.to_value("TeV") == pytest.approx(1.76776695)
    assert np.isnan(ExpCutoffPowerLawSpectralModel(index=2.0).e_peak)
    assert np.isnan(ExpCutoffPowerLawSpectralModel(lambda_=0.0).e_peak)
    curved = LogParabolaSpectralModel.from_log10(alpha=2.3, beta=1.151292546497023, reference="1 TeV")
    assert curved.beta.value == pytest.approx(0.5)
    assert curved.e_peak.to_value("TeV") == pytest.approx(0.74082, rel=1e-5)
    assert np.isnan(LogParabolaSpectralModel(beta=0.0).e_peak)


def symbolic(model_class, values, slope):
    """Compile value and gradient of the summed integral and of the summed values, in PyTensor's Python mode."""
    pytensor = pytest.importorskip("pytensor")
    pt = pytensor.tensor
    mode = pytensor.compile.mode.Mode(linker="py", optimizer=None)
    inputs = {name: pt.dscalar(name) for name in values}
    slopes = np.full(len(EDGES) - 1, slope)
    outputs = []
    for value in (
        model_class().integral(pt, EDGES[:-1], EDGES[1:], slopes, **inputs),
        model_class().evaluate(pt, EDGES, **inputs),
    ):
        total = pt.log(value).sum()
        free = [name for name in values if name != "alpha" or model_class is not ExpCutoffPowerLawSpectralModel]
        outputs += [value, pt.stack(pytensor.grad(total, [inputs[name] for name in free]))]
    function = pytensor.function(list(inputs.values()), outputs, mode=mode)
    return function(*values.values()), free


SINGULAR = [
    (PowerLawSpectralModel, {"index": 1.0, "amplitude": 2.0, "reference": 1.0}, 0.0),
    (PowerLawSpectralModel, {"index": 2.5, "amplitude": 2.0, "reference": 1.0}, 1.5),
    (PowerLawSpectralModel, {"index": 1.0 + 1e-9, "amplitude": 2.0, "reference": 1.0}, 0.0),
    (PowerLawSpectralModel, {"index": 2.0, "amplitude": 2.0, "reference": 1.0}, 0.0),
    (PowerLawNormSpectralModel, {"tilt": 1.0, "norm": 2.0, "reference": 1.0}, 0.0),
    (PowerLawNormSpectralModel, {"tilt": 0.0, "norm": 2.0, "reference": 1.0}, 0.0),
    (LogParabolaSpectralModel, {"amplitude": 2.0, "reference": 1.0, "alpha": 1.0, "beta": 0.0}, 0.0),
    *(
        (
            ExpCutoffPowerLawSpectralModel,
            {"index": 1.0, "amplitude": 2.0, "reference": 1.0, "lambda_": rate, "alpha": 1.0},
            0.0,
        )
        for rate in (0.0, 0.1, -0.01)
    ),
]


@pytest.mark.parametrize(("model_class", "values", "slope"), SINGULAR)
def test_value_and_gradient_at_singular_points(model_class, values, slope):
    (integral, slope_of_integral, dnde, slope_of_dnde), free = symbolic(model_class, values, slope)
    slopes = np.full(len(EDGES) - 1, slope)
    assert_allclose(integral, model_class().integral(np, EDGES[:-1], EDGES[1:], slopes, **values), rtol=1e-12)
    assert_allclose(dnde, model_class().evaluate(np, EDGES, **values), rtol=1e-12)

    def total(changed, which):
        if which == "integral":
            return np.log(model_class().integral(np, EDGES[:-1], EDGES[1:], slopes, **changed)).sum()
        return np.log(model_class().evaluate(np, EDGES, **changed)).sum()

    for which, gradient in (("integral", slope_of_integral), ("dnde", slope_of_dnde)):
        for name, got in zip(free, gradient, strict=True):
            # Richardson: two central differences, error of fourth order.
            coarse, fine = (
                (total(values | {name: values[name] + h}, which) - total(values | {name: values[name] - h}, which))
                / (2 * h)
                for h in (2e-3, 1e-3)
            )
            assert_allclose(got, (4 * fine - coarse) / 3, rtol=1e-6, atol=1e-6, err_msg=f"{which} {name}")


def test_sinhc_is_continuous_across_the_switch():
    z = np.array([0.0, 1e-200, 0.0999999999, 0.1, -0.1, -0.0999999999, 3.0])
    exact = np.array([1.0, 1.0, *np.sinh(z[2:]) / z[2:]])
    assert_allclose(sinhc(np, z), exact, rtol=4e-16)


def test_units_of_parameters():
    energy = np.array([0.3, 2.0]) * u.TeV
    plain = PowerLawSpectralModel(amplitude=1e-10)
    assert_allclose(
        PowerLawSpectralModel(amplitude="1e-12 MeV-1 s-1 m-2")(energy).value, plain(energy).value, rtol=1e-14
    )
    cutoff = ExpCutoffPowerLawSpectralModel(lambda_=1e-4 / u.GeV)
    assert_allclose(cutoff(energy).value, ExpCutoffPowerLawSpectralModel(lambda_=0.1)(energy).value, rtol=1e-14)
    assert cutoff.lambda_.unit == "GeV-1"
    assert cutoff.lambda_.canonical_value == pytest.approx(0.1, rel=1e-15)
    shifted = PowerLawSpectralModel(reference="300 GeV")
    assert shifted.reference.frozen
    assert_allclose(shifted(300 * u.GeV).value, 1e-12)
    assert_allclose(plain(2e6 * u.MeV).value, plain(2 * u.TeV).value)


def test_wrong_names_and_units_are_refused():
    with pytest.raises(ModelError, match=r"BM-MO-002: PowerLawSpectralModel has no parameter 'idx'.*'index'"):
        PowerLawSpectralModel(idx=2)
    with pytest.raises(UnitsError, match="BM-GE-005"):
        PowerLawSpectralModel(amplitude="1e-12 cm-2")
    with pytest.raises(UnitsError, match="BM-GE-005"):
        PowerLawSpectralModel(amplitude="twelve")
    with pytest.raises(UnitsError, match="BM-GE-005"):
        PowerLawSpectralModel(reference=2 * u.s)
    with pytest.raises(ModelError, match="BM-MO-003"):
        PowerLawSpectralModel(index=np.inf)


def test_models_are_frozen_and_comparable():
    model = PowerLawSpectralModel(index=2.5)
    with pytest.raises(AttributeError, match="frozen"):
        model.index = 3.0
    with pytest.raises(AttributeError, match="frozen"):
        del model.index
    changed = model.with_parameters((model.index.with_value(3.0),))
    assert (model.index.value, changed.index.value) == (2.5, 3.0)
    assert changed.amplitude == model.amplitude
    assert changed != model
    assert changed == PowerLawSpectralModel(index=3)
    assert hash(changed) == hash(PowerLawSpectralModel(index=3))
    assert model != LogParabolaSpectralModel()
    assert repr(model) == "PowerLawSpectralModel(index=2.5, amplitude='1e-12 cm-2 s-1 TeV-1', reference='1 TeV')"
