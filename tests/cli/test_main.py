"""Errors become messages and exit codes."""

from __future__ import annotations

import signal

import pytest

from bayesmap.cli import main as main_module
from bayesmap.cli.main import main
from bayesmap.errors import BayesmapIOError, ModelError


@pytest.fixture
def failing(monkeypatch):
    """Let `bayesmap check` raise a given error."""

    def use(error):
        def run(options):
            raise error

        monkeypatch.setattr(main_module.check, "run", run)

    return use


LETTER = {"what": "there are 3 left hands", "rule": "There may be 1", "remedy": "Remove 2"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelError("BM-MO-001", **LETTER), 2),
        (BayesmapIOError("BM-IO-001", **LETTER), 4),
        (PermissionError(13, "Permission denied"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(failing, capsys, error, code):
    failing(error)
    assert main(["check", "config.yaml"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("bayesmap: ")
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN, signal.SIG_DFL])
def test_the_end_of_a_jobs_time_interrupts(monkeypatch, capsys, ctrl_c):
    """Also where a shell has Ctrl-C ignored, for what a script starts in the background."""
    monkeypatch.setattr(main_module.check, "run", lambda options: signal.raise_signal(signal.SIGTERM))
    before = signal.signal(signal.SIGINT, ctrl_c)
    try:
        assert main(["check", "config.yaml"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert "interrupted" in capsys.readouterr().err


def test_a_handler_of_ctrl_c_hears_of_the_end_of_a_jobs_time(monkeypatch):
    """While it samples there is one that keeps the draws."""
    heard = []

    def end(options):
        signal.raise_signal(signal.SIGTERM)
        return 0

    monkeypatch.setattr(main_module.check, "run", end)
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        assert main(["check", "config.yaml"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_the_message_is_the_letter_and_debug_shows_where(failing, capsys):
    failing(ModelError("BM-MO-001", **LETTER))
    main(["check", "config.yaml"])
    assert "BM-MO-001: there are 3 left hands. There may be 1. Remove 2." in capsys.readouterr().err
    main(["check", "config.yaml", "--debug"])
    assert "Traceback" in capsys.readouterr().err


def test_programming_errors_are_not_hidden(failing):
    failing(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["check", "config.yaml"])


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(f"    {command}" in text for command in ("check", "fit", "demo"))
    assert "exit codes" in text


def test_unknown_command_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["fitt"])
    assert caught.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("bayesmap 0.")
