"""What is a workload's process on this machine to those who wait for it?"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.engines.cgroup import Usage

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from orchestrator.engines.disk import Disk

PROC = Path("/proc")


class LocalProcess:
    """A process group under watch: an `engines.watch.Process`."""

    def __init__(self, process: subprocess.Popen[bytes], *, memory_bytes: int, disk: Disk) -> None:
        self.process = process
        self.memory_bytes = memory_bytes
        self.disk = disk
        self.too_large = False
        self.peak_bytes: int | None = None

    def wait(self) -> int:
        """Wait without reaping: as long as the zombie is there, nobody else can get its number."""
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        return 0

    def sample(self) -> str:
        """Memory of the process and its descendants, and what they left of the disk: the reason to kill them."""
        resident, peak = read_memory(self.process.pid)
        if peak is not None:
            self.peak_bytes = max(self.peak_bytes or 0, peak, resident)
        if resident > self.memory_bytes:
            self.too_large = True
            return f"{resident} bytes resident, the limit is {self.memory_bytes}"
        return self.disk.find_problem()

    def usage(self) -> Usage:
        """No control group: nothing."""
        return Usage()

    def pids(self) -> Sequence[int]:
        """The process and its descendants."""
        return list_descendants(self.process.pid)

    def proceed(self) -> None:
        """A byte to its standard input."""
        self._write(b"\n")

    def release(self) -> None:
        """Close its standard input."""
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()

    def _write(self, data: bytes) -> None:
        if self.process.stdin is not None and not self.process.stdin.closed:
            with suppress(OSError):  # it may be gone
                self.process.stdin.write(data)
                self.process.stdin.flush()

    def terminate(self) -> None:
        """TERM to the group."""
        os.killpg(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """KILL to the group."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def reap(self) -> tuple[int, float]:
        """End what is left of the group, take the process's status; (exit code or -signal, CPU seconds).

        The CPU time is that of the process and of the children it waited for. The kernel's maximum of the resident
        set is not taken: it includes the process that forked, which is the orchestrator.
        """
        self.release()
        with suppress(ProcessLookupError, PermissionError):
            self.kill()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode, usage.ru_utime + usage.ru_stime


def read_memory(pid: int, proc: Path = PROC) -> tuple[int, int | None]:
    """(resident bytes of the process and its descendants now, the process's own peak so far or None)."""
    resident, peak = 0, None
    for current in list_descendants(pid, proc):
        fields = _status_kib(proc / str(current) / "status")
        resident += fields.get("VmRSS", 0) * 1024
        if current == pid and "VmHWM" in fields:
            peak = fields["VmHWM"] * 1024
    return resident, peak


def list_descendants(pid: int, proc: Path = PROC) -> list[int]:
    """The process itself, its children and theirs."""
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        waiting.extend(_children(proc / str(current) / "task"))
    return found


def _status_kib(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines if line.startswith(("VmRSS:", "VmHWM:")))
    return {name.rstrip(":"): int(value) for name, value, *_ in pairs}


def _children(tasks: Path) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in tasks.iterdir():
            with suppress(OSError):
                found.extend(int(pid) for pid in (task / "children").read_text(encoding="ascii").split())
    return found
