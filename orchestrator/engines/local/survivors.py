"""Which processes of a trial are still there when nobody waits for them any more?

A process group ends with its trial, but who has left the group does not; and where the orchestrator was killed, the
kernel ends the process that it started, not what that one started. All of them have the trial's own TMPDIR in their
environment: a folder's name is never used twice, so this needs no number of a process, which is.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
PATIENCE_S = 2.0
"""One that forks while it is looked for is found in the next round; one that cannot be killed is left."""
ROUND_S = 0.02


def end_survivors(folder: Path, proc: Path = PROC) -> list[int]:
    """KILL every process of this user whose TMPDIR lies in the folder; returns their numbers."""
    ended: list[int] = []
    deadline = time.monotonic() + PATIENCE_S
    while found := [pid for pid in _list_processes(proc) if _belongs(pid, folder, proc)]:
        for pid in found:
            if _kill(pid, folder, proc) and pid not in ended:
                ended.append(pid)
        if time.monotonic() > deadline:
            break
        time.sleep(ROUND_S)
    return ended


def _list_processes(proc: Path) -> list[int]:
    return [int(path.name) for path in proc.iterdir() if path.name.isdigit() and int(path.name) != os.getpid()]


def _belongs(pid: int, folder: Path, proc: Path) -> bool:
    try:
        if (proc / str(pid)).stat().st_uid != os.getuid():
            return False
        environment = (proc / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False  # gone, or not ours to look at
    return any(entry.startswith(b"TMPDIR=" + os.fsencode(folder) + b"/") for entry in environment)


def _kill(pid: int, folder: Path, proc: Path) -> bool:
    with suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            # whoever has this number now cannot change any more
            if _belongs(pid, folder, proc):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                return True
        finally:
            os.close(handle)
    return False
