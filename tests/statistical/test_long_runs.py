"""Intervals from NUTS beside those of long runs of another sampler on the same posteriors."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from bayesmap import MapFit, read_dataset, read_models
from bayesmap.results.intervals import quantile_error
from bayesmap.results.posterior import verdict_of
from tests.statistical.long_runs import TAILS, LongRun, long_run, moves
from tests.statistical.simulated_cases import simulated_cases

emcee = pytest.importorskip("emcee", reason="emcee is in the extra 'bench'")

pytestmark = [pytest.mark.slow, pytest.mark.statistical]
STEPS = {"point": 4000, "cutoff": 4000, "on_off": 2500, "faint": 2500}
"""Of forty walkers: more than a hundred autocorrelation times."""
REAL = "fermi_crab_lp"


def test_the_other_sampler_on_a_standard_normal():
    """It is itself right: the ends of a normal in six dimensions."""
    sampler = emcee.EnsembleSampler(40, 6, lambda x: -0.5 * np.sum(x**2, axis=1), vectorize=True, moves=moves())
    sampler.random_state = np.random.RandomState(1).get_state()
    sampler.run_mcmc(np.random.default_rng(1).normal(size=(40, 6)), 8000)
    ends, errors = LongRun(sampler.get_chain(discard=500), np.nan).ends()
    assert np.all(np.abs(ends - norm.ppf(TAILS)[:, None]) < 4.0 * errors)
    assert np.all(errors < 0.05)


@pytest.mark.parametrize("name", STEPS)
def test_simulated_cases(name):
    compare(simulated_cases()[name].fit, STEPS[name], seed=61)


def test_the_crab_nebula(reference_data):
    record = json.loads((reference_data / "fits" / f"{REAL}.json").read_text())
    name = record["dataset"]
    dataset = read_dataset(reference_data / f"{name}.mapdataset.fits.gz", name=name)
    models = read_models(record["models_start"], root=reference_data / name)
    compare(MapFit.from_dataset(dataset, models, exposure_order="after_psf", priors="flat"), 4000, seed=62)


def compare(fit, steps, *, seed):
    """Hold the ends of both intervals to four combined standard errors."""
    best = fit.optimize()
    tree = fit.sample(random_seed=seed, cores=1)
    assert verdict_of(tree).ok
    other = long_run(fit._posterior, fit._theta, best.hessian, steps=steps, seed=seed)
    assert other.times > 100.0
    theirs, their_errors = other.ends()
    for k, name in enumerate(fit.free_parameters):
        draws = tree["posterior"][name]
        ours = np.quantile(draws.values, TAILS)
        errors = np.array([quantile_error(draws, tail) for tail in TAILS])
        distances = (ours - theirs[:, k]) / np.hypot(errors, their_errors[:, k])
        assert np.all(np.abs(distances) < 4.0), (name, distances)
