"""Laws of the counts besides Poisson's: negative binomial, weights, On/Off with a marginalised background."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.special
import scipy.stats
from numpy.testing import assert_allclose

from bayesmap import MapFit, OverdispersionModel, SpectrumDatasetOnOff, WcsNDMap
from bayesmap.errors import BayesmapInputError, ModelError
from bayesmap.posterior import negative_binomial
from bayesmap.posterior.on_off import SHAPE, observe_on_off
from bayesmap.testing import toy_dataset, toy_models, toy_response

ALPHA = "scatter.counts.overdispersion"
COUNTS = np.array([0.0, 1.0, 5.0, 40.0, 1000.0, 2e5])
MEANS = np.array([0.3, 1.5, 7.0, 30.0, 900.0, 2.1e5])


@pytest.mark.parametrize("alpha", [1e-3, 9.9e-3, 1.01e-2, 0.1, 1.0, 7.0])
def test_negative_binomial_is_scipys(alpha):
    law = negative_binomial.log_probability(np, COUNTS, MEANS, alpha)
    found = law + COUNTS * np.log(MEANS) - scipy.special.gammaln(COUNTS + 1.0)
    expected = scipy.stats.nbinom(1.0 / alpha, 1.0 / (1.0 + alpha * MEANS)).logpmf(COUNTS)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


def test_negative_binomial_becomes_poisson():
    """At zero exactly; near zero by the first-order term alpha [(n - mu)^2 - n] / 2."""
    assert_allclose(negative_binomial.log_probability(np, COUNTS, MEANS, 0.0), -MEANS, rtol=1e-15)
    small = 1e-9
    first = 0.5 * small * ((COUNTS - MEANS) ** 2 - COUNTS)
    change = negative_binomial.log_probability(np, COUNTS, MEANS, small) + MEANS
    assert_allclose(change[:5], first[:5], rtol=1e-4, atol=1e-12)


def test_draws_have_the_variance_of_the_law():
    rng = np.random.default_rng(5)
    draws = negative_binomial.draw(rng, np.full(200_000, 20.0), 0.05)
    assert_allclose(draws.mean(), 20.0, rtol=2e-3)
    assert_allclose(draws.var(), 20.0 + 0.05 * 400.0, rtol=0.02)


@pytest.fixture(scope="module")
def scattered():
    """Counts with alpha = 0.2, and the fit of them."""
    empty = toy_response(npix=12, background=20.0)
    truth = toy_models()
    mu = MapFit.from_dataset(empty, truth, priors="flat").npred().data
    counts = negative_binomial.draw(np.random.default_rng(11), mu, 0.2)
    data = empty.with_counts(WcsNDMap(empty.counts.geom, counts))
    return MapFit.from_dataset(data, truth, likelihood="negative_binomial")


def test_the_switch_adds_the_parameter_and_finds_it(scattered):
    assert scattered.free_parameters[-1] == ALPHA
    best = scattered.run()
    assert best.success
    found = best.model.parameters[ALPHA]
    assert abs(found.value - 0.2) < 3.0 * found.error
    assert 0.01 < found.error < 0.05


def test_likelihood_of_a_cube_is_the_sum_over_its_bins(scattered):
    values = {ALPHA: 0.13}
    mu, n = scattered.npred(values).data, scattered.dataset.counts.data
    expected = scipy.stats.nbinom(1.0 / 0.13, 1.0 / (1.0 + 0.13 * mu)).logpmf(n).sum()
    assert_allclose(scattered.log_likelihood(values), expected, rtol=1e-10)
    posterior, theta = scattered._at(values)
    assert_allclose(posterior.pointwise(theta).sum(), expected, rtol=1e-10)


def test_pymc_model_of_overdispersed_counts(scattered):
    posterior = scattered._posterior
    z = posterior.variables.forward(posterior.coordinates.start + 1e-3)
    model = scattered.pymc_model
    point = {v.name: np.asarray(i.part(z)) for i, v in zip(posterior.variables.items, model.value_vars, strict=True)}
    found = float(model.compile_logp(jacobian=False)(point))
    assert_allclose(found, posterior.log_posterior(posterior.to_theta(z)), rtol=1e-10)


def test_two_overdispersions_of_one_dataset_are_refused():
    models = [*toy_models(), OverdispersionModel(name="a"), OverdispersionModel(name="b")]
    with pytest.raises(ModelError, match="BM-MO-027: dataset 'toy' has the overdispersion models a, b"):
        MapFit.from_dataset(toy_dataset(npix=12), models)


def test_weights_multiply_the_log_likelihood_of_each_bin():
    data = toy_dataset(npix=12)
    rng = np.random.default_rng(2)
    weights = rng.uniform(0.0, 1.0, data.counts.data.shape)
    weighted = dataclasses.replace(data, weights=WcsNDMap(data.counts.geom, weights))
    fit = MapFit.from_dataset(weighted, toy_models(), priors="flat")
    plain = scipy.stats.poisson(fit.npred().data).logpmf(data.counts.data)
    assert_allclose(fit.log_likelihood(), np.sum(weights * plain), rtol=1e-12)
    assert_allclose(fit._posterior.pointwise(fit._theta), (weights * plain).ravel(), rtol=1e-9, atol=1e-12)
    posterior, model = fit._posterior, fit.pymc_model
    z = posterior.variables.forward(fit._theta)
    point = {v.name: np.asarray(i.part(z)) for i, v in zip(posterior.variables.items, model.value_vars, strict=True)}
    assert_allclose(float(model.compile_logp(jacobian=False)(point)), fit.log_posterior(), rtol=1e-10)


@pytest.mark.parametrize(("value", "match"), [(1.5, "BM-IN-022: 1 of 432 weights"), (np.nan, "BM-IN-022: 1 of 432")])
def test_bad_weights_are_refused(value, match):
    data = toy_dataset(npix=12)
    weights = np.ones(data.counts.data.shape)
    weights[1, 2, 3] = value
    with pytest.raises(BayesmapInputError, match=match):
        MapFit.from_dataset(
            dataclasses.replace(data, weights=WcsNDMap(data.counts.geom, weights)), toy_models()
        )


def spectrum(n_on, n_off, ratio=5.0):
    toy = toy_response(npix=12)
    return SpectrumDatasetOnOff(
        "spectrum", toy.axis, n_on, n_off, 1.0, ratio, toy.axis_true, toy.exposure.data[:, 6, 6], toy.edisp
    )


@pytest.mark.parametrize(("n_on", "n_off"), [(0, 0), (3, 0), (0, 7), (12, 60), (40, 9)])
@pytest.mark.parametrize("signal", [0.0, 0.4, 11.0])
def test_on_off_is_the_integral_over_the_background(n_on, n_off, signal):
    """Against Gauss-Laguerre quadrature of Poisson(n_on | s + b) Gamma(b | n_off + a, 1 / alpha)."""
    counts = observe_on_off(spectrum([n_on, 1, 1], [n_off, 1, 1]))
    found = counts.pointwise(np.array([signal, 1.0, 1.0]), 0.0)[0]
    nodes, weights = scipy.special.roots_genlaguerre(60, n_off + SHAPE - 1.0)
    background = nodes / 6.0  # of b^(n_off + a - 1) exp(-b (1 + 1 / alpha)), alpha = 0.2
    terms = scipy.stats.poisson.pmf(n_on, signal + background) * np.exp(background)
    expected = np.sum(weights * terms) * (5.0 / 6.0) ** (n_off + SHAPE) / scipy.special.gamma(n_off + SHAPE)
    assert_allclose(np.exp(found), expected, rtol=1e-10)


def test_on_off_probabilities_add_up_to_one():
    total = 0.0
    for n_on in range(120):
        total += np.exp(observe_on_off(spectrum([n_on, 0, 0], [9, 0, 0])).pointwise(np.array([20.0, 1, 1]), 0.0)[0])
    assert_allclose(total, 1.0, rtol=1e-12)


def test_other_on_counts_have_terms_of_zero_and_one_shape():
    """Fourteen and nine counts need one compilation; the likelihood is that without the filling."""
    counts = observe_on_off(spectrum([4, 0, 2], [9, 3, 0]))
    one, other = counts.again(np.array([14.0, 0.0, 2.0])), counts.again(np.array([9.0, 1.0, 2.0]))
    assert one.log_weights.get_value().shape == other.log_weights.get_value().shape == (3, 16)
    plain = observe_on_off(spectrum([14, 0, 2], [9, 3, 0]))
    assert plain.log_weights.get_value().shape == (3, 15)
    signal = np.array([3.0, 0.0, 1.0])
    assert_allclose(one.pointwise(signal, 0.0), plain.pointwise(signal, 0.0), rtol=1e-13)
    assert_allclose(one.log_likelihood(signal, None).eval(), plain.pointwise(signal, 0.0).sum(), rtol=1e-12)


def test_on_off_slope_is_finite_at_no_signal():
    """d ln p / ds at s = 0 is that of the quotient of the first two terms."""
    import pytensor
    import pytensor.tensor as pt

    counts = observe_on_off(spectrum([4, 0, 2], [9, 3, 0]))
    signal = pt.vector()
    value = counts.log_likelihood(signal, None)
    slope = pytensor.function([signal], pytensor.grad(value, signal), mode="FAST_COMPILE")
    step = 1e-7
    for i in range(3):
        up = np.zeros(3)
        up[i] = step
        change = counts.pointwise(up, 0.0).sum() - counts.pointwise(np.zeros(3), 0.0).sum()
        assert_allclose(slope(np.zeros(3))[i], change / step, rtol=1e-5)


@pytest.mark.parametrize(("n_on", "n_off"), [(0, 3), (1, 0), (2, 5), (9, 6), (60, 300)])
def test_on_off_has_derivatives_from_no_signal_on(n_on, n_off):
    """Value, slope and curvature are those of the logarithm of a polynomial, down to no signal at all."""
    import pytensor
    import pytensor.tensor as pt

    counts = observe_on_off(spectrum([n_on, 1, 1], [n_off, 1, 1]))
    one = pt.scalar()
    value = counts.log_likelihood(pt.stack([one, 0.0, 0.0]), None)
    slope = pytensor.grad(value, one)
    found = pytensor.function([one], [value, slope, pytensor.grad(slope, one)], mode="FAST_COMPILE")
    order = n_on - np.arange(n_on + 1)
    coefficients = scipy.stats.nbinom.pmf(order, n_off + SHAPE, 5.0 / 6.0) / scipy.special.factorial(n_on - order)
    polynomial = np.polynomial.Polynomial(coefficients)
    rest = counts.pointwise(np.zeros(3), 0.0)[1:].sum()
    for s in (0.0, 1e-9, 1e-6, 1e-4, 0.1, 30.0):
        level, first, second = polynomial(s), polynomial.deriv()(s), polynomial.deriv(2)(s)
        got = [float(item) for item in found(s)]
        assert_allclose(got[0] - rest, np.log(level) - s, rtol=1e-11, atol=1e-12)
        assert_allclose(got[1], first / level - 1.0, rtol=1e-8, atol=1e-9)
        assert_allclose(got[2], second / level - (first / level) ** 2, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("n_off", [0, 1, 25])
def test_mean_of_the_on_counts_is_signal_and_measured_background(n_off):
    """E n_on = s + alpha (n_off + a): events stay possible background events where no Off event was seen."""
    n_on = np.arange(150)
    laws = [observe_on_off(spectrum([n, 0, 0], [n_off, 0, 0])).pointwise(np.array([7.0, 1, 1]), 0.0)[0] for n in n_on]
    assert_allclose(np.sum(n_on * np.exp(laws)), 7.0 + 0.2 * (n_off + SHAPE), rtol=1e-10)
