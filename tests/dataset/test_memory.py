"""How much memory a fit may take, and what of it the data tell."""

from __future__ import annotations

import math

import pytest

from bayesmap.dataset import memory_limit
from bayesmap.dataset.memory import Memory, check_memory, estimate_data, show_bytes
from bayesmap.dataset.memory_limit import available, read_limit
from bayesmap.errors import BayesmapInputError
from bayesmap.testing import toy_response


@pytest.mark.parametrize(
    ("value", "size"),
    [(8e9, 8e9), (1024, 1024.0), ("8 GB", 8e9), ("8GB", 8e9), ("1.5e3 MB", 1.5e9), ("2 GiB", 2.0**31), ("512", 512.0)],
)
def test_limits(value, size):
    assert read_limit(value) == size


@pytest.mark.parametrize("value", ["8 pounds", "", "GB", "1.2.3 GB", "-1 GB", 0, -5.0, math.nan, True, "8 gb"])
def test_what_is_no_limit(value):
    with pytest.raises(BayesmapInputError, match=r"^BM-FT-021: memory_limit is .*number of bytes above zero"):
        read_limit(value)


def test_by_default_what_the_machine_has_left(tmp_path, monkeypatch):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    (tmp_path / "proc/self/statm").write_text("900 100 20 1 0 300 0\n")
    monkeypatch.setattr(memory_limit, "ROOT", tmp_path)
    monkeypatch.setattr(memory_limit.os, "sysconf", {"SC_PAGE_SIZE": 4096}.__getitem__)
    assert available() == 4000 * 1024 + 100 * 4096
    assert read_limit(None) == available()


@pytest.mark.parametrize(
    ("line", "files", "limit"),
    [
        ("0::/job/step\n", {"job/memory.max": "7000\n", "job/step/memory.max": "max\n"}, 7000.0),
        ("0::/job\n", {"job/memory.max": "max\n"}, math.inf),
        ("3:cpu:/job\n4:memory:/job\n", {"memory/job/memory.limit_in_bytes": "6000\n"}, 6000.0),
        ("0::/\n", {"memory.max": "5000\n"}, 5000.0),
    ],
)
def test_the_limit_of_a_control_group_counts(tmp_path, monkeypatch, line, files, limit):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(line)
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(memory_limit, "ROOT", tmp_path)
    assert available() == limit


def test_a_system_that_says_nothing_sets_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_limit, "ROOT", tmp_path)
    assert available() == math.inf


def test_the_data_are_counted():
    small, large = (estimate_data([toy_response(npix=npix)]).data for npix in (20, 40))
    # counts and background in 3 bins, exposure in 5, of 400 pixels, 8 bytes, three times
    assert small == 3 * 8 * (3 + 3 + 5) * 400
    assert large == 4 * small


def test_parts_add_up_and_are_shown():
    memory = Memory(baseline=5e8, data=1e6, constants=2e6, work=3e9, code=4e6)
    assert memory.total == 5e8 + 1e6 + 2e6 + 3e9 + 4e6
    assert str(memory) == (
        "estimated peak memory 3.51 GB (baseline 500 MB, data 1 MB, constants 2 MB, work 3.00 GB, code 4 MB)"
    )
    assert show_bytes(999e6) == "999 MB"


def test_too_much_is_refused_with_what_takes_it():
    memory = Memory(baseline=5e8, data=1e6, work=3e9)
    check_memory(memory, 4e9, [toy_response()])
    with pytest.raises(
        BayesmapInputError,
        match=r"^BM-FT-020: estimated peak memory 3\.50 GB \(.*work 3\.00 GB.*\); toy has 3 x 20 x 20 bins\. "
        r"The limit is 2\.00 GB.*Freeze.*larger memory_limit",
    ):
        check_memory(memory, 2e9, [toy_response()])
