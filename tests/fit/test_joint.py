"""Joint fits: several datasets in one likelihood, shared and own parameters, maps beside spectra."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesmap import (
    FoVBackgroundModel,
    MapFit,
    Models,
    OverdispersionModel,
    PoolModel,
    ResponseModel,
    SkyModel,
    SpectrumDatasetOnOff,
    WcsNDMap,
    simulate,
)
from bayesmap.errors import BayesmapInputError, ModelError
from bayesmap.fold.spectrum import build_spectrum_fold
from bayesmap.testing import toy_models, toy_response


def run(name, seed, *, scale=1.0, models=None, **response):
    """Return a simulated run of that name, its background and exposure scaled."""
    empty = dataclasses.replace(toy_response(npix=12, **response), name=name)
    exposure = WcsNDMap(empty.exposure.geom, empty.exposure.data * scale, "cm2 s")
    background = WcsNDMap(empty.background.geom, empty.background.data * scale)
    empty = dataclasses.replace(empty, exposure=exposure, background=background)
    return simulate(empty, source() if models is None else models, seed)


def source():
    return Models(toy_models()["source"])


@pytest.fixture(scope="module")
def runs():
    return run("run-1", 1), run("run-2", 2, scale=0.6)


@pytest.fixture(scope="module")
def joint(runs):
    norms = [FoVBackgroundModel(item.name) for item in runs]
    return MapFit.from_datasets(runs, source() + norms, priors="flat")


@pytest.fixture(scope="module")
def spectrum():
    """A spectrum of the toy's source: the map's response at the centre, and Off counts."""
    toy = toy_response(npix=12)
    axis, axis_true = toy.axis, toy.axis_true
    exposure = toy.exposure.data[:, 6, 6]
    return SpectrumDatasetOnOff(
        name="spectrum",
        axis=axis,
        counts=[40.0, 12.0, 3.0],
        counts_off=[60.0, 9.0, 0.0],
        acceptance=1.0,
        acceptance_off=5.0,
        axis_true=axis_true,
        exposure=exposure,
        edisp=toy.edisp,
    )


def test_likelihoods_multiply(runs, joint):
    alone = [
        MapFit.from_dataset(item, source() + FoVBackgroundModel(item.name), priors="flat").log_likelihood()
        for item in runs
    ]
    assert_allclose(joint.log_likelihood(), sum(alone), rtol=1e-12)
    assert joint.free_parameters[-2:] == ("run-1-bkg.spectral.norm", "run-2-bkg.spectral.norm")


def test_order_of_the_datasets_does_not_matter(runs, joint):
    models = source() + [FoVBackgroundModel(item.name) for item in runs]
    swapped = MapFit.from_datasets(runs[::-1], models, priors="flat")
    assert_allclose(swapped.log_likelihood(), joint.log_likelihood(), rtol=1e-12)


def test_stacked_and_joint_agree_where_they_must():
    """Runs of equal response: the joint -2 ln L differs from the stacked one by a constant, the best fits agree."""
    first, second = run("run-1", 1), run("run-2", 2)
    counts = WcsNDMap(first.counts.geom, first.counts.data + second.counts.data)
    background = WcsNDMap(first.background.geom, 2.0 * first.background.data)
    exposure = WcsNDMap(first.exposure.geom, 2.0 * first.exposure.data, "cm2 s")
    both = dataclasses.replace(first, name="both", counts=counts, background=background, exposure=exposure)
    stacked = MapFit.from_dataset(both, source(), priors="flat")
    joint = MapFit.from_datasets([first, second], source(), priors="flat")
    there = {"source.spectral.index": 2.5, "source.spectral.amplitude": 5e-10, "source.spatial.lon_0": 83.65}
    change = stacked.total_stat(there) - stacked.total_stat()
    assert_allclose(joint.total_stat(there) - joint.total_stat(), change, rtol=1e-9)
    one, other = stacked.optimize(), joint.optimize()
    for name in stacked.free_parameters:
        assert_allclose(other.model.parameters[name].value, one.model.parameters[name].value, rtol=1e-7)


def test_each_dataset_has_its_own_prediction(runs, joint):
    total = joint.npred(dataset="run-1").data.sum()
    assert_allclose(joint.npred(dataset="run-2").data.sum(), 0.6 * total, rtol=1e-12)
    assert set(joint.npred_components(dataset="run-2")) == {"source", "run-2-bkg"}
    assert joint.stat_of("run-1").shape == runs[0].counts.data.shape
    with pytest.raises(BayesmapInputError, match="BM-FT-011: no dataset was named. The fit has the datasets run-1"):
        joint.npred()
    with pytest.raises(BayesmapInputError, match="BM-FT-011: no dataset is named 'run-3'"):
        joint.npred(dataset="run-3")


def test_names_must_differ(runs):
    with pytest.raises(BayesmapInputError, match="BM-FT-012: the datasets are named 'run-1', 'run-1'"):
        MapFit.from_datasets([runs[0], runs[0]], source())
    with pytest.raises(BayesmapInputError, match="BM-FT-012.*there are none"):
        MapFit.from_datasets([], source())


def test_a_dataset_without_prediction_is_refused(runs, spectrum):
    bare = dataclasses.replace(runs[1], background=None)
    models = dataclasses.replace(toy_models()["source"], datasets_names="run-1")
    with pytest.raises(BayesmapInputError, match="BM-IN-034: no model predicts counts in dataset 'run-2'"):
        MapFit.from_datasets([runs[0], bare], models)
    with pytest.raises(BayesmapInputError, match=r"BM-IN-034: .*'spectrum'.*\. A spectrum needs a source\."):
        build_spectrum_fold(spectrum, Models(models))


def test_pymc_model_is_the_compiled_posterior(joint, spectrum):
    """Of maps, and of a map beside a spectrum."""
    beside = MapFit.from_datasets([run("run-1", 1), spectrum], source())
    for fit in (joint, beside):
        model, posterior = fit.pymc_model, fit._posterior
        theta = posterior.coordinates.start + 1e-3
        z = posterior.variables.forward(theta)
        items = zip(posterior.variables.items, model.value_vars, strict=True)
        point = {variable.name: np.asarray(item.part(z)) for item, variable in items}
        found = float(model.compile_logp(jacobian=False)(point))
        assert_allclose(found, posterior.log_posterior(theta), rtol=1e-10)


def test_draws_of_a_joint_fit(joint):
    tree = joint.sample(draws=60, tune=80, chains=2, random_seed=3, progress=None)
    assert set(tree["observed_data"].data_vars) == {"run-1.counts", "run-2.counts"}
    filled = joint.posterior_predictive(joint.pointwise_log_likelihood(tree, draws=20), draws=20)
    assert set(filled["log_likelihood"].data_vars) == {"run-1.counts", "run-2.counts"}
    assert filled["posterior_predictive"]["run-2.counts"].dims == ("chain", "draw", "run-2.bin")
    maps = joint.predictive(tree, dataset="run-1", draws=10)
    assert maps.npred_mean.data.shape == joint.datasets[0].counts.data.shape


def test_a_source_of_one_dataset_only(runs):
    far = dataclasses.replace(toy_models()["source"], datasets_names="run-2")
    fit = MapFit.from_datasets(runs, Models((far, FoVBackgroundModel("run-1"))), priors="flat")
    assert set(fit.npred_components(dataset="run-1")) == {"run-1-bkg"}
    assert set(fit.npred_components(dataset="run-2")) == {"source", "background"}


def test_a_spectrum_beside_a_map(spectrum):
    """The log-likelihood is the sum; the spectrum's predicted counts are flux times exposure, dispersed."""
    cube = run("run-1", 1)
    alone = MapFit.from_dataset(spectrum, frozen_source(), priors="flat")
    fit = MapFit.from_datasets([cube, spectrum], source(), priors="flat")
    expected = MapFit.from_dataset(cube, source(), priors="flat").log_likelihood() + alone.log_likelihood()
    assert_allclose(fit.log_likelihood(), expected, rtol=1e-12)
    model = toy_models()["source"].spectral_model
    edges = spectrum.axis_true.edges
    flux = model.integral(np, edges[:-1], edges[1:], np.zeros(5), **model.canonical_values)
    assert_allclose(alone.npred(), (flux * spectrum.exposure) @ spectrum.edisp.data, rtol=1e-12)
    best = fit.run()
    assert best.success


def frozen_source():
    models = source()
    return models.with_frozen({"source.spatial.lon_0": True, "source.spatial.lat_0": True})


def test_a_background_model_of_a_spectrum_is_refused(spectrum):
    models = frozen_source() + FoVBackgroundModel("spectrum")
    with pytest.raises(BayesmapInputError, match="BM-IN-035: background model 'spectrum-bkg' belongs to spectrum"):
        MapFit.from_dataset(spectrum, models)


def test_a_source_without_total_in_a_spectrum_is_refused(spectrum):
    from bayesmap import ConstantSpatialModel

    model = SkyModel(toy_models()["source"].spectral_model, ConstantSpatialModel(), name="glow")
    with pytest.raises(ModelError, match=r"BM-MO-028: source 'glow' \(ConstantSpatialModel\) contributes to"):
        MapFit.from_dataset(spectrum, model)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"counts": [1.0, -2.0, 0.0]}, "BM-IN-040: spectrum 'spectrum': 1 of 3 counts bins are not whole numbers >= 0"),
        ({"counts_off": [1.0, 0.5, 0.0]}, "BM-IN-040.*counts_off.*first: energy=1, 0.5"),
        ({"acceptance_off": 0.0}, "BM-IN-041.*3 of 3 acceptance_off bins are not positive"),
        ({"exposure": [1.0, np.nan, 1.0, 1.0, 1.0]}, "BM-IN-041.*exposure"),
        ({"mask": np.zeros(3, dtype=bool)}, "BM-IN-042.*0 bins used"),
    ],
)
def test_bad_spectra_are_refused(spectrum, changes, match):
    with pytest.raises(BayesmapInputError, match=match):
        MapFit.from_dataset(dataclasses.replace(spectrum, **changes), frozen_source())


def test_pooled_norms_have_the_density_of_their_pool():
    """ln p(deviates) and the values agree with the centred form, its Jacobian included."""
    runs = [run(f"run-{k}", k) for k in (1, 2, 3)]
    names = [f"{item.name}-bkg.spectral.norm" for item in runs]
    pool = PoolModel(names, mean=1.1, spread=0.2, name="norms")
    models = source() + [FoVBackgroundModel(item.name) for item in runs] + pool
    fit = MapFit.from_datasets(runs, models)
    values = dict(zip(names, (0.9, 1.2, 1.05), strict=True))
    posterior, theta = fit._at(values)
    back = posterior.coordinates.to_values(theta)
    assert_allclose([back[name] for name in names], list(values.values()), rtol=1e-12)
    deviates = theta[[fit.free_parameters.index(name) for name in names]]
    assert_allclose(deviates, np.log(np.array(list(values.values())) / 1.1) / 0.2, rtol=1e-12)
    assert_allclose(fit.npred(values, dataset="run-2").data, expected_npred(runs[1], 1.2), rtol=1e-12)
    step = 1e-6
    for i in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[i] += step
        down[i] -= step
        slope = (posterior.coordinates.to_many_values(up) - posterior.coordinates.to_many_values(down)) / (2.0 * step)
        assert_allclose(posterior.coordinates.jacobian(theta)[:, i], slope, atol=1e-6)


def expected_npred(dataset, norm):
    fit = MapFit.from_dataset(dataset, source() + FoVBackgroundModel(dataset.name), priors="flat")
    return fit.npred({f"{dataset.name}-bkg.spectral.norm": norm}).data


@pytest.mark.parametrize(
    ("members", "match"),
    [
        (["run-1-bkg.spectral.norm"], "BM-MO-024: the pool 'pool' has the members run-1-bkg.spectral.norm"),
        (["run-1-bkg.spectral.norm", "source.spatial.lon_0"], "BM-MO-026: pool member source.spatial.lon_0 is a sp"),
        (["run-1-bkg.spectral.norm", "source.spectral.amplitude"], "BM-MO-026.*amplitude is in"),
        (["run-1-bkg.spectral.norm", "run-1-bkg.spectral.tilt"], "BM-MO-026.*tilt is frozen or linked"),
        (["norm", "source.spectral.index"], "BM-MO-026: pool member norm is not a qualified name"),
    ],
)
def test_impossible_pools_are_refused(members, match):
    with pytest.raises(ModelError, match=match):
        MapFit.from_datasets([run("run-1", 1)], [*source(), FoVBackgroundModel("run-1"), PoolModel(members)])


def test_a_simulated_spectrum_has_signal_and_background(spectrum):
    expected = np.array([300.0, 40.0, 6.0])
    found = [simulate(spectrum, frozen_source(), seed, background=expected) for seed in range(8)]
    alone = MapFit.from_dataset(spectrum, frozen_source(), priors="flat")
    mean = np.mean([item.counts for item in found], axis=0)
    assert np.all(np.abs(mean - alone.npred() - expected) < 4.0 * np.sqrt((alone.npred() + expected) / 8.0))
    off = np.mean([item.counts_off for item in found], axis=0)
    assert np.all(np.abs(off - 5.0 * expected) < 4.0 * np.sqrt(5.0 * expected / 8.0))
    with pytest.raises(BayesmapInputError, match="BM-IN-043: SpectrumDatasetOnOff 'spectrum' was to be simulated"):
        simulate(spectrum, frozen_source(), 1)


def test_a_frozen_energy_scale_moves_the_counts_of_a_spectrum(spectrum):
    """The same as the free scale at that value, and not what it is at one."""
    frozen = MapFit.from_dataset(spectrum, [*frozen_source(), ResponseModel(energy_scale=1.2)], priors="flat").npred()
    free = MapFit.from_dataset(spectrum, [*frozen_source(), ResponseModel(free="energy_scale")], priors="flat")
    assert_allclose(frozen, free.npred({"response.response.energy_scale": 1.2}), rtol=1e-12)
    assert frozen[2] > 1.02 * free.npred()[2]


def test_overdispersion_of_a_spectrum_is_refused(spectrum):
    models = [*frozen_source(), OverdispersionModel(datasets_names="spectrum")]
    with pytest.raises(BayesmapInputError, match="BM-IN-035: model 'scatter' belongs to spectrum 'spectrum'"):
        MapFit.from_dataset(spectrum, models)


def test_a_spectrum_has_no_predictive_maps(spectrum):
    fit = MapFit.from_dataset(spectrum, frozen_source(), priors="flat")
    with pytest.raises(BayesmapInputError, match="BM-CK-007: 'spectrum' is a spectrum"):
        fit.predictive(object())
