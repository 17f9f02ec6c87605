"""`bayesmap compare`: from configurations, or folders of results, to table, record and pictures."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from bayesmap import load_posterior, write_dataset, write_models
from bayesmap.cli import compare as module
from bayesmap.cli.candidates import read_candidates
from bayesmap.cli.main import main
from bayesmap.errors import BayesmapError
from bayesmap.results.draw_store import MANIFEST
from bayesmap.testing import toy_dataset, toy_models
from tests.trust.new_store import new_store

CONFIG = "dataset: data.fits.gz\nmodels: {name}.yaml\noutput: fit-{name}\nsample: {{draws: 300, tune: 150}}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two configurations of one data set, and one of another."""
    found = tmp_path_factory.mktemp("analysis")
    models = toy_models().with_frozen({"lon_0": True, "lat_0": True})
    write_dataset(toy_dataset(npix=8), found / "data.fits.gz")
    write_models(models, found / "source.yaml")
    write_models(models["toy-bkg"], found / "none.yaml")
    for name in ("source", "none"):
        (found / f"{name}-config.yaml").write_text(CONFIG.format(name=name))
    return found


@pytest.fixture(scope="module")
def compared(folder):
    """Fit one of them by `bayesmap fit`; compare. Return exit code, output folder, what was printed."""
    from contextlib import chdir, redirect_stderr, redirect_stdout
    from io import StringIO

    out, err = StringIO(), StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        assert main(["fit", "source-config.yaml"]) == 0
        code = main(["compare", "source=fit-source", "none=none-config.yaml", "--draws", "400"])
    return code, folder / "comparison", out.getvalue(), err.getvalue()


def test_table_record_and_pictures(compared):
    code, output, out, err = compared
    assert code == 0
    text = (output / "comparison.txt").read_text()
    assert text in out
    record = json.loads((output / "comparison.json").read_text())
    assert [row["name"] for row in record["models"]] == ["source", "none"]
    assert record["success"] is True
    assert record["models"][0]["log_z"] - record["models"][1]["log_z"] > 50.0
    maps = {f"{kind}-{name}.png" for kind in ("elpd", "pareto-k") for name in ("source", "none")}
    expected = {"comparison.json", "comparison.txt", "comparison.png", "difference-none.png"} | maps
    assert {path.name for path in output.iterdir()} == expected
    assert "source: draws of " in err
    assert "none: sampling the posterior" in err
    assert "none: cross-validation 400 of 400" in err
    assert all(line.startswith("bayesmap: ") for line in err.splitlines())


def test_folders_remember_their_configuration(compared, folder):
    record = json.loads((folder / "fit-source" / "result.json").read_text())
    assert record["configuration"] == "../source-config.yaml"
    both = read_candidates([str(folder / "fit-source"), f"b={folder / 'none-config.yaml'}"], ())
    assert [item.name for item in both] == ["fit-source", "b"]
    assert both[0].config.file == (folder / "source-config.yaml").resolve()
    assert both[0].stored == folder / "fit-source" / "posterior.nc"
    assert both[0].must_be_stored
    assert both[1].stored is None


def test_results_are_not_overwritten_unasked(compared, monkeypatch, folder, capsys):
    monkeypatch.chdir(folder)
    assert main(["compare", "source-config.yaml", "none-config.yaml"]) == 4
    assert "BM-IO-019" in capsys.readouterr().err


def test_draws_of_other_models_are_passed_over_and_the_user_is_told(compared, folder, capsys):
    from bayesmap.cli.candidates import _stored_draws
    from bayesmap.cli.fit import build_fit
    from bayesmap.cli.inputs import load_inputs

    stored = folder / "fit-source" / "posterior.nc"
    load_posterior(stored)
    (one,) = read_candidates([f"a={folder / 'none-config.yaml'}", f"b={folder / 'fit-source'}"], ())[:1]
    fit = build_fit(load_inputs(one.config), one.config)
    from dataclasses import replace

    assert _stored_draws(replace(one, stored=stored), fit) is None
    assert "is passed over: the draws of 'a' are of" in capsys.readouterr().err
    with pytest.raises(BayesmapError, match="BM-CK-010: the draws of 'a' are of"):
        _stored_draws(replace(one, stored=stored, must_be_stored=True), fit)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none-config.yaml"], 2, "BM-CF-055: 1 model is given"),
        (["none-config.yaml", "none-config.yaml"], 2, "BM-CF-055: two models are called 'none-config'"),
        (["empty", "none-config.yaml"], 4, "BM-CF-056: empty does not say which configuration"),
        (["best.yaml", "none-config.yaml"], 2, "BM-CF-057: best has sample: false"),
        (["none-config.yaml", "source-config.yaml", "--draws", "0"], 2, "BM-CF-058: --draws 0 was given"),
        (["none-config.yaml", "source-config.yaml", "--tile", "1"], 2, "BM-CF-058: --tile was given with --by bin"),
        (["none-config.yaml", "other.yaml"], 2, "BM-CK-010: 'none-config' and 'other' are fits of different data"),
        (["none-config.yaml", "nowhere.yaml"], 4, "nowhere.yaml"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_compiled(folder, monkeypatch, capsys, arguments, code, message):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir(exist_ok=True)
    best = CONFIG.format(name="source").replace("{draws: 300, tune: 150}", "false").replace("fit-source", "fit-best")
    (folder / "best.yaml").write_text(best)
    if "other.yaml" in arguments:
        write_dataset(toy_dataset(npix=8, seed=2), folder / "other.fits.gz")
        (folder / "other.yaml").write_text(CONFIG.format(name="none").replace("data.fits.gz", "other.fits.gz"))
    assert main(["compare", *arguments, "--output", "new"]) == code
    assert message in capsys.readouterr().err
    assert not (folder / "new").exists()


def test_an_interrupted_comparison_keeps_its_draws_and_continues(folder, monkeypatch, capsys):
    """The first model is whole, the second was stopped: neither begins anew."""
    from bayesmap.cli import candidates

    monkeypatch.chdir(folder)
    (folder / "short-config.yaml").write_text(CONFIG.format(name="none").replace("fit-none", "fit-short"))
    (folder / "again-config.yaml").write_text(CONFIG.format(name="none").replace("fit-none", "fit-again"))
    command = ["compare", "short=short-config.yaml", "again=again-config.yaml", "--output", "stopped"]
    original = candidates._new_draws

    def stopped(item, fit, store):
        if item.name == "again":
            raise KeyboardInterrupt
        return original(item, fit, store)

    with monkeypatch.context() as patch:
        patch.setattr(candidates, "_new_draws", stopped)
        assert main(command) == 130
    assert "draws are kept in" in capsys.readouterr().err
    assert load_posterior(folder / "stopped.draws" / "short").attrs["status"] == "finished"
    assert main(command) == 2
    assert "BM-IO-022" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    assert not (folder / "stopped.draws").exists()
    record = json.loads((folder / "stopped" / "comparison.json").read_text())
    first, second = record["models"]
    assert first["elpd"] == second["elpd"]  # the same model, seed and data


BOTH = ["compare", "c=source-config.yaml", "d=none-config.yaml", "--output", "tidied"]


@pytest.fixture
def tidied(folder, tmp_path, monkeypatch):
    """A comparison without the fits; return its folder of draws."""
    monkeypatch.chdir(folder)
    trees = {name: (None, None) for name in ("c", "d")}
    monkeypatch.setattr(module, "fits_of", lambda *arguments, **options: trees)
    monkeypatch.setattr(module, "_compared", lambda *arguments: SimpleNamespace(success=True))
    monkeypatch.setattr(module, "write_comparison", lambda *arguments: None)
    monkeypatch.setattr(module, "output_path", lambda *arguments, **options: tmp_path / "tidied")
    return tmp_path / "tidied.draws"


@pytest.mark.parametrize("option", ["--resume", "--overwrite"])
def test_a_comparison_deletes_the_draws_of_its_own_models_only(tidied, capsys, option):
    for name, finished in {"a": False, "b": True, "c": True, "d": False}.items():
        new_store(tidied / name, finished=finished)
    assert main(BOTH) == 2
    assert "BM-IO-022" in capsys.readouterr().err
    assert main([*BOTH, option]) == 0
    assert {path.name for path in tidied.iterdir()} == {"a", "b", "d"}  # d is not finished: not what was compared
    assert "draws that are not of this comparison are kept in" in capsys.readouterr().err


def test_draws_of_other_models_are_in_nobodys_way(tidied):
    new_store(tidied / "a", finished=False)
    assert main(BOTH) == 0
    assert (tidied / "a" / MANIFEST).exists()


@pytest.mark.parametrize("link", ["tidied.draws", "tidied.draws/c"])
def test_a_comparison_does_not_follow_a_link_to_draws(tidied, tmp_path, capsys, link):
    new_store(tmp_path / "other" / "c", finished=True)
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / "other" / ("" if link == "tidied.draws" else "c"))
    assert main([*BOTH, "--overwrite"]) == 4
    assert "BM-IO-018" in capsys.readouterr().err
    assert (tmp_path / "other" / "c" / MANIFEST).exists()


def test_a_link_to_the_draws_of_another_model_stays(tidied, tmp_path):
    new_store(tmp_path / "other", finished=True)
    tidied.mkdir()
    (tidied / "a").symlink_to(tmp_path / "other")
    assert main(BOTH) == 0
    assert (tidied / "a" / MANIFEST).exists()


def test_an_output_that_cannot_be_written_is_told_first(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main([*BOTH[:-1], "data.fits.gz/new"]) == 4
    assert "BM-IO-027" in capsys.readouterr().err
