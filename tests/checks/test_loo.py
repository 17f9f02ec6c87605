"""Leave-one-out cross-validation against a closed form, plain sums, and ArviZ."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose

from bayesmap import (
    BayesmapInputError,
    FoVBackgroundModel,
    MapFit,
    Models,
    Parameter,
    PowerLawNormSpectralModel,
    Prior,
    SpectrumDatasetOnOff,
    WcsNDMap,
    simulate,
)
from bayesmap.checks.loo import efficiency, log_likelihoods
from bayesmap.fit.leave_out import masked, refit_bad, without_bins
from bayesmap.results.loo import Groups, Loo
from bayesmap.results.posterior import theta_of
from bayesmap.testing import toy_models, toy_response

SHAPE, RATE = 2.0, 2.0


@pytest.fixture(scope="module")
def conjugate():
    """Fit of a background norm with a Gamma prior, and its draws: all predictive densities are known."""
    norm = Parameter("norm", 1.0, min=0.0, prior=Prior("Gamma", alpha=SHAPE, beta=RATE))
    models = Models((FoVBackgroundModel("toy", spectral_model=PowerLawNormSpectralModel(norm=norm)),))
    fit = MapFit.from_dataset(simulate(toy_response(npix=10), models, seed=5), models)
    return fit, fit.sample(draws=500, chains=4, random_seed=3)


def log_marginal(counts, mu):
    """Return ln p(counts) under the Gamma prior on the norm of the prediction."""
    n, total = counts.sum(), mu.sum()
    own = np.sum(scipy.special.xlogy(counts, mu) - scipy.special.gammaln(counts + 1.0))
    prior = SHAPE * np.log(RATE) - scipy.special.gammaln(SHAPE)
    return own + prior + scipy.special.gammaln(SHAPE + n) - (SHAPE + n) * np.log(RATE + total)


def truth(fit, of_bin):
    """Return ln p(group | all others) of every group in closed form."""
    counts = np.asarray(fit.dataset.counts.data)[fit.dataset.mask_data]
    mu = fit.npred({"toy-bkg.spectral.norm": 1.0}).data[fit.dataset.mask_data]
    whole = log_marginal(counts, mu)
    return np.array([whole - log_marginal(counts[of_bin != g], mu[of_bin != g]) for g in range(of_bin.max() + 1)])


@pytest.mark.parametrize("by", ["bin", "tile", "energy"])
def test_it_is_the_density_in_closed_form(conjugate, by):
    fit, tree = conjugate
    found = fit.loo(tree, by=by)
    exact = truth(fit, found.groups["toy"].of_bin)
    fine = found.pareto_k <= found.largest_k
    assert fine.mean() >= (0.3 if by == "energy" else 0.99)
    # A draw of the norm moves a group's density by the square root of twice its share in p.
    noise = 5.0 * np.sqrt(2.0 * np.abs(found.p_i) / found.draws) + 1e-3
    assert np.all(np.abs(found.elpd_i - exact)[fine] < noise[fine])
    if by == "bin":
        assert found.success
        assert found.elpd == pytest.approx(exact.sum(), abs=0.1)
        assert found.error == pytest.approx(np.sqrt(len(exact) * exact.var(ddof=1)), rel=0.01)


def test_a_refit_is_exact_where_weights_fail(conjugate):
    fit, tree = conjugate
    weighed = fit.loo(tree, by="energy")
    found = dataclasses.replace(weighed, pareto_k=np.array([0.9, 0.1, np.inf]), elpd_i=weighed.elpd_i + 5.0)
    assert list(found.bad_groups) == [2, 0]
    assert "pass refit=True" in found.reasons[0]
    seen = []
    mended = refit_bad(fit, found, None, 7, lambda *done: seen.append(done), draws=500)
    assert mended.bad == 0
    assert mended.success, mended.reasons
    assert set(mended.refitted) == {0, 2}
    assert seen == [(1, 2), (2, 2)]
    exact = truth(fit, found.groups["toy"].of_bin)
    # 2000 draws: five standard errors of the mean density.
    assert_allclose(mended.elpd_i[[0, 2]], exact[[0, 2]], rtol=0.0, atol=0.05)
    assert mended.elpd_i[1] == found.elpd_i[1]
    assert mended.elpd + mended.p == pytest.approx(found.elpd + found.p)
    assert "by a fit without them" in str(mended)
    one = refit_bad(fit, found, 1, 7, draws=100)
    assert list(one.refitted) == [2]
    assert one.bad == 1
    assert any("few_draws" in reason for reason in one.reasons)


def test_groups_are_sums_of_bins(small_fit, small_tree):
    theta = theta_of(small_tree, small_fit._posterior.variables)[0, 3]
    each = small_fit._posterior.pointwise(theta).reshape(3, 12, 12)
    whole = {"toy": small_fit._posterior}
    for by, expected in (
        ("bin", each.ravel()),
        ("energy", each.sum(axis=(1, 2))),
        ("tile", each.reshape(3, 3, 4, 3, 4).sum(axis=(0, 2, 4)).ravel()),
    ):
        loo = small_fit.loo(small_tree, by=by, tile=0.4 if by == "tile" else None, draws=100)
        found = log_likelihoods(whole, theta, loo.groups, slice(0, len(expected)))
        assert_allclose(found, expected, rtol=1e-12)
        assert len(loo.elpd_i) == len(expected)


def test_it_agrees_with_arviz(small_fit, small_tree):
    import arviz as az

    found = small_fit.loo(small_tree)
    share = efficiency(theta_of(small_tree, small_fit._posterior.variables))
    peer = az.loo(small_fit.pointwise_log_likelihood(small_tree), pointwise=True, reff=share)
    assert_allclose(found.elpd_i, peer.elpd_i.values, atol=1e-10)
    assert_allclose(found.pareto_k, peer.pareto_k.values, atol=1e-10)
    assert (found.elpd, found.error, found.p) == pytest.approx((peer.elpd, peer.se, peer.p), abs=1e-8)
    assert found.largest_k == pytest.approx(peer.good_k)


def test_memory_in_parts_gives_the_same(small_fit, small_tree):
    seen = []
    whole = small_fit.loo(small_tree, draws=200)
    parts = small_fit.loo(small_tree, draws=200, max_bytes=100_000, progress=lambda *done: seen.append(done))
    assert_allclose(parts.elpd_i, whole.elpd_i, rtol=1e-12)
    assert seen[-1][0] == seen[-1][1] > 200


def test_maps_hold_the_numbers_of_the_groups(small_fit, small_tree):
    loo = small_fit.loo(small_tree, by="energy", draws=100)
    spread = loo.map_of(small_fit.dataset, loo.elpd_i)
    assert_allclose(spread[:, 5, 7], loo.elpd_i)
    masked_bin = without_bins(small_fit.dataset, np.arange(432) == 17)
    item = dataclasses.replace(loo, groups={"toy": Groups(np.delete(loo.groups["toy"].of_bin, 17))})
    assert np.isnan(item.map_of(masked_bin, loo.elpd_i).ravel()[17])


def test_other_masks_need_no_other_fit(small_fit):
    """The likelihood with masked bins is that of a fit of the masked data, for maps and spectra."""
    toy = toy_response(npix=12)
    spectrum = SpectrumDatasetOnOff(
        name="spectrum", axis=toy.axis, counts=[40.0, 12.0, 3.0], counts_off=[20.0, 6.0, 1.0], acceptance=1.0,
        acceptance_off=4.0, axis_true=toy.axis_true, exposure=toy.exposure.data[:, 6, 6], edisp=toy.edisp,
    )  # fmt: skip
    models = toy_models().with_frozen({"lon_0": True, "lat_0": True})
    both = MapFit.from_datasets([small_fit.dataset, spectrum], models)
    pointwise = {name: both._posterior.of(name).pointwise(both._theta) for name in both.names}
    for left_out in ({"toy": np.arange(432) % 5 == 0}, {"spectrum": np.array([False, True, False])}, {}):
        used = {name: ~left_out.get(name, np.zeros(len(values), bool)) for name, values in pointwise.items()}
        kept = [without_bins(item, ~used[item.name]) for item in both.datasets]
        expected = sum(values[used[name]].sum() for name, values in pointwise.items())
        assert masked(both, kept).log_likelihood(both._theta) == pytest.approx(expected, rel=1e-10)
    nothing = [without_bins(both.datasets[0], np.zeros(432, bool)), without_bins(spectrum, np.ones(3, bool))]
    assert masked(both, nothing).log_likelihood(both._theta) == pytest.approx(pointwise["toy"].sum(), rel=1e-10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "pixel"}, "BM-CK-008: by is 'pixel'.*bin, tile, energy, dataset"),
        ({"by": "tile", "tile": -1.0}, "BM-CK-008: tile is -1.0"),
        ({"by": "bin", "tile": 1.0}, "BM-CK-008: tile is 1.0 with by='bin'"),
        ({"by": "dataset"}, "BM-CK-008: there is one dataset only"),
        ({"draws": 50}, "BM-CK-004: there are .* draws.*at least 100"),
        ({"refit": -1}, "BM-FT-005: refit is -1"),
    ],
)
def test_what_makes_no_sense_is_refused(small_fit, small_tree, options, message):
    with pytest.raises(BayesmapInputError, match=message):
        small_fit.loo(small_tree, **options)


def test_weights_are_refused(small_fit, small_tree):
    weights = WcsNDMap(small_fit.dataset.counts.geom, np.full((3, 12, 12), 0.5))
    from bayesmap.checks.loo import check_unweighted

    with pytest.raises(BayesmapInputError, match="BM-CK-011: the likelihood of toy is weighted"):
        check_unweighted({"toy": dataclasses.replace(small_fit.dataset, weights=weights)})


def test_draws_that_the_data_exclude_are_refused(small_fit, small_tree):
    tree = small_tree.copy()
    broken = tree["posterior"].to_dataset()
    broken["source.spectral.amplitude"] = broken["source.spectral.amplitude"] * np.nan
    tree["posterior"] = broken
    with pytest.raises(BayesmapInputError, match="BM-CK-012: draw 0 makes the data impossible"):
        small_fit.loo(tree)


def test_the_verdict_comes_first():
    found = Loo("energy", np.array([-3.0, -2.0]), np.array([0.1, np.inf]), np.ones(2), {}, 4000)
    assert not found.success
    assert str(found).startswith("NOT TRUSTWORTHY: 1 of 2 energies have a Pareto k above 0.70, the largest is inf")
    assert str(found).endswith("the error is from the scatter of 2 energies only")
    assert list(found.bad_groups) == [1]
