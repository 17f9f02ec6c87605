"""Lists of data sets, with Gammapy in both directions."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace

import numpy as np
import pytest

from bayesmap.errors import BayesmapIOError, ConfigError, ProblemList
from bayesmap.io.datasets import read_datasets, write_datasets
from bayesmap.io.yaml import read_models
from bayesmap.testing import toy_models, toy_response

NAMES = ("run 1", "run-2")


@pytest.fixture
def pair():
    places = (((83.6, 22.0), "icrs"), ((184.5, -5.8), "galactic"))
    responses = [toy_response(npix=8, center=center, frame=frame) for center, frame in places]
    return tuple(replace(response, name=name) for response, name in zip(responses, NAMES, strict=True))


def assert_same(one, other):
    assert one.name == other.name
    for name in ("counts", "exposure", "background"):
        first, second = getattr(one, name), getattr(other, name)
        np.testing.assert_array_equal(first.data, second.data, err_msg=name)
        assert first.geom == second.geom, name
    np.testing.assert_array_equal(one.psf.data, other.psf.data)
    np.testing.assert_array_equal(one.edisp.data, other.edisp.data)


def test_write_and_read_is_the_identity(pair, tmp_path):
    path = tmp_path / "datasets.yaml"
    write_datasets(path, pair, toy_models())
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        "datasets.yaml", "models.yaml", "run-2.fits", "run_1.fits",
    ]  # fmt: skip
    again = read_datasets(path)
    for one, other in zip(pair, again, strict=True):
        assert_same(one, other)
    assert read_models(tmp_path / "models.yaml") == toy_models()
    assert read_datasets(str(path))[1].name == "run-2"
    assert read_datasets(path.read_text(), root=tmp_path)[0].name == "run 1"
    assert [item.name for item in read_datasets(pair)] == list(NAMES)
    assert [item.name for item in read_datasets(pair[0])] == ["run 1"]


def test_gammapy_reads_what_we_write(pair, tmp_path, caplog):
    datasets = pytest.importorskip("gammapy.datasets")
    write_datasets(tmp_path / "datasets.yaml", pair, toy_models())
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error", UserWarning)  # Gammapy warns of a checksum that is missing or wrong
        theirs = datasets.Datasets.read(tmp_path / "datasets.yaml", filename_models=tmp_path / "models.yaml")
    assert theirs.names == list(NAMES)
    assert "source" in theirs.models.names
    for ours, peer in zip(pair, theirs, strict=True):
        np.testing.assert_array_equal(peer.counts.data, ours.counts.data)
        np.testing.assert_array_equal(peer.exposure.data, ours.exposure.data)
        np.testing.assert_array_equal(peer.background.data, ours.background.data)
        np.testing.assert_array_equal(peer.psf.psf_map.data[..., 0, 0], ours.psf.data)
        np.testing.assert_array_equal(peer.edisp.edisp_map.data[..., 0, 0], ours.edisp.data)
        assert peer.counts.geom.frame == ours.counts.geom.frame


def test_we_read_what_gammapy_writes(pair, tmp_path):
    datasets = pytest.importorskip("gammapy.datasets")
    write_datasets(tmp_path / "datasets.yaml", pair)
    theirs = datasets.Datasets.read(tmp_path / "datasets.yaml", lazy=False)
    folder = tmp_path / "theirs"
    folder.mkdir()
    theirs.write(folder / "datasets.yaml")
    for again in (read_datasets(folder / "datasets.yaml"), read_datasets(theirs)):
        for one, other in zip(pair, again, strict=True):
            assert_same(one, other)


def test_nothing_is_overwritten_unasked(pair, tmp_path):
    (tmp_path / "run-2.fits").write_text("mine")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-032: .*run-2\.fits exists"):
        write_datasets(tmp_path / "datasets.yaml", pair)
    assert [item.name for item in tmp_path.iterdir()] == ["run-2.fits"]
    assert (tmp_path / "run-2.fits").read_text() == "mine"
    write_datasets(tmp_path / "datasets.yaml", pair, overwrite=True)
    assert len(read_datasets(tmp_path / "datasets.yaml")) == 2


def test_lists_that_cannot_be_written(pair, tmp_path):
    with pytest.raises(ConfigError, match="BM-CF-015: 2 data sets are called 'run-2'"):
        write_datasets(tmp_path / "datasets.yaml", (pair[1], pair[1]))
    same = replace(pair[0], name="run_1")
    with pytest.raises(BayesmapIOError, match="BM-IO-041: the data sets 'run 1', 'run_1' and their list"):
        write_datasets(tmp_path / "datasets.yaml", (pair[0], same))
    with pytest.raises(BayesmapIOError, match="BM-IO-041"):
        write_datasets(tmp_path / "models.yaml", pair, toy_models())
    assert list(tmp_path.iterdir()) == []


ENTRY = "{name: a, type: MapDataset, filename: a.fits}"
BAD = {
    "top key": (f"dataset: [{ENTRY}]\n", ConfigError, "BM-CF-001: dataset: unknown key.*Did you mean 'datasets'"),
    "no list": ("datasets: {}\n", ConfigError, "BM-CF-007: datasets is dict"),
    "key": (
        f"datasets: [{ENTRY.replace('filename', 'file_name')}]\n",
        ConfigError,
        r"BM-CF-001: datasets\[0\]\.file_name: unknown key.*Did you mean 'filename'",
    ),
    "missing": ("datasets: [{name: a, type: MapDataset}]\n", ConfigError, r"BM-CF-007: datasets.* has no 'filename'"),
    "kind": (f"datasets: [{ENTRY.replace('name: a,', 'name: 1,')}]\n", ConfigError, r"BM-CF-007: datasets\[0\]\.name"),
    "type": (
        f"datasets: [{ENTRY.replace('MapDataset', 'MapDatset')}]\n",
        ConfigError,
        r"BM-CF-006: datasets\[0\]\.type: unknown data set type 'MapDatset'.*Did you mean 'MapDataset'",
    ),
    "absent": (f"datasets: [{ENTRY}]\n", BayesmapIOError, r"BM-IO-016: datasets\[0\]\.filename names the file"),
    "outside": (
        f"datasets: [{ENTRY.replace('a.fits', '../a.fits')}]\n",
        BayesmapIOError,
        r"BM-IO-012: datasets\[0\]\.filename",
    ),
    "url": (
        f"datasets: [{ENTRY.replace('a.fits', 'https://a.org/a.fits')}]\n",
        BayesmapIOError,
        r"BM-IO-013: datasets\[0\]\.filename",
    ),
}


@pytest.mark.parametrize("case", BAD, ids=list(BAD))
def test_bad_lists(case, tmp_path):
    text, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        read_datasets(text, root=tmp_path)


def test_all_problems_in_one_pass(tmp_path):
    (tmp_path / "a.fits").write_text("no FITS")
    with pytest.raises(ProblemList) as caught:
        read_datasets(f"datasets: [{ENTRY}, {ENTRY.replace('type', 'typ')}]\n", root=tmp_path)
    assert [problem.code for problem in caught.value.problems] == ["BM-IO-002", "BM-CF-001"]
    assert caught.value.problems[0].what.startswith("datasets[0]: ")


def test_files_elsewhere_need_permission(pair, tmp_path):
    (tmp_path / "data").mkdir()
    write_datasets(tmp_path / "data" / "list.yaml", pair)
    text = f"datasets: [{{name: b, type: MapDataset, filename: {tmp_path}/data/run-2.fits}}]\n"
    with pytest.raises(BayesmapIOError, match="BM-IO-015"):
        read_datasets(text)
    assert read_datasets(text, allow_paths=[tmp_path / "data"])[0].name == "b"
    variable = text.replace(f"{tmp_path}/data", "$DATA")
    assert read_datasets(variable, env={"DATA": str(tmp_path / "data")})[0].name == "b"


def test_other_objects():
    with pytest.raises(ConfigError, match="BM-CF-007: source is int"):
        read_datasets(3)
