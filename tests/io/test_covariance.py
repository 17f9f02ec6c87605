"""Covariance files beside model files: written and read without loss, with Gammapy in both directions."""

from __future__ import annotations

import operator
import re
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest

from bayesmap.errors import BayesmapIOError, ConfigError, ProblemList
from bayesmap.io.covariance_table import format_table, parse_table
from bayesmap.io.datasets import write_datasets
from bayesmap.io.yaml import read_covariance, read_models, write_models
from bayesmap.models import (
    FoVBackgroundModel,
    Models,
    OverdispersionModel,
    PiecewiseNormSpectralModel,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
)
from bayesmap.models.registry import class_names, spatial_models, spectral_models
from bayesmap.models.spatial.piecewise_norm import PiecewiseNormSpatialModel
from bayesmap.testing import toy_response


@pytest.fixture
def models():
    """A compound, a background under a name that Gammapy does not take, factors on the sky and in energy."""
    nodes = [0.0, 2.0, 0.0, 2.0], [0.0, 0.0, 2.0, 2.0]
    background = FoVBackgroundModel(
        "run 1",
        spectral_model=PiecewiseNormSpectralModel([1, 3, 9] * u.TeV, norms=[1.0, 1.1, 0.9]),
        spatial_model=PiecewiseNormSpatialModel(*nodes, norms=[1.0, 1.2, 0.8, 1.1], frame="galactic"),
        name="sky",
    )
    law = PowerLawSpectralModel() * PowerLawNormSpectralModel()
    return Models((SkyModel(law, PointSpatialModel(), name="crab | neb."), background))


def some_covariance(models, rng, names=None):
    """A covariance of all free parameters, with errors of 0.1 to 1 in units of 10^-12 to 1."""
    names = models.parameters.free_names if names is None else names
    root = rng.normal(size=(len(names), len(names)))
    scale = np.array([1e-13 if "amplitude" in name else 0.1 for name in names])
    matrix = (root @ root.T / len(names) + 0.1 * np.eye(len(names))) * np.outer(scale, scale)
    return SimpleNamespace(names=tuple(names), matrix=(matrix + matrix.T) / 2)


def test_write_and_read_is_the_identity(models, rng, tmp_path):
    covariance = some_covariance(models, rng)
    write_models(models, tmp_path / "m.yaml", covariance=covariance)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["m.yaml", "m_covariance.dat"]
    found = read_covariance(tmp_path / "m.yaml")
    assert found.names == covariance.names
    np.testing.assert_array_equal(found.matrix, covariance.matrix)
    again = read_models(tmp_path / "m.yaml")
    assert again == models.with_errors(dict(zip(found.names, found.errors, strict=True)))
    write_models(again, tmp_path / "second.yaml", covariance=found)
    assert read_models(tmp_path / "second.yaml") == again
    assert (tmp_path / "second_covariance.dat").read_text() == (tmp_path / "m_covariance.dat").read_text()


def test_gammapy_reads_the_same_matrix(models, rng, tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    covariance = some_covariance(models, rng)
    write_models(models, tmp_path / "m.yaml", covariance=covariance)
    theirs = peers.Models.read(tmp_path / "m.yaml", checksum=True)
    free = [k for k, item in enumerate(theirs.parameters) if not item.frozen]
    np.testing.assert_allclose(theirs.covariance.data[np.ix_(free, free)], covariance.matrix, rtol=1e-12)
    frozen = np.delete(theirs.covariance.data, free, axis=0)
    assert not np.any(frozen)
    errors = [item.error for item in theirs.parameters if not item.frozen]
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance.matrix)), rtol=1e-12)


@pytest.mark.parametrize("checksum", [True, False])
def test_we_read_gammapys(checksum, rng, tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    law = peers.CompoundSpectralModel(
        peers.PowerLawSpectralModel(), peers.PowerLawNormSpectralModel(), operator.mul
    )
    theirs = peers.Models(
        [
            peers.SkyModel(law, peers.PointSpatialModel(), name="a"),
            peers.SkyModel(peers.LogParabolaSpectralModel(), peers.GaussianSpatialModel(), name="b"),
            peers.FoVBackgroundModel(dataset_name="run-1"),
        ]
    )
    size = len(theirs.parameters)
    free = np.array([not item.frozen for item in theirs.parameters])
    root = rng.normal(size=(size, size)) * free[:, None]
    theirs.covariance = root @ root.T * 1e-4
    theirs.write(tmp_path / "theirs.yaml", checksum=checksum)
    found = read_covariance(tmp_path / "theirs.yaml")
    np.testing.assert_array_equal(found.matrix, theirs.covariance.data[np.ix_(free, free)])
    models = read_models(tmp_path / "theirs.yaml")
    errors = [item.error for item in models.parameters.values() if item.free]
    np.testing.assert_allclose(errors, [item.error for item in theirs.parameters if not item.frozen], rtol=1e-12)
    # There and back: Gammapy reads from our file what it wrote.
    write_models(models, tmp_path / "ours.yaml", covariance=found)
    back = peers.Models.read(tmp_path / "ours.yaml")
    np.testing.assert_array_equal(back.covariance.data, theirs.covariance.data)


def test_linked_parameters_get_theirs_to_first_order(rng, tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    one = SkyModel(PowerLawSpectralModel(), PointSpatialModel(lat_0=2.0), name="a")
    other = SkyModel(PowerLawSpectralModel(), PointSpatialModel(lat_0=2.0), name="b")
    models = Models((one, other)).with_links(
        {"b.spectral.index": "a.spectral.index", "b.spatial.lat_0": "3 * {a.spatial.lat_0} - {a.spatial.lon_0}"}
    )
    covariance = some_covariance(models, rng)
    write_models(models, tmp_path / "m.yaml", covariance=covariance)
    found = read_covariance(tmp_path / "m.yaml")
    assert found.names == covariance.names
    np.testing.assert_array_equal(found.matrix, covariance.matrix)
    again = read_models(tmp_path / "m.yaml").parameters
    lon, lat = (covariance.names.index(f"a.spatial.{name}") for name in ("lon_0", "lat_0"))
    matrix = covariance.matrix
    expected = np.sqrt(9 * matrix[lat, lat] + matrix[lon, lon] - 6 * matrix[lat, lon])
    assert again["b.spatial.lat_0"].error == pytest.approx(expected, rel=1e-12)
    assert again["b.spectral.index"].error == again["a.spectral.index"].error
    theirs = peers.Models.read(tmp_path / "m.yaml")
    assert theirs["b"].spatial_model.lat_0.error == pytest.approx(expected, rel=1e-12)


def test_models_that_gammapy_does_not_have_are_in_a_second_file(models, rng, tmp_path):
    peers = pytest.importorskip("gammapy.modeling.models")
    more = Models((OverdispersionModel(), *models))
    covariance = some_covariance(more, rng)
    write_models(more, tmp_path / "m.yaml", covariance=covariance)
    assert sorted(item.name for item in tmp_path.glob("*.dat")) == ["m_covariance.dat", "m_covariance_bayesmap.dat"]
    found = read_covariance(tmp_path / "m.yaml")
    np.testing.assert_array_equal(found.matrix, covariance.matrix)
    assert read_models(tmp_path / "m.yaml").parameters["scatter.counts.overdispersion"].error == found.errors[0]
    theirs = peers.Models.read(tmp_path / "m.yaml")
    free = [k for k, item in enumerate(theirs.parameters) if not item.frozen]
    np.testing.assert_allclose(theirs.covariance.data[np.ix_(free, free)], covariance.matrix[1:, 1:], rtol=1e-12)
    write_models(OverdispersionModel(), tmp_path / "own.yaml", covariance=some_covariance(more[:1], rng))
    assert read_covariance(tmp_path / "own.yaml").names == ("scatter.counts.overdispersion",)


def test_a_parameter_at_its_limit_has_no_row(models, rng, tmp_path):
    covariance = some_covariance(models, rng)
    covariance.matrix[2] = covariance.matrix[:, 2] = np.nan
    write_models(models, tmp_path / "m.yaml", covariance=covariance)
    found = read_covariance(tmp_path / "m.yaml")
    assert found.names == (*covariance.names[:2], *covariance.names[3:])
    np.testing.assert_array_equal(found.matrix, np.delete(np.delete(covariance.matrix, 2, 0), 2, 1))
    assert np.isnan(read_models(tmp_path / "m.yaml").parameters[covariance.names[2]].error)


def test_lists_of_data_sets_carry_it(models, rng, tmp_path):
    covariance = some_covariance(models, rng)
    write_datasets(tmp_path / "d.yaml", toy_response(npix=4), models, covariance=covariance)
    np.testing.assert_array_equal(read_covariance(tmp_path / "models.yaml").matrix, covariance.matrix)


def test_what_cannot_be_written(models, rng, tmp_path):
    good = some_covariance(models, rng)
    names, matrix = good.names, good.matrix
    for case, match in (
        (SimpleNamespace(names=("crab.spectral.indx", *names[1:]), matrix=matrix), "BM-CF-064: .*'crab.spectral.indx'"),
        (SimpleNamespace(names=names[1:], matrix=matrix), r"BM-CF-064: the covariance has \d+ names and a matrix"),
        (SimpleNamespace(names=names, matrix=matrix * np.nan), "BM-CF-065: .*no usable numbers"),
        (SimpleNamespace(names=names, matrix=np.where(np.eye(len(names)), matrix, np.nan)), "BM-CF-065"),
    ):
        with pytest.raises(ConfigError, match=match):
            write_models(models, tmp_path / "m.yaml", covariance=case)
    with pytest.raises(ConfigError, match=r"BM-CF-067: a covariance was given for m\.xml"):
        write_models(models, tmp_path / "m.xml", covariance=good)
    linked = Models((models[0], SkyModel(PowerLawSpectralModel(), PointSpatialModel(), name="b"))).with_links(
        {"b.spatial.lon_0": f"{models[0].name}.spatial.lon_0"}
    )
    with pytest.raises(ConfigError, match=r"BM-CF-064: .*'b\.spatial\.lon_0', which is linked"):
        write_models(
            linked, tmp_path / "m.yaml", covariance=SimpleNamespace(names=("b.spatial.lon_0",), matrix=np.eye(1))
        )
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unasked(models, rng, tmp_path):
    (tmp_path / "m_covariance.dat").write_text("mine")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-032: .*m_covariance\.dat exists"):
        write_models(models, tmp_path / "m.yaml", covariance=some_covariance(models, rng))
    assert (tmp_path / "m_covariance.dat").read_text() == "mine"
    assert not (tmp_path / "m.yaml").exists()


@pytest.fixture
def written(models, rng, tmp_path):
    write_models(models, tmp_path / "m.yaml", covariance=some_covariance(models, rng))
    return tmp_path


def edited(folder, change):
    file = folder / "m_covariance.dat"
    file.write_text(change(file.read_text()))
    return folder / "m.yaml"


def test_a_file_that_is_not_there(written):
    (written / "m_covariance.dat").unlink()
    with pytest.raises(BayesmapIOError, match=r"BM-IO-016: m\.yaml: covariance names the file"):
        read_models(written / "m.yaml")


@pytest.mark.parametrize("name", ["/etc/hostname", "../m_covariance.dat", "https://x.org/a.dat", "$HOME/a.dat"])
def test_a_file_elsewhere_is_refused(name, written):
    text = (written / "m.yaml").read_text().replace("m_covariance.dat", name)
    (written / "m.yaml").write_text(re.sub("checksum: .*", "", text))
    with pytest.raises(BayesmapIOError, match=r"BM-IO-01[2-6]: m\.yaml: covariance names the file"):
        read_models(written / "m.yaml")


CHANGES = {
    "other name": (lambda text: text.replace("model1.index", "model1.indxe"), "BM-CF-062: .*'crab | neb.*indxe'"),
    "row missing": (lambda text: "\n".join(text.split("\n")[:-2]), r"BM-CF-062: .*it has 'nothing' where they have"),
    "no table": (lambda _: "hello\n", "BM-CF-061: .*its first line is 'hello'"),
    "empty": (lambda _: "", "BM-CF-061: .*its first line is ''"),
    "no number": (lambda text: re.sub(r"0\.0 \|\n", "abc |\n", text, count=1), "BM-CF-061: .*abc"),
    "not finite": (lambda text: re.sub(r"0\.0 \|\n", "nan |\n", text, count=1), "BM-CF-063: .*not finite"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_tables_that_cannot_be_used(case, written):
    change, match = CHANGES[case]
    with pytest.raises(ConfigError, match=match):
        read_models(edited(written, change))


@pytest.mark.parametrize(
    ("matrix", "match"),
    [
        ([[1.0, 0.5], [0.4, 1.0]], "BM-CF-063: here: 'a' and 'b' are not the same both ways"),
        ([[1.0, 2.0], [2.0, 1.0]], "BM-CF-063: here: 'a' and 'b' are correlated by more than one"),
        ([[1.0, 0.0], [0.0, -1.0]], "BM-CF-063: here: the variance of 'b' is negative"),
        ([[0.0, 0.1], [0.1, 1.0]], "BM-CF-063: here: 'a' and 'b'"),
    ],
)
def test_matrices_that_are_no_covariance(matrix, match):
    with pytest.raises(ConfigError, match=match):
        parse_table(format_table(("a", "b"), np.array(matrix)), "here", ("a", "b"))


def test_a_document_without_one(models, tmp_path):
    write_models(models, tmp_path / "m.yaml")
    with pytest.raises(ConfigError, match="BM-CF-068: the model file names no covariance file"):
        read_covariance(tmp_path / "m.yaml")
    with pytest.raises(ConfigError, match="BM-CF-007: covariance is int"):
        read_covariance({"components": [], "covariance": 3})


def test_the_checksum_is_verified(models, tmp_path):
    path = tmp_path / "m.yaml"
    write_models(models, path)
    text = path.read_text()
    assert re.search(r"creator: bayesmap \d+\.\d+\S*\n +date: '20", text)
    path.write_text(text.replace("value: 2.0", "value: 2.1", 1))
    with pytest.raises(ConfigError, match=r"BM-CF-066: m\.yaml has the checksum .*remove the line `checksum:`"):
        read_models(path)
    path.write_text(re.sub("checksum: .*", "", path.read_text()))
    assert read_models(path).parameters[f"{models[0].name}.spectral.index"].value == 2.1
    write_models(models, path, checksum=False, overwrite=True)
    assert "checksum" not in path.read_text()
    # With other mistakes in one pass.
    path.write_text(text.replace("name: sky", "nam: sky", 1))
    with pytest.raises(ProblemList, match=r"(?s)BM-CF-001: m\.yaml: components.*BM-CF-066"):
        read_models(path)
    # Blank lines and comments are no change of the content.
    path.write_text("# a comment\n" + text)
    assert read_models(path) == models
    with pytest.raises(ConfigError, match="BM-CF-066: YAML text has the checksum 'x'"):
        read_models("components: []\nchecksum: x\n")


def test_parameters_stand_in_gammapys_order():
    """Gammapy reads the table by position."""
    peers = pytest.importorskip("gammapy.modeling.models")
    compared = 0
    for models in (spectral_models(), spatial_models()):
        for name in class_names(models):
            own = [item.name for item in models[name].default_parameters]
            if hasattr(peers, name) and own:
                assert own == list(getattr(peers, name).default_parameters.names), name
                compared += 1
    assert compared > 20
