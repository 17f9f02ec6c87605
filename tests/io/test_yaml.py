"""Models in YAML: the format of Gammapy 2, both ways, and with Gammapy itself."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from bayesmap.errors import BayesmapError, BayesmapIOError, ConfigError
from bayesmap.io.yaml import models_to_dict, read_models, write_models
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models import (
    BackgroundModel,
    ConstantSpatialModel,
    DiskSpatialModel,
    ExpCutoffPowerLawSpectralModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    LogParabolaSpectralModel,
    Models,
    Parameter,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
    TemplateSpatialModel,
)
from bayesmap.models.prior import Prior

TEXT = """
components:
-   name: crab
    type: SkyModel
    spectral:
        type: pl
        parameters:
        -   {name: index, value: 2.5, min: 1.0, max: .nan, error: 0.1}
        -   name: amplitude
            value: 3.0e-8
            unit: TeV-1 s-1 m-2
            prior:
                type: UniformPrior
                parameters:
                -   {name: min, value: 0.0, unit: ''}
                -   {name: max, value: .inf, unit: ''}
    spatial:
        type: PointSpatialModel
        frame: galactic
        parameters:
        -   {name: lon_0, value: 184.55, unit: deg, frozen: true}
-   type: FoVBackgroundModel
    datasets_names: [run-1]
    spectral:
        type: PowerLawNormSpectralModel
        parameters:
        -   {name: tilt, value: 0.1, frozen: false}
metadata: {creator: Gammapy 2.1, date: '2026-11-24', origin: null}
"""


@pytest.fixture
def template_map():
    geom = WcsGeom.create(skydir=(0.0, 0.0), npix=(6, 5), binsz=0.2, frame="galactic")
    return WcsNDMap(geom, np.arange(1.0, 31.0).reshape(5, 6), "sr-1")


@pytest.fixture
def models():
    """One of every component, with settings that differ from the defaults."""
    prior = Prior("GaussianPrior", (("mu", 2.0, ""), ("sigma", 0.3, "")), 2.0)
    index = Parameter("index", 2.2, min=0.0, max=5.0, error=0.1, prior=prior)
    background = FoVBackgroundModel("run-1", spectral_model=PowerLawNormSpectralModel(norm=1.07), name="bkg")
    return Models(
        (
            SkyModel(
                PowerLawSpectralModel(index=index, amplitude="3e-8 m-2 s-1 TeV-1", reference="300 GeV"),
                PointSpatialModel(lon_0=184.55, lat_0="-0.1 rad", frame="galactic"),
                name="crab",
            ),
            SkyModel(
                ExpCutoffPowerLawSpectralModel(lambda_="0.1 GeV-1", alpha=Parameter("alpha", 0.9)),
                GaussianSpatialModel(sigma="6 arcmin", e=0.3),
                name="4FGL J0534.5+2201",
                datasets_names=["run-1", "run-2"],
            ),
            SkyModel(LogParabolaSpectralModel(), DiskSpatialModel(r_0=0.2, frame="fk5"), name="disk"),
            SkyModel(PowerLawSpectralModel(), ConstantSpatialModel(), name="yes"),
            background,
        )
    )


def test_reads_the_format(tmp_path):
    models = read_models(TEXT)
    assert models.names == ("crab", "run-1-bkg")
    crab, background = models
    index, amplitude, reference = crab.spectral_model.parameters
    assert (index.value, index.min, index.error, index.frozen) == (2.5, 1.0, 0.1, False)
    assert np.isnan(index.max)
    assert (amplitude.value, amplitude.unit) == (3e-8, "TeV-1 s-1 m-2")
    assert amplitude.prior == Prior("UniformPrior", (("min", 0.0, ""), ("max", np.inf, "")))
    assert reference == PowerLawSpectralModel().reference
    assert crab.spatial_model.frame == "galactic"
    assert crab.spatial_model.lon_0.frozen
    assert crab.spatial_model.lat_0 == PointSpatialModel().lat_0
    assert background.dataset_name == "run-1"
    assert not background.spectral_model.tilt.frozen
    path = tmp_path / "models.yaml"
    path.write_text(TEXT)
    assert read_models(path) == read_models(str(path)) == models
    assert read_models(models) is not None
    assert read_models(models) == models


def test_limits_of_the_defaults_follow_the_unit():
    text = TEXT.replace("value: 184.55, unit: deg, frozen: true", "value: 1.0, unit: rad")
    text = text.replace("name: lon_0", "name: lat_0")
    lat = read_models(text)["crab"].spatial_model.lat_0
    assert (lat.min, lat.max) == (pytest.approx(-np.pi / 2), pytest.approx(np.pi / 2))


def test_write_and_read_is_the_identity(models, tmp_path):
    path = tmp_path / "models.yaml"
    write_models(models, path)
    assert read_models(path) == models
    assert read_models(models_to_dict(models)) == models
    assert [item.name for item in tmp_path.iterdir()] == ["models.yaml"]
    single = models["crab"]
    assert read_models(models_to_dict(single)) == Models(single)
    write_models(Models(), path, overwrite=True)
    assert read_models(path) == Models()


def test_nothing_is_overwritten_unasked(models, tmp_path):
    path = tmp_path / "models.yaml"
    path.write_text("mine")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(BayesmapIOError, match="BM-IO-032: .*models.yaml exists"):
        write_models(models, path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    with pytest.raises(BayesmapIOError, match="BM-IO-009"):
        write_models(models, tmp_path / "nowhere" / "models.yaml")
    assert [item.name for item in tmp_path.iterdir()] == ["models.yaml"]


def gammapy_values(gammapy_models):
    return {
        name: (item.quantity, item.min, item.max, item.frozen, item.error)
        for name, item in zip(gammapy_models.parameters_unique_names, gammapy_models.parameters, strict=True)
    }


def test_gammapy_reads_what_we_write(models, tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    path = tmp_path / "models.yaml"
    write_models(models, path)
    theirs = peers.Models.read(path)
    values = gammapy_values(theirs)
    # Gammapy takes no name for a background: it is always "<dataset>-bkg".
    ours = {
        name.replace("bkg.", "run-1-bkg.", 1) if name.startswith("bkg.") else name: item
        for name, item in models.parameters.items()
    }
    assert list(values) == list(ours)
    for name, item in ours.items():
        quantity, low, high, frozen, error = values[name]
        assert quantity == item.quantity, name
        assert quantity.unit == item.quantity.unit
        np.testing.assert_array_equal([low, high], [item.min, item.max], err_msg=name)
        assert frozen == item.frozen
        assert error == (0 if np.isnan(item.error) else item.error)
    assert theirs["crab"].spatial_model.frame == "galactic"
    assert theirs["crab"].parameters["index"].prior.sigma.value == 0.3
    assert theirs["4FGL J0534.5+2201"].datasets_names == ["run-1", "run-2"]


def live_models(peers):
    """Models of Gammapy with everything that its format can say about ours."""
    spectrum = peers.PowerLawSpectralModel(index=2.3)
    spectrum.index.prior = peers.GaussianPrior(mu=2.0, sigma=0.4)
    spectrum.index.min, spectrum.index.error = 0.5, 0.2
    spectrum.reference.frozen = False
    return peers.Models(
        [
            peers.SkyModel(spectrum, peers.PointSpatialModel(lon_0="83.6 deg", frame="galactic"), name="crab"),
            peers.SkyModel(
                peers.ExpCutoffPowerLawSpectralModel(lambda_="0.1 GeV-1"),
                peers.GaussianSpatialModel(sigma="0.2 deg"),
                name="b",
                datasets_names=["run-1"],
            ),
            peers.SkyModel(peers.LogParabolaSpectralModel(), peers.DiskSpatialModel(), name="c"),
            peers.FoVBackgroundModel("run-1"),
        ]
    )


@pytest.mark.parametrize("full_output", [False, True])
def test_reads_what_gammapy_writes(full_output, tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    theirs = live_models(peers)
    path = tmp_path / "gammapy.yaml"
    theirs.write(path, full_output=full_output)
    for models in (read_models(path), read_models(theirs), read_models(list(theirs))):
        for name, (quantity, low, high, frozen, error) in gammapy_values(theirs).items():
            item = models.parameters[name]
            assert item.quantity == quantity, name
            np.testing.assert_array_equal([item.min, item.max], [low, high])
            assert item.frozen == (frozen if name != "crab.spectral.reference" or full_output else item.frozen)
            assert error == (0 if np.isnan(item.error) else item.error)
        assert models["crab"].spatial_model.frame == "galactic"
        assert models["b"].datasets_names == ("run-1",)
        assert models.parameters["crab.spectral.index"].prior.parameters == (
            ("mu", 2.0, ""),
            ("sigma", 0.4, ""),
        )
    assert read_models(theirs["crab"]).names == ("crab",)


def test_live_models_that_cannot_be_kept_are_refused():
    peers = pytest.importorskip("gammapy.modeling.models")
    theirs = live_models(peers)
    theirs["b"].spectral_model.index = theirs["crab"].spectral_model.index
    with pytest.raises(ConfigError, match="BM-CF-009: the list of Gammapy models holds linked parameters"):
        read_models(list(theirs))
    scaled = peers.ScaleSpectralModel(peers.PowerLawSpectralModel())
    unknown = peers.SkyModel(scaled, peers.PointSpatialModel(), name="x")
    with pytest.raises(ConfigError, match=r"BM-CF-006: components\[0\].spectral.type: unknown spectral model 'Scale"):
        read_models(unknown)
    with pytest.raises(ConfigError, match="BM-CF-007: source is int"):
        read_models(3)


def test_templates_travel_with_the_file(template_map, tmp_path):
    spatial = TemplateSpatialModel(map=template_map, normalize=False)
    models = Models(SkyModel(PowerLawSpectralModel(), spatial, name="diffuse map"))
    with pytest.raises(ConfigError, match="BM-CF-017: TemplateSpatialModel has no file name"):
        models_to_dict(models)
    path = tmp_path / "models.yaml"
    write_models(models, path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["diffuse_map.fits", "models.yaml"]
    again = read_models(path)
    assert again == models
    assert again["diffuse map"].spatial_model.filename == "diffuse_map.fits"
    assert again["diffuse map"].spatial_model.normalize is False
    # Written again, the same map is left alone; another map of that name is not replaced.
    write_models(again, path, overwrite=True)
    changed = TemplateSpatialModel(map=template_map.copy_with(data=template_map.data + 1), filename="diffuse_map.fits")
    other = Models(SkyModel(PowerLawSpectralModel(), changed, name="other"))
    with pytest.raises(BayesmapIOError, match="BM-IO-032: .*diffuse_map.fits exists"):
        write_models(other, tmp_path / "second.yaml")
    assert not (tmp_path / "second.yaml").exists()
    write_models(other, tmp_path / "second.yaml", overwrite=True)
    assert read_models(tmp_path / "second.yaml") == other


def test_templates_and_gammapy(template_map, tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    maps = pytest.importorskip("gammapy.maps")
    models = Models(SkyModel(PowerLawSpectralModel(), TemplateSpatialModel(map=template_map), name="diffuse"))
    write_models(models, tmp_path / "models.yaml")
    theirs = peers.Models.read(tmp_path / "models.yaml")
    ours = models["diffuse"].spatial_model
    # Gammapy normalises the sum of the pixel values, we the integral: the same where pixels have equal solid angles
    # (and Gammapy takes a pixel for a flat rectangle, 2e-6 here).
    peer_image = theirs["diffuse"].spatial_model.map.data
    np.testing.assert_allclose(peer_image, ours.image, rtol=1e-4)
    np.testing.assert_allclose(read_models(theirs)["diffuse"].spatial_model.image, peer_image, rtol=1e-5)
    # A live template that was never written to disk, and stays unwritten.
    live = peers.TemplateSpatialModel(maps.Map.read(tmp_path / "diffuse.fits"), filename="never.fits")
    read = read_models(peers.Models([peers.SkyModel(peers.PowerLawSpectralModel(), live, name="t")]))
    np.testing.assert_allclose(read["t"].spatial_model.image, peer_image, rtol=1e-5)
    assert not (tmp_path / "never.fits").exists()


def test_background_maps_travel_as_gammapys_npred_templates(tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    geom = WcsGeom.create(skydir=(83.6, 22.0), npix=(5, 4), binsz=0.2, axes=[MapAxis.from_edges([1, 3, 10])])
    background = WcsNDMap(geom, np.arange(1.0, 41.0).reshape(geom.shape))
    ours = BackgroundModel(background, norm=1.2, tilt=0.1, name="cosmic rays", datasets_names=["run-1"])
    write_models(ours, tmp_path / "m.yaml")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["cosmic_rays.fits", "m.yaml"]
    theirs = peers.Models.read(tmp_path / "m.yaml")
    assert theirs[0].datasets_names == ["run-1"]
    factor = 1.2 * (geom.axes[0].center / 1.0) ** -0.1
    np.testing.assert_allclose(theirs[0].evaluate().data, background.data * factor[:, None, None], rtol=1e-6)
    for again in (read_models(tmp_path / "m.yaml"), read_models(theirs)):
        assert (again.names, again[0].datasets_names) == (("cosmic rays",), ("run-1",))
        np.testing.assert_array_equal(again[0].background.data, background.data)
        assert again[0].spectral_model.canonical_values == ours.spectral_model.canonical_values
    with pytest.raises(BayesmapIOError, match=r"BM-IO-032: .*m\.yaml exists"):
        write_models(ours, tmp_path / "m.yaml")
    (tmp_path / "cosmic_rays.fits").unlink()
    with pytest.raises(BayesmapIOError, match=r"BM-IO-016: m\.yaml: components\[0\]\.filename|BM-IO-016: components"):
        read_models(tmp_path / "m.yaml")


def test_what_the_format_cannot_hold(template_map):
    with pytest.raises(ConfigError, match="BM-CF-017: BackgroundModel 'background' carries its own map"):
        models_to_dict(BackgroundModel(template_map))
    spectrum = PowerLawSpectralModel(index=Parameter("index", 2.0, prior="a prior of another kind"))
    with pytest.raises(ConfigError, match="BM-CF-017: parameter 'index' has the prior"):
        models_to_dict(SkyModel(spectrum, PointSpatialModel()))


def test_reference_files_of_gammapy_are_read(reference_data):
    """Of the stored fits of Gammapy, those whose models we have; the rest is refused for that reason only."""
    read = set()
    for path in sorted((reference_data / "fits").glob("*.json")):
        start = json.loads(path.read_text()).get("models_start")
        if start is None:
            continue
        try:
            models = read_models(start)
        except BayesmapError as error:
            problems = getattr(error, "problems", (error,))
            assert {item.code for item in problems} <= {"BM-CF-006", "BM-CF-009", "BM-IO-012"}, path.name
            continue
        read.add(path.stem)
        assert models.parameters.free_names
        assert read_models(models_to_dict(models)) == models
    assert read >= {"fermi_crab_lp", "fermi_crab_plpos", "cta_gc", "hess_crab_gauss", "hess_crab_point"}
