"""Good inputs, written once for the tests of trust."""

from __future__ import annotations

import socket

import pytest

from fuzzing.supervise import prepare


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Folder of good inputs; tests copy what they change."""
    folder = tmp_path_factory.mktemp("corpus") / "good"
    prepare(folder)
    return folder


@pytest.fixture
def no_network(monkeypatch):
    """Let every socket and every look-up of a name fail the test."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"a socket was opened: {args}")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
