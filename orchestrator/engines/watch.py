"""How is a process that runs elsewhere waited for, sampled, and brought to its end?"""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE_PERIOD_S = 0.25
"""4 Hz: the measured process shares the machine with whoever looks at it."""
GRACE_S = 2.0
"""Between TERM and KILL."""
STUCK_S = 15.0
"""After KILL: what is not dead by then will not die (uninterruptible sleep, a dead engine)."""


class OutlivedError(TimeoutError):
    """A process outlived its KILL: whatever is measured on its CPUs from now on shares them with it."""


class Process(Protocol):
    """What a watch needs of a process, wherever it runs."""

    def wait(self) -> int:
        """Block until it is dead; returns its status. Called in a thread of its own."""

    def sample(self) -> str:
        """Read the counters and keep them; returns why the process has to be killed now, or nothing."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it, and whatever it started."""


class Watched(NamedTuple):
    """How a wait ended. `status` is None where the process was given up (see `failure`)."""

    status: int | None
    wall_s: float
    """From the start given to `watch` to the end."""
    ended_at: float
    """Monotonic."""
    timed_out: bool = False
    interrupted: bool = False
    killed_for: str = ""
    """What `sample` gave as the reason."""
    failure: Exception | None = None
    """What `wait` raised, or an OutlivedError."""


class Interrupts:
    """Requests to end what runs; a signal handler may make one while the same thread waits for it.

    A SimpleQueue, because its `put` is the one that may be re-entered: an Event's lock would be held already.
    Requests are never forgotten: one that comes between two runs must not be lost.
    """

    def __init__(self) -> None:
        self.count = 0
        self.wake: SimpleQueue[None] = SimpleQueue()

    def request(self) -> None:
        """Once asks, twice kills."""
        self.count += 1
        self.wake.put(None)


class _Ended(NamedTuple):
    status: int | None
    at: float
    failure: Exception | None


class _Waiter(threading.Thread):
    def __init__(self, process: Process, wake: SimpleQueue[None]) -> None:
        super().__init__(name="bench-wait", daemon=True)
        self.process, self.wake = process, wake
        self.ended: _Ended | None = None

    def run(self) -> None:
        try:
            status, failure = self.process.wait(), None
        except Exception as error:  # whatever it is, it belongs to the thread that watches
            status, failure = None, error
        self.ended = _Ended(status, time.monotonic(), failure)
        self.wake.put(None)


def watch(
    process: Process,
    interrupts: Interrupts,
    *,
    timeout_s: float,
    started: float | None = None,
    look: Callable[[], float] = lambda: SAMPLE_PERIOD_S,
) -> Watched:
    """Wait for the end, at most `timeout_s` from `started` (monotonic, default now), then TERM, then KILL.

    `look` is called at every turn (see engines/witness.py) and says how many seconds may pass until the next one.
    """
    begin = time.monotonic() if started is None else started
    waiter = _Waiter(process, interrupts.wake)
    escalation = _Escalation(process)
    timed_out, interrupted, killed_for = False, False, ""
    waiter.start()
    sampled_at = -math.inf
    while not escalation.stuck():
        if time.monotonic() - sampled_at >= SAMPLE_PERIOD_S:
            sampled_at = time.monotonic()
            if not killed_for and (killed_for := process.sample()):
                escalation.to_kill()
        pause_s = min(look(), SAMPLE_PERIOD_S)
        left = begin + timeout_s - time.monotonic()
        with suppress(Empty):
            interrupts.wake.get(timeout=min(pause_s, max(left, 0.05)))
        if waiter.ended is not None:
            break
        if interrupts.count:
            interrupted = True
            (escalation.to_terminate if interrupts.count == 1 else escalation.to_kill)()
        elif time.monotonic() - begin > timeout_s:
            timed_out = not killed_for
            escalation.to_terminate()
        escalation.advance()
    ended = waiter.ended or _Ended(None, time.monotonic(), OutlivedError("it outlived its KILL"))
    return Watched(
        status=ended.status,
        wall_s=ended.at - begin,
        ended_at=ended.at,
        # a host that slept through the limit finds a process that its own deadline ended
        timed_out=timed_out or (not interrupted and not killed_for and ended.at - begin > timeout_s + GRACE_S),
        interrupted=interrupted,
        killed_for=killed_for,
        failure=ended.failure,
    )


class _Escalation:
    """TERM, a grace, KILL, and after another grace the insight that nothing helps."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.terminated_at: float | None = None
        self.killed_at: float | None = None

    def to_terminate(self) -> None:
        if self.terminated_at is None and self.killed_at is None:
            self.terminated_at = time.monotonic()
            self._send(self.process.terminate)

    def to_kill(self) -> None:
        if self.killed_at is None:
            self.killed_at = time.monotonic()
            self._send(self.process.kill)

    def advance(self) -> None:
        if self.terminated_at is not None and time.monotonic() - self.terminated_at > GRACE_S:
            self.to_kill()

    def stuck(self) -> bool:
        return self.killed_at is not None and time.monotonic() - self.killed_at > STUCK_S

    @staticmethod
    def _send(action: Callable[[], None]) -> None:
        # It may be dead already, or its engine gone: the waiter reports either.
        with suppress(Exception):
            action()
