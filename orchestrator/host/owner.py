"""Who started a container or made a folder, and does that process still live?"""

from __future__ import annotations

import hashlib
import os
import platform
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Life(StrEnum):
    """What is known of an owner from here."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """It runs, or ran, on another machine or in another process namespace: nobody can tell from here."""


class Owner(NamedTuple):
    """A process that cannot be mistaken for another one, even where its number is used again."""

    machine: str
    boot: str
    namespace: str
    pid: int
    started: int
    """Clock ticks after boot, from /proc/<pid>/stat."""

    @property
    def label(self) -> str:
        """`machine/boot/namespace/pid/started`."""
        return "/".join(str(part) for part in self)


def this_process(proc: Path = PROC) -> Owner:
    """The owner that this process is."""
    pid = os.getpid()
    return Owner(_machine(), _boot(proc), _namespace(), pid, _start_time(proc, pid) or 0)


def read_owner(label: str) -> Owner | None:
    """The owner that a label names; None for what no version of this tool has written."""
    parts = label.split("/")
    if len(parts) != len(Owner._fields) or not (parts[3].isdigit() and parts[4].isdigit()):
        return None
    return Owner(parts[0], parts[1], parts[2], int(parts[3]), int(parts[4]))


def check_life(owner: Owner | None, proc: Path = PROC) -> Life:
    """Whether the owner lives: dead after a reboot, and where its number now belongs to a younger process."""
    here = this_process(proc)
    if owner is None or owner.machine != here.machine:
        return Life.UNKNOWN
    if owner.boot != here.boot:
        return Life.DEAD
    if owner.namespace != here.namespace:
        return Life.UNKNOWN
    return Life.ALIVE if _start_time(proc, owner.pid) == owner.started else Life.DEAD


def _machine() -> str:
    # Hashed: the number identifies a machine to others, and labels can be read by everybody who reaches the engine.
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        text = _read(path)
        if text:
            return hashlib.sha256(f"bench:{text}".encode()).hexdigest()[:12]
    return hashlib.sha256(f"bench:{platform.node()}".encode()).hexdigest()[:12]


def _boot(proc: Path) -> str:
    return _read(proc / "sys/kernel/random/boot_id") or "unknown"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]") or "unknown"
    except OSError:
        return "unknown"


def _start_time(proc: Path, pid: int) -> int | None:
    """Field 22 of stat; None where there is no such process, or only its zombie."""
    text = _read(proc / str(pid) / "stat")
    if not text:
        return None
    # `1234 (a name) with) spaces) S 1 ...`: the name ends at the last bracket
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
