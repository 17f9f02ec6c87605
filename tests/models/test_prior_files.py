"""Priors of every type in model files: written, read back, the same."""

from __future__ import annotations

import pytest

from bayesmap.errors import ConfigError
from bayesmap.io.yaml import models_to_dict, read_models, write_models
from bayesmap.models import Models, Parameter, PowerLawSpectralModel, SkyModel
from bayesmap.models.prior import PRIOR_TYPES, Prior
from bayesmap.models.spatial.point import PointSpatialModel


def source(prior, name="amplitude"):
    value = {"amplitude": 1e-12, "index": 2.0}[name]
    unit = {"amplitude": "cm-2 s-1 TeV-1", "index": ""}[name]
    spectrum = PowerLawSpectralModel(**{name: Parameter(name, value, unit, prior=prior)})
    return Models(SkyModel(spectrum, PointSpatialModel(), name="crab"))


@pytest.mark.parametrize("kind", sorted(PRIOR_TYPES))
def test_every_type_is_written_and_read_back(kind, tmp_path):
    prior = Prior(kind, tuple((name, 0.1 * (i + 1), "") for i, name in enumerate(PRIOR_TYPES[kind])))
    write_models(source(prior, "index"), tmp_path / "models.yaml")
    read = read_models(tmp_path / "models.yaml").parameters["crab.spectral.index"].prior
    assert read == prior
    assert read.arguments("") == prior.arguments("")


def test_units_survive(tmp_path):
    prior = Prior("HalfNormal", sigma="3e-11 cm-2 s-1 TeV-1")
    write_models(source(prior), tmp_path / "models.yaml")
    read = read_models(tmp_path / "models.yaml").parameters["crab.spectral.amplitude"].prior
    assert read == prior
    assert read.arguments("cm-2 s-1 GeV-1")["sigma"] == pytest.approx(3e-14, rel=1e-12)


def test_infinite_arguments_survive(tmp_path):
    prior = Prior("TruncatedNormal", mu=2.0, sigma=0.5, lower=0.0, upper=float("inf"))
    write_models(source(prior, "index"), tmp_path / "models.yaml")
    assert read_models(tmp_path / "models.yaml").parameters["crab.spectral.index"].prior == prior


def test_a_distribution_object_has_no_place_in_a_file():
    with pytest.raises(ConfigError, match="BM-CF-017.*stated by name"):
        models_to_dict(source(object(), "index"))


def test_unknown_type_and_argument_are_located():
    document = models_to_dict(source(Prior("Normal", mu=2.0, sigma=0.5), "index"))
    prior = document["components"][0]["spectral"]["parameters"][0]["prior"]
    prior["parameters"][0]["name"] = "mean"
    with pytest.raises(ConfigError, match=r"BM-CF-001: components\[0\].spectral.parameters\[0\].prior.parameters\[0\]"):
        read_models(document)
    prior["type"] = "Norml"
    with pytest.raises(ConfigError, match="BM-CF-006.*Did you mean 'Normal'"):
        read_models(document)
