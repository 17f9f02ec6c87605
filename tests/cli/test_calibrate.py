"""`bayesmap calibrate`, from the command line to the files."""

import csv
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from bayesmap import read_calibration
from bayesmap.checks.coverage_study import read_study
from bayesmap.cli import calibrate as command
from bayesmap.cli.calibrate import _duration, _reporter, sampler_options
from bayesmap.cli.main import main
from bayesmap.errors import ConfigError
from bayesmap.io.gammapy import write_dataset
from bayesmap.io.yaml import write_models

FILES = {"simulations.jsonl", "calibration.json", "calibration.txt", "calibration.csv"}
FILES |= {"ranks.png", "rank-histograms.png", "coverage.png", "z-scores.png"}
CONFIG = """\
dataset: data.fits.gz
models: models.yaml
output: fit
priors:
  source.spectral.amplitude: {type: Gamma, mu: 8.0e-10, sigma: 2.0e-10}
  toy-bkg.spectral.norm: {type: Gamma, mu: 1.0, sigma: 0.2}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from bayesmap.testing import toy_dataset, toy_models

    place = tmp_path_factory.mktemp("analysis")
    write_dataset(toy_dataset(npix=10), place / "data.fits.gz")
    write_models(toy_models().with_frozen({"lon_0": True, "lat_0": True, "index": True}), place / "models.yaml")
    (place / "config.yaml").write_text(CONFIG)
    (place / "fit").mkdir()  # results of a fit, which calibrate leaves alone
    return place


@pytest.fixture(scope="module")
def done(folder):
    """Calibrate once through the command line; return the exit code, and what was printed."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["calibrate", str(folder / "config.yaml"), "--simulations", "8", "--cores", "1"])
    return code, out.getvalue(), err.getvalue()


def test_it_writes_record_table_and_pictures(folder, done):
    code, out, _ = done
    place = folder / "fit-calibration"
    assert code == 0, out
    assert {path.name for path in place.iterdir()} == FILES
    assert list((folder / "fit").iterdir()) == []
    for path in place.glob("*.png"):
        assert path.read_bytes()[:4] == b"\x89PNG"
        assert path.stat().st_size > 10_000
    found = read_calibration(place / "calibration.json")
    assert found.done == 8
    assert found.parameters == ("source.spectral.amplitude", "toy-bkg.spectral.norm")
    assert (place / "calibration.txt").read_text() == f"{found}\n"
    rows = list(csv.DictReader((place / "calibration.csv").read_text().splitlines()))
    assert [row["quantity"] for row in rows] == list(found.names)


def test_the_verdict_comes_first_and_progress_on_the_error_stream(folder, done):
    _, out, err = done
    priors, verdict, *_ = out.split("\n\n")
    assert priors.startswith("prior of")
    assert verdict.startswith("calibrated (8 of 8 simulations have a posterior)")
    assert out.endswith(f"results: {(folder / 'fit-calibration').resolve()}\n")
    assert all(line.startswith("bayesmap: ") for line in err.splitlines())
    assert re.search(r"bayesmap: 8 of 8 simulations, [\d.]+ a second, 0 s left\n", err)


def test_the_same_command_continues(folder, done, capsys):
    """With more simulations; the others are not run again."""
    assert main(["calibrate", str(folder / "config.yaml"), "--simulations", "9", "--cores", "1"]) == 0
    assert "8 of 9 simulations are there from an earlier run" in capsys.readouterr().err
    assert read_calibration(folder / "fit-calibration" / "calibration.json").done == 9


def test_another_seed_needs_another_folder(folder, done, capsys):
    assert main(["calibrate", str(folder / "config.yaml"), "--seed", "2", "--cores", "1"]) == 2
    assert "BM-CK-023" in capsys.readouterr().err


def test_a_foreign_folder_is_refused_before_anything_is_read(folder, capsys):
    arguments = ["calibrate", str(folder / "config.yaml"), "--output", str(folder)]
    assert main([*arguments]) == 2
    captured = capsys.readouterr()
    assert "BM-CK-023" in captured.err
    assert "data and models are fine" not in captured.err


def test_what_is_not_calibrated_is_exit_code_3(folder, done, monkeypatch, capsys):
    from dataclasses import replace

    found = read_calibration(folder / "fit-calibration" / "calibration.json")
    wrong = replace(found, requested=found.done + 1)
    monkeypatch.setattr(command, "_calibrate", lambda *given: wrong)
    assert main(["calibrate", str(folder / "config.yaml")]) == 3
    assert "NOT CALIBRATED" in capsys.readouterr().out


def test_intervals_at_one_truth(folder, capsys):
    arguments = ["calibrate", str(folder / "config.yaml"), "--truth", "start", "--method", "laplace", "--cores", "1"]
    assert main([*arguments, "--simulations", "3"]) == 0
    out = capsys.readouterr().out
    assert "\n\nintervals hold the truth as they say (3 simulations)\n" in out
    place = folder / "fit-coverage-start"
    assert {path.name for path in place.iterdir()} == {
        "simulations.jsonl", "coverage.json", "coverage.txt", "coverage.csv", "coverage.png"
    }  # fmt: skip
    found = read_study(place / "coverage.json")
    assert found.truth["toy-bkg.spectral.norm"] == 1.0
    assert list(found.methods) == ["laplace"]


def test_methods_of_intervals_need_one_truth(folder, capsys):
    assert main(["calibrate", str(folder / "config.yaml"), "--method", "nuts"]) == 2
    assert "BM-CF-081" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_leaves_a_folder_that_is_continued(folder, tmp_path):
    for name in ("data.fits.gz", "models.yaml", "config.yaml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    arguments = [sys.executable, "-m", "bayesmap", "calibrate", str(tmp_path / "config.yaml"), "--simulations", "60"]
    process = subprocess.Popen([*arguments, "--cores", "2"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               start_new_session=True)  # fmt: skip
    for line in process.stderr:
        if re.search(r"[1-9]\d* of 60 simulations", line):
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process gets it
            break
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "the same command continues" in err
    assert "Traceback" not in err
    lines = (tmp_path / "fit-calibration" / "simulations.jsonl").read_text().splitlines()
    again = subprocess.run([*arguments, "--cores", "1"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert f"{len(lines) - 1} of 60 simulations are there from an earlier run" in again.stderr
    straight = subprocess.run(
        [*arguments, "--cores", "1", "--output", str(tmp_path / "straight")], capture_output=True, text=True, check=True
    )
    assert straight.returncode == 0
    one, other = (json.loads((tmp_path / name / "calibration.json").read_text()) for name in
                  ("fit-calibration", "straight"))  # fmt: skip
    assert one == other


def test_options_of_the_sampler_are_taken_over():
    assert sampler_options({"draws": 50, "target_accept": 0.9, "random_seed": 1}) == {"target_accept": 0.9}
    with pytest.raises(ConfigError, match="BM-CF-080"):
        sampler_options({"nuts_sampler": "pymc"})


def test_rate_and_time_left(monkeypatch, capsys):
    """The first simulation, which compiled, begins the clock, whether or not its line is printed."""
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    report = _reporter()
    for now, done in ((0.0, 5), (1.0, 6), (5.0, 10), (6.0, 11), (11.0, 45)):  # noqa: B007
        report(done, 45, done - 5)
    assert capsys.readouterr().err.splitlines() == [
        "bayesmap: 5 of 45 simulations",
        "bayesmap: 10 of 45 simulations, 1 a second, 35 s left",
        "bayesmap: 45 of 45 simulations, 3.9 a second, 0 s left",
    ]
    assert [_duration(value) for value in (59, 61, 7300)] == ["59 s", "1 min 1 s", "2 h 1 min"]
