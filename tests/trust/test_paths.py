"""Wherever a file can be named by another file: nothing outside the folder is read, no socket is opened."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from pathlib import Path

import pytest
from astropy.io import fits

from bayesmap.cli.candidates import read_candidates
from bayesmap.cli.config import read_config
from bayesmap.cli.main import main
from bayesmap.cli.paths import output_folder
from bayesmap.errors import BayesmapError, BayesmapIOError, ProblemList
from bayesmap.files import put_bytes, write_whole
from bayesmap.io.datasets import read_datasets
from bayesmap.io.ogip import read_ogip
from bayesmap.io.xml import read_models_xml
from bayesmap.io.yaml import read_covariance, read_models
from bayesmap.report import write_report
from bayesmap.results.draw_folder import remove_empty, stores_in
from bayesmap.results.draw_store import MANIFEST

pytestmark = pytest.mark.usefixtures("no_network")

NAMES = {
    "http://127.0.0.1:9/x": "BM-IO-013",
    "https://127.0.0.1:9/x.fits": "BM-IO-013",
    "ftp://127.0.0.1:9/x": "BM-IO-013",
    "file:///etc/passwd": "BM-IO-013",
    "../outside/secret.fits": "BM-IO-012",
    "../../etc/passwd": "BM-IO-012",
    "link.fits": "BM-IO-012",
    "/etc/passwd": "BM-IO-015",
    "~/secret.fits": "BM-IO-015",
    "$HOME/secret.fits": "BM-IO-014",
    "${HOME}/secret.fits": "BM-IO-014",
    "x" * 400: "BM-IO-016",
}
CONFIG_KEYS = ("dataset", "models", "weights")
ENTRY_KEYS = ("file", "weights", "background", "arf", "rmf")


@pytest.fixture
def place(corpus, tmp_path, monkeypatch):
    """A folder of an analysis, a secret beside it, and a link that leads there."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    shutil.copytree(corpus, inside)
    outside.mkdir()
    shutil.copy(corpus / "dataset.fits", outside / "secret.fits")
    (inside / "link.fits").symlink_to(outside / "secret.fits")
    monkeypatch.setenv("HOME", str(outside))
    return inside


def codes(error):
    return {item.code for item in (error.problems if isinstance(error, ProblemList) else (error,))}


def in_config(place, name, key):
    lines = {"dataset": "dataset.fits", "models": "models.yaml", "output": "result"} | {key: json.dumps(name)}
    (place / "c.yaml").write_text("".join(f"{one}: {other}\n" for one, other in lines.items()))
    read_config(place / "c.yaml")


def in_map(place, name, key):
    maps = {"counts": "counts.fits", "exposure": "exposure.fits"} | {key: name}
    (place / "c.yaml").write_text(f"maps: {json.dumps(maps)}\nmodels: models.yaml\noutput: result\n")
    read_config(place / "c.yaml")


def in_entry(place, name, key):
    entry = {"type": "map" if key == "weights" else "ogip", "file": "pha.fits"} | {key: name}
    (place / "c.yaml").write_text(f"datasets: [{json.dumps(entry)}]\nmodels: models.yaml\noutput: result\n")
    read_config(place / "c.yaml")


def in_list(place, name, key):
    document = {"datasets": [{"name": "a", "type": "MapDataset", "filename": name}]}
    (place / "d.yaml").write_text(json.dumps(document))
    read_datasets(place / "d.yaml")


def in_models(place, name, key):
    text = (place / "models.yaml").read_text().replace("template.fits", json.dumps(name))
    (place / "m.yaml").write_text(text)
    read_models(place / "m.yaml")


def in_covariance(place, name, key):
    text = re.sub("covariance: .*", f"covariance: {json.dumps(name)}", (place / "with.yaml").read_text())
    (place / "m.yaml").write_text(text)
    read_covariance(place / "m.yaml")


def in_xml(place, name, key):
    (place / "m.xml").write_text((place / "models.xml").read_text().replace("isotropic.txt", name))
    read_models_xml(place / "m.xml")


def in_ogip(place, name, key):
    with fits.open(place / "pha.fits") as hdus:
        hdus["SPECTRUM"].header[key] = name
        hdus.writeto(place / "p.fits")
    read_ogip(place / "p.fits")


PLACES = [
    *((in_config, key) for key in CONFIG_KEYS),
    *((in_map, key) for key in ("counts", "exposure", "background", "mask", "psf", "edisp")),
    *((in_entry, key) for key in ENTRY_KEYS),
    (in_list, "filename"), (in_models, "template"), (in_covariance, "covariance"), (in_xml, "file"),
    *((in_ogip, key) for key in ("BACKFILE", "ANCRFILE", "RESPFILE")),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:24])
@pytest.mark.parametrize(("write", "key"), PLACES, ids=[f"{write.__name__}-{key}" for write, key in PLACES])
def test_a_name_that_leads_elsewhere_is_refused(place, write, key, name):
    if write is in_ogip and len(name) > 60:
        pytest.skip("a header card holds 68 characters")
    with pytest.raises(BayesmapError, match="BM-IO-01[2-6]") as caught:
        write(place, name, key)
    assert NAMES[name] in codes(caught.value)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(("x", "$", "~"))])
def test_the_configuration_of_a_result_lies_above_it(place, name, monkeypatch):
    """`bayesmap compare FOLDER`: the folder may come from anywhere, and names its configuration."""
    monkeypatch.chdir(place)
    record = json.loads((place / "fit" / "result.json").read_text()) | {"configuration": name}
    (place / "fit" / "result.json").write_text(json.dumps(record))
    with pytest.raises(BayesmapError, match="BM-IO-012|BM-CF-056|BM-CF-0") as caught:
        read_candidates([f"a={place / 'fit'}", f"b={place / 'fit'}"], ())
    assert codes(caught.value) & {"BM-IO-012", "BM-CF-056"}


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x", "ftp://127.0.0.1:9/x.fits"])
@pytest.mark.parametrize("command", ["check", "fit", "report", "compare", "calibrate"])
def test_commands_fetch_nothing(command, address, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = [address, address.replace("x", "y")] if command == "compare" else [address]
    more = ["--output", "new"] if command == "compare" else []
    assert main([command, *names, *more]) in (2, 4)
    assert not list(tmp_path.iterdir())


def test_a_report_shows_no_file_from_elsewhere(place, tmp_path):
    (tmp_path / "outside" / "key.txt").write_text("a secret")
    (place / "fit" / "profiles.txt").symlink_to(tmp_path / "outside" / "key.txt")
    with pytest.raises(BayesmapIOError, match=r"BM-RP-002: .*profiles\.txt is no regular file of its folder"):
        write_report(tmp_path / "r.html", place / "fit")


def test_a_pipe_is_not_waited_for(place, tmp_path):
    os.mkfifo(place / "fit" / "flux-points-a.txt")
    with pytest.raises(BayesmapIOError, match="BM-RP-002"):
        write_report(tmp_path / "r.html", place / "fit")
    os.mkfifo(place / "pipe.fits")
    (place / "c.yaml").write_text("dataset: pipe.fits\nmodels: models.yaml\noutput: result\n")
    with pytest.raises(BayesmapIOError, match="BM-IO-016"):
        read_config(place / "c.yaml")


def test_files_of_a_result_are_replaced_not_written_through(tmp_path):
    """A link in an output folder does not lead what is written to another file."""
    (tmp_path / "victim.txt").write_text("as before")
    target = tmp_path / "result"
    target.mkdir()
    (target / "result.json").symlink_to(tmp_path / "victim.txt")
    with output_folder(target, overwrite=True) as folder:
        assert folder.parent == tmp_path
        (folder / "result.json").write_text("new")
    assert (tmp_path / "victim.txt").read_text() == "as before"
    assert (target / "result.json").read_text() == "new"
    assert not (target / "result.json").is_symlink()


def in_text(path):
    write_whole(path, "new")


def in_bytes(path):
    put_bytes(path, b"new")


@pytest.mark.parametrize("write", [in_text, in_bytes])
def test_nothing_is_written_through_a_temporary_name(tmp_path, monkeypatch, write):
    """Nobody can foresee it; a link of that very name is refused all the same."""
    (tmp_path / "victim").write_text("as before")
    with monkeypatch.context() as patch:
        patch.setattr(secrets, "token_hex", lambda size: "0f" * size)
        (tmp_path / ".file.0f0f0f0f.tmp").symlink_to(tmp_path / "victim")
        with pytest.raises((OSError, BayesmapIOError), match="File exists"):
            write(tmp_path / "file")
    assert (tmp_path / "victim").read_text() == "as before"
    write(tmp_path / "file")
    (tmp_path / "plain").write_text("new")
    assert (tmp_path / "file").read_text() == "new"
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert {path.name for path in tmp_path.iterdir()} == {"victim", "file", "plain"}


@pytest.mark.parametrize("write", [in_text, in_bytes])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_leaves_no_temporary_file(tmp_path, monkeypatch, write, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(error):
        write(tmp_path / "file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["check", "fit"])
def test_draws_are_not_kept_where_a_link_leads(place, tmp_path, capsys, command):
    (place / "c.yaml").write_text("dataset: dataset.fits\nmodels: models.yaml\noutput: result\n")
    other = tmp_path / "outside" / "fit.draws"
    other.mkdir()
    (other / MANIFEST).write_text("{}")
    (place / "result.draws").symlink_to(other)
    assert main([command, str(place / "c.yaml"), "--overwrite"]) == 4
    shown = capsys.readouterr()
    assert "BM-IO-018" in shown.out + shown.err
    assert [path.name for path in other.iterdir()] == [MANIFEST]


def test_a_link_is_no_folder_of_draws_of_ours(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "draws").mkdir()
    (tmp_path / "draws" / "a").symlink_to(other)
    remove_empty(tmp_path / "draws" / "a")
    (other / MANIFEST).write_text("{}")
    assert stores_in(tmp_path / "draws") == []
    assert stores_in(tmp_path) == [other]


def test_a_report_is_not_written_through_a_link(place, tmp_path):
    (tmp_path / "victim.html").write_text("as before")
    (tmp_path / "r.html").symlink_to(tmp_path / "victim.html")
    write_report(tmp_path / "r.html", place / "fit", overwrite=True)
    assert (tmp_path / "victim.html").read_text() == "as before"


@pytest.mark.parametrize("key", ["dataset", "output"])
def test_names_with_escapes_are_shown_harmlessly(place, key, capsys):
    evil = "a\x1b[2J\n\u202eb"
    lines = {"dataset": "dataset.fits", "models": "models.yaml", "output": "result"} | {key: json.dumps(f"../{evil}")}
    (place / "c.yaml").write_text("".join(f"{one}: {other}\n" for one, other in lines.items()))
    assert main(["check", str(place / "c.yaml")]) == 4
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert r"\x1b[2J" in shown
