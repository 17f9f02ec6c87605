"""A script of Gammapy 0.10 with its import lines changed."""

from __future__ import annotations

import operator

import astropy.units as u
import numpy as np
import pytest

from bayesmap import migration as seed
from bayesmap import models
from bayesmap.errors import BayesmapIOError, ModelError
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap
from bayesmap.models.spatial.gaussian import GaussianSpatialModel
from bayesmap.testing import toy_dataset, toy_models

ENERGY = 2 * u.TeV
# class, arguments, dN/dE at 2 TeV (cm-2 s-1 TeV-1) by the formulas of 0.10
SPECTRA = [
    (seed.PowerLaw, (), 1e-12 * 2.0**-2),
    (seed.PowerLaw, (2.3, "4e-12 cm-2 s-1 TeV-1", "1 TeV"), 4e-12 * 2.0**-2.3),
    (seed.PowerLaw2, (), 1e-12 * (1 - 2) / (100 - 0.1 * (0.1 / 100) ** -2) * (2 / 100) ** -2),
    (seed.ExponentialCutoffPowerLaw, (), 1e-12 * 2.0**-1.5 * np.exp(-0.2)),
    (seed.ExponentialCutoffPowerLaw3FGL, (), 1e-12 * 2.0**-1.5 * np.exp(-0.1)),
    (seed.PLSuperExpCutoff3FGL, (), 1e-12 * 2.0**-1.5 * np.exp(0.01 - 0.04)),
    (seed.LogParabola, (), 1e-12 * 0.2 ** (-2 - np.log(0.2))),
    (seed.ConstantModel, ("3e-13 cm-2 s-1 TeV-1",), 3e-13),
]


@pytest.mark.parametrize(("make", "arguments", "value"), SPECTRA, ids=[item[0].__name__ for item in SPECTRA])
def test_spectra_have_the_formulas_and_defaults_of_the_seed(make, arguments, value):
    assert make(*arguments)(ENERGY).to_value("cm-2 s-1 TeV-1") == pytest.approx(value, rel=1e-12)


def test_frozen_by_default_as_in_the_seed():
    assert seed.PowerLaw().reference.frozen
    assert [seed.PowerLaw2().emin.frozen, seed.PowerLaw2().emax.frozen] == [True, True]
    assert not seed.ExponentialCutoffPowerLaw().lambda_.frozen
    assert seed.ExponentialCutoffPowerLaw().alpha.frozen


def test_products_of_spectra(tmp_path):
    power_law = seed.PowerLaw()
    assert seed.ScaleModel(power_law, 3.0)(ENERGY).value == pytest.approx(3 * power_law(ENERGY).value)
    both = seed.CompoundSpectralModel(power_law, power_law, operator.add)
    assert both(ENERGY).value == pytest.approx(2 * power_law(ENERGY).value)
    table = seed.TableModel([1, 10] * u.TeV, [4, 0.04] * u.Unit("cm-2 s-1 TeV-1"), 2.0, values_scale="lin")
    assert table(ENERGY).value == pytest.approx(2.0)
    with pytest.raises(TypeError, match="TableModel takes energy, values, norm"):
        seed.TableModel([1, 10] * u.TeV, [1, 1], nrom=2)
    (tmp_path / "iso.txt").write_text("100 1e-7 0\n1000 1e-9 0\n")
    isotropic = seed.TableModel.read_fermi_isotropic_model(tmp_path / "iso.txt")
    assert isotropic(1 * u.GeV).to_value("cm-2 s-1 MeV-1") == pytest.approx(1e-9)


def test_absorption():
    absorption = seed.Absorption([0.1, 1, 10] * u.TeV, [0.0, 0.5], np.array([[1, 1, 1], [0.9, 0.5, 0.1]]))
    with pytest.raises(BayesmapIOError, match="BM-IO-001: nowhere.* cannot be read"):
        seed.Absorption.read_builtin("dominguez", folder="nowhere")
    absorbed = seed.AbsorbedSpectralModel(seed.PowerLaw(), absorption, 0.5)
    assert absorbed(1 * u.TeV).to_value("cm-2 s-1 TeV-1") == pytest.approx(0.5e-12)
    redshift = next(item for item in absorbed.parameters if item.name == "redshift")
    assert (redshift.value, redshift.frozen) == (0.5, True)


def test_shapes():
    assert seed.SkyPointSource("1 deg", "2 deg").position == (1.0, 2.0)
    assert seed.SkyDisk(0.0, 0.0, "0.3 deg").r_0.value == 0.3
    shell = seed.SkyShell("1 deg", "2 deg", "0.5 deg", "0.1 deg")
    assert (shell.radius.value, shell.width.value) == (0.5, 0.1)
    placed = shell.in_frame("galactic")
    assert type(placed) is models.ShellSpatialModel
    assert placed.frame == "galactic"
    ellipse = seed.SkyEllipse("1 deg", "2 deg", "0.5 deg", 0.4, "30 deg")
    assert (ellipse.r_0.value, ellipse.e.value, ellipse.phi.value, ellipse.e.frozen) == (0.5, 0.4, 30, False)
    assert seed.SkyDiffuseConstant("2 sr-1").value.value == 2.0
    moved = seed.SkyGaussian("1 deg", "2 deg", "0.2 deg").with_parameters(())
    assert isinstance(moved, seed.SkyGaussian)


def test_templates(tmp_path):
    template = WcsNDMap(WcsGeom.create(npix=(3, 2), frame="galactic"), np.ones((2, 3)), "sr-1")
    template.write(tmp_path / "map.fits")
    assert seed.SkyDiffuseMap(template, normalize=False) == seed.SkyDiffuseMap.read(tmp_path / "map.fits", False)
    with pytest.raises(ModelError, match="BM-MO-014: SkyDiffuseMap was given the norm 2"):
        seed.SkyDiffuseMap(template, 2.0)


def test_diffuse_cube(tmp_path):
    axis = MapAxis.from_nodes([1e-3, 1e-2, 1e-1], name="energy_true")
    geom = WcsGeom.create(npix=(3, 2), frame="galactic", axes=[axis])
    cube = WcsNDMap(geom, np.ones(geom.shape), "cm-2 s-1 MeV-1 sr-1")
    cube.write(tmp_path / "cube.fits")
    one = seed.SkyDiffuseCube(cube, 1.3, name="diffuse")
    assert (one.name, one.spectral_model.norm.value, one.spatial_model.is_flux) == ("diffuse", 1.3, True)
    read = seed.SkyDiffuseCube.read(tmp_path / "cube.fits")
    np.testing.assert_array_equal(read.spatial_model.planes, one.spatial_model.planes)


def test_sky_models_put_the_shape_first():
    one = seed.SkyModel(seed.SkyPointSource(1.0, 2.0), seed.PowerLaw(), name="one")
    other = seed.SkyModel(spatial_model=seed.SkyPointSource(1.0, 2.0), spectral_model=seed.PowerLaw())
    third = seed.SkyModel(seed.SkyPointSource(1.0, 2.0), seed.PowerLaw())
    assert (one + other).names[0] == "one"
    assert len(set(seed.SkyModels([one, other, third]).names)) == 3
    assert seed.CompoundSkyModel(one + other, third, operator.add).names[2] == third.name


def test_fit_places_shapes_in_the_frame_of_the_map():
    dataset = toy_dataset(center=(184.5, -5.8), frame="galactic", npix=8, models=toy_models())
    source = seed.SkyModel(
        seed.SkyGaussian("184.5 deg", "-5.8 deg", "0.1 deg"), seed.PowerLaw(2.2, "8e-10 cm-2 s-1 TeV-1"), "source"
    )
    fit = seed.MapFit(
        source,
        dataset.counts,
        dataset.exposure,
        dataset.background,
        None,
        dataset.psf,
        dataset.edisp,
        priors="flat",
    )
    spatial = fit.model["source"].spatial_model
    assert type(spatial) is GaussianSpatialModel
    assert spatial.frame == "galactic"
    assert spatial.position == (184.5, -5.8)
    kept = seed.MapFit(
        models.SkyModel(seed.PowerLaw(), models.PointSpatialModel(lon_0=83.6, lat_0=22.0)), dataset.counts,
        dataset.exposure, dataset.background,
    )  # fmt: skip
    assert kept.model[0].spatial_model.frame == "icrs"


def test_every_name_is_there():
    assert all(hasattr(seed, name) for name in seed.__all__)
