"""Outputs stay in their folders and appear whole or not at all."""

from __future__ import annotations

import errno
import os

import pytest

from bayesmap.cli.paths import check_output, output_folder, output_path
from bayesmap.errors import BayesmapIOError
from bayesmap.results.draw_store import MANIFEST


@pytest.mark.parametrize("text", ["../secret", "/etc/result", "$HOME/../../x", "a/../../b"])
def test_outputs_outside_the_folder_are_refused(tmp_path, text):
    with pytest.raises(BayesmapIOError, match="BM-IO-018.*--allow-path") as caught:
        output_path(text, folder=tmp_path)
    assert caught.value.exit_code == 4


def test_a_link_that_leads_outside_is_refused(tmp_path):
    inside = tmp_path / "analysis"
    inside.mkdir()
    (tmp_path / "outside").mkdir()
    (inside / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(BayesmapIOError, match="BM-IO-018"):
        output_path("link/fit", folder=inside)


def test_neither_home_nor_variables_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "elsewhere")
    assert output_path("$SECRET/x", folder=tmp_path) == tmp_path.resolve() / "$SECRET" / "x"
    assert output_path("~/x", folder=tmp_path) == tmp_path.resolve() / "~" / "x"


def test_an_allowed_folder_is_allowed(tmp_path):
    inside, other = tmp_path / "analysis", tmp_path / "other"
    assert output_path("../other/x", folder=inside, allowed=[other]) == (other / "x").resolve()


def test_existing_output_is_refused_without_overwrite(tmp_path):
    check_output(tmp_path / "new", overwrite=False)
    check_output(tmp_path, overwrite=True)
    with pytest.raises(BayesmapIOError, match="BM-IO-019.*exists.*--overwrite"):
        check_output(tmp_path, overwrite=False)
    file = tmp_path / "file"
    file.write_text("kept")
    for overwrite in (False, True):
        with pytest.raises(BayesmapIOError, match=r"BM-IO-019.*is not a folder.*or remove the file\.$"):
            check_output(file, overwrite=overwrite)


def test_output_appears_when_all_is_written(tmp_path):
    output = tmp_path / "deep" / "result"
    with output_folder(output, overwrite=False) as folder:
        (folder / "a.txt").write_text("a")
        assert not output.exists()
    assert [path.name for path in output.parent.iterdir()] == ["result"]
    assert (output / "a.txt").read_text() == "a"


def test_overwriting_replaces_files_of_the_same_name_only(tmp_path):
    output = tmp_path / "result"
    output.mkdir()
    (output / "a.txt").write_text("old")
    (output / "mine.txt").write_text("mine")
    with output_folder(output, overwrite=True) as folder:
        (folder / "a.txt").write_text("new")
    assert (output / "a.txt").read_text() == "new"
    assert (output / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_everything_as_it_was(tmp_path):
    output = tmp_path / "result"
    output.mkdir()
    (output / "a.txt").write_text("old")

    def write_half():
        with output_folder(output, overwrite=True) as folder:
            (folder / "a.txt").write_text("new")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_half()
    assert (output / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "npred.fits.gz")
LETTER = {"what": "posterior.nc: no room", "rule": "It must have room", "remedy": "Choose another place"}


def write_on_a_full_disk(output, error):
    with output_folder(output, overwrite=True) as folder:
        (folder / "a.txt").write_text("new")
        raise error


@pytest.mark.parametrize(
    ("error", "text"), [(FULL, r"No space left.*npred\.fits"), (BayesmapIOError("BM-IO-009", **LETTER), "no room")]
)
@pytest.mark.parametrize("kept", ["result.draws", "result.draws/a"])
def test_a_full_disk_is_told_with_the_way_on(tmp_path, error, text, kept):
    """Of a fit that keeps its draws, and of a comparison; a file that was there stays."""
    output = tmp_path / "result"
    with pytest.raises(BayesmapIOError, match=f"BM-IO-029.*{text}.*run the same command again"):
        write_on_a_full_disk(output, error)
    assert not list(tmp_path.iterdir())
    (tmp_path / kept).mkdir(parents=True)
    (tmp_path / kept / MANIFEST).write_text("{}")
    with pytest.raises(BayesmapIOError, match=rf"BM-IO-029.*{text}.*with --resume writes them .* in .*result\.draws"):
        write_on_a_full_disk(output, error)
    output.mkdir()
    (output / "a.txt").write_text("old")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-029.*--resume --overwrite"):
        write_on_a_full_disk(output, error)
    assert (output / "a.txt").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result", "result.draws"]


def test_other_errors_of_what_is_written_stay_what_they_are(tmp_path):
    with pytest.raises(BayesmapIOError, match="BM-IO-001"):
        write_on_a_full_disk(tmp_path / "result", BayesmapIOError("BM-IO-001", **LETTER))
    (tmp_path / "file").write_text("")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-029.*(exists|Not a directory)"):
        write_on_a_full_disk(tmp_path / "file" / "result", FULL)
