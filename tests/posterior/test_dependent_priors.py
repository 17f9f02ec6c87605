"""Priors that tie parameters together: correlated ones, and those on derived quantities."""

import numpy as np
import pymc as pm
import pytest
import scipy.integrate
import scipy.stats

from bayesmap.errors import PriorError
from bayesmap.fit import MapFit
from bayesmap.inference.samplers.pymc_nuts import value_order, value_point
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.derived_prior import DerivedPrior
from bayesmap.models.joint_prior import MultivariatePrior
from bayesmap.models.pool import PoolModel
from bayesmap.models.prior import Prior
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.exp_cutoff_power_law import ExpCutoffPowerLawSpectralModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.posterior.priors import build_variables
from bayesmap.results.posterior import theta_of
from bayesmap.results.store import load_posterior, save_posterior
from bayesmap.testing import toy_dataset, toy_models, toy_response

INDEX, AMPLITUDE, NORM = "source.spectral.index", "source.spectral.amplitude", "toy-bkg.spectral.norm"
CUT = "source.spectral.lambda_"
MEAN, COV = np.array([2.0, 1.0]), np.array([[0.04, 0.012], [0.012, 0.01]])
BAND = {"energy_min": "1 TeV", "energy_max": "10 TeV"}
PRIORS = {
    (INDEX, NORM): MultivariatePrior("MvNormal", MEAN, COV),
    AMPLITUDE: DerivedPrior("energy_flux", Prior("LogNormal", mu=-20.0, sigma=0.4), unit="erg cm-2 s-1", **BAND),
    CUT: DerivedPrior("cutoff_energy", Prior("Gamma", mu="8 TeV", sigma="3 TeV")),
}
ERG = 0.6241509074460763
"""TeV in one erg."""


def cut_off_models(**changes):
    values = {"index": 2.0, "amplitude": "8e-10 cm-2 s-1 TeV-1", "lambda_": "1e-4 GeV-1"} | changes
    place = PointSpatialModel(lon_0=83.7, lat_0=21.96)
    source = SkyModel(ExpCutoffPowerLawSpectralModel(**values), place, name="source")
    frozen = {"source.spatial.lon_0": True, "source.spatial.lat_0": True}
    return Models((source, FoVBackgroundModel("toy"))).with_frozen(frozen)


def variables_of(priors, models=None):
    return build_variables(models or cut_off_models(), priors, [toy_response(npix=8).counts.geom])


@pytest.fixture(scope="module")
def stated():
    models = cut_off_models()
    return MapFit.from_dataset(toy_dataset(models, npix=8), models, priors=PRIORS)


def energy_flux(index, amplitude, lambda_):
    """Integral of E dN/dE in erg cm-2 s-1, worked out on its own; lambda_ in GeV-1."""
    value, _ = scipy.integrate.quad(
        lambda e: e * amplitude * e**-index * np.exp(-1e3 * lambda_ * e), 1, 10, epsrel=1e-12
    )
    return value / ERG


def log_density(index, amplitude, lambda_, norm):
    """Density of the parameters: that of the stated quantities, times the slopes by finite differences."""
    step = 1e-6
    slope = (
        energy_flux(index, amplitude * (1 + step), lambda_) - energy_flux(index, amplitude * (1 - step), lambda_)
    ) / (2 * step * amplitude)
    cut = 1e-3 / lambda_
    return (
        scipy.stats.multivariate_normal.logpdf([index, norm], MEAN, COV)
        + scipy.stats.lognorm.logpdf(energy_flux(index, amplitude, lambda_), 0.4, scale=np.exp(-20.0))
        + np.log(slope)
        + scipy.stats.gamma.logpdf(cut, 64 / 9, scale=9 / 8)
        + np.log(1e-3 / lambda_**2)
    )


def test_the_density_is_that_of_the_stated_quantities_with_the_slopes(stated):
    posterior = stated._posterior
    assert posterior.coordinates.names == (INDEX, AMPLITUDE, CUT, NORM)
    rng = np.random.default_rng(5)
    for _ in range(10):
        theta = posterior.coordinates.start * np.exp(0.2 * rng.standard_normal(4))
        assert posterior.log_prior(theta) == pytest.approx(log_density(*theta), rel=1e-8)


def test_the_model_of_pymc_has_the_density_of_the_compiled_posterior(stated):
    posterior, model = stated._posterior, stated.pymc_model
    unbounded, order = UnboundedPosterior(posterior), value_order(model, posterior.variables)
    function = model.compile_fn([model.logp(), model.dlogp()], inputs=model.value_vars, mode="JAX")
    start = posterior.variables.forward(posterior.coordinates.start)
    for step in np.random.default_rng(1).standard_normal((10, len(start))):
        z = start + 0.1 * step
        value, gradient = unbounded.value_and_gradient(z)
        theirs, slopes = function(value_point(model, posterior.variables, z))
        assert float(theirs) == pytest.approx(value, rel=1e-10)
        assert np.abs(slopes - gradient[order]).max() < 1e-8 * np.abs(gradient).max()


def check_laws(index, amplitude, lambda_, norm):
    fluxes = [energy_flux(*point) for point in zip(index, amplitude, lambda_, strict=True)]
    assert scipy.stats.kstest(fluxes, scipy.stats.lognorm(0.4, scale=np.exp(-20.0)).cdf).pvalue > 0.01
    assert scipy.stats.kstest(1e-3 / lambda_, scipy.stats.gamma(64 / 9, scale=9 / 8).cdf).pvalue > 0.01
    assert scipy.stats.kstest(index, scipy.stats.norm(2.0, 0.2).cdf).pvalue > 0.01
    assert np.corrcoef(index, norm)[0, 1] == pytest.approx(0.6, abs=0.1)


@pytest.mark.statistical
def test_draws_follow_the_stated_priors(stated):
    check_laws(*stated._posterior.variables.draw(600, 2).T)


@pytest.mark.statistical
@pytest.mark.filterwarnings("ignore:The RandomType SharedVariables:UserWarning")
def test_draws_of_pymc_follow_the_stated_priors(stated):
    with stated.pymc_model:
        names = [INDEX, AMPLITUDE, CUT, NORM]
        found = pm.sample_prior_predictive(draws=600, var_names=names, random_seed=3, compile_kwargs={"mode": "JAX"})
    check_laws(*(found["prior"][name].values.ravel() for name in names))


@pytest.mark.statistical
def test_a_student_t_prior_has_its_density_and_its_draws():
    prior = MultivariatePrior("MvStudentT", MEAN, COV, nu=4.0)
    variables = variables_of(
        {(NORM, INDEX): prior, CUT: Prior("Normal", mu=0, sigma=1), AMPLITUDE: Prior("Normal", mu=0, sigma=1)}
    )
    item = variables.items[-1]
    assert (item.name, item.indices) == (f"{NORM} & {INDEX}", (3, 0))
    law = scipy.stats.multivariate_t(MEAN, COV, 4.0)
    point = np.array([1.7, 1.3])
    assert float(pm.logp(item.distribution, point).eval()) == pytest.approx(law.logpdf(point), rel=1e-12)
    draws = variables.draw(2000, 1)
    deviates = (draws[:, 3] - 2.0) / 0.2
    assert scipy.stats.kstest(deviates, scipy.stats.t(4.0).cdf).pvalue > 0.01


def test_priors_are_told(stated):
    assert stated.priors == {
        f"{INDEX} & {NORM}": "MvNormal(mu=[2, 1], sigma=[0.2, 0.1], correlation=[0.6])",
        AMPLITUDE: "energy_flux(1 TeV to 10 TeV) ~ LogNormal(mu=-20, sigma=0.4)",
        CUT: "cutoff_energy ~ Gamma(mu=8 TeV, sigma=3 TeV)",
    }


def test_draws_of_the_posterior_are_named_stored_and_read_back(stated, tmp_path):
    tree = stated.sample(draws=30, tune=60, chains=2, cores=1, random_seed=1)
    posterior = tree["posterior"]
    assert list(posterior.data_vars) == [INDEX, AMPLITUDE, CUT, NORM]
    assert posterior[NORM].attrs["prior"].startswith("MvNormal(mu=[2, 1]")
    save_posterior(tree, tmp_path / "posterior.nc")
    again = load_posterior(tmp_path / "posterior.nc")
    variables = stated._posterior.variables
    assert np.array_equal(theta_of(again, variables), theta_of(tree, variables))
    assert np.array_equal(theta_of(tree, variables)[..., 3], posterior[NORM].values)


def test_a_derived_prior_may_be_the_parameters_own_and_follow_a_pool_or_a_link():
    models = toy_models() + SkyModel(PowerLawSpectralModel(), PointSpatialModel(lon_0=83.6, lat_0=22.0), name="other")
    models = models + PoolModel(members=(INDEX, "other.spectral.index"), mean=2.0)
    own = models.parameters[AMPLITUDE].replace(prior=DerivedPrior("flux", Prior("HalfNormal", sigma=1e-9), **BAND))
    variables = variables_of("default", models.with_parameters({AMPLITUDE: own}))
    (item,) = [item for item in variables.items if item.conditional is not None]
    names = [variables.coordinates.names[i] for i in item.conditional.parents]
    assert names == [INDEX, "pool.pool.mean", "pool.pool.spread"]
    assert np.all(np.isfinite(variables.draw(5, 1)))


FLUX = DerivedPrior("flux", Prior("HalfNormal", sigma=1e-9), **BAND)
CUT_PRIOR = DerivedPrior("cutoff_energy", Prior("HalfNormal", sigma=10.0))
PAIR = MultivariatePrior(mu=[2.0, 1.0], sigma=[0.1, 0.1])


@pytest.mark.parametrize(
    ("priors", "match"),
    [
        ({(INDEX, NORM): Prior("Normal", mu=0, sigma=1)}, "BM-PR-001.*together is Prior"),
        ({(INDEX, NORM, CUT): PAIR}, "BM-PR-010.*was passed for"),
        ({(INDEX, INDEX): PAIR}, "BM-PR-013.*more than one prior.*Keep one of them"),
        ({(INDEX, NORM): PAIR, INDEX: Prior("Normal", mu=0, sigma=1)}, "BM-PR-013.*more than one prior"),
        ({(INDEX, "source.spectral.reference"): PAIR}, "BM-PR-006.*reference, which is frozen"),
        ({(INDEX, AMPLITUDE): MultivariatePrior(mu=[2, "1 TeV"], sigma=[1, 1])}, "BM-PR-002.*'TeV'"),
        ({INDEX: PAIR}, "BM-PR-001.*MultivariatePrior"),
        ({INDEX: FLUX}, "BM-PR-015.*not proportional to index"),
        ({AMPLITUDE: CUT_PRIOR}, "BM-PR-015.*stands on amplitude"),
        ({NORM: FLUX}, "BM-PR-015.*norm model"),
        ({AMPLITUDE: DerivedPrior("flux", Prior("Flat"), **BAND)}, "BM-PR-015.*flat without end"),
        ({CUT: DerivedPrior("cutoff_energy", Prior("Normal", mu=8.0, sigma=3.0))}, "BM-PR-015.*may be negative"),
        ({AMPLITUDE: DerivedPrior("flux", Prior("Uniform", lower=1.0, upper=2.0), **BAND)}, "BM-PR-004.*the flux of"),
        ({AMPLITUDE: DerivedPrior("flux", Prior("HalfNormal", sigma="1 TeV"), **BAND)}, "BM-PR-002.*'TeV'"),
    ],
)
def test_what_is_refused(priors, match):
    with pytest.raises(PriorError, match=match):
        variables_of(priors)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"lambda_": 0.0}, "BM-PR-015.*not known at the start value 0"),
        ({"lambda_": -0.1}, "BM-PR-015.*not known at the start value -0.1"),
    ],
)
def test_a_start_value_without_the_quantity(changes, match):
    with pytest.raises(PriorError, match=match):
        variables_of({CUT: CUT_PRIOR}, cut_off_models(**changes))


def test_limits_with_priors_that_cannot_be_cut():
    table = cut_off_models().parameters
    limited = cut_off_models().with_parameters({AMPLITUDE: table[AMPLITUDE].replace(min=1e-12)})
    with pytest.raises(PriorError, match=r"BM-PR-015.*limits \[1e-12, none\]"):
        variables_of({AMPLITUDE: FLUX}, limited)
    with pytest.raises(PriorError, match=r"BM-PR-013.*limits \[1e-12, none\].*remove its limits"):
        variables_of({(INDEX, AMPLITUDE): PAIR}, limited)
    positive = cut_off_models().with_parameters({AMPLITUDE: table[AMPLITUDE].replace(min=0.0)})
    assert variables_of({AMPLITUDE: FLUX}, positive).items[1].conditional is not None


def test_positions_and_members_of_pools_have_no_joint_prior():
    with pytest.raises(PriorError, match=r"BM-PR-013.*lon_0, which is a position.*Take it out of the joint prior\.$"):
        variables_of({(INDEX, "source.spatial.lon_0"): PAIR}, toy_models())
    other = SkyModel(PowerLawSpectralModel(), PointSpatialModel(lon_0=83.6, lat_0=22.0), name="other")
    pooled = toy_models() + other + PoolModel(members=(INDEX, "other.spectral.index"), mean=2.0)
    with pytest.raises(PriorError, match="BM-PR-007.*joint prior.*in a pool"):
        variables_of({(INDEX, NORM): PAIR}, pooled)


def test_parameters_that_follow_from_the_one_with_the_prior():
    linked = cut_off_models().with_links({INDEX: f"2 + 1e6 * {{{AMPLITUDE}}}"})
    with pytest.raises(
        PriorError,
        match=rf"BM-PR-016: {INDEX} follows from {AMPLITUDE}.*Remove the link of {INDEX}\.$",
    ):
        variables_of({AMPLITUDE: FLUX}, linked)


def test_priors_that_follow_each_other_in_a_circle():
    other = SkyModel(PowerLawSpectralModel(), PointSpatialModel(lon_0=83.6, lat_0=22.0), name="other")
    links = {INDEX: "2 + 1e6 * {other.spectral.amplitude}", "other.spectral.index": f"2 + 1e6 * {{{AMPLITUDE}}}"}
    models = (cut_off_models() + other).with_links(links)
    with pytest.raises(
        PriorError, match=r"BM-PR-016.*source\.spectral\.amplitude, other\.spectral\.amplitude depend on"
    ):
        variables_of({AMPLITUDE: FLUX, "other.spectral.amplitude": FLUX}, models)
