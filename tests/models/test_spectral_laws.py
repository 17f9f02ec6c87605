"""Laws that every spectral model of the registry obeys: integrals, gradients, units, and equality with Gammapy."""

from __future__ import annotations

from itertools import pairwise

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad

from tests.models.spectral_cases import CLASSES, EDGES, MODELS, drawn, random_values, with_values

each_class = pytest.mark.parametrize("model_class", CLASSES, ids=lambda model: model.__name__)
each_model = pytest.mark.parametrize("name", MODELS)


def breaks_of(model, values, low, high):
    places = np.array([*model.fixed_breaks, *model.moving_breaks(np, **values)])
    return np.unique(places[(places > low) & (places < high)])


def quadrature(model, low, high, slope, values, floor=0.0):
    """Integral by scipy in ln E, piece by piece between kinks, each to 1e-9 of itself or to ``floor``.

    Without a floor scipy finds only rounding in the far wing of a line.
    """
    center = np.sqrt(low * high)

    def integrand(x):
        energy = np.exp(x)
        return float(model.evaluate(np, energy, **values)) * (energy / center) ** slope * energy

    ends = np.log([low, *breaks_of(model, values, low, high), high])
    return sum(quad(integrand, a, b, epsabs=floor, epsrel=1e-9, limit=200)[0] for a, b in pairwise(ends))


def size_of_parts(model, low, high, values):
    """Integral of the first part, the scale of rounding errors of a difference."""
    own = {there: values[here] for there, here in model.names["model1"].items()}
    return model.model1.integral(np, np.array([low]), np.array([high]), np.zeros(1), **own)[0]


@each_class
def test_examples_have_the_value_of_their_source(model_class):
    examples = model_class.examples()
    assert examples
    for example in examples:
        value = model_class(**example.parameters)(example.energy * u.TeV)
        assert_allclose(value.value, example.value, rtol=example.rtol, err_msg=example.source)


@each_model
@given(data=st.data())
@settings(max_examples=12, deadline=None, derandomize=True)
def test_integral_equals_quadrature(name, data):
    model = MODELS[name]
    values = data.draw(drawn(model))
    width = data.draw(st.floats(0.01, 2.0))
    low = data.draw(st.floats(0.05, 5.0))
    slope = data.draw(st.sampled_from([0.0, 1.0]) | st.floats(-4.0, 4.0))
    high = low * 10**width
    got = model.integral(np, np.array([low]), np.array([high]), np.array([slope]), **values)
    assert got.shape == (1,)
    floor = 1e-9 * abs(size_of_parts(model, low, high, values)) if name.endswith("difference") else 0.0
    if "line" in name or "Gaussian" in name:
        floor = 1e-30 * values["amplitude"]
    assert_allclose(got[0], quadrature(model, low, high, slope, values, floor), rtol=1e-6, atol=floor)


@each_model
@given(data=st.data())
@settings(max_examples=8, deadline=None, derandomize=True)
def test_integrals_add_up(name, data):
    model = MODELS[name]
    values = data.draw(drawn(model))
    zero = np.zeros(len(EDGES) - 1)
    parts = model.integral(np, EDGES[:-1], EDGES[1:], zero, **values)
    halves = np.sqrt(EDGES[:-1] * EDGES[1:])
    lower = model.integral(np, EDGES[:-1], halves, zero, **values)
    upper = model.integral(np, halves, EDGES[1:], zero, **values)
    floor = 1e-12 * abs(parts).max()
    if name.endswith("difference"):
        floor = 1e-12 * size_of_parts(model, EDGES[0], EDGES[-1], values)
    assert_allclose(lower + upper, parts, rtol=1e-7, atol=floor)


@each_model
@given(data=st.data(), factor=st.just(0.0) | st.floats(1e-6, 1e3))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_linear_in_the_amplitude(name, data, factor):
    model = MODELS[name]
    values = data.draw(drawn(model))
    names = [own for own in values if model.origin(own)[1] in ("amplitude", "const", "norm")]
    if not names or name.endswith(("scaled", "template", "quotient", "nested")):
        return
    scaled = values | {own: factor * values[own] for own in names}
    bins = EDGES[:-1], EDGES[1:], np.full(7, 0.5)
    for got, plain in (
        (model.evaluate(np, EDGES, **scaled), model.evaluate(np, EDGES, **values)),
        (model.integral(np, *bins, **scaled), model.integral(np, *bins, **values)),
    ):
        assert_allclose(got, factor * plain, rtol=1e-12, atol=1e-12 * factor * abs(plain).max())


@each_model
def test_units_do_not_matter(name):
    """Parameters in GeV and cm2, or in TeV and m2: the same spectrum within 1e-9."""
    model = with_values(MODELS[name], random_values(MODELS[name], np.random.default_rng(3)))
    swap = {"TeV": "GeV", "TeV-1": "GeV-1", "cm-2 s-1 TeV-1": "m-2 s-1 GeV-1", "cm-2 s-1": "m-2 s-1", "": ""}
    changed = []
    for item in model.parameters:
        unit = swap[item.canonical_unit]
        changed.append(item.replace(value=item.quantity.to_value(unit), unit=unit))
    other = model.with_parameters(tuple(changed))
    energy = EDGES[1:] * u.TeV
    assert_allclose(other(energy.to("MeV")).value, model(energy).value, rtol=1e-9)
    flux, same = (m.integral_flux(energy[:-1], energy[1:]) for m in (model, other))
    assert_allclose(same.value, flux.value, rtol=1e-9)
    assert model.energy_flux(1 * u.TeV, 2 * u.TeV).unit.is_equivalent(flux.unit * u.TeV)


@each_model
def test_parameters_are_kept_by_with_parameters(name):
    model = MODELS[name]
    rng = np.random.default_rng(5)
    values = random_values(model, rng)
    changed = with_values(model, values)
    assert changed.canonical_values == pytest.approx(values)
    assert changed == with_values(model, values)
    assert hash(changed) == hash(with_values(model, values))
    assert (changed == model) == (not values)
    assert type(model).__name__ in repr(changed)


# ---------------------------------------------------------------- gradients


def total_of(model, which, slopes, values):
    """Sum that is differentiated: fluxes over their size, so that every bin counts."""
    if which == "integral":
        return model.integral(np, EDGES[:-1], EDGES[1:], slopes, **values)
    return model.evaluate(np, POINTS, **values)


POINTS = EDGES[1:] * 0.83
SLOPES = np.linspace(-1.0, 1.5, len(EDGES) - 1)


def compiled(model):
    """Return a function of the values: integral, its Jacobian summed with weights, the same for points."""
    pytensor = pytest.importorskip("pytensor")
    pt = pytensor.tensor
    names = [item.name for item in model.parameters]
    inputs = {name: pt.dscalar(name) for name in names}
    weights = pt.dvector("weights")
    outputs = []
    for result in (
        model.integral(pt, EDGES[:-1], EDGES[1:], SLOPES, **inputs),
        model.evaluate(pt, POINTS, **inputs),
    ):
        value = pt.as_tensor_variable(result)
        total = pt.sum(weights * value)
        gradient = pytensor.grad(total, list(inputs.values()), disconnected_inputs="ignore") if names else []
        outputs += [value, *gradient]
    mode = pytensor.compile.mode.Mode(linker="py", optimizer=None)
    function = pytensor.function([*inputs.values(), weights], outputs, mode=mode, on_unused_input="ignore")

    def call(values, at):
        found = function(*(values[name] for name in names), at)
        size = 1 + len(names)
        return {
            which: (found[k * size], dict(zip(names, found[k * size + 1 : (k + 1) * size], strict=True)))
            for k, which in enumerate(("integral", "points"))
        }

    return call


def difference(model, which, values, name, weights):
    """Derivative by central differences, Richardson to sixth order, with an estimate of its own error."""
    scale = max(abs(values[name]), 1e-3)

    def slope(step):
        high, low = (
            total_of(model, which, SLOPES, values | {name: values[name] + sign * step}) @ weights for sign in (1, -1)
        )
        return (high - low) / (2.0 * step)

    coarse, middle, fine = (slope(scale * h) for h in (4e-3, 2e-3, 1e-3))
    first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
    return (16 * second - first) / 15, abs(second - first)


@each_model
def test_gradient_equals_differences(name):
    """In every parameter, of every model, at random values."""
    model = MODELS[name]
    if not model.parameters:
        return
    gradient = compiled(model)
    rng = np.random.default_rng(11)
    for _ in range(3):
        values = random_values(model, rng)
        flux = model.integral(np, EDGES[:-1], EDGES[1:], SLOPES, **values)
        weights = 1.0 / (np.abs(flux) + 1e-3 * np.abs(flux).max())
        for which, (value, slopes) in gradient(values, weights).items():
            assert_allclose(value, total_of(model, which, SLOPES, values), rtol=1e-9)
            for parameter, got in slopes.items():
                expected, error = difference(model, which, values, parameter, weights)
                allowed = 1e-6 * abs(expected) + 10 * error + 1e-9 / max(abs(values[parameter]), 1e-3)
                assert abs(got - expected) <= allowed, f"{which} {parameter}: {got} {expected} {values}"


SINGULAR = {
    "PowerLawSpectralModel": [{"index": 1.0}],
    "PowerLawNormSpectralModel": [{"tilt": 1.0}, {"norm": 0.0}],
    "PowerLaw2SpectralModel": [{"index": 1.0}, {"amplitude": 0.0}],
    "BrokenPowerLawSpectralModel": [
        {"index1": 1.0, "index2": 1.0},
        {"ebreak": float(EDGES[3])},
        {"ebreak": 1e-3},
        {"ebreak": 1e3},
    ],
    "SmoothBrokenPowerLawSpectralModel": [{"index1": 2.0, "index2": 2.0}, {"ebreak": 1e-3}, {"beta": 1e-3}],
    "LogParabolaSpectralModel": [{"alpha": 1.0, "beta": 0.0}],
    "LogParabola2SpectralModel": [{"alpha": 1.0, "beta": 0.0}],
    "LogParabolaNormSpectralModel": [{"alpha": 0.0, "beta": 0.0, "norm": 0.0}],
    "ExpCutoffPowerLawSpectralModel": [
        {"lambda_": 0.0},
        {"lambda_": 0.0, "alpha": 1.0},
        {"lambda_": 0.0, "alpha": 1.4},
        {"lambda_": -0.01, "alpha": 0.8},
        {"lambda_": 5.0, "alpha": 2.0},
    ],
    "ExpCutoffPowerLawNormSpectralModel": [{"lambda_": 0.0}, {"norm": 0.0}],
    "SuperExpCutoffPowerLaw3FGLSpectralModel": [{"index_2": 0.0}, {"ecut": 0.3, "index_2": 2.0}],
    "SuperExpCutoffPowerLaw4FGLSpectralModel": [{"index_2": 0.0}, {"expfactor": 0.0}],
    "SuperExpCutoffPowerLaw4FGLDR3SpectralModel": [{"index_2": 0.0}, {"index_2": 1e-9}, {"expfactor": 0.0}],
    "GaussianSpectralModel": [
        {"sigma": 0.0},
        {"sigma": 1e-9},
        {"sigma": 0.0, "mean": float(EDGES[3])},
        {"sigma": -0.3},
        {"mean": 500.0},
    ],
    "PiecewiseNormSpectralModel log": [{"norm_0": 0.0}, {"norm_1": 0.0, "norm_2": 0.0}, {"norm_0": 1.0}],
    "PiecewiseNormSpectralModel lin": [{"norm_0": 0.0, "norm_1": 0.0}],
    "EBLAbsorptionNormSpectralModel": [{"redshift": 0.0}, {"redshift": 0.2}, {"redshift": -0.1}, {"alpha_norm": 0.0}],
    "CompoundSpectralModel absorbed": [{"redshift": 0.0, "alpha_norm": 0.0}, {"index": 1.0}],
    "CompoundSpectralModel absorbed line": [{"sigma": 0.0}],
    "CompoundSpectralModel piecewise": [{"ebreak": float(EDGES[3]), "norm_2": 0.0}],
}


@pytest.mark.parametrize("name", SINGULAR)
def test_value_and_gradient_are_finite_at_singular_points(name):
    model = MODELS[name]
    gradient = compiled(model)
    plain = {item.name: item.canonical_value for item in model.parameters}
    for point in SINGULAR[name]:
        values = plain | point
        for which, (value, slopes) in gradient(values, np.ones(len(POINTS))).items():
            assert np.all(np.isfinite(value)), (which, point)
            assert np.all(np.isfinite(list(slopes.values()))), (which, point, slopes)
            assert_allclose(value, total_of(model, which, SLOPES, values), rtol=1e-9, atol=1e-300)


def test_gradient_is_continuous_through_singular_points():
    """The same derivative at the point as a little beside it."""
    cases = {
        "PowerLaw2SpectralModel": {"index": 1.0},
        "BrokenPowerLawSpectralModel": {"ebreak": float(EDGES[3])},
        "LogParabolaSpectralModel": {"beta": 0.0},
        "SuperExpCutoffPowerLaw4FGLDR3SpectralModel": {"index_2": 0.0},
        "ExpCutoffPowerLawSpectralModel": {"lambda_": 0.0},
    }
    for name, point in cases.items():
        gradient = compiled(MODELS[name])
        values = {item.name: item.canonical_value for item in MODELS[name].parameters} | point
        (parameter,) = point
        at, beside = (
            gradient(values | {parameter: values[parameter] + h}, np.ones(len(POINTS)))["integral"][1]
            for h in (0.0, 1e-7)
        )
        for own in at:
            assert_allclose(at[own], beside[own], rtol=1e-4, atol=1e-16, err_msg=f"{name} {own}")


def test_narrow_line_is_its_flux():
    """Delta function: all of the flux in one bin, tilted by its energy, whatever the width below the bin's."""
    model = MODELS["GaussianSpectralModel"]
    slope = np.full(7, 2.0)
    center = np.sqrt(EDGES[:-1] * EDGES[1:])
    for sigma in (0.0, 1e-14, 1e-9, 1e-6):
        got = model.integral(np, EDGES[:-1], EDGES[1:], slope, amplitude=3.0, mean=2.0, sigma=sigma)
        expected = np.where((EDGES[:-1] < 2.0) & (EDGES[1:] > 2.0), 3.0 * (2.0 / center) ** 2, 0.0)
        assert_allclose(got, expected, rtol=1e-9)
    at_edge = model.integral(np, EDGES[:-1], EDGES[1:], 0.0 * slope, amplitude=3.0, mean=EDGES[3], sigma=0.0)
    assert_allclose(at_edge[2:4], 1.5, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ExpCutoffPowerLawSpectralModel", {"lambda_": 50.0, "alpha": 1.0}),
        ("ExpCutoffPowerLawSpectralModel", {"lambda_": 3.0, "alpha": 2.0}),
        ("SuperExpCutoffPowerLaw3FGLSpectralModel", {"ecut": 0.5, "index_2": 2.0}),
        ("SuperExpCutoffPowerLaw4FGLDR3SpectralModel", {"expfactor": 3.0, "index_2": 1.5}),
    ],
)
def test_bins_far_beyond_the_cut_off(name, values):
    """Bins of a decade in which the flux falls by hundreds of e-folds."""
    model = MODELS[name]
    values = {item.name: item.canonical_value for item in model.parameters} | values
    for low in (0.5, 1.0, 2.0, 4.0):
        got = model.integral(np, np.array([low]), np.array([10 * low]), np.zeros(1), **values)[0]
        energy = low * np.exp(np.linspace(0, np.log(10), 400_001))
        with np.errstate(under="ignore"):
            dense = np.trapezoid(model.evaluate(np, energy, **values) * energy, np.log(energy))
        assert_allclose(got, dense, rtol=2e-6)


# ---------------------------------------------------------------- Gammapy


def peer_of(model):
    """Return the same model as a live one of Gammapy 2.1."""
    peers = pytest.importorskip("gammapy.modeling.models")
    peer_class = getattr(peers, type(model).__name__)
    name = type(model).__name__
    if name == "CompoundSpectralModel":
        import operator

        return peer_class(peer_of(model.model1), peer_of(model.model2), getattr(operator, model.operator))
    if name == "TemplateSpectralModel":
        return peer_class(energy=u.Quantity(model.energy), values=u.Quantity(model.values))
    if name == "PiecewiseNormSpectralModel":
        norms = np.array([item.value for item in model.parameters])
        return peer_class(energy=u.Quantity(model.energy), norms=norms, interp=model.interp)
    values = {item.name: item.quantity for item in model.parameters}
    if name == "EBLAbsorptionNormSpectralModel":
        plain = {key: quantity.value for key, quantity in values.items()}
        return peer_class(u.Quantity(model.energy), model.param.value, model.data.value, **plain)
    return peer_class(**values)


@each_model
def test_equals_gammapy(name):
    """Values within 1e-9 of Gammapy 2.1, inside and outside tables."""
    rng = np.random.default_rng(7)
    energy = np.geomspace(0.011, 90.0, 60) * u.TeV
    for _ in range(4):
        model = with_values(MODELS[name], random_values(MODELS[name], rng))
        with np.errstate(all="ignore"):
            expected = peer_of(model)(energy)
        got = model(energy)
        assert_allclose(got.value, expected.to_value(got.unit), rtol=1e-9, atol=1e-200)


@each_class
def test_parameters_are_those_of_gammapy(model_class):
    peers = pytest.importorskip("gammapy.modeling.models")
    peer_class = getattr(peers, model_class.__name__)
    assert list(model_class.tag) == list(peer_class.tag)
    if "Compound" in model_class.__name__ or "Piecewise" in model_class.__name__:
        return
    theirs = peer_class.default_parameters
    ours = model_class.default_parameters
    assert [item.name for item in ours] == theirs.names
    for own, peer in zip(ours, theirs, strict=True):
        assert own.quantity == peer.quantity
        assert own.frozen == peer.frozen
        assert_allclose([own.min, own.max], [peer.min, peer.max])
