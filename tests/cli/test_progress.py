"""Lines on long work: not too many, and always the last one."""

from __future__ import annotations

from bayesmap.cli import progress as progress_module
from bayesmap.cli.progress import now_and_then


def test_lines_come_now_and_then(capsys, monkeypatch):
    clock = iter([10.0, 11.0, 12.9, 13.1, 14.0, 15.0])
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(clock))
    report = now_and_then(lambda done, total, bad: f"{done} of {total}, {bad} bad")
    for done, bad in ((1, 0), (2, 0), (3, 1), (4, 1), (9, 1), (9, 1)):
        report(done, 9, bad)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "bayesmap: 1 of 9, 0 bad",
        "bayesmap: 4 of 9, 1 bad",
        "bayesmap: 9 of 9, 1 bad",
    ]
