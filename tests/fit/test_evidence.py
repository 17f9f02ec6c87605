"""Evidence against closed forms and quadrature; the Bayes factor and the test statistic of a source."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.special
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
    bayes_factor,
    log_evidence,
    source_significance,
)
from bayesmap.inference.evidence import PRIOR_DRAWS, prior_share
from bayesmap.results.evidence import BayesFactor, Evidence, doubts
from bayesmap.results.significance import HALF, NO_LAW, WHOLE, Significance
from bayesmap.testing import toy_dataset, toy_models

HELD = {"lon_0": True, "lat_0": True, "index": True}
SHAPE, RATE = 20.0, 20.0
SCALE = 5e-10


def background(prior=Prior("Gamma", alpha=SHAPE, beta=RATE)):  # noqa: B008 - a frozen record
    norm = Parameter("norm", 1.0, min=0.0, prior=prior)
    return FoVBackgroundModel("toy", spectral_model=PowerLawNormSpectralModel(norm=norm))


def source(**limits):
    amplitude = Parameter("amplitude", 2e-10, "cm-2 s-1 TeV-1", prior=Prior("Exponential", scale=SCALE), **limits)
    spectrum = PowerLawSpectralModel(index=Parameter("index", 2.2, frozen=True), amplitude=amplitude)
    place = {
        "lon_0": Parameter("lon_0", 83.70, "deg", frozen=True),
        "lat_0": Parameter("lat_0", 21.96, "deg", frozen=True),
    }
    return SkyModel(spectrum, PointSpatialModel(**place), name="source")


@pytest.fixture(scope="module")
def faint():
    """Data with a faint source, and the fit of amplitude and background norm."""
    truth = toy_models(amplitude="5e-11 cm-2 s-1 TeV-1")
    return MapFit.from_dataset(toy_dataset(truth, seed=4), Models((source(), background())))


@pytest.fixture(scope="module")
def parts(faint):
    """Counts, and predicted counts for an amplitude of `SCALE` and for a background norm of one, as vectors."""
    found = faint.npred_components({"source.spectral.amplitude": SCALE, "toy-bkg.spectral.norm": 1.0})
    counts = np.asarray(faint.dataset.counts.data)
    return (np.ravel(item) for item in (counts, found["source"].data, found["toy-bkg"].data))


@pytest.fixture(scope="module")
def numbers(parts):
    return tuple(np.array(item, dtype=np.float64) for item in parts)


def log_likelihood(numbers, x, b):
    counts, signal, noise = numbers
    mu = x * signal + b * noise
    return float(np.sum(scipy.stats.poisson.logpmf(counts, mu)))


def conjugate(numbers):
    """Return ln Z of the background alone: a Poisson likelihood with a Gamma prior on the norm."""
    counts, _, noise = numbers
    n, b = counts.sum(), noise.sum()
    parts = np.sum(scipy.special.xlogy(counts, noise) - scipy.special.gammaln(counts + 1.0))
    prior = SHAPE * math.log(RATE) - scipy.special.gammaln(SHAPE)
    return parts + prior + scipy.special.gammaln(SHAPE + n) - (SHAPE + n) * math.log(RATE + b)


def by_quadrature(numbers):
    """Return ln Z of source and background by a grid: the priors are an exponential and a Gamma law."""
    counts, signal, noise = numbers
    x, b = np.linspace(0.0, 0.6, 121), np.linspace(0.6, 1.5, 101)
    prior = scipy.stats.expon.logpdf(x)[:, None] + scipy.stats.gamma(SHAPE, scale=1.0 / RATE).logpdf(b)[None, :]
    full = counts > 0
    logs = prior - x[:, None] * signal.sum() - b[None, :] * noise.sum() - scipy.special.gammaln(counts + 1.0).sum()
    for k, one in enumerate(x):
        logs[k] += counts[full] @ np.log(one * signal[full, None] + b * noise[full, None])
    density = np.exp(logs - logs.max())
    assert density[-1].max() < 1e-6
    assert density[:, [0, -1]].max() < 1e-6
    return logs.max() + math.log(scipy.integrate.simpson(scipy.integrate.simpson(density, x=b), x=x))


def test_evidence_and_bayes_factor(faint, numbers):
    found = bayes_factor(faint, "source", random_seed=2)
    assert found.success, found.reasons
    assert found.without.log_z == pytest.approx(conjugate(numbers), abs=4.0 * found.without.error)
    assert found.with_source.log_z == pytest.approx(by_quadrature(numbers), abs=4.0 * found.with_source.error)
    assert 0.0 < found.error < 0.05
    assert found.with_source.prior_share == 1.0
    again = bayes_factor(faint, "source", random_seed=2)
    assert again.log_bayes_factor == pytest.approx(found.log_bayes_factor, abs=1e-6)


def test_nothing_free_needs_no_integral(faint, numbers):
    models = Models((source(), background())).with_frozen({"amplitude": True, "toy-bkg.spectral.norm": True})
    found = log_evidence(MapFit.from_dataset(faint.dataset, models), random_seed=1)
    assert found.log_z == pytest.approx(log_likelihood(numbers, 2e-10 / SCALE, 1.0), abs=1e-8)
    assert found.error == 0.0


def test_improper_priors_are_named(faint):
    flat = MapFit.from_dataset(faint.dataset, Models((source(), background(Prior("HalfFlat")))))
    with pytest.raises(BayesmapInputError, match="BM-FT-066.*toy-bkg.spectral.norm"):
        log_evidence(flat)
    with pytest.raises(BayesmapInputError, match="BM-FT-005"):
        log_evidence(faint, draws=0)


@pytest.mark.slow
def test_a_position_between_limits_has_the_prior_of_the_box():
    """Only the position is free: the evidence is a sum over the sky, and limits cut the prior to a box."""
    models = toy_models(amplitude="4e-10 cm-2 s-1 TeV-1").with_frozen({"index": True, "amplitude": True, "norm": True})
    table = models.parameters
    box = {"lon_0": (83.2, 84.1), "lat_0": (21.6, 22.3)}
    limits = {name: table[name].replace(min=low, max=high) for name, (low, high) in box.items()}
    fit = MapFit.from_dataset(toy_dataset(models, seed=3), models.with_parameters(limits))
    found = log_evidence(fit, draws=2000, random_seed=1)
    assert found.success, found.reasons
    (west, east), (south, north) = (np.deg2rad(ends) for ends in box.values())
    area = (east - west) * (np.sin(north) - np.sin(south))
    radius = float(fit.priors["source.spatial.position"].split("within ")[1].split(" deg")[0])
    share = area / (2.0 * math.pi * (1.0 - math.cos(math.radians(radius))))
    assert found.prior_share == pytest.approx(share, rel=4.0 * math.sqrt((1.0 - share) / (share * PRIOR_DRAWS)))
    lon_0, lat_0 = (fit.model.parameters[name].value for name in box)
    step = 0.01
    offsets = step * np.arange(-10, 11)
    logs = np.array([[fit.log_likelihood({"lon_0": lon_0 + x / np.cos(np.deg2rad(lat_0)), "lat_0": lat_0 + y})
                      for x in offsets] for y in offsets])  # fmt: skip
    edge = max(logs[0].max(), logs[-1].max(), logs[:, 0].max(), logs[:, -1].max())
    assert edge - logs.max() < -9.0
    total = logs.max() + math.log(np.exp(logs - logs.max()).sum() * np.deg2rad(step) ** 2)
    assert found.log_z == pytest.approx(total - math.log(area), abs=4.0 * found.error)


@pytest.mark.slow
def test_a_prior_that_misses_the_map_is_refused(faint):
    models = toy_models().with_frozen({"index": True, "amplitude": True, "norm": True})
    priors = {"lon_0": Prior("Normal", mu=120.0, sigma=10.0), "lat_0": Prior("Normal", mu=22.0, sigma=5.0)}
    posterior = MapFit.from_dataset(faint.dataset, models, priors=priors)._posterior
    with pytest.raises(FitStateError, match="BM-FT-067"):
        prior_share(posterior, posterior.coordinates.start, 1)


@pytest.mark.slow
def test_evidence_is_that_of_ultranest(faint):
    ultranest = pytest.importorskip("ultranest", reason="UltraNest is in the extra 'ultranest'")
    gamma = scipy.stats.gamma(SHAPE, scale=1.0 / RATE)

    def transform(cube):
        return np.array([-math.log1p(-cube[0]) * SCALE, gamma.ppf(cube[1])])

    def likelihood(x):
        return faint.log_likelihood({"source.spectral.amplitude": x[0], "toy-bkg.spectral.norm": x[1]})

    np.random.seed(1)  # noqa: NPY002 - UltraNest has no other seed
    sampler = ultranest.ReactiveNestedSampler(["amplitude", "norm"], likelihood, transform)
    result = sampler.run(show_status=False, viz_callback=False, min_num_live_points=400)
    found = log_evidence(faint, random_seed=5)
    assert found.log_z == pytest.approx(result["logz"], abs=4.0 * math.hypot(found.error, result["logzerr"]))


def test_records_say_when_not_to_trust_them():
    assert doubts(0.3, 500.0) == ()
    assert len(doubts(0.9, 20.0)) == 2
    assert "Pareto k nan" in doubts(math.nan, 500.0)[0]
    good = Evidence(-100.0, 0.1, 0.2, 900.0, 1000, 1)
    bad = Evidence(-110.0, 0.1, 0.9, 90.0, 1000, 1, reasons=doubts(0.9, 90.0))
    factor = BayesFactor("crab", good, bad)
    assert not factor.success
    assert "without it: Pareto k" in str(factor)
    assert factor.log_bayes_factor == pytest.approx(10.0)
    assert factor.log10_bayes_factor == pytest.approx(10.0 / math.log(10.0))
    assert factor.probability() == pytest.approx(1.0 / (1.0 + math.exp(-10.0)))
    assert "ln Z = -100.000 +- 0.100" in str(good)


@pytest.mark.slow
def test_test_statistic_is_numpys(faint, numbers):
    found = source_significance(faint, "source")
    prior = scipy.stats.gamma(SHAPE, scale=1.0 / RATE).logpdf

    def value(x):
        return -log_likelihood(numbers, x[0], x[1]) - prior(x[1])

    options = {"xatol": 1e-9, "fatol": 1e-11}
    best = scipy.optimize.minimize(value, [0.2, 1.0], method="Nelder-Mead", options=options)
    null = scipy.optimize.minimize_scalar(lambda b: value([0.0, b]), bounds=(0.5, 2.0), method="bounded")
    assert found.ts == pytest.approx(2.0 * (null.fun - best.fun), abs=1e-4)
    assert found.success, found.reasons
    assert (found.law, found.dof) == (WHOLE, 1)
    assert found.p_value == pytest.approx(scipy.stats.chi2.sf(found.ts, 1))


@pytest.mark.slow
def test_a_source_at_zero_has_no_significance(faint):
    """Without a source, and an amplitude that cannot be negative: the statistic is zero half of the time."""
    dataset = toy_dataset(toy_models(amplitude="1e-20 cm-2 s-1 TeV-1"), seed=3)
    free = source_significance(MapFit.from_dataset(dataset, Models((source(), background()))), "source")
    bound = source_significance(MapFit.from_dataset(dataset, Models((source(min=0.0), background()))), "source")
    assert bound.law == HALF
    assert bound.success, bound.reasons
    assert bound.ts == pytest.approx(free.ts if free.ts > 0.0 and bound.ts > 1e-6 else 0.0, abs=1e-4)
    assert bound.p_value == pytest.approx(1.0 if bound.ts <= 0.0 else 0.5 * scipy.stats.chi2.sf(bound.ts, 1))


def test_laws_and_their_conditions():
    def law(name, ts):
        return Significance("crab", ts, ("crab.spectral.amplitude",), name, "many counts", 1.0, 1.0 + ts)

    assert law(HALF, 9.0).p_value == pytest.approx(0.5 * scipy.stats.chi2.sf(9.0, 1))
    assert law(HALF, 9.0).sigma == pytest.approx(3.0)
    assert math.isnan(law(NO_LAW, 9.0).p_value)
    assert "no p value" in str(law(NO_LAW, 9.0))
    assert "half chi2(1)" in str(law(HALF, 9.0))


@pytest.mark.slow
def test_a_free_index_has_no_law(faint):
    models = Models((source(), background())).with_frozen({"index": False})
    found = source_significance(MapFit.from_dataset(faint.dataset, models), "source")
    assert (found.law, found.dof) == (NO_LAW, 2)
    assert "simulate" in found.conditions


def test_sources_that_others_need_are_refused(faint):
    other = SkyModel(PowerLawSpectralModel(), PointSpatialModel(lon_0=83.4, lat_0=22.1), name="other")
    models = (Models((source(), background())) + other).with_links({"other.spectral.index": "source.spectral.index"})
    fit = MapFit.from_dataset(faint.dataset, models)
    with pytest.raises(BayesmapInputError, match="BM-FT-065.*other.spectral.index"):
        source_significance(fit, "source")
    with pytest.raises(BayesmapInputError, match="BM-FT-009"):
        bayes_factor(fit, "toy-bkg")
