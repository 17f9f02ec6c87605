"""Predictive checks: against direct simulation and scipy, of planted errors, of healthy data."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
import scipy.stats as st

from bayesmap.checks.check import check_dataset
from bayesmap.checks.check_record import QUANTILES, PredictiveCheck
from bayesmap.checks.discrepancies import deviance, largest_pearson, map_discrepancies
from bayesmap.checks.grouping import block_sums, disk_position, disk_sums, group, psf_radius
from bayesmap.checks.positions import source_places
from bayesmap.checks.replication import replicated_counts
from bayesmap.checks.sbc import posterior_draws
from bayesmap.checks.tails import tails_of
from bayesmap.errors import BayesmapInputError
from bayesmap.irf.psf import PSFKernel
from bayesmap.results.posterior import theta_of


@pytest.fixture(scope="module")
def check(small_fit, small_tree):
    return small_fit.check(small_tree, draws=400, random_seed=5, positions={"corner": (83.3, 22.4)})


@pytest.fixture(scope="module")
def only(check):
    return check.datasets["toy"]


def test_verdict_stands_first_and_healthy_data_pass(check):
    assert check.ok
    assert str(check).startswith("predictive check: ok")
    assert "maximum_excess" in str(check)


def test_p_values_are_those_of_the_stored_discrepancies(only):
    assert only.draws == 400
    for item in only.discrepancies.values():
        larger = item.replicated > item.observed
        equal = item.replicated == item.observed
        assert item.p_value == pytest.approx(np.mean(larger + 0.5 * equal), abs=1e-12)
        independent = np.sqrt(max(item.p_value * (1 - item.p_value), 0.001) / only.draws)
        assert 0.8 * independent < item.error < 6.0 * independent


@pytest.mark.statistical
def test_p_values_are_those_of_a_direct_simulation(small_fit, small_tree, only):
    """Sums written out with loops over pixels, other seeds, all draws."""
    rng, counts = np.random.default_rng(17), small_fit.dataset.counts.data
    theta = theta_of(small_tree, small_fit._posterior.variables).reshape(-1, 5)[::4]
    lon, lat = small_fit.dataset.counts.geom.to_image().pixel_centers()
    edges = only.profiles["corner"].edges
    far = np.rad2deg(
        np.arccos(
            np.sin(np.deg2rad(lat)) * np.sin(np.deg2rad(22.4))
            + np.cos(np.deg2rad(lat)) * np.cos(np.deg2rad(22.4)) * np.cos(np.deg2rad(lon - 83.3))
        )
    )
    rings = [(far >= low) & (far < high) for low, high in itertools.pairwise(edges)]

    def direct(n, mu):
        def total(a, b):
            return sum(2 * (x * np.log(x / y) - x + y) if x > 0 else 2 * y for x, y in zip(a, b, strict=True))

        in_rings = ([item.sum(axis=0)[ring].sum() for ring in rings] for item in (n, mu))
        return {"spectrum": total(n.sum(axis=(1, 2)), mu.sum(axis=(1, 2))), "radial:corner": total(*in_rings)}

    larger = []
    for point in theta:
        npred = small_fit._posterior.npred(point)
        ours, theirs = direct(rng.poisson(npred), npred), direct(counts, npred)
        larger.append({name: ours[name] > theirs[name] for name in ours})
    for name in larger[0]:
        share = np.mean([row[name] for row in larger])
        error = np.hypot(only.discrepancies[name].error, np.sqrt(share * (1 - share) / len(theta)))
        assert abs(only.discrepancies[name].p_value - share) < 4.0 * error, name


def test_bands_hold_the_observed_counts(small_fit, only):
    data = small_fit.dataset.counts.data
    assert np.array_equal(only.spectrum.counts, data.sum(axis=(1, 2)))
    assert only.spectrum.quantiles.shape == (len(QUANTILES), 3)
    assert np.all(np.diff(only.spectrum.quantiles, axis=0) >= 0.0)
    for band in (only.spectrum, *only.profiles.values()):
        assert np.all((band.counts >= band.quantiles[0] - 15) & (band.counts <= band.quantiles[-1] + 15))
        assert np.all((band.p_values >= 0.0) & (band.p_values <= 1.0))
    assert set(only.profiles) == {"source", "corner"}


def test_maps_are_those_of_predictive(small_fit, small_tree, only):
    alone = small_fit.predictive(small_tree, draws=400)
    assert only.maps.npred_mean.data == pytest.approx(alone.npred_mean.data, rel=1e-10)
    assert only.maps.p_value.data == pytest.approx(alone.p_value.data, rel=1e-10)


def test_record_is_json(check):
    record = json.loads(json.dumps(check.record(), allow_nan=False))
    assert record["ok"] is True
    assert record["datasets"]["toy"]["discrepancies"]["total"]["p_value"] > 0


def test_same_seed_same_check(small_fit, small_tree):
    one, two = (small_fit.check(small_tree, draws=40, ranked=19, random_seed=3).record() for _ in range(2))
    assert one == two


def test_few_draws_say_that_they_cannot_show_a_misfit(small_fit, small_tree):
    found = small_fit.check(small_tree, draws=40, ranked=19)
    assert "40 draws cannot show a misfit, 200 can" in str(found)


def test_progress_and_bad_arguments(small_fit, small_tree):
    seen = []
    small_fit.check(small_tree, draws=8, ranked=9, progress=lambda *told: seen.append(told))
    assert seen == [("toy", k, 8) for k in range(1, 9)]
    with pytest.raises(BayesmapInputError, match=r"BM-CK-031.*\(-1\.0,\)"):
        small_fit.check(small_tree, draws=8, radii=(-1.0,))
    with pytest.raises(BayesmapInputError, match=r"BM-CK-033.*'tail' is \(83\.6, nan\)"):
        small_fit.check(small_tree, draws=8, positions={"tail": (83.6, float("nan"))})


# --- planted errors: the same compiled fit, data of another truth ---


def truth(fit, flux=5.0, norm=4.0, offset=(0.0, 0.0)):
    """Components at the best fit with more counts, the source moved by an offset in deg."""
    names = fit._posterior.coordinates.names
    theta = fit._theta.copy()
    theta[names.index("source.spectral.amplitude")] *= flux
    theta[names.index("toy-bkg.spectral.norm")] *= norm
    for bare, step in zip(("lon_0", "lat_0"), offset, strict=True):
        theta[names.index(f"source.spatial.{bare}")] += step
    return fit._posterior.components(theta)


def checked(fit, npred, seed):
    posterior = fit._posterior
    (law,) = posterior.counts.values()
    observed = posterior.with_counts(law.again(np.random.default_rng(seed).poisson(npred).astype(float)))
    draws = posterior_draws(observed, seed, 150)[None]
    places = source_places(observed, draws, fit.dataset)
    return PredictiveCheck({"toy": check_dataset(observed, np.tile(draws, (2, 1, 1)), positions=places, ranked=99)})


def healthy(fit):
    return sum(truth(fit).values())


def missing_source(fit):
    return healthy(fit) + 0.25 * truth(fit, offset=(-0.4, 0.4))["source"]


def curved_spectrum(fit):
    parts = truth(fit)
    return parts["toy-bkg"] + parts["source"] * np.array([1.0, 2.0, 0.3])[:, None, None]


def extended_source(fit):
    around = [0.2 * np.array([np.cos(angle), np.sin(angle)]) for angle in np.arange(8) * np.pi / 4]
    return truth(fit)["toy-bkg"] + np.mean([truth(fit, offset=place)["source"] for place in around], axis=0)


def tilted_background(fit):
    parts = truth(fit)
    return parts["source"] + parts["toy-bkg"] * np.linspace(0.3, 1.7, 12)[None, None, :]


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("planted", "seen_by"),
    [
        (missing_source, "maximum_excess"),
        (curved_spectrum, "spectrum"),
        (extended_source, "radial:source"),
        (tilted_background, "tiles"),
    ],
    ids=lambda item: getattr(item, "__name__", item),
)
def test_planted_errors_are_caught_by_the_right_discrepancy(small_fit, planted, seen_by):
    found = checked(small_fit, planted(small_fit), seed=11)
    assert not found.ok
    assert str(found).startswith("predictive check: MISFIT")
    assert any(f" {seen_by} p " in reason for reason in found.reasons), found
    if planted is missing_source:
        place = found.datasets["toy"].places["excess"]
        x, y = small_fit.dataset.counts.geom.to_image().sky_to_pixel(place.lon, place.lat)
        start = [small_fit.model.parameters[f"source.spatial.{bare}"].value for bare in ("lon_0", "lat_0")]
        there = small_fit.dataset.counts.geom.to_image().sky_to_pixel(
            start[0] - 0.4 / np.cos(np.deg2rad(start[1])), start[1] + 0.4
        )
        assert np.hypot(x - there[0], y - there[1]) < 2.5, place


@pytest.mark.statistical
@pytest.mark.parametrize("seed", [21, 22])
def test_healthy_data_raise_no_alarm(small_fit, seed):
    assert checked(small_fit, healthy(small_fit), seed).ok


# --- parts ---


def test_tails_are_those_of_scipy(small_fit):
    (law,) = small_fit._posterior.counts.values()
    npred = small_fit._posterior.npred(small_fit._theta)
    counts = small_fit.dataset.counts.data.ravel()
    mu = npred.ravel()
    found = tails_of(law)(npred, 0.0)
    assert found.below == pytest.approx(st.poisson.cdf(counts - 1, mu), rel=1e-12, abs=1e-300)
    assert found.above == pytest.approx(st.poisson.sf(counts, mu), rel=1e-12)
    assert np.exp(found.log_equal) == pytest.approx(st.poisson.pmf(counts, mu), rel=1e-12)
    scattered = tails_of(law)(npred, 0.3)
    total = scattered.below + scattered.above + np.exp(scattered.log_equal)
    assert total == pytest.approx(np.ones_like(mu), rel=1e-10)


def test_deviance_and_pearson_are_what_they_say():
    counts, npred = np.array([0.0, 3.0, 5.0]), np.array([1.5, 2.0, 9.0])
    terms = [1.5, 3.0 * np.log(1.5) - 1.0, 5.0 * np.log(5.0 / 9.0) + 4.0]
    assert deviance(counts, npred) == pytest.approx(2.0 * sum(terms), rel=1e-13)
    assert largest_pearson(counts, npred) == pytest.approx(1.0 / np.sqrt(2.0))
    assert deviance(np.array([1.0]), np.array([0.0])) == np.inf
    assert deviance(np.zeros(2), np.zeros(2)) == 0.0


@pytest.mark.parametrize("radius", [0.0, 1.0, 2.0, 5.0, 9.0])
def test_disks_hold_what_lies_in_them(rng, radius):
    image = rng.poisson(2.0, (30, 41)).astype(float)
    found = disk_sums(image, radius)
    size = max(1, round(radius / 3))
    blocks = block_sums(image, size)
    assert found.shape == blocks.shape
    y, x = np.indices(blocks.shape)
    for row, column in [(0, 0), (3, 4), (blocks.shape[0] - 1, 2)]:
        inside = np.hypot(y - row, x - column) <= max(radius / size, 0.0) if radius >= 1 else (y == row) & (x == column)
        assert found[row, column] == blocks[inside].sum()


def test_groups_of_a_map(small_fit):
    dataset = small_fit.dataset
    grouping = group(dataset, {"here": (83.63, 22.01, 0.3)})
    sums = grouping.sums(np.ones(dataset.counts.data.shape))
    assert sums["bins"].sum() == sums["energy"].sum() == sums["tiles"].sum() == 432
    assert sums["ring:here"].sum() <= 432
    assert grouping.radii[0] == 0.0
    assert grouping.smooth in grouping.radii
    geom = dataset.counts.geom.to_image()
    lon, lat = geom.pixel_centers()
    assert disk_position(geom, 0.0, 17) == pytest.approx((lon.flat[17], lat.flat[17]))
    found = map_discrepancies(grouping, sums, sums)
    assert found["deviance"] == found["maximum_excess"] == 0.0


def test_radius_of_the_psf(small_fit):
    dataset = small_fit.dataset
    # A Gaussian of 0.15 deg (E / TeV)^-0.1 holds 68 % in 1.51 sigma.
    assert 0.15 < psf_radius(dataset) < 0.25
    kernel = np.zeros((5, 5, 5))
    kernel[:, 2, 2], kernel[:, 2, 3] = 0.5, 0.5
    narrow = dataclasses.replace(dataset, psf=PSFKernel(dataset.axis_true, kernel))
    assert psf_radius(narrow) == pytest.approx(0.1)
    assert psf_radius(dataclasses.replace(dataset, psf=None)) == pytest.approx(0.05)


def test_replicated_counts_come_in_chunks(small_fit, small_tree):
    chunks = list(small_fit.replicated_counts(small_tree, draws=20, chunk=8, random_seed=4))
    assert [len(chunk) for chunk in chunks] == [8, 8, 4]
    whole = np.concatenate(chunks)
    again = np.concatenate(list(small_fit.replicated_counts(small_tree, draws=20, chunk=3, random_seed=4)))
    assert np.array_equal(whole, again)
    assert np.array_equal(whole, np.round(whole))
    with pytest.raises(BayesmapInputError, match="BM-CK-032.*chunk is 0"):
        next(replicated_counts(small_fit._posterior, small_tree, chunk=0))
