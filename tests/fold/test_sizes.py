"""A Gaussian is the same by its moments and by its samples, in a cut-out and on the whole map."""

from itertools import pairwise

import numpy as np
import pytest

from bayesmap import GaussianSpatialModel
from bayesmap.fold.sizes import GOES_OVER, Range, ranges_of, samples_needed
from bayesmap.testing import toy_models, toy_response
from tests.fold import plain

LON, LAT = 83.70, 21.96
PIXEL = 0.1


@pytest.fixture(scope="module")
def dataset():
    return toy_response(npix=24, binsz=PIXEL)


def npred(dataset, monkeypatch, sigma, factors, start=None):
    """Return the counts of a Gaussian of so many pixels by one image: moments for no factor."""
    ranges = tuple(Range(f, *((-2.0, -1.0) if f == factors[-1] else (2.9, 3.0))) for f in factors)
    monkeypatch.setattr("bayesmap.fold.wide_source.ranges_of", lambda *, fine: ranges)
    models = toy_models(GaussianSpatialModel(lon_0=LON, lat_0=LAT, sigma=PIXEL * (start or sigma)))
    at = toy_models(GaussianSpatialModel(lon_0=LON, lat_0=LAT, sigma=PIXEL * sigma))
    return plain.plain_function(dataset, models)(at)


@pytest.mark.parametrize(("sigma", "few", "many"), [(2.1, (1,), (1, 2)), (1.05, (1, 2), (1, 2, 3))])
def test_more_samples_change_nothing(dataset, monkeypatch, sigma, few, many):
    one, other = (npred(dataset, monkeypatch, sigma, factors) for factors in (few, many))
    assert np.abs(one - other).max() < 1e-6 * one.max()


@pytest.mark.parametrize("sigma", [2.4, 4.0])
def test_a_cut_out_changes_nothing(dataset, monkeypatch, sigma):
    """A source that starts small has cut-outs, one that starts large has the whole map."""
    small, large = (npred(dataset, monkeypatch, sigma, (1,), start) for start in (1.0, 30.0))
    assert np.abs(small - large).max() < 1e-8 * small.max()


@pytest.mark.parametrize("sigma", [0.7, 1.1, 2.2])
def test_moments_are_within_the_tables_error(dataset, sigma):
    """At the sizes where images go over: the default against its neighbours on both sides, smooth to 2e-4."""
    models = toy_models(GaussianSpatialModel(lon_0=LON, lat_0=LAT, sigma=PIXEL * sigma))
    at = plain.plain_function(dataset, models)
    sizes = PIXEL * sigma * np.array([0.99, 1.0, 1.01])
    low, middle, high = (at(toy_models(GaussianSpatialModel(lon_0=LON, lat_0=LAT, sigma=s))) for s in sizes)
    assert np.abs(low - 2.0 * middle + high).max() < 2e-4 * middle.max()


def test_the_ranges_follow_each_other():
    limits = list(GOES_OVER.values())
    assert all(above[0] >= below[1] for above, below in pairwise(limits))
    assert [samples_needed(s, fine=True) for s in (3.0, 1.5, 0.8, 0.5)] == [1, 2, 3, None]
    assert [samples_needed(s, fine=False) for s in (3.0, 1.5)] == [1, None]
    assert [item.factor for item in ranges_of(fine=True)] == [1, 2, 3]
