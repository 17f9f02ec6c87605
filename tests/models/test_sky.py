"""Sky models, backgrounds, their collection and its table of parameters; the registry."""

from __future__ import annotations

import math

import astropy.units as u
import numpy as np
import pytest

from bayesmap.errors import ModelError
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models import (
    BackgroundModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    LogParabolaSpectralModel,
    Models,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
)
from bayesmap.models.prior import Prior
from bayesmap.models.registry import class_names, find_model, spatial_models, spectral_models


@pytest.fixture
def crab():
    return SkyModel(PowerLawSpectralModel(), PointSpatialModel(lon_0=83.6, lat_0=22.0), name="crab")


@pytest.fixture
def models(crab):
    other = SkyModel(LogParabolaSpectralModel(), GaussianSpatialModel(sigma="6 arcmin"), name="4FGL J0534.5+2201")
    return crab + other + FoVBackgroundModel("run-1")


@pytest.fixture
def background_map():
    axis = MapAxis.from_energy_bounds(1.0, 10.0, 2, name="energy")
    geom = WcsGeom.create(skydir=(0, 0), npix=(3, 3), binsz=0.1, frame="icrs", axes=(axis,))
    return WcsNDMap(geom, np.ones(geom.shape))


def test_collection(models, crab):
    assert models.names == ("crab", "4FGL J0534.5+2201", "run-1-bkg")
    assert len(models) == 3
    assert models["crab"] == crab == models[0]
    assert [model.name for model in models] == list(models.names)
    assert "crab" in models
    assert crab in models
    assert "vela" not in models
    assert models[1:].names == models.names[1:]
    assert models.sky_models == models.models[:2]
    assert models.background_models == models.models[2:]
    assert Models(crab) == Models((crab,))
    assert Models() + models == models
    with pytest.raises(ModelError, match="BM-MO-002: no model is named 'crabs'.*Did you mean 'crab'"):
        models["crabs"]


def test_parameters_have_qualified_names_in_order(models):
    table = models.parameters
    assert list(table)[:5] == [
        "crab.spectral.index",
        "crab.spectral.amplitude",
        "crab.spectral.reference",
        "crab.spatial.lon_0",
        "crab.spatial.lat_0",
    ]
    assert list(table)[-3:] == ["run-1-bkg.spectral.tilt", "run-1-bkg.spectral.norm", "run-1-bkg.spectral.reference"]
    assert table["4FGL J0534.5+2201.spatial.sigma"].quantity == 6 * u.arcmin
    assert "crab.spectral.reference" not in table.free_names
    assert table.free_names[:2] == ("crab.spectral.index", "crab.spectral.amplitude")
    assert len(table) == len(list(table.values())) == 17


def test_bare_names_work_where_they_are_unique(models):
    table = models.parameters
    assert table["index"] is table["crab.spectral.index"]
    assert table["spatial.sigma"] is table["sigma"]
    assert "index" not in table
    assert table.get("index") is None
    assert table.get("crab.spectral.index") is table["index"]
    with pytest.raises(ModelError, match=r"'amplitude' is ambiguous: it fits crab.spectral.amplitude, 4FGL"):
        table["amplitude"]
    with pytest.raises(
        ModelError, match=r"no parameter is called 'crab.spectral.idx'.*Did you mean 'crab.spectral.index'"
    ):
        table["crab.spectral.idx"]
    with pytest.raises(ModelError, match=r"Did you mean 'crab.spectral.index'"):
        table["indx"]
    with pytest.raises(ModelError, match="Parameters are none"):
        Models().parameters["x"]


def test_changes_give_new_models(models):
    before = repr(models)
    changed = (
        models.with_values({"crab.spectral.index": 2.5, "sigma": 0.2 * u.deg, "norm": "1.2"})
        .with_errors({"index": 0.1, "sigma": "1 arcmin"})
        .with_frozen({"crab.spatial.lon_0": True, "tilt": False})
        .with_priors({"index": Prior("GaussianPrior", (("mu", 2.0, ""),))})
    )
    table = changed.parameters
    assert table["index"].value == 2.5
    assert table["index"].error == 0.1
    assert table["sigma"].value == pytest.approx(12.0)
    assert table["sigma"].error == 1.0
    assert table["norm"].value == 1.2
    assert table["crab.spatial.lon_0"].frozen
    assert "run-1-bkg.spectral.tilt" in table.free_names
    assert table["index"].prior.type == "GaussianPrior"
    assert repr(models) == before
    assert math.isnan(models.parameters["index"].error)
    with pytest.raises(ModelError, match="BM-MO-002"):
        models.with_values({"vela.spectral.index": 1.0})
    with pytest.raises(ModelError, match="BM-MO-006"):
        models.with_values({"crab.spatial.lat_0": 91.0})


def test_table_and_repr(models):
    table = models.with_errors({"index": 0.25}).parameters.to_table()
    assert table.colnames == ["name", "value", "error", "min", "max", "unit", "frozen", "prior"]
    assert table["error"][0] == 0.25
    assert table["max"][4] == 90.0
    assert len(Models().parameters.to_table()) == 0
    text = repr(models)
    assert "crab: SkyModel (PowerLawSpectralModel, PointSpatialModel)" in text
    assert "4FGL J0534.5+2201.spatial.sigma" in text


def test_names_must_be_unique_and_usable(crab):
    with pytest.raises(ModelError, match="BM-MO-011: 2 models are named 'crab'"):
        crab + crab
    with pytest.raises(
        ModelError, match="BM-MO-015: 2 FoVBackgroundModels belong to dataset 'a'.*another dataset_name"
    ):
        Models((FoVBackgroundModel("a"), FoVBackgroundModel("a", name="b")))
    for name in ("", "  ", "a/b", 3):
        with pytest.raises(ModelError, match="BM-MO-013"):
            SkyModel(PowerLawSpectralModel(), PointSpatialModel(), name=name)
    with pytest.raises(ModelError, match="BM-MO-014: Models was given PowerLawSpectralModel"):
        Models((PowerLawSpectralModel(),))


@pytest.mark.parametrize(
    ("spectral", "spatial"),
    [
        (PointSpatialModel(), PowerLawSpectralModel()),
        (PowerLawNormSpectralModel(), PointSpatialModel()),
        (PowerLawSpectralModel(), None),
        ("pl", PointSpatialModel()),
    ],
)
def test_components_must_fit(spectral, spatial):
    with pytest.raises(ModelError, match="BM-MO-014: SkyModel 'x' was given"):
        SkyModel(spectral, spatial, name="x")


def test_field_of_view_background():
    model = FoVBackgroundModel("run-1", spectral_model=PowerLawNormSpectralModel(norm=1.1))
    assert (model.name, model.dataset_name, model.datasets_names) == ("run-1-bkg", "run-1", ("run-1",))
    assert FoVBackgroundModel(datasets_names=["run-1"]) == FoVBackgroundModel(dataset_name="run-1")
    assert list(model.named_parameters) == [f"run-1-bkg.spectral.{name}" for name in ("tilt", "norm", "reference")]
    assert model.applies_to("run-1")
    assert not model.applies_to("run-2")
    for names in (None, [], ["a", "b"], [3]):
        with pytest.raises(ModelError, match="BM-MO-016"):
            FoVBackgroundModel(datasets_names=names)
    with pytest.raises(ModelError, match="BM-MO-014.*norm spectral model"):
        FoVBackgroundModel("run-1", spectral_model=PowerLawSpectralModel())


def test_seed_background_model(background_map):
    model = BackgroundModel(background_map, norm=2, tilt=0.2)
    assert model.background is background_map
    assert {name: item.value for name, item in model.named_parameters.items()} == {
        "background.spectral.tilt": 0.2,
        "background.spectral.norm": 2.0,
        "background.spectral.reference": 1.0,
    }
    changed = Models(model).with_values({"norm": 3.0})["background"]
    assert changed.spectral_model.norm.value == 3.0
    assert changed.background is background_map
    # seed: norm 2, tilt 0.2 at 0.55 TeV gives 2.254 times the map (Gammapy 0.10, test_background_model)
    assert model.spectral_model(0.55 * u.TeV).value == pytest.approx(2.254, rel=1e-4)
    with pytest.raises(ModelError, match="BM-MO-014: BackgroundModel was given ndarray"):
        BackgroundModel(background_map.data)


def test_for_dataset(crab):
    other = SkyModel(PowerLawSpectralModel(), PointSpatialModel(), name="other", datasets_names="run-2")
    models = crab + other + FoVBackgroundModel("run-1") + FoVBackgroundModel("run-2")
    assert models.for_dataset("run-1").names == ("crab", "run-1-bkg")
    assert models.for_dataset("run-2").names == ("crab", "other", "run-2-bkg")


def test_models_are_frozen(models, crab):
    with pytest.raises(AttributeError):
        models.models = ()
    with pytest.raises(AttributeError):
        crab.name = "vela"


def test_registry_finds_every_model_by_class_and_short_name():
    assert {"PowerLawSpectralModel", "pl", "ecpl", "lp", "pl-norm"} <= set(spectral_models())
    assert {"PointSpatialModel", "point", "gauss", "disk", "const", "template"} <= set(spatial_models())
    assert find_model("spectral", "ecpl").__name__ == "ExpCutoffPowerLawSpectralModel"
    for registry in (spectral_models(), spatial_models()):
        assert set(class_names(registry)) <= set(registry)
    with pytest.raises(ModelError, match="BM-MO-017: no spectral model is called 'PowerLaw'.*Did you mean 'PowerLaw"):
        find_model("spectral", "PowerLaw")
