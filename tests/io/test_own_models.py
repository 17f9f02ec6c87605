"""Models that Gammapy does not have, in model files: kept here, passed over there."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import pytest

from bayesmap.errors import BayesmapError, ConfigError, ProblemList
from bayesmap.io.datasets import read_datasets, write_datasets
from bayesmap.io.yaml import models_to_dict, read_models, write_models
from bayesmap.models import FoVBackgroundModel, Models, Parameter, PointSpatialModel, PowerLawSpectralModel, SkyModel
from bayesmap.models.named import NamedModel
from bayesmap.models.overdispersion import OverdispersionModel
from bayesmap.models.pool import PoolModel
from bayesmap.models.prior import Prior
from bayesmap.models.response import ResponseModel
from bayesmap.testing import toy_response


@pytest.fixture
def models():
    """One of each kind, between and after models of Gammapy, with everything that a parameter may have."""
    width = Parameter("psf_scale", 1.05, min=0.8, max=1.2, error=0.02, prior=Prior("Normal", mu=1.0, sigma=0.05))
    spread = Parameter("spread", 0.2, min=0.0, frozen=True, prior=None)
    return Models(
        (
            SkyModel(PowerLawSpectralModel(), PointSpatialModel(), name="crab"),
            ResponseModel(psf_scale=width, free=["exposure_scale"], datasets_names=["run-1", "run-2"], name="irf"),
            ResponseModel(name="irf-2", datasets_names="run-3"),
            FoVBackgroundModel("run-1"),
            FoVBackgroundModel("run-2"),
            OverdispersionModel(0.03, datasets_names="run-2"),
            PoolModel(
                ["run-1-bkg.spectral.norm", "run-2-bkg.spectral.norm"], "normal", mean=0.9, spread=spread, name="norms"
            ),
        )
    ).with_links({"irf-2.response.exposure_scale": "irf.response.exposure_scale"})


def test_write_and_read_is_the_identity(models, tmp_path):
    write_models(models, tmp_path / "m.yaml")
    again = read_models(tmp_path / "m.yaml")
    assert again == models
    assert again.names == models.names
    assert read_models(models_to_dict(models)) == models
    # The default prior of a parameter is kept, its absence too.
    assert again.parameters["irf.response.exposure_scale"].prior == Prior("LogNormal", mu=0.0, sigma=0.1)
    assert again.parameters["scatter.counts.overdispersion"].prior == Prior("HalfNormal", sigma=0.1)
    assert again.parameters["norms.pool.spread"].prior is None
    assert again["norms"].members == ("run-1-bkg.spectral.norm", "run-2-bkg.spectral.norm")
    alone = Models(OverdispersionModel())
    assert read_models(models_to_dict(alone)) == alone


def test_the_order_is_written_only_where_it_is_needed(models):
    assert models_to_dict(models)["bayesmap"]["order"] == list(models.names)
    last = Models((models["crab"], models["run-1-bkg"], models["irf"]))
    assert "order" not in models_to_dict(last)["bayesmap"]
    assert "bayesmap" not in models_to_dict(models["crab"])


def test_gammapy_passes_over_them(models, tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    write_models(models, tmp_path / "m.yaml")
    theirs = peers.Models.read(tmp_path / "m.yaml", checksum=True)
    assert theirs.names == ["crab", "run-1-bkg", "run-2-bkg"]
    assert theirs.parameters["index"].value == 2.0


def test_what_is_left_out_takes_its_default():
    section = {
        "models": [
            {"type": "ResponseModel", "response": {"parameters": [{"name": "energy_scale", "frozen": False}]}},
            {"type": "PoolModel", "members": ["a.spectral.index", "b.spectral.index"]},
        ]
    }
    found = read_models({"components": [], "bayesmap": section})
    assert found["response"] == ResponseModel(free=["energy_scale"])
    assert found["pool"] == PoolModel(["a.spectral.index", "b.spectral.index"])
    assert found["response"].response_model.energy_scale.prior == Prior("LogNormal", mu=0.0, sigma=0.1)
    section["models"][0]["response"]["parameters"][0]["prior"] = None
    found = read_models({"components": [], "bayesmap": section})
    assert found["response"].response_model.energy_scale.prior is None


BAD = {
    "section": (("bayesmap",), {"modles": []}, r"BM-CF-001: bayesmap.modles: unknown key .*Did you mean 'models'"),
    "list": (("bayesmap", "models"), {}, "BM-CF-007: bayesmap.models is dict"),
    "entry": (("bayesmap", "models", 0), 3, r"BM-CF-007: bayesmap.models\[0\] is int"),
    "type": (
        ("bayesmap", "models", 0, "type"),
        "ResponsModel",
        r"BM-CF-006: bayesmap.models\[0\].type: .*Did you mean 'ResponseModel'",
    ),
    "key": (
        ("bayesmap", "models", 0, "datasets_name"),
        ["x"],
        r"BM-CF-001: bayesmap.models\[0\].datasets_name: .*Did you mean 'datasets_names'",
    ),
    "other kind's key": (("bayesmap", "models", 0, "members"), ["x"], "BM-CF-001: .*members: unknown key"),
    "parameter": (
        ("bayesmap", "models", 0, "response", "parameters", 0, "name"),
        "exposure_scal",
        r"BM-CF-001: bayesmap.models\[0\].response.parameters\[0\].name: .*Did you mean 'exposure_scale'",
    ),
    "value": (
        ("bayesmap", "models", 0, "response", "parameters", 2, "value"),
        5.0,
        r"BM-CF-005: bayesmap.models\[0\].response.parameters\[2\].value: .*outside its limits",
    ),
    "prior": (
        ("bayesmap", "models", 2, "counts", "parameters", 0, "prior", "type"),
        "HalfNormale",
        r"BM-CF-006: bayesmap.models\[2\].counts.parameters\[0\].prior.type: .*Did you mean 'HalfNormal'",
    ),
    "distribution": (
        ("bayesmap", "models", 3, "pool", "distribution"),
        "gamma",
        r"BM-MO-024: bayesmap.models\[3\].pool",
    ),
    "members": (("bayesmap", "models", 3, "members"), ["x"], r"BM-MO-024: bayesmap.models\[3\]: the pool 'norms'"),
    "order": (("bayesmap", "order", 0), "crap", "BM-CF-060: bayesmap.order .*'crap'.*Did you mean 'crab'"),
    "order twice": (("bayesmap", "order", 0), "irf", "BM-CF-060: bayesmap.order .*at fault is 'irf'"),
    "order short": (("bayesmap", "order"), ["crab"], "BM-CF-060: bayesmap.order has 1 names for 7 models"),
}


@pytest.mark.parametrize("case", BAD)
def test_mistakes_are_located(case, models):
    path, value, match = BAD[case]
    document = copy.deepcopy(models_to_dict(models))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(BayesmapError, match=match):
        read_models(document)


def test_all_mistakes_are_found_in_one_pass(models):
    document = copy.deepcopy(models_to_dict(models))
    document["components"][0]["nme"] = "x"
    document["bayesmap"]["models"][0]["nme"] = "x"
    del document["bayesmap"]["models"][3]["members"]
    with pytest.raises(ProblemList) as caught:
        read_models(document)
    assert {item.what.partition(":")[0] for item in caught.value.problems} >= {
        "components[0].nme",
        "bayesmap.models[0].nme",
        "bayesmap.models[3] has no 'members'",
    }


def test_lists_of_data_sets_keep_them(models, tmp_path):
    runs = toy_response(center=(0.0, 0.0))
    write_datasets(tmp_path / "datasets.yaml", runs, models)
    assert read_models(tmp_path / "models.yaml") == models
    assert len(read_datasets(tmp_path / "datasets.yaml")) == 1


def test_a_class_of_ones_own_is_refused():
    @dataclass(frozen=True, kw_only=True)
    class Strange(NamedModel):
        component_fields = {}  # noqa: RUF012 - none
        tag = ("Strange",)

    with pytest.raises(ConfigError, match="BM-CF-044: Strange 'x' has no place in a model file"):
        models_to_dict(Models((Strange(name="x"),)))


def test_no_number_is_lost(models):
    table, again = models.parameters, read_models(models_to_dict(models)).parameters
    for name, item in table.items():
        assert (item.value, item.unit, item.frozen, item.link) == (
            again[name].value,
            again[name].unit,
            again[name].frozen,
            again[name].link,
        )
        for key in ("min", "max", "error"):
            one, other = getattr(item, key), getattr(again[name], key)
            assert one == other or (math.isnan(one) and math.isnan(other))
