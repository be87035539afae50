"""What happens when the user, or the system, asks a run to end?"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.errors import InterruptedRunError, TerminatedRunError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from orchestrator.engine import Engine

CAUGHT = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether somebody asked for the end, and how."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def asked(self) -> bool:
        """Since the run began."""
        return self.signal is not None

    def raise_if_asked(self) -> None:
        """Raises InterruptedRunError or TerminatedRunError, once everything that runs is down and published."""
        if self.signal == signal.SIGINT:
            raise InterruptedRunError("stopped; every finished trial is in the store, and the same command resumes")
        if self.signal is not None:
            raise TerminatedRunError("asked to end; every finished trial is in the store, and the same command resumes")


@contextmanager
def stop_on_signal(engine: Engine) -> Iterator[Stop]:
    """SIGINT and SIGTERM end the current trial, not this process; a second one kills it without grace.

    Handlers raise nothing: an exception between two statements of an engine could lose a container. Outside the main
    thread, where Python allows no handlers, signals are left alone.
    """
    stop = Stop()

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.signal = stop.signal or number
        engine.interrupt()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, handle) for number in CAUGHT}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
