"""Inputs of the table that look bad and are fine, with the right numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.special

from bayesmap.cli.main import main
from bayesmap.fit import MapFit
from bayesmap.io.gammapy import write_dataset
from bayesmap.io.yaml import write_models
from bayesmap.models import (
    FoVBackgroundModel,
    GaussianSpatialModel,
    Models,
    Parameter,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
)
from bayesmap.posterior.preflight import preflight
from bayesmap.testing import gaussian_psf, toy_dataset, toy_models
from tests.fold.plain import plain_npred
from tests.trust.bad_data import BASE, all_frozen, changed, dark_corner, in_unit, masked, source
from tests.trust.logp import poisson_bound, poisson_logp


def check_says(folder, capsys, dataset, models, *words):
    """Assert that `bayesmap check` has nothing against it, and says these words."""
    write_dataset(dataset, folder / "data.fits")
    write_models(models, folder / "models.yaml", checksum=False)
    (folder / "config.yaml").write_text("dataset: data.fits\nmodels: models.yaml\noutput: fit\n")
    assert main(["check", str(folder / "config.yaml")]) == 0
    text = capsys.readouterr().out
    assert text.endswith("no problem found\n")
    assert all(word in text for word in words), text


def test_row_1_nan_outside_the_mask_is_reported(tmp_path, capsys):
    place = (1, 3, 4)
    dataset = replace(BASE, counts=changed(BASE.counts, (place, np.nan)), mask=masked(place))
    found = preflight([dataset], toy_models())
    assert found.problems == ()
    assert "1 counts bins outside the mask hold no number (energy=1 y=3 x=4)" in found.notes
    check_says(tmp_path, capsys, dataset, toy_models(), "note: 1 counts bins outside the mask hold no number")


def test_row_4_expected_counts_have_the_real_valued_likelihood():
    dataset = replace(BASE, counts=changed(BASE.counts, ((2, 5, 6), 0.37)))
    fit = MapFit.from_dataset(dataset, toy_models(), allow_asimov=True)
    n, mu = np.asarray(dataset.counts.data), fit.npred().data
    expected = np.sum(scipy.special.xlogy(n, mu) - mu - scipy.special.gammaln(n + 1.0))
    assert fit.log_likelihood() == pytest.approx(expected, rel=1e-12)
    assert fit.log_likelihood() != pytest.approx(np.sum(-mu), rel=1e-6), "the fraction counts"


def test_row_5_three_billion_counts_in_a_bin(tmp_path, capsys):
    dataset = replace(BASE, counts=changed(BASE.counts, ((0, 9, 9), 3e9)))
    fit = MapFit.from_dataset(dataset, toy_models())
    n, mu = np.asarray(dataset.counts.data).ravel(), fit.npred().data.ravel()
    value, bound = sum(map(poisson_logp, n, mu)), sum(map(poisson_bound, n, mu))
    assert abs(fit.log_likelihood() - value) < bound
    check_says(tmp_path, capsys, dataset, toy_models(), "note: counts above 16,777,216 in a bin")


def test_row_9_bins_that_nothing_reaches_are_dropped(tmp_path, capsys):
    dataset, models = dark_corner(0)
    check_says(tmp_path, capsys, dataset, models, "note: 12 bins dropped inside the mask", "energy=0 y=0 x=0")
    without = replace(dataset, mask=masked(*((e, y, x) for e in range(3) for y in (0, 1) for x in (0, 1))))
    both = [MapFit.from_dataset(item, models).log_likelihood() for item in (dataset, without)]
    assert both[0] == pytest.approx(both[1], rel=1e-12)


def test_row_12_exposure_in_square_metres():
    in_metres, models = in_unit("m2 s", 1e-4)()
    np.testing.assert_allclose(plain_npred(in_metres, models), plain_npred(BASE, models), rtol=1e-14)


def test_row_16_a_source_just_outside_the_map(tmp_path, capsys):
    """What the PSF brings in is that of an integral over the pixels on the sphere."""
    sigma, lon, lat = 0.15, 83.63, 22.01 + 1.05
    flat = replace(BASE, exposure=BASE.exposure.copy_with(data=np.full(BASE.exposure.data.shape, 1e11)))
    dataset = replace(flat, psf=gaussian_psf(BASE.axis_true, sigma), background=None)
    models = toy_models(PointSpatialModel(lon_0=lon, lat_0=lat)).models[:1]
    note = "source 'source' stands 0.05 deg outside the map of 'toy'"
    assert preflight([dataset], Models(models)).notes[-1].startswith(note)
    check_says(
        tmp_path, capsys, replace(dataset, background=BASE.background), toy_models(models[0].spatial_model), note
    )
    found = plain_npred(dataset, Models(models)).sum()
    spectrum, edges = models[0].spectral_model, dataset.axis_true.edges
    flux = spectrum.integral(np, edges[:-1], edges[1:], np.zeros(5), **spectrum.canonical_values)
    per_bin = (flux * 1e11 * dataset.edisp.data.sum(axis=1)) * share_on_the_map(dataset, lon, lat)
    assert found == pytest.approx(per_bin.sum(), rel=1e-3)


def share_on_the_map(dataset, lon, lat, fine=12):
    """Return the part of a point's light on the map per true energy: the PSF at `fine`^2 places in each pixel."""
    geom, n = dataset.counts.geom.to_image(), 20
    steps = (np.arange(n * fine) + 0.5) / fine - 0.5
    y, x = np.meshgrid(steps, steps, indexing="ij")
    lons, lats = (np.deg2rad(item) for item in geom.pixel_to_sky(x, y))
    here = np.stack([np.cos(lats) * np.cos(lons), np.cos(lats) * np.sin(lons), np.sin(lats)])
    there = np.deg2rad([lon, lat])
    point = np.array([np.cos(there[1]) * np.cos(there[0]), np.cos(there[1]) * np.sin(there[0]), np.sin(there[1])])
    distance = np.rad2deg(2.0 * np.arcsin(0.5 * np.linalg.norm(here - point[:, None, None], axis=0)))
    area = np.repeat(np.repeat(geom.solid_angle(), fine, axis=0), fine, axis=1) / fine**2
    return (dataset.psf.evaluate(distance) * area).sum(axis=(1, 2))


def test_row_17_the_smallest_size_is_a_point():
    tiny = toy_models(GaussianSpatialModel(lon_0=83.70, lat_0=21.96, sigma="1e-5 deg"))
    point, small = plain_npred(BASE, toy_models()), plain_npred(BASE, tiny)
    assert np.abs(small - point).max() < 1e-3 * point.max()
    assert small.sum() == pytest.approx(point.sum(), rel=1e-4)


def at(lon, lat, **response):
    """Return a fit of a point whose counts were made at (0.01, 0), started elsewhere."""
    truth = toy_models(PointSpatialModel(lon_0=0.01, lat_0=0.0))
    dataset = toy_dataset(truth, seed=5, center=(0.0, 0.0), npix=10)
    return MapFit.from_dataset(dataset, toy_models(PointSpatialModel(lon_0=lon, lat_0=lat)), **response)


@pytest.mark.slow
def test_row_18_longitude_zero_is_no_edge():
    fits = [at(lon, 0.01) for lon in (359.99, -0.01)]
    best = [fit.run() for fit in fits]
    assert all(item.success for item in best)
    for name in fits[0].free_parameters:
        one, other = (item.model.parameters[name] for item in best)
        apart = one.value - other.value
        if name.endswith("lon_0"):
            apart = (apart + 180.0) % 360.0 - 180.0
        assert abs(apart) < 0.01 * one.error, name
    for fit in fits:
        found = fit.confidence("lon_0", "profile")
        low, high = ((found[end] - 0.01 + 180.0) % 360.0 - 180.0 for end in ("lower", "upper"))
        assert 0.0 < found["upper"] - found["lower"] < 0.2
        assert low < 0.0 < high or min(abs(low), abs(high)) < 2.0 * (high - low)


@pytest.mark.slow
def test_row_18_a_source_at_the_pole():
    truth = toy_models(PointSpatialModel(lon_0=0.0, lat_0=90.0))
    dataset = toy_dataset(truth, seed=4, center=(40.0, 89.95), npix=10)
    fit = MapFit.from_dataset(dataset, toy_models(PointSpatialModel(lon_0=100.0, lat_0=89.95)))
    best = fit.run()
    assert best.success
    assert best.model.parameters["source.spatial.lat_0"].value > 89.8
    assert np.all(np.isfinite(fit.covariance().matrix))


def ordered():
    """Return two sources, of which the second has a part of the first one's flux: a link, and a norm below one."""
    norm = PowerLawNormSpectralModel(norm=Parameter("norm", 0.5, min=0.0, max=1.0))
    law = PowerLawSpectralModel(
        index=Parameter("index", 2.0, link="a.spectral.index"),
        amplitude=Parameter("amplitude", 8e-10, "cm-2 s-1 TeV-1", link="a.spectral.amplitude"),
    )
    second = SkyModel(law * norm, PointSpatialModel(lon_0=83.60, lat_0=21.96), name="b")
    return Models((source("a", lon=83.60), second, FoVBackgroundModel("toy")))


def two_sources():
    far = source("b", lon=83.3, lat=22.2, amplitude="3e-10 cm-2 s-1 TeV-1")
    return toy_dataset(Models((source("a"), far, FoVBackgroundModel("toy"))), seed=3, npix=10)


def test_row_19_ordered_sources_are_accepted(tmp_path, capsys):
    assert preflight([two_sources()], ordered()).problems == ()
    check_says(tmp_path, capsys, two_sources(), ordered(), "models: a, b, toy-bkg")


@pytest.mark.slow
def test_row_19_ordered_sources_run():
    best = MapFit.from_dataset(two_sources(), ordered()).optimize()
    assert best.success
    found = best.model.parameters
    assert found["b.spectral.amplitude"].value == found["a.spectral.amplitude"].value
    assert 0.0 < found["b.spectral.norm"].value < 1.0


def test_row_20_frozen_models_can_be_evaluated():
    dataset, models = all_frozen()
    fit = MapFit.from_dataset(dataset, models)
    np.testing.assert_allclose(fit.npred().data, plain_npred(dataset, models), rtol=1e-9, atol=1e-12)
    assert np.isfinite(fit.log_likelihood())
