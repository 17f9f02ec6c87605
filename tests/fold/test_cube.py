"""Template cubes: Gammapy's values, exact integrals over energy, files that both read."""

import dataclasses

import astropy.units as u
import numpy as np
import pytest
from gammapy.maps import Map as PeerMap
from gammapy.modeling.models import Models as PeerModels
from gammapy.modeling.models import PowerLawNormSpectralModel as PeerNorm
from gammapy.modeling.models import SkyModel as PeerSkyModel
from gammapy.modeling.models import TemplateSpatialModel as PeerTemplate

from bayesmap.errors import ModelError
from bayesmap.io.gammapy import to_bayesmap_map
from bayesmap.io.yaml import read_models, write_models
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.constant import ConstantSpatialModel
from bayesmap.models.spatial.template import TemplateSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.models.spectral.power_law_norm import PowerLawNormSpectralModel
from bayesmap.testing import toy_response
from tests.fold.plain import plain_npred

NODES = np.geomspace(0.2, 40.0, 12)
FLUX_UNIT = "cm-2 s-1 MeV-1 sr-1"


def cube_map(unit=FLUX_UNIT, index=2.3, npix=40, rough=0.0):
    """A cube that follows a power law: 1e-9 cm-2 s-1 TeV-1 sr-1 at 1 TeV."""
    axis = MapAxis.from_nodes(NODES, name="energy_true")
    geom = WcsGeom.create(skydir=(83.63, 22.01), npix=(npix, npix), binsz=0.15, frame="icrs", proj="TAN", axes=(axis,))
    data = 1e-9 * (NODES**-index)[:, None, None] * np.ones(geom.shape)
    data = data * np.exp(rough * np.random.default_rng(1).standard_normal(geom.shape))
    factor = u.Unit("cm-2 s-1 TeV-1 sr-1").to(unit) if u.Unit(unit).is_equivalent(FLUX_UNIT) else 1.0
    return WcsNDMap(geom, data * factor, unit)


def source(spectral, spatial):
    return Models(SkyModel(spectral, spatial, name="diffuse"))


@pytest.mark.parametrize("tilt", [0.0, -0.4])
def test_a_power_law_cube_is_a_power_law(tilt):
    """An even cube that follows E^-2.3, times E^-tilt, is an isotropic power law: energies are integrated to 1e-6."""
    response = dataclasses.replace(toy_response(npix=8, psf_sigma=0.05), background=None)
    cube = TemplateSpatialModel(map=cube_map(), normalize=False)
    found = plain_npred(response, source(PowerLawNormSpectralModel(norm=1.5, tilt=tilt), cube))
    spectrum = PowerLawSpectralModel(index=2.3 + tilt, amplitude="1.5e-9 cm-2 s-1 TeV-1")
    expected = plain_npred(response, source(spectrum, ConstantSpatialModel()))
    assert np.max(np.abs(found / expected - 1.0)) < 1e-6


def test_a_cube_of_shapes_goes_with_a_flux():
    """The same cube in sr-1 times a power law of flux."""
    response = dataclasses.replace(toy_response(npix=8, psf_sigma=0.05), background=None)
    spectrum = PowerLawSpectralModel(index=2.0, amplitude="1 cm-2 s-1 TeV-1")
    found = plain_npred(response, source(spectrum, TemplateSpatialModel(map=cube_map("sr-1", 0.3), normalize=False)))
    expected = plain_npred(
        response,
        source(PowerLawSpectralModel(index=2.3, amplitude="1e-9 cm-2 s-1 TeV-1"), ConstantSpatialModel()),
    )
    assert np.max(np.abs(found / expected - 1.0)) < 1e-6


def peer_map(sky_map, path):
    sky_map.write(path)
    return PeerMap.read(path)


@pytest.mark.parametrize("normalize", [False, True])
def test_values_are_gammapys(normalize, tmp_path, rng):
    ours = TemplateSpatialModel(map=cube_map(npix=9, rough=0.5), normalize=normalize)
    theirs = PeerTemplate(peer_map(ours.map, tmp_path / "cube.fits"), normalize=normalize)
    lon, lat = 83.63 + rng.uniform(-0.6, 0.6, 300), 22.01 + rng.uniform(-0.55, 0.55, 300)
    energy = np.exp(rng.uniform(np.log(0.15), np.log(50.0), 300))
    expected = theirs(lon * u.deg, lat * u.deg, energy=energy * u.TeV)
    found = ours(lon, lat, energy * u.TeV).to(expected.unit)
    # Normalised, Gammapy shares by pixel and not by solid angle: 1e-4 over this map.
    tolerance = 1e-3 if normalize else 1e-9
    assert np.max(np.abs(found - expected) / np.max(expected)) < tolerance
    assert np.any(expected.value == 0.0)
    assert np.array_equal(found.value == 0.0, expected.value == 0.0)


def test_files_are_read_by_both(tmp_path):
    models = source(
        PowerLawNormSpectralModel(norm=1.2, tilt=0.1), TemplateSpatialModel(map=cube_map(npix=9), normalize=False)
    )
    write_models(models, tmp_path / "models.yaml")
    assert read_models(tmp_path / "models.yaml")["diffuse"].spatial_model == models["diffuse"].spatial_model
    document = (tmp_path / "models.yaml").read_text().replace("filename: ", f"filename: {tmp_path}/")
    theirs = PeerModels.from_yaml(document)["diffuse"]
    value = theirs.spatial_model(83.6 * u.deg, 22.0 * u.deg, energy=2.0 * u.TeV)
    ours = models["diffuse"].spatial_model(83.6, 22.0, 2.0 * u.TeV).to_value(value.unit)
    assert value.value == pytest.approx(ours, rel=1e-9)
    live = PeerSkyModel(
        spectral_model=PeerNorm(norm=1.2), spatial_model=PeerTemplate(theirs.spatial_model.map, normalize=False),
        name="live",
    )  # fmt: skip
    assert read_models(live)["live"].spatial_model.is_flux


def test_what_cannot_be_a_cube_is_refused():
    with pytest.raises(ModelError, match=r"BM-MO-040: TemplateSpatialModel has a map with unit 'TeV'"):
        TemplateSpatialModel(map=cube_map("TeV"), normalize=False)
    empty = cube_map("sr-1").copy_with(data=cube_map("sr-1").data * (NODES > 1.0)[:, None, None])
    with pytest.raises(ModelError, match=r"BM-MO-040.*planes that are zero everywhere, first 0"):
        TemplateSpatialModel(map=empty)
    cube = TemplateSpatialModel(map=cube_map(), normalize=False)
    with pytest.raises(ModelError, match=r"BM-MO-041.*without energy"):
        cube(83.6, 22.0)
    with pytest.raises(ModelError, match=r"BM-MO-014.*norm spectral model"):
        SkyModel(PowerLawSpectralModel(), cube)
    with pytest.raises(ModelError, match=r"BM-MO-014.*flux unit"):
        SkyModel(PowerLawNormSpectralModel(), ConstantSpatialModel())


def test_a_fermi_cube_is_read(reference_data):
    cube = to_bayesmap_map(PeerMap.read(reference_data / "fermi-gc" / "gll_iem_v06_cutout.fits.gz"))
    spatial = TemplateSpatialModel(map=cube, normalize=False)
    assert spatial.is_flux
    assert len(spatial.energies) == 16
