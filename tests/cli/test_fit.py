"""`bayesmap fit` and `bayesmap demo`, from the command line to the files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bayesmap.cli import config as config_module
from bayesmap.cli import demo, demo_data
from bayesmap.cli.main import main
from bayesmap.dataset import MapDataset
from bayesmap.io.gammapy import read_dataset, write_dataset
from bayesmap.io.yaml import read_models, write_models
from bayesmap.maps.map import WcsNDMap

FILES = {"result.json", "covariance.tsv", "models.yaml", "npred.fits.gz", "maps.png", "spectrum.png"}
CONFIG = "dataset: data.fits.gz\nmodels: models.yaml\noutput: fit\n"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Fit a toy once through the command line; return the exit code, the folder and what was printed."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    from bayesmap.testing import toy_dataset, toy_models

    folder = tmp_path_factory.mktemp("analysis")
    write_dataset(toy_dataset(npix=10), folder / "data.fits.gz")
    write_models(toy_models(), folder / "models.yaml")
    (folder / "config.yaml").write_text(CONFIG)
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["fit", str(folder / "config.yaml")])
    return code, folder, out.getvalue(), err.getvalue()


def test_it_succeeds_and_leaves_its_files(fitted):
    code, folder, _, _ = fitted
    assert code == 0
    assert {path.name for path in (folder / "fit").iterdir()} == FILES


def test_result_json_agrees_with_the_models_and_the_table_of_covariance(fitted):
    _, folder, _, _ = fitted
    record = json.loads((folder / "fit" / "result.json").read_text())
    assert record["success"] is True
    assert record["reasons"] == []
    best = read_models(folder / "fit" / "models.yaml").parameters
    assert {name: entry["value"] for name, entry in record["parameters"].items()} == pytest.approx(
        {name: parameter.value for name, parameter in best.items()}, rel=1e-12
    )
    covariance = record["covariance"]
    assert covariance["names"] == list(best.free_names)
    errors = np.sqrt(np.diag(np.array(covariance["matrix"])))
    np.testing.assert_allclose(errors, [record["parameters"][name]["error"] for name in covariance["names"]])
    lines = [line.split("\t") for line in (folder / "fit" / "covariance.tsv").read_text().splitlines()]
    assert lines[0][1:] == covariance["names"]
    np.testing.assert_allclose(np.array([row[1:] for row in lines[1:]], dtype=float), covariance["matrix"], rtol=1e-11)
    assert set(record["versions"]) >= {"python", "bayesmap", "pymc", "pytensor", "numpy"}
    assert len(record["dataset"]["sha256"]) == 64


def test_npred_is_that_of_the_best_fit(fitted):
    _, folder, _, _ = fitted
    npred = WcsNDMap.read(folder / "fit" / "npred.fits.gz")
    dataset = read_dataset(folder / "data.fits.gz")
    assert npred.geom.is_close(dataset.counts.geom)
    # At the maximum of a Poisson likelihood with free norms the totals agree.
    assert npred.data.sum() == pytest.approx(dataset.counts.data.sum(), rel=1e-3)
    record = json.loads((folder / "fit" / "result.json").read_text())
    stat = 2.0 * (npred.data - dataset.counts.data * np.log(npred.data)).sum()
    assert record["total_stat"] == pytest.approx(stat, rel=1e-6)


def test_table_on_the_output_and_progress_on_the_error_stream(fitted):
    _, folder, out, err = fitted
    lines = out.splitlines()
    assert lines[0].split() == ["name", "value", "error", "unit", "note"]
    assert any(line.startswith("source.spectral.reference") and line.endswith("frozen") for line in lines)
    assert "fit: success" in out
    assert f"results: {(folder / 'fit').resolve()}" in out
    assert all(line.startswith("bayesmap: ") for line in err.splitlines())
    assert "step 0: " in err


def test_results_are_not_overwritten_unasked(fitted, capsys):
    _, folder, _, _ = fitted
    before = (folder / "fit" / "result.json").read_bytes()
    assert main(["fit", str(folder / "config.yaml")]) == 4
    assert "BM-IO-019" in capsys.readouterr().err
    assert (folder / "fit" / "result.json").read_bytes() == before


def test_a_wrong_input_is_found_before_anything_is_compiled(fitted, tmp_path, capsys):
    _, folder, _, _ = fitted
    dataset = read_dataset(folder / "data.fits.gz")
    broken = replace(dataset, counts=dataset.counts.copy_with(data=dataset.counts.data - 3.0))
    write_dataset(broken, tmp_path / "data.fits.gz")
    (tmp_path / "models.yaml").write_bytes((folder / "models.yaml").read_bytes())
    (tmp_path / "config.yaml").write_text(CONFIG)
    assert main(["fit", str(tmp_path / "config.yaml")]) == 2
    captured = capsys.readouterr()
    assert "BM-IN-004" in captured.err
    assert "fitting" not in captured.err
    assert not (tmp_path / "fit").exists()


def test_a_fit_that_is_not_to_be_trusted_is_exit_code_3(fitted, tmp_path, capsys):
    _, folder, _, _ = fitted
    for name in ("data.fits.gz", "models.yaml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "config.yaml").write_text(CONFIG + "optimize: {max_iterations: 1}\n")
    assert main(["fit", str(tmp_path / "config.yaml")]) == 3
    out = capsys.readouterr().out
    assert "NOT TO BE TRUSTED" in out
    assert "- not converged after 1 Newton steps" in out
    assert json.loads((tmp_path / "fit" / "result.json").read_text())["success"] is False


def test_the_configuration_knows_the_words_of_the_fit():
    from bayesmap import fit

    assert config_module.EXPOSURE_ORDERS == fit.EXPOSURE_ORDERS


def test_demo_folder_holds_an_analysis_that_can_be_run_again(tmp_path, capsys):
    truth = demo.write_demo(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "dataset.fits.gz", "models.yaml", "truth.yaml"}
    assert truth["remnant.spatial.sigma"] == 0.18
    assert main(["check", str(tmp_path / "config.yaml")]) == 0
    assert "free parameters (16)" in capsys.readouterr().out
    dataset = read_dataset(tmp_path / "dataset.fits.gz")
    assert isinstance(dataset, MapDataset)
    assert dataset.counts.data.sum() > demo_data.BACKGROUND_COUNTS
    np.testing.assert_array_equal(dataset.counts.data, np.rint(dataset.counts.data))


@pytest.mark.slow
def test_demo_finds_its_truth(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--output", "result"]) == 0
    out = capsys.readouterr().out
    pulls = [float(line.split()[-1]) for line in out.splitlines()[1:] if line.split()[-1][0] in "+-"]
    assert len(pulls) == 16
    assert max(map(abs, pulls)) < 4.0
    assert {path.name for path in (tmp_path / "result" / "fit").iterdir()} == FILES
