"""Fluxes, peaks and luminosities of draws: laws, formulas, and what is refused."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
import xarray as xr

from bayesmap.errors import BayesmapInputError, ModelError
from bayesmap.models import (
    ExpCutoffPowerLawSpectralModel,
    FoVBackgroundModel,
    LogParabolaSpectralModel,
    Models,
    Parameter,
    PowerLawSpectralModel,
    SkyModel,
)
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.results.derived import energy_flux, integral_flux, luminosity
from bayesmap.results.flux import flux_band
from bayesmap.results.peak import peak_energy

SHAPE = (4, 60)
LOW, MIDDLE, HIGH = 1 * u.TeV, 3 * u.TeV, 10 * u.TeV


def tree_of(**draws):
    names = {name.replace("__", "."): (("chain", "draw"), values) for name, values in draws.items()}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(names)})


def models_of(spectrum):
    return Models((SkyModel(spectrum, PointSpatialModel(), name="crab"), FoVBackgroundModel("toy")))


@pytest.fixture
def draws(rng):
    return {
        "crab__spectral__amplitude": 3e-12 * rng.lognormal(0.0, 0.2, SHAPE),
        "crab__spectral__index": 2.3 + 0.2 * rng.standard_normal(SHAPE),
    }


def test_fluxes_of_a_power_law_are_those_of_the_formula(draws):
    tree, models = tree_of(**draws), models_of(PowerLawSpectralModel(index=2.3, amplitude="3e-12 cm-2 s-1 TeV-1"))
    amplitude, index = draws["crab__spectral__amplitude"], draws["crab__spectral__index"]
    photons = integral_flux(tree, models, "crab", LOW, HIGH)
    np.testing.assert_allclose(photons.draws, amplitude * (10.0 ** (1 - index) - 1) / (1 - index), rtol=1e-12)
    energy = energy_flux(tree, models, "crab", LOW, HIGH)
    np.testing.assert_allclose(energy.draws, amplitude * (10.0 ** (2 - index) - 1) / (2 - index), rtol=1e-11)
    assert photons.best.to_value("cm-2 s-1") == pytest.approx(3e-12 * (1 - 10**-1.3) / 1.3, rel=1e-12)
    assert energy.best.to_value("TeV cm-2 s-1") == pytest.approx(3e-12 * (1 - 10**-0.3) / 0.3, rel=1e-12)
    assert (photons.unit, energy.unit) == ("cm-2 s-1", "TeV cm-2 s-1")
    assert photons.median.value == pytest.approx(np.median(photons.draws))


def test_two_bands_add_up(draws):
    spectrum = ExpCutoffPowerLawSpectralModel(lambda_="0.2 TeV-1")
    tree, models = tree_of(**draws), models_of(spectrum)
    for flux in (integral_flux, energy_flux):
        parts = [flux(tree, models, "crab", *band).draws for band in ((LOW, MIDDLE), (MIDDLE, HIGH))]
        np.testing.assert_allclose(sum(parts), flux(tree, models, "crab", LOW, HIGH).draws, rtol=1e-12)


def test_flux_scales_with_the_amplitude_and_units_are_those_of_the_model(rng):
    draws = 2.0 * rng.lognormal(0.0, 0.1, SHAPE)
    spectrum = PowerLawSpectralModel(index=2.0, amplitude=Parameter("amplitude", 2.0, "1e-12 cm-2 s-1 GeV-1"))
    models = models_of(spectrum)
    found = integral_flux(tree_of(crab__spectral__amplitude=draws), models, "crab", 1000 * u.GeV, HIGH)
    np.testing.assert_allclose(found.draws, draws * 1e-9 * 0.9, rtol=1e-12)
    interval = found.interval()
    assert interval.lower == pytest.approx(0.9e-9 * np.quantile(draws, 0.158655), rel=1e-5)
    assert 0.0 < interval.mcse_lower < interval.upper - interval.lower
    assert found.interval(kind="hdi").kind == "hdi"
    assert str(found).startswith("crab.integral_flux: best 1.8e-09")


def test_a_linked_parameter_follows_its_draws(rng):
    index = 2.0 + 0.2 * rng.standard_normal(SHAPE)
    linked = PowerLawSpectralModel(index=Parameter("index", 2.0, link="crab.spectral.index"))
    two = SkyModel(linked, PointSpatialModel(), name="two")
    models = Models((*models_of(PowerLawSpectralModel()), two))
    tree = tree_of(crab__spectral__index=index)
    np.testing.assert_allclose(
        integral_flux(tree, models, "two", LOW, HIGH).draws, integral_flux(tree, models, "crab", LOW, HIGH).draws
    )
    band = flux_band(tree, models, "two", [3.0] * u.TeV)
    assert band.upper[0].value == pytest.approx(1e-12 * np.quantile(3.0**-index, 0.841345), rel=1e-6)


def test_luminosity_is_the_energy_flux_on_the_sphere(draws):
    tree, models = tree_of(**draws), models_of(PowerLawSpectralModel())
    found = luminosity(tree, models, "crab", LOW, HIGH, 2 * u.kpc)
    flux = energy_flux(tree, models, "crab", LOW, HIGH)
    sphere = 4 * np.pi * (2 * u.kpc) ** 2
    np.testing.assert_allclose(found.draws, (flux.draws.values * flux.best.unit * sphere).to_value("erg s-1"))
    assert u.isclose(found.best, (flux.best * sphere).to("erg s-1"))
    with pytest.raises(BayesmapInputError, match="BM-FT-056: the distance is -1.0 kpc"):
        luminosity(tree, models, "crab", LOW, HIGH, -1 * u.kpc)


def test_peak_of_a_log_parabola_is_that_of_its_formula(rng):
    alpha = 2.2 + 0.1 * rng.standard_normal(SHAPE)
    beta = 0.3 + 0.02 * rng.standard_normal(SHAPE)
    tree = tree_of(crab__spectral__alpha=alpha, crab__spectral__beta=beta)
    models = models_of(LogParabolaSpectralModel(alpha=2.2, beta=0.3, reference="1 TeV"))
    found = peak_energy(tree, models, "crab", 0.01 * u.TeV, 100 * u.TeV)
    np.testing.assert_allclose(found.draws, np.exp((2 - alpha) / (2 * beta)), rtol=1e-6)
    assert found.best.to_value("TeV") == pytest.approx(np.exp(-0.2 / 0.6), rel=1e-6)
    assert (found.at_min, found.at_max, found.best_at_edge) == (0.0, 0.0, False)


def test_peak_at_the_edge_is_stated(rng):
    index = np.where(np.arange(240).reshape(SHAPE) % 4 == 0, 1.5, 2.5)
    models = models_of(PowerLawSpectralModel(index=2.5))
    found = peak_energy(tree_of(crab__spectral__index=index), models, "crab", LOW, HIGH)
    assert (found.at_min, found.at_max, found.best_at_edge) == (0.75, 0.25, True)
    assert set(np.unique(found.draws)) == {1.0, 10.0}
    assert "75.0% of the draws peak at or below the band" in str(found)


def test_what_has_no_flux_is_refused(draws):
    tree, models = tree_of(**draws), models_of(PowerLawSpectralModel())
    with pytest.raises(BayesmapInputError, match="BM-FT-009: 'toy-bkg' is FoVBackgroundModel"):
        integral_flux(tree, models, "toy-bkg", LOW, HIGH)
    with pytest.raises(BayesmapInputError, match="BM-FT-009: the band is 10.0 TeV to 1.0 TeV"):
        energy_flux(tree, models, "crab", HIGH, LOW)
    with pytest.raises(ModelError, match="BM-MO-002"):
        peak_energy(tree, models, "carb", LOW, HIGH)
