"""`MapFit` as a caller sees it: what it refuses, what it takes, and what it leaves alone."""

import copy
import dataclasses

import numpy as np
import pytest

from bayesmap.errors import BayesmapInputError, FitStateError, ProblemList
from bayesmap.fit import MapFit
from bayesmap.io.yaml import read_covariance, read_models, write_models
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.background import BackgroundModel
from bayesmap.models.sky import Models
from bayesmap.testing import toy_dataset, toy_models
from tests.fold.plain import plain_npred

NPIX = 12
AMPLITUDE = "source.spectral.amplitude"


def mask_map(dataset):
    """All but the two outermost columns on one side, and without the highest energy in one row."""
    used = np.ones(dataset.counts.data.shape, dtype=bool)
    used[:, :, :2] = False
    used[2, 3] = False
    return WcsNDMap(dataset.counts.geom, used)


def with_counts(dataset, data):
    return dataclasses.replace(dataset, counts=WcsNDMap(dataset.counts.geom, data))


@pytest.fixture(scope="module")
def dataset():
    dataset = toy_dataset(npix=NPIX, seed=7)
    return dataclasses.replace(dataset, mask=mask_map(dataset))


@pytest.fixture(scope="module")
def fitted(dataset):
    """The fit with its start values kept aside, after both verbs."""
    models = toy_models()
    before = copy.deepcopy(models)
    fit = MapFit.from_dataset(dataset, models)
    return fit, models, before, fit.run()


def test_covariance_needs_the_optimum(dataset):
    fit = MapFit.from_dataset(dataset, toy_models())
    with pytest.raises(FitStateError, match="BM-FT-001: covariance was called before optimize"):
        fit.covariance()


def test_unknown_backends(fitted):
    fit, *_ = fitted
    with pytest.raises(BayesmapInputError, match=r"BM-FT-002: optimize has no backend 'minuet'\. .*newton"):
        fit.optimize(backend="minuet")
    with pytest.raises(BayesmapInputError, match="BM-FT-002: covariance has no backend 'hesse'.*laplace, minuit"):
        fit.covariance(backend="hesse")
    with pytest.raises(BayesmapInputError, match="BM-FT-002"):
        fit.run(optimize_opts={"backend": "minuet"})


def test_a_refused_verb_leaves_the_optimum(fitted):
    fit, _, _, best = fitted
    with pytest.raises(BayesmapInputError, match="BM-FT-002"):
        fit.optimize(backend="minuet")
    assert fit.model.parameters["index"].value == best.model.parameters["index"].value
    assert fit.covariance().success


@pytest.mark.parametrize("option", ["exposure_order", "convention"])
def test_unknown_words(dataset, option):
    with pytest.raises(BayesmapInputError, match=f"BM-FT-003: {option} is 'sideways'"):
        MapFit.from_dataset(dataset, toy_models(), **{option: "sideways"})


def test_two_backgrounds(dataset):
    own = BackgroundModel(dataset.background)
    source = toy_models()[:1]
    with pytest.raises(BayesmapInputError, match="BM-IN-032: .*has a background and model 'background' brings another"):
        MapFit(source, dataset.counts, dataset.exposure, dataset.background, background_model=own)


def test_a_background_model_replaces_the_map(dataset):
    """The same map, as the data set's own or inside the model, gives the same counts."""
    source = toy_models()[:1]
    responses = {"mask": dataset.mask, "psf": dataset.psf, "edisp": dataset.edisp}
    fit = MapFit(
        source, dataset.counts, dataset.exposure, background_model=BackgroundModel(dataset.background), **responses
    )
    expected = plain_npred(dataset, source)
    assert np.max(np.abs(fit.npred().data - expected)) < 1e-12 * expected.max()
    assert fit.free_parameters[-1] == "background.spectral.norm"
    grown = fit.npred({"norm": 1.5}).data - expected
    assert np.max(np.abs(grown - 0.5 * dataset.background.data)) < 1e-12 * expected.max()


def test_nan_outside_the_mask_is_as_good_as_zero(dataset):
    """Whatever stands outside the mask, likelihood, statistic and slopes are the same to the last bit."""
    used = dataset.mask.data
    results = []
    for filling in (np.nan, 0.0):
        data = np.where(used, dataset.counts.data, filling)
        fit = MapFit.from_dataset(with_counts(dataset, data), toy_models())
        results.append((fit.total_stat(), fit.log_likelihood(), fit.log_posterior_gradient(), fit.stat[used].tolist()))
    assert np.isfinite(results[0][0])
    assert np.all(np.isfinite(results[0][3]))
    assert results[0] == results[1]


def test_nan_inside_the_mask(dataset):
    data = dataset.counts.data.copy()
    data[1, 5, 6] = np.nan
    with pytest.raises(
        BayesmapInputError, match=r"BM-IN-001: 1 of 432 counts bins are NaN \(first: energy=1 y=5 x=6\)"
    ):
        MapFit.from_dataset(with_counts(dataset, data), toy_models())


def test_all_problems_are_told_at_once(dataset):
    data = dataset.counts.data.copy()
    data[1, 5, 6], data[0, 4, 4] = np.nan, -1.0
    with pytest.raises(ProblemList, match=r"(?s)2 problems found:.*BM-IN-001.*BM-IN-004"):
        MapFit.from_dataset(with_counts(dataset, data), toy_models())


def test_expected_counts_only_on_request(dataset):
    """Fitted to its own expectation the truth is the optimum, and the errors are those of one draw."""
    models = toy_models()
    asimov = with_counts(dataset, plain_npred(dataset, models))
    with pytest.raises(BayesmapInputError, match=r"BM-IN-005: .*not integers.*allow_asimov=True"):
        MapFit.from_dataset(asimov, models)
    fit = MapFit.from_dataset(asimov, models, priors="flat", allow_asimov=True)
    best = fit.run()
    assert best.success
    for name in fit.free_parameters:
        found, truth = best.model.parameters[name], models.parameters[name]
        assert abs(found.value - truth.value) < 1e-3 * found.error


def test_the_model_is_never_changed(fitted):
    fit, models, before, best = fitted
    assert models == before
    assert [item.value for item in models.parameters.values()] == [item.value for item in before.parameters.values()]
    assert all(not item.error > 0 for item in models.parameters.values())
    assert best.model.parameters[AMPLITUDE].value != before.parameters[AMPLITUDE].value
    assert isinstance(fit.model, Models)
    assert fit.model.parameters[AMPLITUDE].error > 0


def test_values_in_passing_are_not_kept(fitted):
    fit, _, _, best = fitted
    here = fit.npred().data
    doubled = fit.npred({"amplitude": 2.0 * best.model.parameters[AMPLITUDE].value}).data
    assert doubled.sum() > 1.2 * here.sum()
    assert fit.total_stat({"index": 2.5}) > fit.total_stat()
    assert np.array_equal(fit.npred().data, here)


def test_statistic_of_every_bin(dataset, fitted):
    """2 (mu - n ln mu) of all bins, those outside the mask too; over the mask they add up to the total."""
    fit, _, _, best = fitted
    counts, npred, used = dataset.counts.data, fit.npred().data, dataset.mask.data
    expected = 2.0 * (npred - counts * np.log(npred))
    assert np.max(np.abs(fit.stat - expected)) < 1e-10
    assert np.count_nonzero(fit.stat[~used]) == np.count_nonzero(~used) == 82
    assert np.sum(fit.stat[used]) == pytest.approx(fit.total_stat(), rel=1e-12)
    assert fit.total_stat() == pytest.approx(best.total_stat, rel=1e-12)
    assert np.sum(fit.stat) != pytest.approx(fit.total_stat(), rel=1e-3)


def test_parts_add_up(fitted):
    fit, *_ = fitted
    parts = fit.npred_components()
    assert tuple(parts) == ("source", "toy-bkg")
    assert np.max(np.abs(sum(part.data for part in parts.values()) - fit.npred().data)) < 1e-12


def test_the_covariance_goes_to_a_file_and_back(fitted, tmp_path):
    fit = fitted[0]
    result = fit.covariance()
    write_models(result.model, tmp_path / "best.yaml", covariance=result)
    found = read_covariance(tmp_path / "best.yaml")
    assert found.names == result.names
    np.testing.assert_array_equal(found.matrix, result.matrix)
    assert read_models(tmp_path / "best.yaml") == result.model
    theirs = pytest.importorskip("gammapy.modeling.models").Models.read(tmp_path / "best.yaml")
    free = [k for k, item in enumerate(theirs.parameters) if not item.frozen]
    np.testing.assert_allclose(theirs.covariance.data[np.ix_(free, free)], result.matrix, rtol=1e-12)
