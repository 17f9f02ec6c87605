"""Ranked quantities, beside plain evaluations point by point."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from bayesmap import MapFit, Models
from bayesmap.checks.quantities import Quantities
from bayesmap.checks.sbc import Method, _translated
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.sky import SkyModel
from bayesmap.testing import toy_dataset, toy_models


@pytest.fixture(scope="module")
def masked():
    """A fit whose brightest pixels are masked, with a second source whose flux follows the first one."""
    data = toy_dataset(npix=10)
    mask = np.ones(data.counts.data.shape, dtype=bool)
    mask[:, 3:7, 3:7] = False
    source, background = toy_models()
    twin = SkyModel(source.spectral_model, source.spatial_model, name="twin")
    models = Models((source, twin, background)).with_frozen(
        {"source.spatial.lon_0": True, "source.spatial.lat_0": True}
    )
    models = models.with_links({name: name.replace("twin", "source") for name in models.parameters
                                if name.startswith("twin.spatial") or name == "twin.spectral.amplitude"})  # fmt: skip
    models = models.with_frozen({"twin.spectral.index": True})
    return MapFit.from_dataset(replace(data, mask=WcsNDMap(data.counts.geom, mask)), models), mask


def test_every_quantity_is_that_of_a_plain_evaluation(masked):
    fit, mask = masked
    posterior = fit._posterior
    quantities = Quantities(posterior)
    assert quantities.names == (
        "source.spectral.index", "source.spectral.amplitude", "toy-bkg.spectral.norm", "log_likelihood", "log_prior",
        "total_npred", "hottest_bin", "source.flux", "twin.flux",
    )  # fmt: skip
    assert quantities.units == ("", "TeV-1 s-1 cm-2", "", "", "", "", "", "cm-2 s-1", "cm-2 s-1")
    rng = np.random.default_rng(4)
    theta = posterior.coordinates.start * (1.0 + 0.1 * rng.standard_normal((5, 3)))
    found = quantities(posterior, theta, 7)
    for row, point in zip(found, theta, strict=True):
        values = posterior.coordinates.to_values(point)
        npred = posterior.npred(point)
        models = fit.model.with_values(values)
        band = fit.dataset.axis.edges[[0, -1]] * u.TeV
        fluxes = [models[name].spectral_model.integral(np, band[:1].value, band[1:].value, np.zeros(1),
                  **models[name].spectral_model.canonical_values).item() for name in ("source", "twin")]  # fmt: skip
        expected = [
            *values.values(), posterior.log_likelihood(point), posterior.log_prior(point), npred[mask].sum(),
            npred.ravel()[7], *fluxes,
        ]  # fmt: skip
        np.testing.assert_allclose(row, expected, rtol=1e-12)


def test_the_hottest_bin_is_a_selected_one(masked):
    """Counts in masked bins are not data: a choice by them would depend on the truth beyond the data."""
    fit, mask = masked
    counts = np.where(mask, 1.0, 50.0)
    counts[2, 1, 8] = 3.0
    assert Quantities(fit._posterior).hottest(counts.ravel()) == np.ravel_multi_index((2, 1, 8), mask.shape)


def test_positions_are_the_same_places_for_another_start():
    """Coordinates are offsets from the start values, which two posteriors need not share."""
    data = toy_dataset(npix=10)
    one = MapFit.from_dataset(data, toy_models())._posterior
    other = MapFit.from_dataset(data, toy_models().with_values({"lon_0": 83.9, "lat_0": 21.8}))._posterior
    theta = one.coordinates.start + 0.05
    moved = _translated(theta[None], one, other)
    values = one.coordinates.to_many_values(theta[None])
    assert not np.allclose(moved, theta)
    np.testing.assert_allclose(other.coordinates.to_many_values(moved), values, rtol=1e-12)
    np.testing.assert_array_equal(_translated(theta[None], one, one)[0], theta)


def test_a_method_says_how_it_samples():
    assert Method(tune=70, sampler={"target_accept": 0.9}).record() == {
        "n_draws": 99, "tune": 70, "sampler": {"target_accept": 0.9}
    }  # fmt: skip
