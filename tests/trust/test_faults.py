"""Faults of a run from the command line: killed, ended, full disk, read-only, out of memory. No work is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bayesmap import load_posterior
from bayesmap.cli import exit_codes
from bayesmap.cli.config import Config
from bayesmap.cli.fit import tidy
from bayesmap.cli.main import main
from bayesmap.io.gammapy import write_dataset
from bayesmap.io.yaml import write_models
from bayesmap.results.draw_store import MANIFEST
from bayesmap.results.posterior import verdict_of
from tests.trust.new_store import new_store

CONFIG = """\
dataset: data.fits.gz
models: models.yaml
output: fit
sample: {draws: 1500, tune: 100, chains: 4, cores: 2, random_seed: 3}
"""
DRAWS = 4 * 1500


def new_analysis(folder: Path) -> Path:
    from bayesmap.testing import toy_dataset, toy_models

    folder.mkdir(exist_ok=True)
    write_dataset(toy_dataset(npix=10), folder / "data.fits.gz")
    write_models(toy_models(), folder / "models.yaml")
    (folder / "config.yaml").write_text(CONFIG)
    return folder


def command(folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "bayesmap", "fit", str(folder / "config.yaml"), *options]


def fit(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, *options), capture_output=True, text=True, timeout=500, check=False)


def begun(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(command(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def written(folder: Path) -> int:
    """Return how many draws the manifest calls valid."""
    path = folder / "fit.draws" / MANIFEST
    if not path.exists():
        return 0
    return sum(block["draws"] for item in json.loads(path.read_text())["chains"] for block in item["blocks"])


def wait_for(process: subprocess.Popen[str], folder: Path, draws: int) -> None:
    end = time.monotonic() + 400
    while written(folder) < draws:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


def same_posterior(one: Path, two: Path) -> None:
    a, b = load_posterior(one), load_posterior(two)
    for group in ("posterior", "sample_stats", "observed_data", "constant_data"):
        assert set(a[group].variables) == set(b[group].variables)
        for name, values in a[group].to_dataset().variables.items():
            assert np.array_equal(values.values, b[group][name].values), name
    assert verdict_of(a) == verdict_of(b)


def part_of(left, whole: Path) -> None:
    """Compare draws that a killed run left with those of the run without interruption."""
    full = load_posterior(whole)["posterior"].to_dataset()
    size = left["posterior"].sizes["draw"]
    assert size > 0
    for name, values in left["posterior"].data_vars.items():
        kept = full[name].sel(chain=values["chain"].values).isel(draw=slice(0, size))
        assert np.array_equal(values.values, kept.values), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run without interruption."""
    folder = new_analysis(tmp_path_factory.mktemp("whole") / "analysis")
    done = fit(folder)
    assert done.returncode in (exit_codes.FINE, exit_codes.NOT_TRUSTED), done.stderr
    assert not (folder / "fit.draws").exists()
    return folder


@pytest.fixture
def analysis(whole, tmp_path):
    folder = tmp_path / "analysis"
    folder.mkdir()
    for name in ("data.fits.gz", "models.yaml", "config.yaml"):
        (folder / name).write_bytes((whole / name).read_bytes())
    return folder


def test_a_killed_run_is_readable_and_resumed_bit_for_bit(whole, analysis):
    process = begun(analysis)
    wait_for(process, analysis, 500)
    process.kill()
    process.communicate()
    assert not (analysis / "fit").exists()
    left = load_posterior(analysis / "fit.draws")
    assert left.attrs["status"] == "interrupted"
    part_of(left, whole / "fit" / "posterior.nc")

    refused = fit(analysis)
    assert refused.returncode == 2
    assert "BM-IO-022" in refused.stderr
    assert "--resume" in refused.stderr

    done = fit(analysis, "--resume")
    assert done.returncode in (exit_codes.FINE, exit_codes.NOT_TRUSTED), done.stderr
    same_posterior(analysis / "fit" / "posterior.nc", whole / "fit" / "posterior.nc")
    assert not (analysis / "fit.draws").exists()


def child(folder: Path) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("sampling_child.py")
    return subprocess.Popen([sys.executable, script, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def whole_child(tmp_path_factory):
    """The same from Python, without interruption."""
    folder = new_analysis(tmp_path_factory.mktemp("child") / "analysis")
    process = child(folder)
    _, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(20))
def test_killed_at_any_moment(whole_child, tmp_path, moment):
    """At a random number of written draws and up to a second later; every fourth run once more while it is resumed."""
    rng = np.random.default_rng([41, moment])
    folder = new_analysis(tmp_path / "analysis")
    store, full = folder / "fit.draws", whole_child / "posterior.nc"
    for _ in range(2 if moment % 4 == 0 else 1):
        target, delay = int(rng.integers(1, DRAWS - 500)), rng.uniform(0.0, 1.0)
        process = child(folder)
        wait_for(process, folder, target)
        time.sleep(delay)
        before = written(folder)
        process.kill()
        process.communicate()
        assert written(folder) >= before >= target  # nothing that was flushed is lost
        part_of(load_posterior(store), full)
    process = child(folder)
    _, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    same_posterior(folder / "posterior.nc", full)


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_ctrl_c_or_the_end_of_a_jobs_time_writes_what_was_drawn(whole, analysis, number):
    """The results are marked; with --resume they are replaced by those of all draws."""
    process = begun(analysis)
    wait_for(process, analysis, 300)
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == exit_codes.INTERRUPTED, err
    assert re_interrupted(out)
    assert "the same command with --resume continues" in err
    assert json.loads((analysis / "fit" / "analysis.json").read_text())["status"] == "interrupted"
    left = load_posterior(analysis / "fit" / "posterior.nc")
    assert left.attrs["status"] == "interrupted"
    assert all(np.isfinite(values.values).all() for values in left["posterior"].data_vars.values())
    part_of(left, whole / "fit" / "posterior.nc")

    done = fit(analysis, "--resume")
    assert done.returncode in (exit_codes.FINE, exit_codes.NOT_TRUSTED), done.stderr
    same_posterior(analysis / "fit" / "posterior.nc", whole / "fit" / "posterior.nc")
    assert json.loads((analysis / "fit" / "analysis.json").read_text())["status"] == "finished"

    again = fit(analysis, "--resume")  # all is there: nothing is replaced unasked
    assert again.returncode == exit_codes.IO_FAILED
    assert "BM-IO-019" in again.stderr


def re_interrupted(text: str) -> bool:
    return "posterior NOT TO BE TRUSTED" in text and "- interrupted: " in text


def killed(analysis: Path) -> None:
    process = begun(analysis)
    wait_for(process, analysis, 250)
    process.kill()
    process.communicate()


def test_resuming_with_changed_counts_is_refused(analysis):
    from bayesmap.io.gammapy import read_dataset
    from bayesmap.maps.map import WcsNDMap

    killed(analysis)
    dataset = read_dataset(analysis / "data.fits.gz")
    counts = dataset.counts.data.copy()
    counts.flat[0] += 1
    write_dataset(
        replace(dataset, counts=WcsNDMap(dataset.counts.geom, counts)), analysis / "data.fits.gz", overwrite=True
    )
    done = fit(analysis, "--resume")
    assert done.returncode == 2
    assert "BM-IO-021" in done.stderr
    assert "data is different" in done.stderr
    assert load_posterior(analysis / "fit.draws").attrs["status"] == "interrupted"  # it is still there


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"a file system cannot be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_without_room_ends_with_a_code(analysis, small_disk):
    """All draws do not fit: said before the first is made, nothing is left but the empty folder of draws."""
    (analysis / "config.yaml").write_text(CONFIG.replace("output: fit", f"output: {small_disk}/fit"))
    done = fit(analysis, "--allow-path", str(small_disk))
    assert done.returncode == exit_codes.IO_FAILED
    assert "BM-IO-026" in done.stderr
    assert not (small_disk / "fit").exists()


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_the_last_flush(whole, analysis, small_disk):
    """Another program takes the space while draws are made; the run ends with a code, and is continued elsewhere."""
    text = (
        CONFIG.replace("output: fit", f"output: {small_disk}/fit")
        .replace("draws: 1500", "draws: 100")
        .replace("cores: 2", "cores: 1")
    )
    (analysis / "config.yaml").write_text(text)
    process = subprocess.Popen(
        command(analysis, "--allow-path", str(small_disk)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    store = small_disk / "fit.draws"
    end = time.monotonic() + 400
    while not list(store.glob("chain-*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)
    free = os.statvfs(small_disk)
    (small_disk / "other").write_bytes(b"x" * max(free.f_bavail * free.f_bsize - 4096, 0))
    _, err = process.communicate(timeout=400)
    assert process.returncode == exit_codes.IO_FAILED, err
    assert "No space left on device" in err
    assert "BM-IO-0" in err
    left = load_posterior(store)
    assert left["posterior"].sizes["draw"] > 0
    (small_disk / "other").unlink()


def test_a_folder_that_cannot_be_written_is_told_by_check(analysis, tmp_path):
    place = tmp_path / "read-only"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100k,ro", "tmpfs", place], capture_output=True, check=False
    )
    if made.returncode:
        if os.geteuid() == 0:
            pytest.skip("a file system cannot be mounted here, and the superuser may write everywhere")
        place.chmod(0o500)
    (analysis / "config.yaml").write_text(CONFIG.replace("output: fit", f"output: {place}/fit"))
    try:
        for name in ("check", "fit"):
            assert main([name, str(analysis / "config.yaml"), "--allow-path", str(place)]) == exit_codes.IO_FAILED
    finally:
        if not made.returncode:
            subprocess.run(["umount", place], check=True)


def test_resume_needs_draws_that_are_kept(analysis, capsys):
    for text in ("sample: false", "sample: {nuts_sampler: pymc}"):
        (analysis / "config.yaml").write_text(CONFIG.split("sample:", maxsplit=1)[0] + text + "\n")
        assert main(["fit", str(analysis / "config.yaml"), "--resume"]) == 2
        assert "BM-CF-059" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sample", "left"), [(None, True), ({"nuts_sampler": "numpyro"}, True), ({"random_seed": 1}, False)]
)
def test_draws_that_the_results_do_not_hold_are_not_deleted(tmp_path, sample, left):
    store = tmp_path / "fit.draws"
    new_store(store, finished=True)
    config = Config(folder=tmp_path, models=tmp_path / "models.yaml", output=tmp_path / "fit", sample=sample)
    tidy(config, interrupted=True)
    assert (store / MANIFEST).exists()
    tidy(config, interrupted=False)
    assert (store / MANIFEST).exists() == left


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")])
def test_out_of_memory_ends_with_a_code(analysis, capsys, monkeypatch, error):
    from bayesmap.cli import fit as module

    def fail(*arguments):
        raise error

    monkeypatch.setattr(module, "build_fit", fail)
    assert main(["fit", str(analysis / "config.yaml")]) == exit_codes.IO_FAILED
    assert "BM-FT-017" in capsys.readouterr().err
    assert not (analysis / "fit").exists()


def test_another_error_is_not_taken_for_it(analysis, monkeypatch):
    from bayesmap.cli import fit as module

    def fail(*arguments):
        raise RuntimeError("something else")

    monkeypatch.setattr(module, "build_fit", fail)
    with pytest.raises(RuntimeError, match="something else"):
        main(["fit", str(analysis / "config.yaml")])
