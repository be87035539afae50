"""Is a process waited for no longer than it may run, and ended by what it understands?"""

from __future__ import annotations

import threading
import time

from orchestrator.engines import watch as module
from orchestrator.engines.watch import Interrupts, watch


class Sleeper:
    """Ends when told to: by itself, at TERM, at KILL, or never."""

    def __init__(self, *, ends_at: str = "TERM", over: str = "", fails: Exception | None = None) -> None:
        self.ends_at, self.over, self.fails = ends_at, over, fails
        self.heard: list[str] = []
        self.samples = 0
        self.over_now = threading.Event()

    def wait(self) -> int:
        if self.fails:
            raise self.fails
        if self.ends_at != "itself":
            self.over_now.wait(timeout=30)
        return 7

    def sample(self) -> str:
        self.samples += 1
        return self.over

    def terminate(self) -> None:
        self._hear("TERM")

    def kill(self) -> None:
        self._hear("KILL")

    def _hear(self, what: str) -> None:
        self.heard.append(what)
        if what == self.ends_at:
            self.over_now.set()


def test_a_process_that_ends_by_itself_is_left_alone() -> None:
    process = Sleeper(ends_at="itself")
    watched = watch(process, Interrupts(), timeout_s=10)
    assert (watched.status, watched.timed_out, process.heard) == (7, False, [])
    assert watched.wall_s < 1.0
    assert process.samples == 1, "read once, for a process too short for the second time"


def test_past_the_limit_it_gets_term() -> None:
    process = Sleeper()
    watched = watch(process, Interrupts(), timeout_s=0.1)
    assert watched.timed_out
    assert process.heard == ["TERM"]


def test_what_ignores_term_gets_kill(monkeypatch: object) -> None:
    process = Sleeper(ends_at="KILL")
    begin = time.monotonic()
    watched = watch(process, Interrupts(), timeout_s=0.1)
    assert process.heard == ["TERM", "KILL"]
    assert watched.timed_out
    assert time.monotonic() - begin < 0.1 + module.GRACE_S + 1.0


def test_what_outlives_its_kill_is_given_up() -> None:
    process = Sleeper(ends_at="never")
    before = module.STUCK_S
    module.STUCK_S = 0.2
    try:
        interrupts = Interrupts()
        interrupts.request()
        interrupts.request()
        watched = watch(process, interrupts, timeout_s=10)
    finally:
        module.STUCK_S = before
        process.over_now.set()
    assert watched.status is None
    assert isinstance(watched.failure, TimeoutError)


def test_an_interrupt_asks_and_a_second_one_kills() -> None:
    interrupts = Interrupts()
    process = Sleeper(ends_at="KILL")
    threading.Timer(0.1, interrupts.request).start()
    threading.Timer(0.2, interrupts.request).start()
    begin = time.monotonic()
    watched = watch(process, interrupts, timeout_s=10)
    assert watched.interrupted
    assert not watched.timed_out
    assert process.heard == ["TERM", "KILL"]
    assert time.monotonic() - begin < 1.0, "without waiting for the grace"


def test_an_interrupt_from_before_the_wait_is_not_lost() -> None:
    interrupts = Interrupts()
    interrupts.request()
    assert watch(Sleeper(), interrupts, timeout_s=10).interrupted


def test_the_reason_of_a_sample_kills() -> None:
    process = Sleeper(ends_at="KILL", over="too much memory")
    watched = watch(process, Interrupts(), timeout_s=10)
    assert watched.killed_for == "too much memory"
    assert process.heard == ["KILL"]


def test_a_wait_that_fails_is_a_value() -> None:
    watched = watch(Sleeper(fails=ConnectionError("gone")), Interrupts(), timeout_s=10)
    assert isinstance(watched.failure, ConnectionError)


def test_it_looks_at_most_four_times_a_second() -> None:
    process = Sleeper()
    watch(process, Interrupts(), timeout_s=1.0)
    assert process.samples <= 6
