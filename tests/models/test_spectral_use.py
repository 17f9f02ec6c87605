"""Spectral models as they are used: joined, written by the user, at many draws, against stored integrals."""

from __future__ import annotations

import json
from itertools import pairwise

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesmap import (
    BrokenPowerLawSpectralModel,
    CompoundSpectralModel,
    ConstantSpectralModel,
    EBLAbsorptionNormSpectralModel,
    ExpCutoffPowerLaw3FGLSpectralModel,
    ExpCutoffPowerLawNormSpectralModel,
    FoVBackgroundModel,
    GaussianSpectralModel,
    LogParabola2SpectralModel,
    LogParabolaNormSpectralModel,
    LogParabolaSpectralModel,
    Models,
    Parameter,
    PiecewiseNormSpectralModel,
    PointSpatialModel,
    PowerLaw2SpectralModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
    SmoothBrokenPowerLawSpectralModel,
    SuperExpCutoffPowerLaw4FGLDR3SpectralModel,
    SuperExpCutoffPowerLaw4FGLSpectralModel,
    TemplateSpectralModel,
    expression_model,
    read_models,
)
from bayesmap.errors import ModelError, UnitsError
from bayesmap.models.default_priors import default_prior
from bayesmap.models.spectral import SpectralModel
from tests.models.spectral_cases import EDGES, MODELS, NODES, ebl, random_values, with_values
from tests.models.test_spectral_laws import quadrature


@pytest.mark.parametrize(
    ("model", "integral", "energy_flux"),
    [
        (ConstantSpectralModel(const=4.0), 36.0, 198.0),
        (PowerLaw2SpectralModel(amplitude=2.9227116204223784, index=2.3, emin=1.0, emax=10.0), 2.92271162, 6.65083688),
        (ExpCutoffPowerLawNormSpectralModel(index=1.6, norm=4.0), 3.765838739678921, 9.901735870666526),
        (ExpCutoffPowerLaw3FGLSpectralModel(index=2.3, amplitude=4.0), 2.6034046173089, 5.340285560055799),
        (SuperExpCutoffPowerLaw4FGLSpectralModel(amplitude=1.0), 1.2125247, 3.38072082),
        (SuperExpCutoffPowerLaw4FGLDR3SpectralModel(amplitude=1.0), 1.328499, 4.067067),
        (LogParabolaNormSpectralModel(alpha=2.3, beta=0.5, norm=4.0, reference=1.0), 2.25568974827, 3.95865158349),
        (GaussianSpectralModel(amplitude=4.0, mean=2.0, sigma=0.2), 3.9999988533937123, 7.999998896163037),
        (
            BrokenPowerLawSpectralModel(index1=1.5, index2=2.5, amplitude=4.0, ebreak=0.5),
            0.45649740094103286,
            0.9669999668731384,
        ),
        (
            SmoothBrokenPowerLawSpectralModel(index1=1.5, index2=2.5, amplitude=4.0, ebreak=0.5),
            0.9956923907948155,
            2.2372256145972207,
        ),
        (
            SmoothBrokenPowerLawSpectralModel(index1=2.5, index2=1.5, amplitude=4.0, ebreak=0.5),
            13.522782989735022,
            40.06681812966845,
        ),
        (PiecewiseNormSpectralModel([1, 3, 7, 10] * u.TeV, [1, 5, 3, 0.5]), 24.758255, 117.745068),
        (PiecewiseNormSpectralModel([1, 3, 7, 10] * u.TeV, [1, 5, 3, 0.5], "lin"), 27.24066846, 133.34487),
        (ConstantSpectralModel(const=4.0) + 4.0 * u.Unit("cm-2 s-1 TeV-1"), 72.0, 396.0),
        (PowerLawSpectralModel(index=2.3, amplitude=4.0) * 2.0, 2 * 2.9227116204223784, 2 * 6.650836884969039),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "tag") else "",
)
def test_integrals_of_gammapy(model, integral, energy_flux):
    """Numbers of test_spectral.py of Gammapy 0.10 and 2.1, 1-10 TeV; theirs are log-log trapezoids, 6e-4 over kinks."""
    assert_allclose(model.integral_flux(1 * u.TeV, 10 * u.TeV).value, integral, rtol=6e-4)
    assert_allclose(model.energy_flux(1 * u.TeV, 10 * u.TeV).value, energy_flux, rtol=6e-4)


def test_peak_energies():
    assert ExpCutoffPowerLaw3FGLSpectralModel(index=1.6).e_peak.to_value("TeV") == pytest.approx(4.0)
    assert np.isnan(ExpCutoffPowerLaw3FGLSpectralModel(index=2.5).e_peak)
    assert SuperExpCutoffPowerLaw4FGLDR3SpectralModel().e_peak.to_value("TeV") == pytest.approx(10.0498756)
    assert np.isnan(SuperExpCutoffPowerLaw4FGLDR3SpectralModel(expfactor=-0.1).e_peak)
    assert np.isnan(SuperExpCutoffPowerLaw4FGLDR3SpectralModel(index_1=3.0).e_peak)
    parabola = SuperExpCutoffPowerLaw4FGLDR3SpectralModel(index_2=0.0, expfactor=0.4, index_1=1.8).e_peak
    assert parabola.to_value("TeV") == pytest.approx(np.exp(0.5))
    assert np.isnan(LogParabola2SpectralModel(beta=0.0).e_peak)
    assert LogParabola2SpectralModel.from_log10(beta=np.log(10.0)).beta.value == pytest.approx(1.0)
    assert LogParabolaNormSpectralModel.from_log10(beta=np.log(10.0)).beta.value == pytest.approx(1.0)


@pytest.mark.parametrize(
    "model",
    [
        LogParabola2SpectralModel(alpha=1.7, beta=0.3, reference="5 TeV", escale="0.5 TeV"),
        LogParabolaSpectralModel(alpha=1.7, beta=0.3, reference="2 TeV"),
        SuperExpCutoffPowerLaw4FGLDR3SpectralModel(index_1=1.7, index_2=-0.3, expfactor=0.4),
        ExpCutoffPowerLaw3FGLSpectralModel(index=1.7),
    ],
)
def test_e_peak_is_where_the_energy_spectrum_is_largest(model):
    peak = model.e_peak.to_value("TeV")
    around = peak * np.array([0.99, 1.0, 1.01])
    values = around**2 * model(around * u.TeV).value
    assert values[1] > values[0]
    assert values[1] > values[2]


@pytest.mark.parametrize("name", MODELS)
def test_many_draws_at_once(name):
    """Arrays of parameter values, at one energy, give what each draw gives: flux bands need it."""
    model = MODELS[name]
    rng = np.random.default_rng(2)
    draws = [random_values(model, rng) for _ in range(5)]
    arrays = {key: np.array([draw[key] for draw in draws]) for key in draws[0]}
    for energy in (0.02, 0.7, 50.0):
        got = np.broadcast_to(model.evaluate(np, energy, **arrays), 5)
        each = [float(with_values(model, draw)(energy * u.TeV).value) for draw in draws]
        assert_allclose(got, each, rtol=1e-12)


@pytest.mark.parametrize(
    "name",
    ["CompoundSpectralModel absorbed", "CompoundSpectralModel absorbed line", "PiecewiseNormSpectralModel log"],
)
def test_runs_on_jax(name):
    """Tables are gathered, and panels sorted, by what every backend has."""
    pytensor = pytest.importorskip("pytensor")
    pytest.importorskip("jax")
    model = MODELS[name]
    values = random_values(model, np.random.default_rng(4))
    inputs = {key: pytensor.tensor.dscalar(key) for key in values}
    value = model.integral(pytensor.tensor, EDGES[:-1], EDGES[1:], np.zeros(7), **inputs)
    slopes = pytensor.grad(value.sum(), list(inputs.values()), disconnected_inputs="ignore")
    run = pytensor.function(list(inputs.values()), [value, *slopes], mode="JAX", on_unused_input="ignore")
    got, *gradient = run(*values.values())
    assert_allclose(got, model.integral(np, EDGES[:-1], EDGES[1:], np.zeros(7), **values), rtol=1e-9, atol=1e-60)
    assert np.all(np.isfinite(gradient))


# ---------------------------------------------------------------- stored integrals


def stored_spectra(reference_data):
    """Yield name, model, bin edges and centres, integrals and values of every stored spectrum."""
    for folder in sorted((reference_data / "npred").iterdir()):
        if not folder.is_dir():
            continue
        index = json.loads((folder / "index.json").read_text())
        for name, entry in index["spectral"].items():
            document = entry["gammapy"]
            if name == "pl_ebl":
                table = np.load(folder / "ebl_dominguez_z0.3.npz")
                seen = TemplateSpectralModel(table["energy_TeV"] * u.TeV, u.Quantity(table["transmission"], ""))
                law = {item["name"]: u.Quantity(item["value"], item["unit"]) for item in entry["parameters"][:3]}
                model = PowerLawSpectralModel(**law) * seen
            else:
                sky = {"name": "x", "type": "SkyModel", "spectral": document, "spatial": {"type": "point"}}
                model = read_models({"components": [sky]})[0].spectral_model
            yield f"{folder.name} {name}", model, index, entry


def test_stored_spectra_of_gammapy(reference_data):
    """Values to rounding; integrals to rounding of quadrature, which Gammapy's trapezoids are not."""
    seen = set()
    for label, model, index, entry in stored_spectra(reference_data):
        seen.add(label.split()[1])
        edges = np.array(index["energy_true_edges_TeV"])
        centers = np.array(index["energy_true_centers_TeV"])
        stored = np.array(entry["dnde_at_true_centers"])
        values = model.canonical_values
        # Of the absorption the file has 400 points of a table with kinks of its own.
        resampled = label.endswith("pl_ebl")
        table = 1e-2 if resampled else 1e-12
        assert_allclose(model.evaluate(np, centers, **values), stored, rtol=table, atol=1e-60, err_msg=label)
        got = model.integral(np, edges[:-1], edges[1:], np.zeros(len(edges) - 1), **values)
        exact = np.array([quadrature(model, low, high, 0.0, values) for low, high in pairwise(edges)])
        theirs = np.array(entry["integral_per_true_bin_cm2s"])
        floor = 1e-30 * np.abs(exact).max()
        assert np.all(np.abs(got - exact) <= 1e-9 * np.abs(exact) + floor), label
        worse = np.abs(got - exact) > np.abs(theirs - exact) + 1e-12 * np.abs(exact) + floor
        assert resampled or not np.any(worse), label
    assert len(seen) == 21


# ---------------------------------------------------------------- compounds


def test_names_of_a_compound():
    curved, law = LogParabolaSpectralModel(), PowerLawSpectralModel()
    absorbed = law * ebl()
    assert [item.name for item in absorbed.parameters] == ["index", "amplitude", "reference", "redshift", "alpha_norm"]
    nested = (law + curved) + PowerLawSpectralModel(index=3.0)
    assert [item.name for item in nested.parameters] == [
        "model1_index",
        "model1_model1_amplitude",
        "model1_model1_reference",
        "model1_model2_amplitude",
        "model1_model2_reference",
        "alpha",
        "beta",
        "model2_index",
        "amplitude",
        "reference",
    ]
    assert nested.origin("model1_model2_amplitude") == ("LogParabolaSpectralModel", "amplitude")
    assert nested.origin("model2_index") == ("PowerLawSpectralModel", "index")
    models = Models(SkyModel(nested, PointSpatialModel(), name="two.parts"))
    changed = models.with_values({"two.parts.spectral.model2_index": 2.7})
    assert changed.parameters["model2_index"].value == 2.7
    assert changed["two.parts"].spectral_model.model2.index.value == 2.7
    assert models.parameters["model2_index"].value == 3.0


def test_a_compound_takes_values_by_name_and_keeps_parts_in_step():
    model = CompoundSpectralModel(PowerLawSpectralModel(), LogParabolaSpectralModel(), "add", model2_amplitude=3e-12)
    assert model.model2.amplitude.value == 3e-12
    assert model.model1.amplitude.value == 1e-12
    assert model == PowerLawSpectralModel() + LogParabolaSpectralModel(amplitude=3e-12)
    assert model != PowerLawSpectralModel() - LogParabolaSpectralModel(amplitude=3e-12)
    with pytest.raises(ModelError, match="BM-MO-002.*'model2_amplitude'"):
        CompoundSpectralModel(PowerLawSpectralModel(), LogParabolaSpectralModel(), "add", amplitude=1.0)
    prior = Parameter("index", 2.0, min=0.0, max=5.0, error=0.1)
    assert (PowerLawSpectralModel(index=prior) * ebl()).index == prior


def test_operators():
    import operator

    energy = [0.3, 2.0] * u.TeV
    law, curved, factor = PowerLawSpectralModel(), LogParabolaSpectralModel(), LogParabolaNormSpectralModel(beta=0.2)
    assert_allclose((law + curved)(energy), law(energy) + curved(energy))
    assert_allclose((law - curved)(energy), law(energy) - curved(energy))
    assert_allclose((law * factor)(energy), law(energy) * factor(energy))
    assert_allclose((law / factor)(energy), law(energy) / factor(energy))
    assert_allclose((law / 4.0)(energy), law(energy) / 4.0)
    assert (law * 2.0) == (2.0 * law)
    assert (law * 2.0).norm.frozen
    assert (law * factor).is_norm is False
    assert (factor * factor).is_norm
    assert (law / curved).is_norm
    assert CompoundSpectralModel(law, curved, operator.add) == law + curved
    background = FoVBackgroundModel("map", spectral_model=PiecewiseNormSpectralModel(NODES) * factor)
    assert "map-bkg.spectral.norm_3" in background.named_parameters


@pytest.mark.parametrize(
    ("join", "message"),
    [
        (lambda law, norm: law * law, "BM-MO-033.*'mul' joins a flux density and a flux density"),
        (lambda law, norm: law + norm, "BM-MO-033.*'add' joins a flux density and a factor"),
        (lambda law, norm: norm / law, "BM-MO-033.*'truediv' joins a factor and a flux density"),
        (lambda law, norm: CompoundSpectralModel(law, law, "plus"), "BM-MO-033.*operator is 'plus'"),
        (lambda law, norm: CompoundSpectralModel(law, 2.0), "BM-MO-033.*model2 is float"),
        (lambda law, norm: SkyModel(law / law, PointSpatialModel(), name="x"), "BM-MO-014"),
    ],
)
def test_parts_that_do_not_join_are_refused(join, message):
    with pytest.raises(ModelError, match=message):
        join(PowerLawSpectralModel(), PowerLawNormSpectralModel())


def test_a_sum_is_integrated_part_by_part():
    """So that a line far narrower than a bin keeps its flux beside a power law."""
    narrow = PowerLawSpectralModel() + GaussianSpectralModel(amplitude=1e-12, mean=2.0, sigma=1e-7)
    law = PowerLawSpectralModel().integral_flux(1 * u.TeV, 10 * u.TeV)
    assert_allclose(narrow.integral_flux(1 * u.TeV, 10 * u.TeV).value, law.value + 1e-12, rtol=1e-12)
    absorbed = GaussianSpectralModel(amplitude=1e-12, mean=2.0, sigma=1e-7) * ebl()
    expected = 1e-12 * ebl()(2 * u.TeV).value
    assert_allclose(absorbed.integral_flux(1 * u.TeV, 10 * u.TeV).value, expected, rtol=1e-6)


# ---------------------------------------------------------------- formulas of the user


def bump(**settings):
    """Return a power law with a bump, whose formula works for numbers and expressions."""

    def formula(xp, energy, index, amplitude, height):
        return amplitude * energy ** (-index) * (1.0 + height * xp.exp(-0.5 * xp.log(energy / 2.0) ** 2))

    declared = [
        Parameter("index", 2.0),
        Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1"),
        Parameter("height", 0.5, min=0.0),
    ]
    return expression_model(formula, declared, **settings)


def test_a_formula_of_the_user():
    model = bump(height=0.8)
    assert [item.name for item in model.parameters] == ["index", "amplitude", "height"]
    values = model.canonical_values
    got = model.integral(np, EDGES[:-1], EDGES[1:], np.full(7, 0.3), **values)
    exact = [quadrature(model, low, high, 0.3, values) for low, high in pairwise(EDGES)]
    assert_allclose(got, exact, rtol=1e-9)
    changed = model.with_parameters((model.height.with_value(0.1),))
    assert (changed.height.value, changed.height.min, model.height.value) == (0.1, 0.0, 0.8)
    joined = SkyModel(model * ebl(), PointSpatialModel(), name="x")
    assert "x.spectral.height" in joined.named_parameters
    assert str(default_prior("ExpressionSpectralModel", model.height, 1.0)) == "StudentT(nu=3, mu=0.8, sigma=4)"
    assert bump(is_norm=True).is_norm


def test_a_formula_of_the_user_has_a_gradient():
    pytensor = pytest.importorskip("pytensor")
    pt = pytensor.tensor
    model = bump()
    height = pt.dscalar("height")
    values = model.canonical_values | {"height": height}
    total = model.integral(pt, EDGES[:-1], EDGES[1:], np.zeros(7), **values).sum()
    mode = pytensor.compile.mode.Mode(linker="py", optimizer=None)
    got = pytensor.function([height], pytensor.grad(total, height), mode=mode)(0.5)
    parts = [
        model.with_parameters((model.height.with_value(h),)).integral_flux(0.05 * u.TeV, 80 * u.TeV) for h in (0, 1)
    ]
    assert_allclose(got, (parts[1] - parts[0]).value, rtol=1e-9)


def test_kinks_of_a_formula_may_be_stated():
    sharp = expression_model(
        lambda xp, energy, norm: norm * xp.where(energy < 2.0, 1.0, 0.0),
        [Parameter("norm", 1.0)],
        is_norm=True,
        breaks=[2.0],
    )
    assert_allclose(sharp.integral_flux(1 * u.TeV, 10 * u.TeV).value, 1.0, rtol=1e-13)


class SteppedSpectralModel(SpectralModel):
    """A class of the user's own, not in the registry."""

    index = Parameter("index", 2.0)
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")

    @staticmethod
    def evaluate(xp, energy, *, index, amplitude):
        return amplitude * energy ** (-index)


def test_a_class_of_the_user_needs_no_registration():
    model = SteppedSpectralModel(index=2.5)
    law = PowerLawSpectralModel(index=2.5)
    bounds = [1, 10] * u.TeV
    assert_allclose(model.integral_flux(*bounds).value, law.integral_flux(*bounds).value, rtol=1e-12)


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ([Parameter("index", 1.0), Parameter("index", 2.0)], "index"),
        ([Parameter("two words", 1.0)], "two words"),
        ([Parameter("evaluate", 1.0)], "evaluate"),
        ([3.0], "3.0"),
    ],
)
def test_parameters_of_a_formula_are_checked(declared, name):
    with pytest.raises(ModelError, match=f"BM-MO-034: .*parameter '?{name}'? cannot be used"):
        expression_model(lambda xp, energy, **values: energy, declared)


def test_a_formula_must_be_callable():
    with pytest.raises(ModelError, match="BM-MO-034: .*function is int"):
        expression_model(3, [])


# ---------------------------------------------------------------- tables


def test_impossible_settings_are_refused():
    unit = u.Unit("cm-2 s-1 TeV-1")
    with pytest.raises(ModelError, match="BM-MO-030.*emin 0.1 TeV and emax 0.05 TeV"):
        PowerLaw2SpectralModel(emax="0.05 TeV")
    with pytest.raises(ModelError, match="BM-MO-030.*beta 0.0"):
        SmoothBrokenPowerLawSpectralModel(beta=0.0)
    with pytest.raises(ModelError, match="BM-MO-031.*energy has the shape"):
        TemplateSpectralModel([2, 1] * u.TeV, [1, 1] * unit)
    with pytest.raises(ModelError, match="BM-MO-031.*energy has the shape"):
        TemplateSpectralModel([0, 1] * u.TeV, [1, 1] * unit)
    with pytest.raises(ModelError, match="BM-MO-031.*2 energies and values of shape"):
        TemplateSpectralModel([1, 2] * u.TeV, [1, 1, 1] * unit)
    with pytest.raises(ModelError, match="BM-MO-031.*values holds numbers that are not finite: 1"):
        TemplateSpectralModel([1, 2] * u.TeV, [1, np.nan] * unit)
    with pytest.raises(ModelError, match=r"BM-MO-031.*values of shape \(2,\), 1 below zero"):
        TemplateSpectralModel([1, 2] * u.TeV, [1, -1] * unit)
    with pytest.raises(UnitsError, match="BM-GE-005"):
        TemplateSpectralModel([1, 2] * u.TeV, [1, 1] * u.Unit("cm-2"))
    with pytest.raises(ModelError, match="BM-MO-031.*has the shape"):
        EBLAbsorptionNormSpectralModel([1, 2] * u.TeV, [0.1, 0.2], np.ones((3, 2)))
    with pytest.raises(ModelError, match="BM-MO-032.*2 energies and 3 norms"):
        PiecewiseNormSpectralModel([1, 2] * u.TeV, [1, 1, 1])
    with pytest.raises(ModelError, match="BM-MO-032.*interp is 'logg'.*'log'"):
        PiecewiseNormSpectralModel([1, 2] * u.TeV, interp="logg")
    with pytest.raises(ModelError, match="BM-MO-002.*'norm_1'"):
        PiecewiseNormSpectralModel([1, 2] * u.TeV, norm_7=1.0)


def test_tables_are_frozen_and_compared_by_value():
    energy = np.array([1.0, 2.0])
    model = TemplateSpectralModel(energy, [1.0, 2.0])
    energy[0] = 1.5
    assert model.energy[0] == 1.0 * u.TeV
    with pytest.raises(ValueError, match="read-only"):
        model.energy[0] = 3 * u.TeV
    assert model == TemplateSpectralModel([1.0, 2.0], [1.0, 2.0])
    assert model != TemplateSpectralModel([1.0, 2.0], [1.0, 2.5])
    assert model == TemplateSpectralModel([1000, 2000] * u.GeV, [1.0, 2.0])
    long = TemplateSpectralModel(np.geomspace(0.1, 10, 50), np.ones(50))
    assert "<50 numbers, 0.1 to 10 TeV>" in repr(long)


def test_a_template_without_unit_is_a_norm():
    factor = TemplateSpectralModel([1, 10] * u.TeV, u.Quantity([1.0, 2.0], ""))
    assert factor.is_norm
    assert factor(1 * u.TeV).unit == ""
    scaled = TemplateSpectralModel([1, 10] * u.TeV, [1, 0.1] * u.Unit("cm-2 s-1 TeV-1")) * PowerLawNormSpectralModel(
        norm=3.0, tilt=0.5
    )
    assert [item.name for item in scaled.parameters] == ["tilt", "norm", "reference"]
    assert_allclose(scaled(2 * u.TeV).value, 3.0 * 2.0**-1.5)


def test_redshift_is_continuous_through_table_and_zero():
    model = ebl()
    energy = 3.0
    for redshift in (0.0, 0.1, 0.2, 0.5):
        around = [model.evaluate(np, energy, redshift=redshift + h, alpha_norm=1.0) for h in (-1e-9, 0.0, 1e-9)]
        assert_allclose(around, around[1], rtol=1e-6)
    assert_allclose(model.evaluate(np, energy, redshift=0.2, alpha_norm=0.0), 1.0)


def test_default_priors_follow_the_part():
    """In a compound: alpha of a cut-off is no index, sigma of a line no size on the sky."""
    cutoff = PowerLawSpectralModel() * ExpCutoffPowerLawNormSpectralModel()
    owner, bare = cutoff.origin("alpha")
    assert str(default_prior(owner, cutoff.alpha.replace(frozen=False), 2.0)) == "LogNormal(mu=0, sigma=0.5)"
    assert bare == "alpha"
    line = PowerLawSpectralModel() + GaussianSpectralModel(sigma="2 TeV")
    owner, _ = line.origin("sigma")
    assert str(default_prior(owner, line.sigma, 2.0)).startswith("LogNormal(mu=0.693147")
    owner, _ = line.origin("model2_amplitude")
    assert str(default_prior(owner, line.model2_amplitude, 2.0)) == "HalfStudentT(nu=3, sigma=5e-12)"
