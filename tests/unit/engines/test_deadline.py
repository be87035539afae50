"""Does a phase of an engine's work end by its limit, whatever the engine does meanwhile?"""

from __future__ import annotations

import threading
import time

import pytest

from orchestrator.engines.docker.deadline import within
from orchestrator.errors import BuildError, NoEngineError


def test_what_takes_too_long_is_given_up_by_name() -> None:
    never = threading.Event()
    begin = time.monotonic()
    with pytest.raises(NoEngineError, match=r"longer than 0\.1 s to start a container"):
        within(0.1, "start a container", never.wait)
    assert time.monotonic() - begin < 2.0
    never.set()


def test_what_comes_in_time_comes_as_it_is() -> None:
    assert within(5.0, "count", lambda: 7) == 7

    def fail() -> None:
        raise BuildError("not here")

    with pytest.raises(BuildError, match="not here"):
        within(5.0, "fail", fail)
