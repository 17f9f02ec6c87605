"""Numerical honesty: the likelihood against fifty digits, and what may not change it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytensor.tensor as pt
import pytest
import scipy.special

from bayesmap.fit import MapFit
from bayesmap.maps import MapAxis, WcsNDMap
from bayesmap.models import FoVBackgroundModel, GaussianSpatialModel, Models, SkyModel
from bayesmap.posterior.distributions import evaluate
from bayesmap.posterior.jaxify import jaxify
from bayesmap.posterior.observed import poisson_logp as graph
from bayesmap.testing import toy_dataset, toy_models
from tests.trust.logp import poisson_bound, poisson_error

COUNTS = [0, 1, 2, 3, 10, 150, 1e4, 2**31, 3e9, 1e10, 123456789012, 1e12]
MEANS = [1e-12, 1e-9, 3.3e-5, 0.1, 0.999, 1.0, 7.7, 150.0, 1e4 + 0.1, 3e9, 123456789013.0, 1e12]
"""From the emptiest bin to one that no 32-bit number holds, near the mode (where terms cancel) and far from it."""


def compiled(n, mu):
    n_, mu_ = pt.vector("n"), pt.vector("mu")
    function, constants, _ = jaxify([n_, mu_], [graph(n_, mu_)])
    return np.asarray(function(n, mu, *constants)[0])


def node_by_node(n, mu):
    return evaluate(graph(pt.constant(n), pt.constant(mu)))


@pytest.mark.parametrize("compute", [compiled, node_by_node])
def test_the_poisson_law_is_that_of_fifty_digits(compute):
    n, mu = (grid.ravel() for grid in np.meshgrid(np.asarray(COUNTS, dtype=np.float64), MEANS))
    error = [poisson_error(*cell) for cell in zip(compute(n, mu), n, mu, strict=True)]
    bound = [poisson_bound(*pair) for pair in zip(n, mu, strict=True)]
    assert np.max(np.divide(error, bound)) < 1.0


def test_minus_infinity_is_for_the_impossible_only():
    n, mu = (grid.ravel() for grid in np.meshgrid([0.0, 1.0, 1e12], [0.0, 5e-324, 1e-300, 1e12]))
    assert np.array_equal(np.isneginf(node_by_node(n, mu)), (mu == 0.0) & (n > 0.0))


def spatial(**changes):
    return GaussianSpatialModel(**{"lon_0": 83.70, "lat_0": 21.96, "sigma": 0.2} | changes)


def models(shape=None, **spectral):
    return toy_models(spatial() if shape is None else shape, **spectral)


@pytest.fixture(scope="module")
def dataset():
    return toy_dataset(models(), seed=7, npix=10)


@pytest.fixture(scope="module")
def fit(dataset):
    return MapFit.from_dataset(dataset, models())


def close(one, other):
    return one == pytest.approx(other, rel=1e-9)


def test_names_do_not_matter(dataset, fit):
    source, _ = models()
    again = Models((SkyModel(source.spectral_model, source.spatial_model, name="x"), FoVBackgroundModel("y")))
    other = MapFit.from_dataset(replace(dataset, name="y"), again)
    assert close(other.log_likelihood(), fit.log_likelihood())
    assert close(other.log_posterior(), fit.log_posterior())
    assert close(other.log_likelihood({"index": 2.5}), fit.log_likelihood({"index": 2.5}))


def in_gev(sky_map):
    axis = sky_map.geom.axes[0]
    gev = MapAxis.from_edges(axis.edges * 1e3, name=axis.name, unit="GeV")
    return WcsNDMap(sky_map.geom.with_axes([gev]), sky_map.data, sky_map.unit)


def test_units_do_not_matter(dataset, fit):
    """Parameters in GeV and arcminutes, maps and exposure in GeV and m2 s."""
    converted = replace(
        dataset,
        counts=in_gev(dataset.counts),
        background=in_gev(dataset.background),
        exposure=in_gev(dataset.exposure).to_unit("m2 s", "exposure"),
    )
    shape = spatial(lon_0="5022 arcmin", lat_0="1317.6 arcmin", sigma="12 arcmin")
    other = MapFit.from_dataset(converted, models(shape, amplitude="8e-13 cm-2 s-1 GeV-1", reference="1000 GeV"))
    assert close(other.log_likelihood(), fit.log_likelihood())


def test_the_frame_of_a_model_does_not_matter(dataset, fit):
    from astropy.coordinates import SkyCoord

    place = SkyCoord(83.70, 21.96, unit="deg", frame="icrs").galactic
    other = MapFit.from_dataset(dataset, models(spatial(lon_0=place.l.deg, lat_0=place.b.deg, frame="galactic")))
    assert close(other.log_likelihood(), fit.log_likelihood())
    assert close(other.log_posterior(), fit.log_posterior())


@pytest.fixture(scope="module")
def two(dataset):
    """Two observations through one response."""
    second = toy_dataset(models(), seed=8, npix=10)
    return replace(dataset, name="one"), replace(second, name="two")


def shared():
    source, _ = models()
    return Models((source, FoVBackgroundModel("one"), FoVBackgroundModel("two")))


@pytest.fixture(scope="module")
def joint(two):
    return MapFit.from_datasets(two, shared())


def test_the_order_of_data_sets_and_models_does_not_matter(two, joint):
    other = MapFit.from_datasets(two[::-1], Models(tuple(shared())[::-1]))
    assert close(other.log_likelihood(), joint.log_likelihood())
    assert close(other.log_posterior(), joint.log_posterior())


def test_one_stacked_observation_is_two_joint_ones(two, joint):
    r"""The same :math:`\mu` twice: :math:`\ln L` differs by a constant of the counts."""
    first, second = two
    stacked = replace(
        first,
        counts=first.counts.copy_with(data=first.counts.data + second.counts.data),
        exposure=first.exposure.copy_with(data=2.0 * first.exposure.data),
        background=first.background.copy_with(data=2.0 * first.background.data),
    )
    source, _ = models()
    one = MapFit.from_dataset(stacked, Models((source, FoVBackgroundModel("one"))))
    n, m = first.counts.data, second.counts.data
    constant = np.sum((n + m) * np.log(2.0) + scipy.special.gammaln(n + 1) + scipy.special.gammaln(m + 1))
    constant -= np.sum(scipy.special.gammaln(n + m + 1))
    for values in ({}, {"amplitude": 6e-10}, {"index": 2.6, "sigma": 0.25}):
        assert close(one.log_likelihood(values), joint.log_likelihood(values) + constant)
