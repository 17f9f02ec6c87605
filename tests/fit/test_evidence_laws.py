"""What a test of a source may conclude: laws, signs, priors of both sides, and data that are impossible without it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pymc as pm
import pytest
import scipy.stats

from bayesmap import (
    BayesmapInputError,
    FitStateError,
    FoVBackgroundModel,
    MapFit,
    Models,
    Parameter,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    Prior,
    SkyModel,
    WcsNDMap,
    bayes_factor,
    log_evidence,
    source_significance,
)
from bayesmap.fit.evidence import _law, without
from bayesmap.fit.facade import MapFit as Facade
from bayesmap.inference.evidence import PRIOR_DRAWS, prior_share
from bayesmap.models.without import flat_source, own_names, silenced
from bayesmap.posterior.position import PositionPrior
from bayesmap.results.significance import HALF, NO_LAW, WHOLE, Significance
from bayesmap.testing import toy_dataset, toy_models

FLAT = Prior("Flat")
AMPLITUDE = "source.spectral.amplitude"


def source(name="source", value=2e-10, lon_0=83.70, prior=None, **limits):
    amplitude = Parameter("amplitude", value, "cm-2 s-1 TeV-1", prior=prior, **limits)
    spectrum = PowerLawSpectralModel(index=Parameter("index", 2.2, frozen=True), amplitude=amplitude)
    place = {
        "lon_0": Parameter("lon_0", lon_0, "deg", frozen=True),
        "lat_0": Parameter("lat_0", 21.96, "deg", frozen=True),
    }
    return SkyModel(spectrum, PointSpatialModel(**place), name=name)


def background(**norm):
    norm = Parameter("norm", 1.0, **({"frozen": True} | norm))
    return FoVBackgroundModel("toy", spectral_model=PowerLawNormSpectralModel(norm=norm))


def two_sources():
    """Two sources with default priors; the start of the other one is four times too bright."""
    return Models((source(), source("other", 1.6e-9, 83.4), background()))


@pytest.fixture(scope="module")
def dataset():
    return toy_dataset(Models((source(), source("other", 4e-10, 83.4), background())), seed=4)


@pytest.fixture(scope="module")
def faint(dataset):
    """Optimised fit of both sources."""
    fit = MapFit.from_dataset(dataset, two_sources())
    fit.optimize()
    return fit


def test_both_sides_have_the_same_priors(faint):
    """Default priors are as wide as the start values say: those of the null must not follow the best fit."""
    assert faint.model.parameters["other.spectral.amplitude"].value < 1e-9
    null = without(faint, "source")
    assert null.priors == {name: text for name, text in faint.priors.items() if name != AMPLITUDE}


@pytest.mark.slow
def test_bayes_factor_is_the_same_before_and_after_optimize(dataset, faint):
    fresh = MapFit.from_dataset(dataset, two_sources())
    before, after = (bayes_factor(fit, "source", draws=1000, random_seed=1) for fit in (fresh, faint))
    assert before.success, before.reasons
    assert after.log_bayes_factor == pytest.approx(before.log_bayes_factor, abs=1e-6)


@pytest.mark.slow
def test_a_fit_that_is_not_trusted_says_so_in_its_evidence(dataset):
    fit = MapFit.from_dataset(dataset, Models((source(value=1e-9), source("other", 4e-10, 83.4), background())))
    bad = fit.optimize(max_iterations=1)
    assert bad.reasons
    found = log_evidence(fit, draws=500, random_seed=1)
    assert not found.success
    assert set(bad.reasons) <= set(found.reasons)


def test_names_with_dots_are_told_apart():
    models = Models((source("J1745", prior=FLAT), source("J1745.6-2900", lon_0=83.4), background()))
    assert own_names(models, "J1745") == ("J1745.spectral.amplitude",)
    other = "J1745.6-2900.spectral.amplitude"
    assert flat_source(models, "J1745").parameters[other].prior is None
    assert silenced(models, models["J1745"]).parameters[other].free
    posterior = MapFit.from_dataset(toy_dataset(), models)._posterior
    start = posterior.coordinates.start
    assert posterior.variables.log_prior_of("J1745", start) == 0.0
    assert posterior.variables.log_prior_of("J1745.6-2900", start) == pytest.approx(posterior.log_prior(start))


def law(dataset, **options):
    fit = MapFit.from_dataset(dataset, Models((source(prior=FLAT, **options), background())))
    return _law(fit, "source", (AMPLITUDE,))


def weighted(dataset, weights):
    return dataclasses.replace(dataset, weights=WcsNDMap(dataset.counts.geom, weights))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"min": 0.0}, HALF),
        ({}, WHOLE),
        ({"min": -1e-9, "max": 1e-8}, WHOLE),
        ({"min": 1e-14}, NO_LAW),
        ({"value": -2e-10, "max": 0.0}, NO_LAW),
        ({"value": -2e-10, "max": -1e-14}, NO_LAW),
    ],
)
def test_a_law_needs_room_at_zero_and_above(dataset, limits, expected):
    found, conditions = law(dataset, **limits)
    assert found == expected
    assert ("not nested" in conditions) == (expected == NO_LAW)


def test_weighted_likelihoods_have_neither_law_nor_evidence(dataset):
    shape = dataset.counts.data.shape
    half = weighted(dataset, np.full(shape, 0.5))
    found, conditions = law(half, min=0.0)
    assert found == NO_LAW
    assert "weighted" in conditions
    fit = MapFit.from_dataset(half, two_sources())
    for refused in (lambda: log_evidence(fit), lambda: bayes_factor(fit, "source")):
        with pytest.raises(BayesmapInputError, match="BM-FT-080.*weighted"):
            refused()
    mask = np.ones(shape)
    mask[:, :5] = 0.0
    assert law(weighted(dataset, mask), min=0.0)[0] == HALF


def record(name, ts, best=1.0, **options):
    return Significance("crab", ts, (AMPLITUDE,), name, "many counts", 1.0, 1.0 + ts, best=best, **options)


@pytest.mark.parametrize("ts", [4.0, 25.0, 1500.0, 1e6])
def test_significance_is_finite_for_bright_sources(ts):
    assert record(HALF, ts).sigma == math.sqrt(ts)
    assert record(WHOLE, ts).sigma == math.sqrt(ts)
    assert record(HALF, ts).p_excess == pytest.approx(scipy.stats.norm.sf(math.sqrt(ts)), rel=1e-9)
    assert math.isnan(record(NO_LAW, ts).sigma)


def test_a_deficit_is_no_source():
    found = record(WHOLE, 9.0, best=-1.0)
    assert found.sigma == -3.0
    assert found.p_excess == pytest.approx(scipy.stats.norm.cdf(3.0))
    assert "a deficit" in str(found)
    assert record(WHOLE, 9.0).p_excess == pytest.approx(scipy.stats.norm.sf(3.0))
    assert record(WHOLE, 9.0).p_value == pytest.approx(2.0 * scipy.stats.norm.sf(3.0))


def test_signs_limits_and_missed_optima(dataset, monkeypatch):
    """Expected counts below the background: a deficit; and a search that ends too early."""
    dark = dataset.with_counts(WcsNDMap(dataset.counts.geom, 0.9 * np.asarray(dataset.background.data)))
    fit = MapFit.from_dataset(dark, Models((source(value=1e-11, prior=FLAT), background())), allow_asimov=True)
    found = source_significance(fit, "source")
    assert found.success, found.reasons
    assert (found.law, found.best < 0.0, found.sigma < 0.0) == (WHOLE, True, True)
    assert found.sigma == -math.sqrt(found.ts)
    optimize = Facade.optimize

    def poor(self, **options):
        best = optimize(self, **options)
        return dataclasses.replace(best, log_posterior=best.log_posterior - 1.0)

    monkeypatch.setattr(Facade, "optimize", poor)
    missed = source_significance(fit, "source")
    assert missed.ts < -1e-5
    assert missed.sqrt_ts == 0.0
    assert any("not the best optimum" in item for item in missed.reasons)


@pytest.mark.slow
@pytest.mark.parametrize(("limits", "trusted"), [({"min": 0.0}, True), ({"min": 0.0, "max": 3e-11}, False)])
def test_only_a_source_at_zero_may_be_at_its_limit(dataset, limits, trusted):
    truth = toy_models(amplitude="1e-20 cm-2 s-1 TeV-1") if trusted else toy_models()
    data = toy_dataset(truth, seed=3)
    fit = MapFit.from_dataset(data, Models((source(value=1e-11, **limits), background())))
    found = source_significance(fit, "source")
    assert found.law == HALF
    assert found.success == trusted
    assert (f"{AMPLITUDE} is at its limit" in found.reasons) == (not trusted)


@pytest.fixture(scope="module")
def alone():
    """A source without a background, its position free."""
    models = Models((source(value=4e-10),)).with_frozen({"amplitude": True, "lon_0": False, "lat_0": False})
    dataset = toy_dataset(models, seed=3)
    return MapFit.from_dataset(dataclasses.replace(dataset, background=None), models)


def test_impossible_counts_are_no_edge_of_the_prior(alone):
    """A displaced source makes no counts where there are some: its likelihood is zero, its prior is not."""
    posterior = alone._posterior
    share, _ = prior_share(posterior, posterior.coordinates.start, 1)
    empty = posterior.with_counts(*(item.again(np.zeros(item.shape)) for item in posterior.counts.values()))
    drawn = posterior.variables.draw(PRIOR_DRAWS, np.random.default_rng([1, 2]))
    assert share == np.mean([np.isfinite(empty.log_posterior(theta)) for theta in drawn])
    assert share > np.mean([np.isfinite(posterior.log_posterior(theta)) for theta in drawn])


def test_data_that_are_impossible_without_the_source_are_told(alone):
    for refused in (source_significance, bayes_factor):
        with pytest.raises(FitStateError, match="BM-FT-081.*without 'source'.*infinite"):
            refused(alone, "source")


def test_positions_behind_the_tangent_plane_have_no_support():
    """Half of the sky lies behind it: such draws must not stand for their antipodes."""
    lon, lat = Parameter("lon_0", 83.7, "deg"), Parameter("lat_0", 22.0, "deg")
    given = (pm.Uniform.dist(0.0, 360.0), pm.Uniform.dist(-90.0, 90.0))
    number = 20000
    offsets = pm.draw(PositionPrior(lon, lat, radius=80.0, given=given).build(), draws=number, random_seed=1)
    rng = np.random.default_rng(2)
    lons, lats = np.deg2rad(rng.uniform(0.0, 360.0, number)), np.deg2rad(rng.uniform(-90.0, 90.0, number))
    start = np.deg2rad([83.7, 22.0])
    cosines = np.sin(start[1]) * np.sin(lats) + np.cos(start[1]) * np.cos(lats) * np.cos(lons - start[0])
    distances = np.arctan(np.deg2rad(np.hypot(*offsets.T)))
    for radius in (20.0, 45.0, 90.0):
        found, truth = np.mean(distances < np.deg2rad(radius)), np.mean(cosines > math.cos(math.radians(radius)))
        assert found == pytest.approx(truth, abs=4.0 * math.sqrt(2.0 * truth * (1.0 - truth) / number))
