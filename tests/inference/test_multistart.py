"""Several starts: what is drawn, what is kept, what is told; and bad starts in small (all: ``benchmarks.starts``)."""

import numpy as np
import pytest

from bayesmap.errors import BayesmapInputError
from bayesmap.fit import MapFit
from bayesmap.inference.optimize import AGREEING, FURTHER, optimize
from bayesmap.inference.scatter import scattered, search_radius
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.results.fit import Starts
from bayesmap.testing import toy_dataset, toy_models
from benchmarks.starts import CASES, measure

OFF = 0.35  # deg, five PSF widths


@pytest.fixture(scope="module")
def narrow():
    """Fit that starts five widths of its PSF off the source."""
    truth = toy_models(PointSpatialModel(lon_0=83.70, lat_0=21.96), amplitude="4e-10 cm-2 s-1 TeV-1")
    data = toy_dataset(truth, psf_sigma=0.07, binsz=0.05, npix=24, seed=3)
    start = toy_models(
        PointSpatialModel(lon_0=83.70 + OFF / np.cos(np.deg2rad(21.96)), lat_0=21.96), amplitude="4e-10 cm-2 s-1 TeV-1"
    )
    return MapFit.from_dataset(data, start)


def test_several_starts_find_a_source_that_one_misses(narrow):
    missed = narrow.optimize(starts=1)
    found = narrow.optimize(starts=6, random_seed=1)
    assert abs(missed.model.parameters["source.spatial.lon_0"].value - 83.70) > 0.2
    assert found.model.parameters["source.spatial.lon_0"].value == pytest.approx(83.70, abs=0.02)
    assert found.success
    assert found.total_stat < missed.total_stat - 100.0
    assert missed.starts is None
    assert len(found.starts.log_posteriors) == 6
    assert found.starts.losses[0] > 100.0
    assert found.starts.reached >= 1
    assert found.notes[0] == f"{found.starts.reached} of 6 starts reached the best optimum"
    assert found.nfev > missed.nfev
    assert narrow.covariance().nfev == 0


def test_a_hard_way_is_gone_again_from_elsewhere(narrow):
    """By default, the same way every time."""
    found, again = narrow.optimize(), narrow.optimize()
    assert found.model.parameters["source.spatial.lon_0"].value == pytest.approx(83.70, abs=0.02)
    assert found.starts == again.starts
    assert found.starts.seed == 0
    assert found.starts.reached == AGREEING or len(found.starts.losses) == 1 + FURTHER


def test_an_easy_way_is_gone_once(small_fit):
    best, _ = optimize(small_fit._posterior, small_fit._stat_at)
    assert best.starts is None
    assert best.notes == ()


def test_the_same_seed_gives_the_same_starts(narrow):
    posterior = narrow._posterior
    given = posterior.coordinates.start
    first, again, other = (scattered(posterior, given, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first[1:], other[1:])
    assert np.array_equal(first[0], given)


def test_starts_lie_where_a_guess_may_be(narrow):
    posterior = narrow._posterior
    given, names = posterior.coordinates.start, posterior.coordinates.names
    points = np.array(scattered(posterior, given, 200, np.random.default_rng(1)))
    assert all(np.isfinite(posterior.log_posterior(point)) for point in points)
    i, j = posterior.coordinates.moving["source"]
    radius = np.hypot(points[:, i], points[:, j])
    # 68 per cent of a Gaussian lie within 1.51 of its widths, which are E^-0.1; the middle energy is 3 TeV.
    assert search_radius(posterior) == pytest.approx(3.0 * 1.51 * 0.07 * 3.0**-0.1, rel=0.01)
    assert 0.9 * search_radius(posterior) < radius.max() <= search_radius(posterior)
    amplitude = names.index("source.spectral.amplitude")
    ratio = points[:, amplitude] / given[amplitude]
    assert 0.1 <= ratio.min() < 0.2
    assert 5.0 < ratio.max() <= 10.0
    assert np.ptp(points[:, names.index("source.spectral.index")]) == pytest.approx(2.0, abs=0.2)


def test_progress_is_told_from_every_start(narrow):
    iterations = []
    narrow.optimize(starts=3, random_seed=1, progress=lambda iteration, state: iterations.append(iteration))
    assert iterations.count(0) == 3


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"starts": 0}, "BM-FT-005.*starts is 0"),
        ({"starts": 2.5}, r"BM-FT-005.*starts is 2\.5"),
        ({"starts": 2, "random_seed": -3}, "BM-FT-005.*random_seed is -3"),
    ],
)
def test_numbers_that_make_no_sense_are_told(narrow, options, match):
    with pytest.raises(BayesmapInputError, match=match):
        narrow.optimize(**options)


def test_remarks_say_what_was_found():
    found = Starts((-10.0, -10.001, -15.0, -10.0), (True, True, True, False), (0.0, 0.01, 4.0, 3.0), seed=1)
    assert found.reached == 3
    assert found.losses == pytest.approx((0.0, 0.002, 10.0, 0.0))
    assert found.twins == 1
    assert found.remarks() == (
        "3 of 4 starts reached the best optimum",
        "there are other optima, with -2 ln posterior larger by 10.00",
        "1 starts found an optimum of the same height elsewhere: sources may exchange their names",
    )
    assert Starts((-1.0, -2.0, -3.0), (True,) * 3, (0.0, 5.0, 6.0), seed=1).remarks()[-1].startswith("only one start")


def test_a_search_may_begin_elsewhere(small_fit):
    posterior = small_fit._posterior
    theta = small_fit._theta + 0.1 * np.abs(small_fit._theta)
    again, found = optimize(posterior, small_fit._stat_at, start=theta)
    assert again.success
    assert found == pytest.approx(small_fit._theta, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", ["weak background", pytest.param("pole", marks=pytest.mark.slow)])
def test_bad_starts_reach_the_best(name):
    outcome = measure(name, 5)
    assert (outcome.fits, outcome.good, outcome.wrong) == (5, 5, 0)


@pytest.mark.slow
def test_at_least_99_of_100_bad_starts_reach_the_best():
    outcomes = [measure(name) for name in CASES]
    assert sum(outcome.fits for outcome in outcomes) == 100
    assert sum(outcome.good for outcome in outcomes) >= 99
