"""Finished tasks are kept line by line: whatever kills the process, the lines that are there are whole."""

import json
import subprocess
import sys
import time

import pytest

from bayesmap.errors import BayesmapInputError, BayesmapIOError
from bayesmap.fit import journal as journal_module
from bayesmap.fit.journal import open_journal

IDENTITY = {"seed": 1, "data": "abc", "settings": {"tune": 100}}

# The module by itself: importing the package of fits takes seconds.
OPEN = f"""
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("journal", {journal_module.__file__!r})
module = sys.modules["journal"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "simulations.jsonl"


def write(path, numbers, identity=IDENTITY, **options):
    with open_journal(path, identity, **options) as journal:
        for i in numbers:
            journal.add({"i": i, "value": 0.1 * i})
        return journal


def test_lines_are_there_again(path):
    assert write(path, [2, 0]).records == ()
    journal = write(path, [1])
    assert journal.records == ({"i": 2, "value": 0.2}, {"i": 0, "value": 0.0})
    assert not journal.torn
    assert [item["i"] for item in lines(path)[1:]] == [2, 0, 1]
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("rest", [b"{", b'{"i": 3, "value": 0.3}', b'{"i": 3, "val\x00'])
def test_an_unfinished_last_line_is_cut_off(path, rest):
    """A line is whole when its end is there: without it the number may be cut too."""
    write(path, [0, 1])
    whole = path.read_bytes()
    path.write_bytes(whole + rest)
    journal = write(path, [])
    assert journal.torn
    assert len(journal.records) == 2
    assert path.read_bytes() == whole
    assert not write(path, []).torn


def test_a_file_that_was_killed_in_its_first_line_begins_anew(path):
    path.parent.mkdir()
    path.write_bytes(b'{"format": 1, "iden')
    journal = write(path, [0])
    assert (journal.torn, journal.records) == (True, ())
    assert lines(path)[0]["identity"] == IDENTITY


@pytest.mark.parametrize("middle", [b"garbage\n", b"[1]\n", b"{}\n"])
def test_a_damaged_line_is_an_error(path, middle):
    write(path, [0])
    path.write_bytes(path.read_bytes() + middle)
    with pytest.raises(BayesmapIOError, match="BM-CK-025.*line 3.*--overwrite"):
        write(path, [])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (IDENTITY | {"seed": 2}, "seed was 1, is 2"),
        (IDENTITY | {"data": "x" * 64}, "data is different"),
        ({"seed": 1, "data": "abc"}, "settings was"),
    ],
)
def test_another_run_is_refused_and_overwrite_begins_anew(path, other, words):
    write(path, [0])
    with pytest.raises(BayesmapInputError, match=f"BM-CK-023.*{words}"):
        write(path, [], other)
    assert write(path, [], other, overwrite=True).records == ()


def test_another_format_is_refused(path):
    write(path, [0])
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 0'))
    with pytest.raises(BayesmapInputError, match="BM-CK-023.*format"):
        write(path, [])


def test_one_process_at_a_time(path):
    code = f"""{OPEN}
with module.open_journal(Path({str(path)!r}), {IDENTITY!r}) as journal:
    print("open", flush=True)
    sys.stdin.read()
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "open\n"
    with pytest.raises(BayesmapInputError, match="BM-CK-024"):
        write(path, [])
    other.communicate("")
    assert write(path, [0]).records == ()


def test_numbers_that_are_none_are_not_written(path):
    with open_journal(path, IDENTITY) as journal, pytest.raises(ValueError, match="Out of range"):
        journal.add({"i": 0, "value": float("nan")})
    assert write(path, []).records == ()


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(BayesmapIOError, match="BM-CK-025.*Make space .* run again to continue") as caught:
        write(tmp_path / "a" / "b.jsonl", [])
    assert "--overwrite" not in str(caught.value)


WRITER = f"""{OPEN}
with module.open_journal(Path(sys.argv[1]), {{"seed": 1}}) as journal:
    print("open", flush=True)
    i = len(journal.records)
    while True:
        journal.add({{"i": i, "value": [0.1 * i] * 200}})
        i += 1
"""


def test_a_killed_process_leaves_whole_lines(path):
    found = -1
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(0.1)
        process.kill()
        process.communicate()
        with open_journal(path, {"seed": 1}) as journal:
            assert [item["i"] for item in journal.records] == list(range(len(journal.records)))
            assert len(journal.records) > found
            found = len(journal.records)
