"""Links and switched-off responses in model files, with Gammapy in both directions."""

from __future__ import annotations

import pytest

from bayesmap.io.yaml import models_to_dict, read_models, write_models
from bayesmap.models import (
    FoVBackgroundModel,
    GaussianSpatialModel,
    LogParabolaSpectralModel,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)


@pytest.fixture
def models():
    """b's index is that of a later model; c's amplitude follows from two, its position is the same as a's."""
    one = SkyModel(PowerLawSpectralModel(index=2.3), PointSpatialModel(lon_0=1, lat_0=2), name="a")
    other = SkyModel(PowerLawSpectralModel(), GaussianSpatialModel(lon_0=1, lat_0=2, sigma=0.2), name="b")
    third = SkyModel(
        LogParabolaSpectralModel(alpha=1.9), PointSpatialModel(), name="c", apply_irf={"psf": False, "edisp": False}
    )
    return Models((one, other, third, FoVBackgroundModel("run-1"))).with_links(
        {
            "b.spectral.index": "c.spectral.alpha",
            "c.spatial.lon_0": "a.spatial.lon_0",
            "c.spatial.lat_0": "b.spatial.lat_0",
            "b.spatial.lat_0": "a.spatial.lat_0",
            "c.spectral.amplitude": "0.5 * {a.spectral.amplitude} + {b.spectral.amplitude}",
        }
    )


def links(models):
    return {name: item.link for name, item in models.parameters.items() if item.link}


def test_write_and_read_keep_links_and_responses(models, tmp_path):
    write_models(models, tmp_path / "m.yaml")
    again = read_models(tmp_path / "m.yaml")
    assert links(again) == links(models) | {"c.spatial.lat_0": "a.spatial.lat_0"}  # a chain leads to its end
    assert again.parameters["b.spectral.index"].value == 1.9
    assert again.parameters["c.spectral.amplitude"].value == pytest.approx(1.5e-12)
    assert again["c"].apply_irf == {"exposure": True, "psf": False, "edisp": False}
    assert again["a"].apply_irf == models["a"].apply_irf
    assert read_models(models_to_dict(again)) == again
    document = models_to_dict(models)["components"]
    assert "apply_irf" not in document[0]
    assert document[0]["spatial"]["parameters"][0]["link"] == "lon_0@a.spatial.lon_0"
    assert "link" not in document[0]["spectral"]["parameters"][0]


def test_gammapy_reads_them(tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    one = SkyModel(PowerLawSpectralModel(index=2.3), PointSpatialModel(lon_0=1, lat_0=2), name="a")
    other = SkyModel(PowerLawSpectralModel(), PointSpatialModel(), name="b", apply_irf={"psf": False})
    models = Models((one, other)).with_links(
        {"b.spectral.index": "a.spectral.index", "b.spatial.lat_0": "2 * {a.spatial.lat_0} - 1"}
    )
    write_models(models, tmp_path / "m.yaml")
    theirs = peers.Models.read(tmp_path / "m.yaml")
    assert theirs["a"].spectral_model.index is theirs["b"].spectral_model.index
    assert theirs["b"].spatial_model.lat_0.value == 3.0
    assert theirs["b"].spatial_model.lat_0 is not theirs["a"].spatial_model.lat_0
    assert theirs["b"].apply_irf == {"exposure": True, "psf": False, "edisp": True}


def test_we_read_those_of_gammapy(tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    theirs = peers.Models(
        [
            peers.SkyModel(peers.PowerLawSpectralModel(index=2.4), peers.PointSpatialModel(), name="a"),
            peers.SkyModel(peers.PowerLawSpectralModel(), peers.PointSpatialModel(), name="b"),
        ]
    )
    theirs["b"].spectral_model.index = theirs["a"].spectral_model.index
    theirs["b"].apply_irf = {"exposure": True, "psf": False, "edisp": True}
    theirs.write(tmp_path / "theirs.yaml")
    for models in (read_models(theirs), read_models(tmp_path / "theirs.yaml")):
        assert links(models) == {"b.spectral.index": "a.spectral.index"}
        assert models.parameters["b.spectral.index"].value == 2.4
        assert models["b"].apply_irf == {"exposure": True, "psf": False, "edisp": True}


def test_a_label_of_a_single_parameter_is_no_link():
    text = models_to_dict(SkyModel(PowerLawSpectralModel(), PointSpatialModel(), name="a"))
    text["components"][0]["spectral"]["parameters"][0]["link"] = "index@x1y2"
    assert links(read_models(text)) == {}


def test_links_inside_a_compound(tmp_path):
    product = PowerLawSpectralModel() + LogParabolaSpectralModel()
    both = Models(
        (
            SkyModel(product, PointSpatialModel(), name="sum"),
            SkyModel(PowerLawSpectralModel(index=2.7), PointSpatialModel(), name="a"),
        )
    )
    first = next(name for name in both.parameters if name.startswith("sum.spectral.index"))
    linked = both.with_links({first: "a.spectral.index"})
    write_models(linked, tmp_path / "m.yaml")
    again = read_models(tmp_path / "m.yaml")
    assert links(again) == {first: "a.spectral.index"}
    assert again.parameters[first].value == 2.7
