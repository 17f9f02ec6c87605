"""`bayesmap fit` and `bayesmap demo`, from the command line to the files."""

from __future__ import annotations

import inspect
import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bayesmap.cli import config as config_module
from bayesmap.cli import demo, demo_data, sampling
from bayesmap.cli.config import read_config
from bayesmap.cli.fit import build_fit, exit_code
from bayesmap.cli.inputs import load_inputs
from bayesmap.cli.main import main
from bayesmap.cli.posterior import Sampled, draw_posterior, summary_record, write_posterior
from bayesmap.cli.sampling import RANDOM_SEED
from bayesmap.dataset import MapDataset
from bayesmap.errors import FitStateError
from bayesmap.inference.sample import sample
from bayesmap.io.gammapy import read_dataset, write_dataset
from bayesmap.io.yaml import read_models, write_models
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.prior import Prior
from bayesmap.results.posterior import verdict_of
from bayesmap.results.store import load_posterior
from bayesmap.results.summary import summarise

MODEL_FILES = {"models.yaml", "models_covariance.dat"}
FILES = MODEL_FILES | {"result.json", "covariance.tsv", "npred.fits.gz", "maps.png", "spectrum.png"}
FILES |= {"correlation.png", "residuals.png", "positions.reg", "analysis.json"}
PRIOR_FILES = {"priors.txt", "priors.png"}
TEXTS = {"posterior.nc", "summary.txt", "summary.json"} | PRIOR_FILES
POSTERIOR_FILES = TEXTS | {"corner.png", "trace.png", "predictive.png", "sed-source.png"}
POSTERIOR_FILES |= {"positions-posterior.reg", "position-source.png"}
CHECKS = {"overview", "spectrum", "maximum", "pit", "radial", "significance"}
CHECK_FILES = {"check.json", "check.txt", "predictive.png"} | {f"check-{name}.png" for name in CHECKS}
PRIOR_FILES |= {"prior-check.txt", "prior-check.png"}
POSTERIOR_FILES |= PRIOR_FILES | CHECK_FILES
BEST_FIT_ONLY = "dataset: data.fits.gz\nmodels: models.yaml\noutput: fit\nsample: false\n"
CONFIG = BEST_FIT_ONLY.replace("false", "{draws: 250, tune: 150, cores: 2}")


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
    assert {path.name for path in (folder / "fit").iterdir()} == FILES | POSTERIOR_FILES


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
    priors, table, posterior, check, *_ = out.split("\n\n")
    assert priors.startswith("prior of")
    assert "source.spatial.position    ~  uniform on the sphere within" in priors
    lines = table.splitlines()
    assert lines[0].split() == ["name", "value", "error", "unit", "note"]
    assert posterior.startswith("posterior: ok (")
    assert any(line.startswith("source.spectral.reference") and line.endswith("frozen") for line in lines)
    assert check.startswith("predictive check: ok, the model describes the data")
    assert "fit: success" in out
    assert f"results: {(folder / 'fit').resolve()}" in out
    assert all(line.startswith("bayesmap: ") for line in err.splitlines())
    assert "step 0: " in err
    assert "1600 of 1600 draws (warm-up included), " in err
    assert "predictive checks: 1000 of 1000 draws" in err
    assert "report on the priors: 1000 of 1000 draws" in err


def test_summary_says_what_the_draws_say(fitted):
    _, folder, out, _ = fitted
    tree = load_posterior(folder / "fit" / "posterior.nc")
    draws = tree["posterior"]["source.spectral.index"].values
    assert draws.shape == (4, 250)
    record = json.loads((folder / "fit" / "summary.json").read_text())
    row = record["parameters"]["source.spectral.index"]
    assert row["mean"] == pytest.approx(draws.mean())
    assert row["sd"] == pytest.approx(draws.std(ddof=1))
    assert record["verdict"]["ok"] is True
    assert record["verdict"]["status"] == "ok"
    assert record["priors"]["source.spectral.index"] == "Normal(mu=2.5, sigma=1.5)"
    assert record["prior_report"]["source.spectral.index"]["contraction"] > 0.9
    assert (folder / "fit" / "priors.txt").read_text().startswith("priors: the data decide every parameter")
    provenance = record["provenance"]
    assert provenance["sampler"]["seed"] == RANDOM_SEED
    assert provenance["options"]["priors"] == "default"
    assert (
        provenance["dataset"]["sha256"] == json.loads((folder / "fit" / "result.json").read_text())["dataset"]["sha256"]
    )
    assert set(record["predictive_p_values"]) == {"deviance", "total", "largest_excess"}
    text = (folder / "fit" / "summary.txt").read_text()
    assert text.strip() == str(summarise(tree))
    assert text.strip() in out


def test_pictures_are_pictures(fitted):
    _, folder, _, _ = fitted
    pictures = [path for path in (folder / "fit").iterdir() if path.suffix == ".png"]
    assert len(pictures) == 17
    assert all(path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > 10_000 for path in pictures)


def test_region_files_hold_the_position_of_the_best_fit_and_of_the_draws(fitted):
    from regions import Regions

    _, folder, _, _ = fitted
    best = Regions.read(folder / "fit" / "positions.reg", format="ds9")
    assert [item.meta["text"] for item in best] == [
        f"source, position (Laplace), {mass} %" for mass in ("68.27", "95.45")
    ]
    record = json.loads((folder / "fit" / "result.json").read_text())["parameters"]
    assert best[0].center.ra.deg == pytest.approx(record["source.spatial.lon_0"]["value"], abs=1e-9)
    drawn = Regions.read(folder / "fit" / "positions-posterior.reg", format="ds9")
    words = [item.meta["text"] for item in drawn if "text" in item.meta]
    assert words[:2] == ["source, position (draws), 68.27 %", "source, position (draws), 95.45 %"]
    assert "source, position (highest density), 95.45 %" in words


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
    (tmp_path / "config.yaml").write_text(BEST_FIT_ONLY)
    assert main(["fit", str(tmp_path / "config.yaml")]) == 2
    captured = capsys.readouterr()
    assert "BM-IN-004" in captured.err
    assert "fitting" not in captured.err
    assert not (tmp_path / "fit").exists()


@pytest.fixture
def copied(fitted, tmp_path):
    """Return a function that writes a configuration beside a copy of the data, and runs `fit`."""
    for name in ("data.fits.gz", "models.yaml"):
        (tmp_path / name).write_bytes((fitted[1] / name).read_bytes())

    def run(text, *arguments):
        (tmp_path / "config.yaml").write_text(text)
        return main(["fit", str(tmp_path / "config.yaml"), *arguments])

    return run


def test_without_sampling_only_the_best_fit_is_written(copied, tmp_path, capsys):
    assert copied(BEST_FIT_ONLY + "priors: flat\n") == 0
    assert {path.name for path in (tmp_path / "fit").iterdir()} == FILES
    captured = capsys.readouterr()
    assert "posterior" not in captured.out
    assert "source.spectral.index      ~  Flat()" in captured.out
    assert "sampling" not in captured.err


def test_best_fit_and_posterior_that_are_not_to_be_trusted_are_exit_code_3(copied, tmp_path, capsys):
    sample = BEST_FIT_ONLY.replace("false", "{draws: 20, tune: 50, chains: 2}")
    assert copied(sample + "optimize: {max_iterations: 1}\n") == 3
    out, err = capsys.readouterr()
    assert "fit: NOT TO BE TRUSTED" in out
    assert "- not converged after 1 steps" in out
    assert json.loads((tmp_path / "fit" / "result.json").read_text())["success"] is False
    assert "posterior NOT TO BE TRUSTED" in out
    verdict = json.loads((tmp_path / "fit" / "summary.json").read_text())["verdict"]
    assert verdict["ok"] is False
    assert "few_chains" in verdict["status"]
    assert {path.name for path in (tmp_path / "fit").iterdir()} == FILES | POSTERIOR_FILES - {"positions-posterior.reg"}
    assert "BM-FT-072: the 40 draws of the position of source" in err


def test_priors_of_the_configuration_are_used(fitted):
    config = read_config(fitted[1] / "config.yaml", overwrite=True)
    given = replace(config, priors={"source.spectral.index": Prior("Normal", mu=2.0, sigma=0.01)})
    assert build_fit(load_inputs(config), given).priors["source.spectral.index"] == "Normal(mu=2, sigma=0.01)"


@pytest.mark.parametrize(
    ("priors", "code"),
    [
        ("{source.spectral.indx: {type: Flat}}", "BM-MO-002"),
        ("{source.spectral.index: {type: Normal, mu: 2 TeV, sigma: 0.5}}", "BM-PR-002"),
    ],
)
def test_check_finds_priors_that_fit_no_parameter(copied, tmp_path, capsys, priors, code):
    assert copied(f"{BEST_FIT_ONLY}priors: {priors}\n") == 2
    assert code in capsys.readouterr().err
    assert main(["check", str(tmp_path / "config.yaml")]) == 2
    assert code in capsys.readouterr().out


def raising(error):
    def fail(*arguments, **options):
        raise error

    return fail


NO_DRAWS = FitStateError("BM-FT-006", what="nothing was drawn", rule="Draws are kept", remedy="Run it again")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), NO_DRAWS])
def test_an_interrupt_before_the_first_draw_leaves_no_posterior(error, tmp_path):
    sampled = draw_posterior(SimpleNamespace(sample=raising(error)), {})
    assert sampled == Sampled(interrupted=True)
    assert exit_code(SimpleNamespace(success=True), sampled) == 130
    write_posterior(tmp_path, sampled, None)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_of_the_predictive_checks_keeps_the_posterior(fitted, capsys):
    tree = load_posterior(fitted[1] / "fit" / "posterior.nc")
    fit = SimpleNamespace(sample=lambda **_: tree, check=raising(KeyboardInterrupt()), names=("data",))
    sampled = draw_posterior(fit, {})
    assert (sampled.tree is tree, sampled.check, sampled.interrupted) == (True, None, True)
    assert exit_code(SimpleNamespace(success=True), sampled) == 130
    assert "no predictive checks" in capsys.readouterr().err
    assert summary_record(sampled)["predictive_p_values"] == {}


def test_an_interrupt_of_the_report_on_the_priors_keeps_the_rest(fitted, capsys):
    tree = load_posterior(fitted[1] / "fit" / "posterior.nc")
    check = SimpleNamespace(datasets={})
    fit = SimpleNamespace(
        sample=lambda **_: tree,
        names=("data",),
        check=lambda *_, **__: check,
        prior_report=raising(KeyboardInterrupt()),
    )
    sampled = draw_posterior(fit, {})
    assert (sampled.check is check, sampled.priors, sampled.interrupted) == (True, None, True)
    assert "no report on the priors" in capsys.readouterr().err
    assert summary_record(sampled)["prior_report"] == {}


def test_another_error_of_the_sampler_is_not_taken_for_an_interrupt():
    error = FitStateError("BM-FT-008", what="no support", rule="There is some", remedy="Move")
    with pytest.raises(FitStateError, match="BM-FT-008"):
        draw_posterior(SimpleNamespace(sample=raising(error)), {})


@pytest.mark.parametrize(
    ("success", "ok", "code"), [(True, True, 0), (False, True, 3), (True, False, 3), (True, None, 0), (False, None, 3)]
)
def test_exit_code_is_that_of_best_fit_and_posterior(success, ok, code):
    summary = SimpleNamespace(verdict=SimpleNamespace(ok=ok))
    assert exit_code(SimpleNamespace(success=success), None if ok is None else Sampled(summary=summary)) == code


def test_ctrl_c_keeps_what_was_drawn(copied, fitted, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(BEST_FIT_ONLY.replace("false", "{draws: 1000000, tune: 20, chains: 4, cores: 2}"))
    command = [sys.executable, "-m", "bayesmap", "fit", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            drawn = re.search(r"(\d+) of 4000080 draws", line)
            if drawn and int(drawn.group(1)) > 200:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "posterior NOT TO BE TRUSTED" in out
    assert re.search(r"- interrupted: \d chains of \d+ draws were kept", out)
    files = {path.name for path in (tmp_path / "fit").iterdir()}
    # How many draws were made is left to chance: regions are written, or the output says that they are too few.
    assert "positions-posterior.reg" in files or "BM-FT-072" in err
    assert files | {"positions-posterior.reg"} == FILES | POSTERIOR_FILES - CHECK_FILES - PRIOR_FILES
    tree = load_posterior(tmp_path / "fit" / "posterior.nc")
    assert tree["posterior"].sizes["draw"] > 10
    assert verdict_of(tree).status.startswith("interrupted")


def test_the_configuration_knows_the_words_of_the_library():
    from bayesmap.fit import options
    from bayesmap.inference.backends import registry
    from bayesmap.inference.samplers import base
    from bayesmap.posterior import priors

    assert config_module.EXPOSURE_ORDERS == options.EXPOSURE_ORDERS
    assert config_module.PRIOR_SETS == priors.SETS
    assert tuple(registry.OPTIMISERS) == config_module.OPTIMISERS
    assert set(sampling.SAMPLERS) == set(base.BACKENDS)
    assert set(sampling.OPTIONS) <= set(inspect.signature(sample).parameters)


def test_demo_folder_holds_an_analysis_that_can_be_run_again(tmp_path, capsys):
    truth = demo.write_demo(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "dataset.fits.gz", "models.yaml", "truth.yaml"}
    assert truth.parameters["remnant.spatial.r_0"].value == 0.22
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
    assert "posterior: ok" in out
    table = out.split("\n\n")[3].splitlines()
    assert table[0].split()[-3:] == ["true", "pull", "unit"]
    pulls = [float(re.search(r"[+-]\d+\.\d(?=\s|$)", line).group()) for line in table[1:]]
    assert len(pulls) == 16
    assert max(map(abs, pulls)) < 4.0
    sources = {f"{kind}-{name}.png" for name in ("center", "remnant", "nebula") for kind in ("sed", "position")}
    of_sources = POSTERIOR_FILES - {"sed-source.png", "position-source.png"} | sources
    assert {path.name for path in (tmp_path / "result" / "fit").iterdir()} == FILES | of_sources | {"report.html"}
