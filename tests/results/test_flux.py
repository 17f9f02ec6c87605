"""Bands of spectra: quantiles of the spectra of the draws."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
import xarray as xr

from bayesmap.errors import BayesmapInputError, ModelError, UnitsError
from bayesmap.models import (
    ExpCutoffPowerLawSpectralModel,
    FoVBackgroundModel,
    Models,
    Parameter,
    PowerLawSpectralModel,
    SkyModel,
)
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.results.flux import flux_band, log_energies

SHAPE = (4, 500)


def tree_of(**draws):
    names = {name.replace("__", "."): (("chain", "draw"), values) for name, values in draws.items()}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(names)})


def models_of(spectrum):
    return Models((SkyModel(spectrum, PointSpatialModel(), name="crab"), FoVBackgroundModel("toy")))


def test_amplitude_alone_scales_the_curve(rng):
    amplitude = 1e-12 * rng.lognormal(0.0, 0.2, SHAPE)
    models = models_of(PowerLawSpectralModel(index=Parameter("index", 2.2, frozen=True)))
    energy = log_energies(0.1 * u.TeV, 10 * u.TeV, 7)
    band = flux_band(tree_of(crab__spectral__amplitude=amplitude), models, "crab", energy)
    shape = energy.value**-2.2
    for found, tail in ((band.lower[0], 0.158655), (band.median, 0.5), (band.upper[0], 0.841345)):
        np.testing.assert_allclose(found.value, np.quantile(amplitude, tail) * shape, rtol=1e-6)
    np.testing.assert_allclose(band.upper[1].value, np.quantile(amplitude, 0.97725) * shape, rtol=1e-5)
    np.testing.assert_allclose(band.best.value, 1e-12 * shape, rtol=1e-12)
    assert band.masses == pytest.approx((0.682689, 0.954500), abs=1e-6)
    assert band.median.unit == band.best.unit == "cm-2 s-1 TeV-1"


def test_correlated_draws_are_narrow_at_their_pivot(rng):
    # amplitude and index correlated so that all spectra cross at 3 TeV
    index = 2.0 + 0.1 * rng.standard_normal(SHAPE)
    amplitude = 1e-12 * 3.0 ** (index - 2.0)
    tree = tree_of(crab__spectral__amplitude=amplitude, crab__spectral__index=index)
    band = flux_band(tree, models_of(PowerLawSpectralModel()), "crab", [1.0, 3.0, 9.0] * u.TeV)
    width = ((band.upper[0] - band.lower[0]) / band.median).value
    assert width[1] < 1e-12
    np.testing.assert_allclose(width[[0, 2]], 2 * 0.1 * np.log(3.0), rtol=0.08)


def test_units_of_parameters_are_those_of_the_model(rng):
    draws = 3.0 * rng.lognormal(0.0, 0.1, SHAPE)  # 1e-12 cm-2 s-1 GeV-1 is 1e-9 cm-2 s-1 TeV-1
    spectrum = ExpCutoffPowerLawSpectralModel(
        amplitude=Parameter("amplitude", 3.0, "1e-12 cm-2 s-1 GeV-1"), lambda_="0.1 TeV-1"
    )
    band = flux_band(tree_of(crab__spectral__amplitude=draws), models_of(spectrum), "crab", [1000.0] * u.GeV)
    assert band.energy.to_value("TeV") == pytest.approx(1.0)
    assert band.median[0].to_value("cm-2 s-1 TeV-1") == pytest.approx(1e-9 * np.median(draws) * np.exp(-0.1))


def test_log_energies():
    np.testing.assert_allclose(log_energies(100 * u.GeV, 100 * u.TeV, 4).to_value("TeV"), [0.1, 1.0, 10.0, 100.0])
    assert len(log_energies(1 * u.TeV, 2 * u.TeV)) == 60
    with pytest.raises(BayesmapInputError, match="BM-FT-009: the range is 2.0 TeV to 1.0 TeV"):
        log_energies(2 * u.TeV, 1 * u.TeV)
    with pytest.raises(UnitsError, match="BM-GE-005"):
        log_energies(1 * u.m, 2 * u.m)


def test_what_has_no_flux_is_refused():
    tree, models = tree_of(crab__spectral__amplitude=np.ones(SHAPE)), models_of(PowerLawSpectralModel())
    with pytest.raises(BayesmapInputError, match="BM-FT-009: 'toy-bkg' is FoVBackgroundModel.*Choose one of crab"):
        flux_band(tree, models, "toy-bkg", [1.0] * u.TeV)
    with pytest.raises(ModelError, match="BM-MO-002.*Did you mean 'crab'"):
        flux_band(tree, models, "carb", [1.0] * u.TeV)
    with pytest.raises(BayesmapInputError, match="BM-FT-009: the energies are"):
        flux_band(tree, models, "crab", [-1.0] * u.TeV)
    with pytest.raises(BayesmapInputError, match="BM-FT-007"):
        flux_band(tree, models, "crab", [1.0] * u.TeV, sigmas=(0.0,))
