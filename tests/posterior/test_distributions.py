"""Densities of the priors against SciPy and Gammapy; limits; what is refused."""

import math

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import scipy.stats as st

from bayesmap.errors import PriorError
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import PYMC_PRIORS, Prior
from bayesmap.posterior.distributions import build_distribution, evaluate, support_of
from bayesmap.posterior.jaxify import jaxify

# Prior, the same in SciPy, ends of the support, start value.
CASES = [
    (Prior("AsymmetricLaplace", kappa=2.0, mu=0.5, b=4.0), st.laplace_asymmetric(2.0, 0.5, 0.25), -math.inf, math.inf),
    (Prior("Beta", alpha=2.0, beta=3.5), st.beta(2.0, 3.5), 0.0, 1.0),
    (Prior("Cauchy", alpha=0.5, beta=2.0), st.cauchy(0.5, 2.0), -math.inf, math.inf),
    (Prior("ChiSquared", nu=3.0), st.chi2(3.0), 0.0, math.inf),
    (Prior("ExGaussian", mu=0.5, sigma=1.0, nu=2.0), st.exponnorm(2.0, 0.5, 1.0), -math.inf, math.inf),
    (Prior("Exponential", lam=2.0), st.expon(scale=0.5), 0.0, math.inf),
    (Prior("Exponential", scale=3.0), st.expon(scale=3.0), 0.0, math.inf),
    (Prior("Gamma", alpha=2.5, beta=3.0), st.gamma(2.5, scale=1 / 3.0), 0.0, math.inf),
    (Prior("Gamma", mu=2.0, sigma=0.5), st.gamma(16.0, scale=0.125), 0.0, math.inf),
    (Prior("Gumbel", mu=0.5, beta=2.0), st.gumbel_r(0.5, 2.0), -math.inf, math.inf),
    (Prior("HalfCauchy", beta=2.0), st.halfcauchy(0.0, 2.0), 0.0, math.inf),
    (Prior("HalfNormal", sigma=2.0), st.halfnorm(0.0, 2.0), 0.0, math.inf),
    (Prior("HalfNormal", tau=0.25), st.halfnorm(0.0, 2.0), 0.0, math.inf),
    (Prior("InverseGamma", alpha=3.0, beta=2.0), st.invgamma(3.0, scale=2.0), 0.0, math.inf),
    (Prior("Laplace", mu=0.5, b=2.0), st.laplace(0.5, 2.0), -math.inf, math.inf),
    (Prior("LogNormal", mu=0.5, sigma=0.7), st.lognorm(0.7, scale=math.exp(0.5)), 0.0, math.inf),
    (Prior("Logistic", mu=0.5, s=2.0), st.logistic(0.5, 2.0), -math.inf, math.inf),
    (Prior("Moyal", mu=0.5, sigma=2.0), st.moyal(0.5, 2.0), -math.inf, math.inf),
    (Prior("Normal", mu=2.5, sigma=1.5), st.norm(2.5, 1.5), -math.inf, math.inf),
    (Prior("Pareto", alpha=3.0, m=0.2), st.pareto(3.0, scale=0.2), 0.2, math.inf),
    (Prior("Rice", nu=1.0, sigma=2.0), st.rice(0.5, scale=2.0), 0.0, math.inf),
    (Prior("SkewNormal", alpha=2.0, mu=0.5, sigma=2.0), st.skewnorm(2.0, 0.5, 2.0), -math.inf, math.inf),
    (Prior("StudentT", nu=3.0, mu=0.5, sigma=2.0), st.t(3.0, 0.5, 2.0), -math.inf, math.inf),
    (Prior("Triangular", lower=0.0, upper=2.0, c=0.4), st.triang(0.2, 0.0, 2.0), 0.0, 2.0),
    (Prior("TruncatedNormal", mu=1.0, sigma=2.0, lower=0.0), st.truncnorm(-0.5, math.inf, 1.0, 2.0), 0.0, math.inf),
    (Prior("Uniform", lower=-1.0, upper=3.0), st.uniform(-1.0, 4.0), -1.0, 3.0),
    (Prior("VonMises", mu=0.5, kappa=2.0), st.vonmises(2.0, 0.5), -math.pi, math.pi),
    (Prior("Wald", mu=2.0, lam=3.0), st.invgauss(2.0 / 3.0, scale=3.0), 0.0, math.inf),
    (Prior("Wald", mu=2.0, lam=3.0, alpha=0.3), st.invgauss(2.0 / 3.0, loc=0.3, scale=3.0), 0.3, math.inf),
    (Prior("Weibull", alpha=2.0, beta=1.5), st.weibull_min(2.0, scale=1.5), 0.0, math.inf),
    (Prior("GaussianPrior", mu=1.0, sigma=0.5), st.norm(1.0, 0.5), -math.inf, math.inf),
    (Prior("UniformPrior"), st.uniform(0.0, 1.0), 0.0, 1.0),
    (Prior("LogUniformPrior", min=0.1, max=10.0), st.loguniform(0.1, 10.0), 0.1, 10.0),
    (
        Prior("GeneralizedGaussianPrior", mu=1.0, sigma=0.5, eta=0.25),
        st.gennorm(4.0, 1.0, 0.5 * math.sqrt(2.0)),
        -math.inf,
        math.inf,
    ),
]
# No SciPy counterpart: their integral says that they are densities.
WITHOUT_PEER = {"HalfStudentT", "Kumaraswamy", "LogitNormal", "SkewStudentT"}
IMPROPER = {"Flat", "HalfFlat"}
START = 0.5
# PyMC writes these with logarithms and roots of whole numbers, which PyTensor takes in float32.
FLOAT32 = {"ChiSquared", "ExGaussian", "HalfCauchy", "HalfStudentT", "SkewNormal", "TruncatedNormal"}


def logp(distribution, values):
    return evaluate(pm.logp(distribution, pt.constant(np.asarray(values, dtype=np.float64))))


def integral(distribution, low, high):
    """Integrate exp(logp) by Gauss-Legendre nodes on either side of the start value, in u = x / (1 + x) if endless."""
    x = pt.vector("x")
    function, constants, _ = jaxify([x], [pm.logp(distribution, x)])
    total = 0.0
    nodes, weights = (
        0.5 * (values + shift) for values, shift in zip(np.polynomial.legendre.leggauss(800), (1, 0), strict=True)
    )
    for sign, end in ((-1.0, low), (1.0, high)):
        reach = abs(end - START)
        steps, slopes = (reach * nodes, reach) if math.isfinite(end) else (nodes / (1 - nodes), (1 - nodes) ** -2)
        total += np.sum(weights * slopes * np.exp(np.asarray(function(START + sign * steps, *constants)[0])))
    return total


def test_every_type_has_a_case():
    tried = {prior.type for prior, *_ in CASES} | WITHOUT_PEER | IMPROPER
    assert set(PYMC_PRIORS) <= tried


@pytest.mark.parametrize(("prior", "peer", "low", "high"), CASES, ids=lambda item: str(item)[:40])
def test_density_is_that_of_scipy(prior, peer, low, high):
    distribution, transform = build_distribution(prior, Parameter("x", START), "x")
    points = peer.ppf([1e-6, 0.02, 0.2, 0.5, 0.8, 0.97, 1.0 - 1e-6])
    points = points[(points > low) & (points < high)]  # SciPy's circle begins elsewhere
    tolerance = 5e-7 if prior.type in FLOAT32 else 1e-10
    assert logp(distribution, points) == pytest.approx(peer.logpdf(points), rel=1e-10, abs=tolerance)
    assert support_of(distribution, transform) == pytest.approx((low, high), abs=1e-12)
    outside = [end for end in (low - 0.1, high + 0.1) if math.isfinite(end)]
    assert np.all(logp(distribution, outside) == -np.inf)


@pytest.mark.parametrize(
    ("prior", "low", "high"),
    [
        (Prior("HalfStudentT", nu=3.0, sigma=2.0), 0.0, math.inf),
        (Prior("Kumaraswamy", a=2.0, b=3.0), 0.0, 1.0),
        (Prior("LogitNormal", mu=0.3, sigma=0.8), 0.0, 1.0),
        (Prior("SkewStudentT", a=3.0, b=2.0, mu=0.5, sigma=1.0), -math.inf, math.inf),
    ],
    ids=lambda item: str(item)[:20],
)
def test_density_without_a_peer_integrates_to_one(prior, low, high):
    distribution, transform = build_distribution(prior, Parameter("x", START), "x")
    assert support_of(distribution, transform) == (low, high)
    assert integral(distribution, low, high) == pytest.approx(1.0, abs=1e-6)


def test_half_student_t_is_twice_the_student_t():
    distribution, _ = build_distribution(Prior("HalfStudentT", nu=3.0, sigma=2.0), Parameter("x", START), "x")
    points = np.array([0.0, 0.1, 1.0, 40.0])
    expected = math.log(2.0) + st.t(3.0, 0.0, 2.0).logpdf(points)
    assert logp(distribution, points) == pytest.approx(expected, abs=1e-8)
    assert np.ptp(logp(distribution, points) - expected) < 1e-12


@pytest.mark.parametrize("weight", [1.0, 2.0, 0.25])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("GaussianPrior", {"mu": 1.0, "sigma": 0.5}),
        ("GeneralizedGaussianPrior", {"mu": 1.0, "sigma": 0.5, "eta": 0.3}),
        ("UniformPrior", {"min": -1.0, "max": 2.0}),
        ("LogUniformPrior", {"min": 0.1, "max": 20.0}),
    ],
)
def test_gammapy_priors_differ_by_a_constant_only(name, values, weight):
    module = pytest.importorskip("gammapy.modeling.models.prior")
    if weight != 1.0 and name == "LogUniformPrior":
        with pytest.raises(PriorError, match="BM-PR-005"):
            build_distribution(Prior(name, weight=weight, **values), Parameter("x", START), "x")
        return
    live = getattr(module, name)(**values, weight=weight)
    distribution, _ = build_distribution(Prior(name, weight=weight, **values), Parameter("x", START), "x")
    points = np.array([0.11, 0.5, 1.0, 1.3, 1.9])
    theirs = np.array([-0.5 * live.weight * live.evaluate(x, **values) for x in points])
    ours = logp(distribution, points)
    assert ours - ours[0] == pytest.approx(theirs - theirs[0], rel=1e-11, abs=1e-11)
    if weight == 1.0:
        assert ours == pytest.approx(theirs, rel=1e-12)


LIMITED = [
    (Prior("Normal", mu=2.5, sigma=1.5), Parameter("x", START, min=0.0, max=1.0), 0.0, 1.0),
    (Prior("Normal", mu=2.5, sigma=1.5), Parameter("x", START, min=0.0), 0.0, math.inf),
    (Prior("Normal", mu=2.5, sigma=1.5), Parameter("x", START, max=1.0), -math.inf, 1.0),
    (Prior("HalfStudentT", nu=3.0, sigma=2.0), Parameter("x", START, max=4.0), 0.0, 4.0),
    (Prior("HalfStudentT", nu=3.0, sigma=2.0), Parameter("x", START, min=0.1), 0.1, math.inf),
    (Prior("HalfStudentT", nu=3.0, sigma=2.0), Parameter("x", START, min=-1.0, max=4.0), 0.0, 4.0),
    (Prior("HalfNormal", sigma=2.0), Parameter("x", START, max=1.0), 0.0, 1.0),
    (Prior("Beta", alpha=2.0, beta=2.0), Parameter("x", START, min=0.1), 0.1, 1.0),
    (Prior("Gamma", alpha=2.0, beta=1.0), Parameter("x", START, min=0.1), 0.1, math.inf),
    (Prior("TruncatedNormal", mu=0.0, sigma=1.0, lower=0.0), Parameter("x", START, max=2.0), 0.0, 2.0),
    (Prior("LogUniformPrior", min=0.1, max=10.0), Parameter("x", START, min=0.2), 0.2, 10.0),
    (Prior("Uniform", lower=-1.0, upper=9.0), Parameter("x", START, min=0.0, max=2.0), 0.0, 2.0),
    (Prior("GeneralizedGaussianPrior", eta=0.3), Parameter("x", START, min=0.1, max=2.0), 0.1, 2.0),
]


@pytest.mark.parametrize(("prior", "parameter", "low", "high"), LIMITED, ids=lambda item: str(item)[:20])
def test_limits_cut_the_prior_which_stays_normalised(prior, parameter, low, high):
    distribution, transform = build_distribution(prior, parameter, "x")
    assert support_of(distribution, transform) == pytest.approx((low, high), abs=1e-12)
    assert integral(distribution, low, high) == pytest.approx(1.0, abs=1e-6)
    outside = [end for end in (low - 0.01, high + 0.01) if math.isfinite(end)]
    assert np.all(logp(distribution, outside) == -np.inf)
    # Inside it is the prior times a constant.
    plain, _ = build_distribution(prior, Parameter("x", START), "x")
    points = np.array([0.21, 0.4, 0.9])
    shift = logp(distribution, points) - logp(plain, points)
    assert np.ptp(shift) < 1e-9
    assert shift[0] >= -1e-12


@pytest.mark.parametrize(
    ("prior", "parameter", "low", "high"),
    [
        (Prior("Flat"), Parameter("x", START), -math.inf, math.inf),
        (Prior("Flat"), Parameter("x", START, min=0.0), 0.0, math.inf),
        (Prior("Flat"), Parameter("x", START, max=1.0), -math.inf, 1.0),
        (Prior("Uniform", lower=0.2), Parameter("x", START), 0.2, math.inf),
        (Prior("HalfFlat"), Parameter("x", START), 0.0, math.inf),
    ],
)
def test_flat_priors_have_the_declared_support_only(prior, parameter, low, high):
    distribution, transform = build_distribution(prior, parameter, "x")
    assert support_of(distribution, transform) == (low, high)
    assert np.all(logp(distribution, [0.3, 0.9]) == 0.0)


def test_flat_prior_with_both_limits_is_normalised():
    distribution, _ = build_distribution(Prior("Flat"), Parameter("x", START, min=0.0, max=4.0), "x")
    assert logp(distribution, 1.0) == pytest.approx(-math.log(4.0))


@pytest.mark.parametrize(
    ("prior", "parameter", "match"),
    [
        ("Normal", Parameter("x", START), "BM-PR-001.*str Normal"),
        (3.0, Parameter("x", START), "BM-PR-001.*float 3.0"),
        (Prior("Normal", mu="1 TeV", sigma=1.0), Parameter("x", START, "deg"), "BM-PR-002"),
        (Prior("Normal", mu=0.0, sigma=-1.0), Parameter("x", START), "BM-PR-003.*sigma > 0"),
        (Prior("Cauchy", alpha=0.0), Parameter("x", START), "BM-PR-003.*beta"),
        (Prior("Uniform", lower=2.0, upper=1.0), Parameter("x", START), "BM-PR-003.*lower <= upper"),
        (Prior("LogUniformPrior", min=0.0, max=1.0), Parameter("x", START), "BM-PR-003.*0 < min < max"),
        (Prior("VonMises", mu=0.0, kappa=1.0), Parameter("x", START, min=0.0), "BM-PR-003.*LogCDF"),
        (Prior("HalfNormal", sigma=1.0), Parameter("x", -1.0), "BM-PR-004.*-1 .*x.*-inf"),
        (Prior("Uniform", lower=2.0, upper=3.0), Parameter("x", START), "BM-PR-004.*source.x"),
        (Prior("Uniform", lower=2.0), Parameter("x", START), "BM-PR-004.*source.x"),
        (pm.Uniform.dist(2.0, 3.0), Parameter("x", START), "BM-PR-004: the prior made with PyMC gives"),
        (Prior("LogUniformPrior", min=1.0, max=2.0), Parameter("x", START), "BM-PR-004"),
        (Prior("LogUniformPrior", min=0.1, max=2.0, weight=2.0), Parameter("x", START), "BM-PR-005.*weight 2"),
        (Prior("Normal", mu=0.0, sigma=1.0, weight=2.0), Parameter("x", START), "BM-PR-005"),
    ],
)
def test_what_is_refused(prior, parameter, match):
    with pytest.raises(PriorError, match=match):
        build_distribution(prior, parameter, "source.x")


@pytest.mark.parametrize(
    ("make", "peer"),
    [
        (lambda: pm.Normal.dist(1.0, 2.0), st.norm(1.0, 2.0)),
        (lambda: pm.Gamma.dist(alpha=3.0, beta=2.0), st.gamma(3.0, scale=0.5)),
        (lambda: pm.TruncatedNormal.dist(mu=1.0, sigma=2.0, lower=0.0), st.truncnorm(-0.5, math.inf, 1.0, 2.0)),
    ],
)
def test_live_pymc_distributions_are_taken(make, peer):
    distribution, _ = build_distribution(make(), Parameter("x", START), "x")
    points = np.array([0.1, 0.5, 2.0, 4.0])
    difference = logp(distribution, points) - peer.logpdf(points)
    # PyTensor makes a literal 2.0 a float32, and with it the (constant) norm; the shape is exact.
    assert np.abs(difference).max() < 1e-6
    assert np.ptp(difference) < 1e-12


def test_live_distribution_is_cut_at_the_limits():
    parameter = Parameter("x", START, min=0.0, max=1.0)
    distribution, transform = build_distribution(pm.Normal.dist(1.0, 2.0), parameter, "x")
    assert support_of(distribution, transform) == (0.0, 1.0)
    assert integral(distribution, 0.0, 1.0) == pytest.approx(1.0, abs=1e-6)
