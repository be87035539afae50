"""Which of several true things is said to have ended a process?"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.engines.watch import OutlivedError
from orchestrator.nouns.launch import End

if TYPE_CHECKING:
    from orchestrator.engines.watch import Watched

HINTS = {
    signal.SIGBUS: "a full /dev/shm gives this: raise shm_size",
    signal.SIGILL: "an instruction this CPU lacks: see the variant's cpu_flags",
    signal.SIGXFSZ: "a file grew past its limit",
}


class Ending(NamedTuple):
    """The end with the highest precedence, and what is known of the others."""

    end: End
    detail: str
    oom: bool | None
    exit_code: int | None
    signal: int | None


def decide_end(watched: Watched, *, oom: bool, exit_code: int | None, signal_number: int | None) -> Ending:
    """Precedence: engine lost, stuck, out of memory, timeout, interrupted, signal, exit code.

    Memory comes before the exit code, because a child that the kernel killed leaves a parent that may exit 0.
    """

    failure = watched.failure
    stuck = isinstance(failure, OutlivedError)
    ends = (
        (failure and not stuck, End.ENGINE_LOST, describe_failure(failure) if failure else ""),
        (stuck, End.STUCK, str(failure)),
        (oom, End.OOM, watched.killed_for or "the kernel killed it, or a child of it, for memory"),
        (watched.timed_out, End.TIMEOUT, f"ended after {watched.wall_s:.1f} s"),
        (watched.interrupted, End.INTERRUPTED, "stopped by the user"),
        (signal_number, End.SIGNAL, _say_signal(signal_number or 0, watched.killed_for)),
        (exit_code, End.EXIT, f"exit code {exit_code}"),
        (True, End.OK, ""),
    )
    end, detail = next((end, detail) for applies, end, detail in ends if applies)
    return Ending(end, detail, oom, exit_code, signal_number)


def split_status(status: int) -> tuple[int, int | None]:
    """(exit code, signal) of a status in which 128 + n stands for signal n, as shells and init processes report it."""
    number = status - 128
    return status, number if 0 < number < signal.NSIG else None


def name_signal(number: int) -> str:
    """`SIGBUS (a full /dev/shm gives this: raise shm_size)`."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = HINTS.get(number, "")  # type: ignore[call-overload]
    return f"{name} ({hint})" if hint else name


def _say_signal(number: int, killed_for: str) -> str:
    return f"{name_signal(number)} from the host: {killed_for}" if killed_for else name_signal(number)


def describe_failure(error: Exception) -> str:
    """One line, at most 400 characters."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]
