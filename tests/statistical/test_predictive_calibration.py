"""Predictive p-values over data sets whose truth comes from the prior (S21): which are uniform, which conservative."""

import numpy as np
import pytest
import scipy.stats as st

from bayesmap import FoVBackgroundModel, MapFit
from bayesmap.checks.check import check_dataset
from bayesmap.checks.positions import source_places
from bayesmap.checks.sbc import posterior_draws, simulated, supported_draws
from bayesmap.checks.uniformity import uniformity
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.prior import Prior
from bayesmap.testing import toy_dataset, toy_models, toy_response

SIMULATIONS = 200
pytestmark = pytest.mark.statistical


def assert_calibrated(checks, ranked):
    """The p-values of one draw are uniform as a whole, p > 1e-3 each; those of all draws are seldom small."""
    names = sorted(checks[0].discrepancies)
    figures = {}
    for name in names:
        sampled = np.array([check.discrepancies[name].sampled_p_value for check in checks])
        ranks = np.floor(sampled * (ranked + 1)).astype(int)
        plain = np.array([check.discrepancies[name].p_value for check in checks])
        figures[name] = (uniformity(ranks, ranked), float(np.mean(plain < 0.05)), float(plain.std()))
    transforms = np.array([check.pit.p_value for check in checks])
    figures["pit"] = (
        float(st.kstest(transforms, "uniform").pvalue),
        float(np.mean(transforms < 0.05)),
        transforms.std(),
    )
    # Meng's bound of 2 alpha, with its binomial scatter.
    most = st.binom.isf(1e-3, len(checks), 0.1) / len(checks)
    for name, (p_value, low, _) in figures.items():
        assert p_value > 1e-3, (name, figures)
        assert low <= most, (name, figures)
    # The total is fitted: its plain p-values are nowhere near uniform (sd 0.29).
    assert figures["total"][2] < 0.2, figures


def test_exact_posterior():
    """One norm with a Gamma prior, whose posterior is known: no sampler can be at fault."""
    shape = rate = 5.0
    data = toy_response(npix=8)
    fit = MapFit.from_dataset(
        data.with_counts(WcsNDMap(data.counts.geom, np.round(data.background.data))),
        FoVBackgroundModel("toy"),
        priors={"toy-bkg.spectral.norm": Prior("Gamma", alpha=shape, beta=rate)},
    )
    posterior, expected = fit._posterior, data.background.data
    (law,) = posterior.counts.values()
    rng, checks = np.random.default_rng(7), []
    for seed in range(SIMULATIONS):
        counts = rng.poisson(rng.gamma(shape, 1.0 / rate) * expected).astype(float)
        draws = rng.gamma(shape + counts.sum(), 1.0 / (rate + expected.sum()), (25, 1, 1))
        observed = posterior.with_counts(law.again(counts))
        checks.append(
            check_dataset(observed, draws, positions={"middle": (83.63, 22.01, 0.2)}, random_seed=seed, ranked=49)
        )
    assert_calibrated(checks, 49)


@pytest.mark.slow
def test_sampled_posterior():
    """A source with free position, flux and index on a free background, sampled by NUTS."""
    priors = {
        "source.spectral.index": Prior("Normal", mu=2.2, sigma=0.3),
        "source.spectral.amplitude": Prior("LogNormal", mu=float(np.log(1e-9)), sigma=0.4),
        "source.spatial.lon_0": Prior("Normal", mu=83.63, sigma=0.1),
        "source.spatial.lat_0": Prior("Normal", mu=22.01, sigma=0.1),
        "toy-bkg.spectral.norm": Prior("LogNormal", mu=0.0, sigma=0.3),
    }
    fit = MapFit.from_dataset(toy_dataset(npix=12), toy_models(), priors=priors)
    truths = supported_draws(fit._posterior, SIMULATIONS, 3)
    checks = []
    for seed, truth in enumerate(truths):
        observed, _ = simulated(fit._posterior, truth, np.random.default_rng([5, seed]))
        draws = posterior_draws(observed, seed, 150)[None]
        places = source_places(observed, draws, fit.dataset)
        checks.append(check_dataset(observed, draws, positions=places, random_seed=seed, ranked=99))
    assert_calibrated(checks, 99)
    assert np.mean([check.reasons != () for check in checks]) <= 0.05
