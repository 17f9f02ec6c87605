"""Factors on the sky between nodes: Gammapy's values, files of both, backgrounds that they scale."""

import dataclasses

import astropy.units as u
import numpy as np
import pytest
from gammapy.maps import MapCoord
from gammapy.modeling.models import FoVBackgroundModel as PeerBackground
from gammapy.modeling.models import Models as PeerModels
from gammapy.modeling.models import PiecewiseNormSpatialModel as PeerPiecewise

from bayesmap.errors import ModelError
from bayesmap.io.yaml import read_models, write_models
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.piecewise_norm import PiecewiseNormSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.testing import toy_response
from tests.fold.plain import plain_npred

LON = np.array([358.0, 0.0, 2.0, 358.0, 0.3, 2.0, 358.0, 0.0, 2.0]) * u.deg
LAT = np.array([-2.0, -2.0, -2.0, 0.0, 0.2, 0.0, 2.0, 2.0, 2.0]) * u.deg
NORMS = [1.0, 1.3, 0.7, 0.9, 1.2, 1.1, 0.8, 1.4, 0.6]


@pytest.mark.parametrize("interp", ["lin", "log"])
def test_values_are_gammapys(interp, rng):
    ours = PiecewiseNormSpatialModel(LON, LAT, norms=NORMS, interp=interp)
    theirs = PeerPiecewise(MapCoord.create({"lon": LON, "lat": LAT}), norms=NORMS, interp=interp)
    lon, lat = rng.uniform(-1.9, 1.9, 100) % 360.0 * u.deg, rng.uniform(-1.9, 1.9, 100) * u.deg
    # Gammapy's slopes at the nodes are iterated to 1e-6.
    assert np.max(np.abs(ours(lon, lat) - theirs(lon, lat))) < 1e-5
    assert ours(LON, LAT).value == pytest.approx(NORMS, rel=1e-12)


def test_ones_are_one_and_a_plane_is_a_plane(rng):
    lon, lat = rng.uniform(-1.9, 1.9, 50), rng.uniform(-1.9, 1.9, 50)
    assert PiecewiseNormSpatialModel(LON, LAT)(lon, lat).value == pytest.approx(np.ones(50), rel=1e-12)
    plane = 2.0 + 0.3 * ((LON.value + 180.0) % 360.0 - 180.0) - 0.2 * LAT.value
    found = PiecewiseNormSpatialModel(LON, LAT, norms=plane)(lon, lat).value
    assert found == pytest.approx(2.0 + 0.3 * lon - 0.2 * lat, rel=1e-9)


def test_a_background_is_scaled():
    response = dataclasses.replace(toy_response(center=(0.0, 0.0)), name="toy")
    spatial = PiecewiseNormSpatialModel(LON, LAT, norms=NORMS)
    npred = plain_npred(response, Models(FoVBackgroundModel("toy", spatial_model=spatial)))
    factor = spatial(*response.counts.geom.to_image().pixel_centers()).value
    assert npred == pytest.approx(response.background.data * factor, rel=1e-12)


def test_files_are_read_by_both(tmp_path):
    spatial = PiecewiseNormSpatialModel(LON, LAT, norms=NORMS, frame="galactic")
    models = Models(FoVBackgroundModel("toy", spatial_model=spatial))
    write_models(models, tmp_path / "models.yaml")
    assert read_models(tmp_path / "models.yaml") == models
    theirs = PeerModels.read(tmp_path / "models.yaml")["toy-bkg"].spatial_model
    place = 0.5 * u.deg, -0.7 * u.deg
    assert theirs.frame == "galactic"
    assert float(u.Quantity(theirs(*place)).value) == pytest.approx(float(spatial(*place)), abs=1e-5)
    live = read_models(PeerModels([PeerBackground(dataset_name="toy", spatial_model=theirs)]))
    assert float(live["toy-bkg"].spatial_model(*place)) == pytest.approx(float(spatial(*place)), rel=1e-9)


def test_what_cannot_be_used_is_refused():
    with pytest.raises(ModelError, match=r"BM-MO-042.*9 nodes and 2 norms"):
        PiecewiseNormSpatialModel(LON, LAT, norms=[1.0, 2.0])
    with pytest.raises(ModelError, match=r"BM-MO-042.*not on one line"):
        PiecewiseNormSpatialModel([0, 1, 2, 3], [0, 1, 2, 3])
    with pytest.raises(ModelError, match=r"BM-MO-042.*interp 'logs'"):
        PiecewiseNormSpatialModel(LON, LAT, interp="logs")
    with pytest.raises(ModelError, match=r"BM-MO-043.*1 of 2 positions"):
        PiecewiseNormSpatialModel(LON, LAT)(np.array([0.0, 5.0]), 0.0)
    with pytest.raises(ModelError, match=r"BM-MO-014.*spatial model with a brightness"):
        SkyModel(PowerLawSpectralModel(), PiecewiseNormSpatialModel(LON, LAT))
