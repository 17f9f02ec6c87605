"""Simulation-based calibration of the whole chain, and that it finds what is wrong.

BAYESMAP_CALIBRATION_RECORD names a folder that the long tier keeps its calibrations in.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bayesmap import Prior, SpectrumDatasetOnOff, write_calibration
from bayesmap.checks.sbc import calibrate, supported_draws
from bayesmap.fit import MapFit
from bayesmap.maps.map import WcsNDMap
from bayesmap.testing import toy_models, toy_response

pytestmark = pytest.mark.statistical
RECORD = os.environ.get("BAYESMAP_CALIBRATION_RECORD")
PRIORS = {
    "index": Prior("Normal", mu=2.2, sigma=0.3),
    "amplitude": Prior("Gamma", mu=8e-10, sigma=2e-10),
    "lon_0": Prior("Normal", mu=83.70, sigma=0.1),
    "lat_0": Prior("Normal", mu=21.96, sigma=0.1),
    "norm": Prior("Gamma", mu=1.0, sigma=0.2),
}
RESPONSE = {"npix": 10, "binsz": 0.2, "psf_sigma": 0.2, "background": 1.0}


def posterior_of(priors=PRIORS, weights=None, **response):
    """Return a posterior that may differ from the one that data come from."""
    dataset = toy_response(**(RESPONSE | response))
    if weights is not None:
        dataset = replace(dataset, weights=WcsNDMap(dataset.counts.geom, np.full(dataset.counts.data.shape, weights)))
    return MapFit.from_dataset(dataset, toy_models(), priors=priors)._posterior


def kept(name, found):
    """Keep a calibration where that is asked for."""
    if RECORD:
        write_calibration(found, Path(RECORD) / f"{name}.json", overwrite=True)
    return found


@pytest.fixture(scope="module")
def posterior():
    return posterior_of()


@pytest.fixture(scope="module")
def two_hundred(posterior):
    return calibrate(posterior, simulations=200, random_seed=17)


@pytest.fixture(scope="module")
def thousand(posterior):
    return kept("thousand", calibrate(posterior, simulations=1000, random_seed=29))


def check_ranks(found):
    """All quantities uniform at 1e-3 each; at most one fit in fifty without a posterior; the verdict says the same."""
    assert len(found.refused) <= 0.02 * found.done
    assert set(found.names) >= {*found.parameters, "log_likelihood", "log_prior", "source.flux", "hottest_bin"}
    for name, p_value in found.p_values().items():
        assert p_value >= 1e-3, (name, p_value)
    assert found.success, found.reasons


def check_coverage(found, first, second):
    """Shares of the 68.27 and 95.45 % intervals of all quantities within the exact bounds."""
    for mass, (low, high) in zip(found.masses, (first, second), strict=True):
        assert found.bounds(mass) == pytest.approx((low, high), abs=1e-9)
        shares = found.shares(mass)
        assert np.all((low <= shares) & (shares <= high)), shares


def test_ranks_are_uniform(two_hundred):
    check_ranks(two_hundred)
    assert np.all((two_hundred.contraction > 0.5) & (two_hundred.contraction < 1.0))


def test_credible_intervals_cover(two_hundred):
    assert two_hundred.simulations == 200
    check_coverage(two_hundred, (0.57, 0.785), (0.9, 0.995))


@pytest.mark.slow
def test_ranks_are_uniform_in_many_simulations(thousand):
    check_ranks(thousand)


@pytest.mark.slow
def test_scores_and_contraction_in_many_simulations(thousand):
    assert np.mean(np.abs(thousand.z_scores) < 4.0) >= 0.999
    assert np.all((thousand.contraction > 0.0) & (thousand.contraction < 1.0))


@pytest.mark.slow
def test_credible_intervals_cover_in_many_simulations(thousand):
    assert thousand.simulations == 1000
    check_coverage(thousand, (0.634, 0.73), (0.931, 0.975))


def test_one_compilation_serves_all_simulations(posterior):
    calibrate(posterior, simulations=2, random_seed=1)
    compiled = posterior.functions["value_and_gradient"]._cache_size()
    calibrate(posterior, simulations=3, random_seed=2)
    assert posterior.functions["value_and_gradient"]._cache_size() == compiled == 1


def test_the_first_truths_do_not_depend_on_their_number(posterior):
    few, many = (supported_draws(posterior, number, 5) for number in (7, 230))
    np.testing.assert_array_equal(few, many[:7])
    assert len(np.unique(many, axis=0)) == 230


def test_a_simulator_with_other_start_values_is_the_same_nature(posterior):
    """Coordinates of positions are offsets from the start values; the truths of both are the same places."""
    models = toy_models().with_values({"lon_0": 83.75, "lat_0": 21.9, "index": 2.5})
    nature = MapFit.from_dataset(toy_response(**RESPONSE), models, priors=PRIORS)._posterior
    found = calibrate(posterior, simulations=12, random_seed=3, simulator=nature)
    assert np.abs(found.z_scores).max() < 5.0


def test_a_wrong_background_is_found(posterior):
    nature = posterior_of(background=1.4)
    found = calibrate(posterior, simulations=24, random_seed=3, simulator=nature)
    assert not found.success
    assert "toy-bkg.spectral.norm: ranks are not uniform" in str(found)
    assert found.shape("toy-bkg.spectral.norm") == "draws too high"


# Each bug moves a posterior by 0.75 of its standard deviation at least, or makes it 1.5 times as wide.
WEAK = PRIORS | {"amplitude": Prior("Gamma", mu=1e-11, sigma=2.5e-12)}
"""Of a source so faint that its posterior is nearly the prior: the contraction of its index is 0.09."""
FAINTEST = PRIORS | {"amplitude": Prior("Gamma", mu=1e-13, sigma=2.5e-14)}
"""Of a source that adds less than a count: its posterior is the prior."""
WIDER = WEAK | {"index": Prior("Normal", mu=2.2, sigma=0.45)}
BUGS = {
    "PSF 1.3 times as wide": ({}, {"psf_sigma": 0.26}),
    "background off": ({"background": 1e-6}, {}),
    "scale of a prior 1.5 times": ({"priors": WEAK}, {"priors": WIDER}),
    "likelihood dropped": ({}, {"weights": 0.0}),
    "map shifted by a bin": ({}, {"center": (83.63, 22.21)}),
}
"""Nature and analysis, where they differ from the case above."""


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found_by_two_hundred_simulations(bug):
    nature, analysis = (posterior_of(**given) for given in BUGS[bug])
    found = kept(bug.replace(" ", "-"), calibrate(analysis, simulations=200, random_seed=41, simulator=nature))
    assert not found.success
    assert min(found.p_values().values()) < 1e-3, found


@pytest.mark.slow
def test_ranks_of_an_on_off_spectrum():
    """The background is integrated out; counts of all data sets fit into two shapes of the compiled functions."""
    toy = toy_response(npix=12)
    spectrum = SpectrumDatasetOnOff(
        name="spectrum", axis=toy.axis, counts=0.0, counts_off=np.array([75.0, 25.0, 10.0]), acceptance=1.0,
        acceptance_off=5.0, axis_true=toy.axis_true, exposure=toy.exposure.data[:, 6, 6], edisp=toy.edisp,
    )  # fmt: skip
    fixed = toy_models().with_frozen({"lon_0": True, "lat_0": True})
    priors = {
        "index": Prior("Normal", mu=2.2, sigma=0.3),
        "amplitude": Prior("Gamma", mu=4e-10, sigma=1.5e-10),
    }
    posterior = MapFit.from_dataset(spectrum, fixed[:1], priors=priors)._posterior
    found = kept("on-off", calibrate(posterior, simulations=200, random_seed=47))
    assert found.success, found.reasons
    assert np.all(found.contraction > 0.2)


@pytest.mark.slow
def test_a_faint_source_returns_its_prior():
    """Contraction below 0.05 is flagged by name, and is no failure."""
    found = calibrate(posterior_of(FAINTEST), simulations=60, random_seed=43)
    assert found.success, found.reasons
    for name in ("spectral.index", "spectral.amplitude", "spatial.lon_0", "spatial.lat_0"):
        assert any(note.startswith(f"source.{name} returns its prior") for note in found.notes), name
