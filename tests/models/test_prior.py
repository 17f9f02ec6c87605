"""Priors as records, the table of PyMC's distributions, and the defaults of every model."""

import dataclasses
import inspect
import math

import astropy.units as u
import pymc as pm
import pytest

from bayesmap.errors import PriorError
from bayesmap.models.default_priors import POSITIONS, default_prior
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import GAMMAPY_PRIORS, PYMC_PRIORS, Prior
from bayesmap.models.registry import spatial_models, spectral_models
from bayesmap.posterior.distributions import build_distribution, support_of

MAP_RADIUS = 3.0


@pytest.mark.parametrize(
    ("prior", "unit", "expected"),
    [
        (Prior("Normal", mu=2.5, sigma=0.5), "", {"mu": 2.5, "sigma": 0.5}),
        (Prior("HalfNormal", sigma="3e-11 cm-2 s-1 TeV-1"), "cm-2 s-1 GeV-1", {"sigma": 3e-14}),
        (Prior("Normal", mu=6 * u.arcmin, sigma="36 arcsec"), "deg", {"mu": 0.1, "sigma": 0.01}),
        (Prior("Exponential", lam="10 TeV-1"), "GeV", {"lam": 0.01}),
        (Prior("Exponential", lam="10 TeV"), "TeV-1", {"lam": 10.0}),
        (Prior("Gamma", alpha=2.0, beta="5 GeV"), "TeV-1", {"alpha": 2.0, "beta": 0.005}),
        (Prior("Normal", mu="2", sigma=0.5), "deg", {"mu": 2.0, "sigma": 0.5}),
        (Prior("GaussianPrior", sigma=2.0), "", {"mu": 0.0, "sigma": 2.0}),
        (Prior("GeneralizedGaussianPrior", (("mu", 1.0, ""),), eta=0.25), "", {"mu": 1.0, "sigma": 1.0, "eta": 0.25}),
    ],
)
def test_arguments_are_in_the_unit_of_the_parameter_or_its_inverse(prior, unit, expected):
    assert prior.arguments(unit) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: Prior("Norml", mu=0.0, sigma=1.0), "BM-PR-001.*'Norml'(.|\n)*'Normal'"),
        (lambda: Prior("Normal", mean=0.0), "BM-PR-001.*argument of Normal 'mean'(.|\n)*mu, sigma, tau"),
        (lambda: Prior("Flat", lower=0.0), "BM-PR-001.*argument of Flat 'lower'.*Leave it out"),
        (lambda: Prior("Poisson", mu=1.0), "BM-PR-001.*'Poisson'"),
        (lambda: Prior("Normal", mu="1 TeV", sigma=1.0).arguments("deg"), "BM-PR-002.*'TeV'.*'deg'"),
        (lambda: Prior("Normal", mu="1 TeV2", sigma=1.0).arguments("TeV"), "BM-PR-002.*'TeV2'"),
        (lambda: Prior("Normal", mu="1 TeV", sigma=1.0).arguments(""), "BM-PR-002.*'TeV'"),
    ],
)
def test_unknown_names_and_units_are_told(call, match):
    with pytest.raises(PriorError, match=match):
        call()


def test_priors_are_values():
    assert Prior("Normal", mu=2.5, sigma=0.5) == Prior("Normal", (("mu", 2.5, ""), ("sigma", 0.5, "")))
    assert Prior("Normal", mu=2.5, sigma=0.5) != Prior("Normal", mu=2.5, sigma=0.6)
    with pytest.raises(dataclasses.FrozenInstanceError, match="weight"):
        Prior("Flat").weight = 2.0


@pytest.mark.parametrize("name", PYMC_PRIORS)
def test_table_is_that_of_the_installed_pymc(name):
    distribution = getattr(pm, name)
    named = {
        key
        for key, item in inspect.signature(distribution.dist).parameters.items()
        if item.kind in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY)
    }
    assert named == set(PYMC_PRIORS[name])


def test_table_misses_no_scalar_distribution():
    module = pm.distributions.continuous
    # An alias, tables of numbers (no file can state them), and one that has no density.
    assert set(module.__all__) - {"Lognormal", "Interpolated", "PolyaGamma"} == set(PYMC_PRIORS)


def test_gammapy_priors_are_those_of_gammapy():
    priors = pytest.importorskip("gammapy.modeling.models.prior")
    for name, defaults in GAMMAPY_PRIORS.items():
        live = getattr(priors, name)()
        assert {item.name: item.value for item in live.parameters} == defaults
    known = {
        item.__name__ for item in vars(priors).values() if inspect.isclass(item) and issubclass(item, priors.Prior)
    }
    assert known - {"Prior"} == set(GAMMAPY_PRIORS)


def all_parameters():
    """Yield (model class, parameter) for all that a fit may leave free; the pivot energy is no quantity to fit."""
    for registry in (spectral_models(), spatial_models()):
        for model in dict.fromkeys(registry.values()):
            for parameter in model.default_parameters:
                if parameter.name != "reference":
                    yield pytest.param(model.__name__, parameter, id=f"{model.__name__}.{parameter.name}")


@pytest.mark.parametrize(("model", "parameter"), all_parameters())
def test_every_parameter_has_a_proper_default_with_support_at_its_start(model, parameter):
    free = dataclasses.replace(parameter, frozen=False)
    prior = default_prior(model, free, MAP_RADIUS)
    if parameter.name in POSITIONS:
        assert prior == Prior("Flat")  # it gets one on the sphere, see tests/posterior/test_position.py
        return
    assert prior.type not in ("Flat", "HalfFlat")
    distribution, transform = build_distribution(prior, free, parameter.name)  # refuses a start without support
    low, high = support_of(distribution, transform)
    assert low <= free.value <= high
    if not math.isnan(free.min):
        assert low >= free.min
    if not math.isnan(free.max):
        assert high <= free.max


@pytest.mark.parametrize(
    ("model", "parameter", "expected"),
    [
        ("PowerLawSpectralModel", Parameter("index", 2.0), "Normal(mu=2.5, sigma=1.5)"),
        ("LogParabolaSpectralModel", Parameter("alpha", 2.0), "Normal(mu=2.5, sigma=1.5)"),
        ("ExpCutoffPowerLawSpectralModel", Parameter("alpha", 1.0), "LogNormal(mu=0, sigma=0.5)"),
        ("LogParabolaSpectralModel", Parameter("beta", 0.1), "Normal(mu=0, sigma=1)"),
        ("PowerLawNormSpectralModel", Parameter("norm", 1.0), "HalfNormal(sigma=2)"),
        ("PowerLawNormSpectralModel", Parameter("tilt", 0.0), "Normal(mu=0, sigma=1)"),
        ("PowerLawSpectralModel", Parameter("amplitude", 2e-12, "cm-2 s-1 TeV-1"), "HalfStudentT(nu=3, sigma=1e-11)"),
        ("PowerLawSpectralModel", Parameter("amplitude", 0.0, "cm-2 s-1 GeV-1"), "HalfStudentT(nu=3, sigma=0.001)"),
        ("ExpCutoffPowerLawSpectralModel", Parameter("lambda_", 0.1, "TeV-1"), "StudentT(nu=3, mu=0, sigma=0.5)"),
        ("GaussianSpatialModel", Parameter("sigma", 12.0, "arcmin"), "HalfNormal(sigma=180)"),
        ("DiskSpatialModel", Parameter("r_0", 0.2, "deg"), "HalfNormal(sigma=3)"),
        ("GaussianSpatialModel", Parameter("e", 0.5), "Uniform(lower=0, upper=1)"),
        ("GaussianSpatialModel", Parameter("phi", 30.0, "deg"), "Uniform(lower=-60, upper=120)"),
        ("DiskSpatialModel", Parameter("edge_width", 0.1, max=0.5), "Uniform(lower=0, upper=0.5)"),
    ],
)
def test_table_of_defaults(model, parameter, expected):
    assert str(default_prior(model, parameter, MAP_RADIUS)) == expected
