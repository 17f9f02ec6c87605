"""Data drawn from the priors: laws of the counts, draws without support, joint fits, spectra."""

import numpy as np
import pytest

from bayesmap import FoVBackgroundModel, MapAxis, MapFit, SpectrumDatasetOnOff
from bayesmap.checks.check import check_dataset
from bayesmap.checks.prior_predictive import prior_check
from bayesmap.errors import BayesmapInputError
from bayesmap.models.prior import Prior
from bayesmap.testing import toy_dataset, toy_models


def test_tree_has_the_groups_that_arviz_reads(small_fit):
    tree = small_fit.prior_predictive(30, random_seed=2)
    assert set(tree.children) == {"prior", "prior_predictive", "observed_data", "constant_data"}
    counts = tree["prior_predictive"]["counts"]
    assert counts.dims == ("chain", "draw", "bin")
    assert counts.shape == (1, 30, 432)
    assert np.array_equal(counts, np.round(counts))
    assert tree.attrs["supported"] == 30
    again = small_fit.prior_predictive(30, random_seed=2)["prior_predictive"]["counts"]
    assert np.array_equal(counts, again)


@pytest.mark.statistical
def test_counts_follow_the_drawn_parameters(small_fit):
    tree = small_fit.prior_predictive(60, random_seed=3)
    names = small_fit._posterior.coordinates.names
    prior, counts = tree["prior"], tree["prior_predictive"]["counts"].values[0]
    for i in (0, 30, 59):
        values = {name: float(prior[name][0, i]) for name in names}
        npred = small_fit.npred(values).data
        assert abs(counts[i].sum() - npred.sum()) < 4.5 * np.sqrt(npred.sum())


def test_check_tells_whether_the_observed_counts_are_allowed(small_fit):
    check = small_fit.prior_check(100, random_seed=4)
    only = check.datasets["toy"]
    assert check.ok
    assert "100 of 100 draws from the priors have support" in str(check)
    assert only.observed == small_fit.dataset.counts.data.sum()
    assert only.totals.shape == (100,)
    assert only.spectrum.counts.sum() == only.observed
    assert only.maps.p_value.data.shape == (3, 12, 12)


@pytest.mark.parametrize(
    ("verb", "match"),
    [
        (lambda fit: fit.prior_predictive(0), "BM-CK-004.*0 draws"),
        (lambda fit: fit.prior_predictive(1000, max_bytes=1000), r"BM-CK-005.*prior_predictive(.|\n)*prior_check\(\)"),
    ],
)
def test_bad_numbers_are_refused(small_fit, verb, match):
    with pytest.raises(BayesmapInputError, match=match):
        verb(small_fit)


@pytest.fixture(scope="module")
def joint():
    """A map and a spectrum that share a source, whose position may leave the map."""
    axis, true = MapAxis.from_energy_bounds(0.5, 20.0, 4), MapAxis.from_energy_bounds(0.3, 30.0, 6, name="energy_true")
    spectrum = SpectrumDatasetOnOff(
        name="onoff", axis=axis, counts=np.array([30.0, 12.0, 4.0, 1.0]), counts_off=np.array([60.0, 20.0, 5.0, 0.0]),
        acceptance=1.0, acceptance_off=5.0, axis_true=true, exposure=np.full(6, 1e11),
    )  # fmt: skip
    priors = {
        "source.spatial.lon_0": Prior("Normal", mu=83.7, sigma=2.0),
        "source.spatial.lat_0": Prior("Normal", mu=22.0, sigma=2.0),
        "toy-bkg.spectral.norm": Prior("LogNormal", mu=0.0, sigma=1e-3),
    }
    source = toy_models()["source"]
    return MapFit.from_datasets([toy_dataset(npix=8), spectrum], [source, FoVBackgroundModel("toy")], priors=priors)


def test_draws_without_support_are_counted(joint):
    check = joint.prior_check(200, random_seed=1)
    lost = sum(check.draws.unsupported.values())
    assert 0 < lost < 200
    assert len(check.draws.theta) == 200 - lost
    assert check.draws.asked == 200
    assert f"{200 - lost} of 200 draws from the priors have support" in str(check)
    assert "a source off its map" in str(check)


def test_joint_fits_and_spectra_work(joint):
    check = joint.prior_check(50, random_seed=1)
    assert set(check.datasets) == {"toy", "onoff"}
    assert check.datasets["onoff"].maps is None
    assert check.datasets["onoff"].observed == 47.0
    tree = joint.prior_predictive(50, random_seed=1)
    assert tree["prior_predictive"]["onoff.counts"].shape[2] == 4
    assert tree["prior_predictive"]["toy.counts"].shape[2] == 3 * 64
    assert tree["prior_predictive"]["toy.counts"].shape[1] == tree.attrs["supported"]


def test_tails_of_on_counts_are_those_of_their_law(joint):
    from bayesmap.checks.on_off import on_off_significance
    from bayesmap.checks.tails import tails_of, two_sided

    law = joint._posterior.counts["onoff"]
    signal = np.array([15.0, 9.0, 0.4, 0.0])
    found = tails_of(law)(signal, 0.0)
    assert found.below + found.above + np.exp(found.log_equal) == pytest.approx(np.ones(4), rel=1e-12)
    half = 0.5 * np.exp(found.log_equal)
    expected = on_off_significance(law.dataset, signal)
    assert two_sided(found.above + half, found.below + half) == pytest.approx(expected, rel=1e-9)


def test_checks_of_a_spectrum(joint):
    posterior = joint._posterior.of("onoff")
    theta = np.tile(posterior.coordinates.start, (4, 20, 1))
    onoff = check_dataset(posterior, theta, positions={}, ranked=19)
    assert set(onoff.discrepancies) == {"deviance", "total", "maximum_excess", "maximum_deficit"}
    assert onoff.maps is None
    assert not onoff.places
    assert onoff.pit.sampled.shape == (4,)
    assert np.array_equal(onoff.spectrum.counts, [30.0, 12.0, 4.0, 1.0])


def test_priors_that_exclude_the_data_are_told(small_fit):
    (law,) = small_fit._posterior.counts.values()
    many = small_fit._posterior.with_counts(law.again(np.full((3, 12, 12), 1e6)))
    check = prior_check(many, 60)
    assert not check.ok
    assert str(check).startswith("priors: THEY EXCLUDE THE DATA")
    assert "NOT among them" in str(check)


def test_priors_without_an_integral_are_refused():
    flat = MapFit.from_dataset(toy_dataset(npix=4), toy_models(), priors="flat")
    with pytest.raises(BayesmapInputError, match="BM-CK-030.*have no integral"):
        flat.prior_check(10)
