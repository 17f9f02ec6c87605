"""Spectral models in YAML: round trips here, and what Gammapy 2.1 reads and writes."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.testing import assert_allclose

from bayesmap import (
    EBLAbsorptionNormSpectralModel,
    FoVBackgroundModel,
    Models,
    Parameter,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
    expression_model,
    read_models,
    write_models,
)
from bayesmap.errors import BayesmapError, BayesmapIOError, ConfigError, ModelError, ProblemList
from bayesmap.io.yaml import models_to_dict
from bayesmap.models.spectral.ebl_absorption import TABLES
from tests.models.spectral_cases import MODELS, ebl, random_values, with_values

ENERGY = np.geomspace(0.03, 60.0, 40) * u.TeV


def wrapped(spectral):
    """Return a model of the sky or of the background that holds a spectrum."""
    if spectral.is_norm:
        return FoVBackgroundModel("map", spectral_model=spectral)
    return SkyModel(spectral, PointSpatialModel(), name="source")


def random_model(name):
    return with_values(MODELS[name], random_values(MODELS[name], np.random.default_rng(23)))


@pytest.mark.parametrize("name", MODELS)
def test_round_trip_is_the_identity(name, tmp_path):
    models = Models(wrapped(random_model(name)))
    assert read_models(models_to_dict(models)) == models
    write_models(models, tmp_path / "models.yaml")
    again = read_models(tmp_path / "models.yaml")
    assert again == models
    assert again[0].spectral_model == models[0].spectral_model


@pytest.mark.parametrize("name", MODELS)
def test_gammapy_reads_what_is_written(name, tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    spectral = random_model(name)
    write_models(Models(wrapped(spectral)), tmp_path / "models.yaml")
    theirs = peers.Models.read(tmp_path / "models.yaml")[0].spectral_model
    got = spectral(ENERGY)
    with np.errstate(all="ignore"):
        assert_allclose(theirs(ENERGY).to_value(got.unit), got.value, rtol=1e-9, atol=1e-200)
    assert [item.value for item in theirs.parameters] == [item.value for item in spectral.parameters]
    assert [item.frozen for item in theirs.parameters] == [item.frozen for item in spectral.parameters]


@pytest.mark.parametrize("name", MODELS)
def test_live_gammapy_models_are_read(name, tmp_path):
    """There and back: written here, read by Gammapy, its live model and its own file read here."""
    peers = pytest.importorskip("gammapy.modeling.models")
    models = Models(wrapped(random_model(name)))
    write_models(models, tmp_path / "models.yaml")
    theirs = peers.Models.read(tmp_path / "models.yaml")
    theirs.write(tmp_path / "theirs.yaml", full_output=True, write_covariance=False)
    for again in (read_models(theirs), read_models(tmp_path / "theirs.yaml")):
        spectral = again[0].spectral_model
        assert type(spectral) is type(models[0].spectral_model)
        assert spectral.canonical_values == models[0].spectral_model.canonical_values
        assert_allclose(spectral(ENERGY).value, models[0].spectral_model(ENERGY).value, rtol=1e-13)


def write_xspec(model, path, dtype=np.float64):
    """Write a table as the files of GAMMAPY_DATA are, redshifts repeated."""
    energy = model.energy.to_value("keV")
    ratio = np.sqrt(energy[1] / energy[0])
    redshift, data = model.param.value, model.data.value.astype(dtype)
    value = np.append(redshift, redshift[-1])
    parameters = Table({"NAME": ["redshift"], "MINIMUM": [redshift[0]], "MAXIMUM": [redshift[-1]], "VALUE": [value]})
    energies = Table({"ENERG_LO": energy / ratio, "ENERG_HI": energy * ratio})
    spectra = Table({"PARAMVAL": value, "INTPSPEC": np.vstack([data, data[-1]])})
    tables = {"PARAMETERS": parameters, "ENERGIES": energies, "SPECTRA": spectra}
    hdus = [fits.BinTableHDU(table, name=name) for name, table in tables.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ebl_tables_are_read_as_gammapy_does(tmp_path, dtype):
    peers = pytest.importorskip("gammapy.modeling.models")
    write_xspec(ebl(), tmp_path / "ebl.fits", dtype)
    for redshift in (0.003, 0.1, 0.37, 0.9):
        ours = EBLAbsorptionNormSpectralModel.read(tmp_path / "ebl.fits", redshift, 1.3)
        theirs = peers.EBLAbsorptionNormSpectralModel.read(tmp_path / "ebl.fits", redshift, 1.3)
        # Logarithms of a single-precision table are taken in single precision there.
        tolerance = 1e-9 if dtype is np.float64 else 1e-4
        assert_allclose(ours(ENERGY).value, theirs(ENERGY).value, rtol=tolerance, atol=1e-30)


def test_builtin_tables_are_found_by_name(tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models.spectral")
    assert {name: path.rpartition("/")[2] for name, path in peers.EBL_DATA_BUILTIN.items()} == TABLES
    write_xspec(ebl(), tmp_path / TABLES["finke"])
    model = EBLAbsorptionNormSpectralModel.read_builtin("finke", 0.2, folder=tmp_path)
    assert_allclose(
        model(ENERGY).value, EBLAbsorptionNormSpectralModel.read(tmp_path / TABLES["finke"], 0.2)(ENERGY).value
    )
    with pytest.raises(ModelError, match="BM-MO-035.*'domingez'.*'dominguez'"):
        EBLAbsorptionNormSpectralModel.read_builtin("domingez", folder=tmp_path)


EBL_TEXT = """
components:
-   name: blazar
    type: SkyModel
    spectral:
        type: CompoundSpectralModel
        model1: {type: PowerLawSpectralModel, parameters: [{name: index, value: 2.0}]}
        model2:
            type: EBLAbsorptionNormSpectralModel
            parameters: [{name: redshift, value: 0.3}]
            filename: FILE
        operator: mul
    spatial: {type: PointSpatialModel}
"""


def test_ebl_files_are_found_and_guarded(tmp_path):
    write_xspec(ebl(), tmp_path / "ebl.fits")
    text = EBL_TEXT.replace("FILE", "ebl.fits")
    model = read_models(text, root=tmp_path)[0].spectral_model
    absorbed = PowerLawSpectralModel() * EBLAbsorptionNormSpectralModel.read(tmp_path / "ebl.fits", 0.3)
    assert model == absorbed
    variable = text.replace("ebl.fits", "$GAMMAPY_DATA/ebl.fits")
    assert read_models(variable, env={"GAMMAPY_DATA": tmp_path})[0].spectral_model == absorbed
    with pytest.raises(BayesmapIOError, match=r"BM-IO-012: components\[0\].spectral.model2.filename"):
        read_models(text.replace("ebl.fits", "../ebl.fits"), root=tmp_path)
    (tmp_path / "bad.fits").write_text("nothing")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-002: components\[0\].spectral.model2.filename: bad.fits"):
        read_models(text.replace("ebl.fits", "bad.fits"), root=tmp_path)


def document(**spectral):
    return {"components": [{"name": "x", "type": "SkyModel", "spectral": spectral, "spatial": {"type": "point"}}]}


TEMPLATE = {"energy": {"data": [1.0, 2.0], "unit": "TeV"}, "values": {"data": [2.0, 1.0], "unit": "cm-2 s-1 TeV-1"}}
PL = {"type": "pl"}
BAD = [
    ({"type": "pl-2", "parameters": [{"name": "emim", "value": 1.0}]}, "BM-CF-001.*Did you mean 'emin'"),
    ({"type": "template", **TEMPLATE, "value": 1}, "BM-CF-001.*Did you mean 'values'"),
    ({"type": "template", "energy": TEMPLATE["energy"]}, "BM-CF-007"),
    ({"type": "template", **TEMPLATE, "energy": {"data": [1.0, "2"], "unit": "TeV"}}, r"BM-CF-003.*energy.data\[1\]"),
    ({"type": "template", **TEMPLATE, "energy": {"data": [2.0, 1.0], "unit": "TeV"}}, "BM-MO-031"),
    ({"type": "template", **TEMPLATE, "values": {"data": [1.0], "unit": "TeV"}}, "BM-GE-005"),
    ({"type": "template", **TEMPLATE, "values": {"data": [1.0, [2.0]], "unit": "TeV"}}, "BM-CF-030"),
    ({"type": "piecewise-norm", "energy": {"data": [1.0, 2.0], "unit": "TeW"}}, "BM-CF-030"),
    (
        {
            "type": "compound",
            "model1": PL,
            "model2": {
                "type": "piecewise-norm",
                "energy": TEMPLATE["energy"],
                "parameters": [{"name": "norm_2", "value": 1.0}],
            },
            "operator": "mul",
        },
        r"BM-CF-001: components\[0\].spectral.model2.parameters\[0\].name: unknown parameter 'norm_2'",
    ),
    ({"type": "compound", "model1": PL, "model2": PL, "operator": "mull"}, "BM-CF-006.*Did you mean 'mul'"),
    ({"type": "compound", "model1": PL, "model2": PL, "operator": "mul"}, "BM-MO-033"),
    ({"type": "compound", "model": PL, "model2": PL, "operator": "add"}, "BM-CF-001.*Did you mean 'model[12]'"),
    ({"type": "compound", "model1": PL, "model2": {"type": "pll"}, "operator": "add"}, "BM-CF-006.*model2.type"),
]


@pytest.mark.parametrize(("spectral", "message"), BAD)
def test_bad_documents_are_refused(spectral, message):
    with pytest.raises(BayesmapError, match=message):
        read_models(document(**spectral))


def test_both_parts_are_reported():
    wrong = {"type": "pl", "parameters": [{"name": "idx", "value": 1.0}]}
    with pytest.raises(ProblemList) as caught:
        read_models(document(type="compound", model1=wrong, model2=wrong, operator="add"))
    assert [problem.code for problem in caught.value.problems] == ["BM-CF-001", "BM-CF-001"]


def test_code_is_not_written():
    model = expression_model(
        lambda xp, energy, amplitude: amplitude * xp.exp(-energy), [Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")]
    )
    with pytest.raises(ConfigError, match="BM-CF-031: ExpressionSpectralModel"):
        models_to_dict(wrapped(model))


def test_live_tables_of_another_interpolation_are_refused():
    peers = pytest.importorskip("gammapy.modeling.models")
    linear = peers.TemplateSpectralModel(
        [1, 2] * u.TeV, [1, 2] * u.Unit("cm-2 s-1 TeV-1"), interp_kwargs={"values_scale": "lin"}
    )
    with pytest.raises(ConfigError, match="BM-CF-032: spectral model of 'x'.*LinearScale"):
        read_models(peers.SkyModel(linear, peers.PointSpatialModel(), name="x"))
