"""What holds for every test, and what a unit test cannot reach even by mistake."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

UNIT = Path(__file__).parent / "unit"


class UnreachableError(ConnectionRefusedError):
    """A unit test tried to speak to something outside its process: as if nobody listened there."""


@pytest.fixture(autouse=True)
def _unit_tests_reach_nothing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under tests/unit no engine answers and no socket connects."""
    if not Path(request.node.path).is_relative_to(UNIT):
        return

    def refuse(_self: socket.socket, address: Any) -> NoReturn:
        raise UnreachableError(f"a unit test connects to {address!r}")

    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
