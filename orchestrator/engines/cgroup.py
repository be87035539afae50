"""What has a container used so far, by the counters of its control group?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from orchestrator.host.counters import parse_pressure
from orchestrator.host.topology import parse_cpus

if TYPE_CHECKING:
    from collections.abc import Iterable

CGROUPS = Path("/sys/fs/cgroup")
ID_DIGITS = 64
ABSENT = "no control group of this container on this host: a remote or rootless engine, or another cgroup parent"


class Usage(NamedTuple):
    """Counters since the container's start; None where the kernel has no such file."""

    cpu_s: float | None = None
    peak_bytes: int | None = None
    throttled_periods: int | None = None
    oom_kills: int | None = None
    pressure_s: float | None = None
    """Seconds in which some task of it waited for a CPU; version 2 only."""


class Cgroup(Protocol):
    """One container's control group. Its folder vanishes when the container ends: read it before."""

    def read(self) -> Usage | None:
        """The counters now, or None when the folder is gone."""

    def pids(self) -> tuple[int, ...]:
        """Its processes, by their numbers on this host; empty when the folder is gone."""


def find_cgroup(container: str, root: Path = CGROUPS) -> Cgroup | None:
    """The control group of a container by its 64-digit id, without asking the engine; None where there is none.

    The id is unique, so a folder of this name cannot belong to anything else, wherever the engine runs.
    """
    names = (f"docker/{container}", f"system.slice/docker-{container}.scope", f"machine.slice/libpod-{container}.scope")
    for name in names:
        if (root / "memory" / name).is_dir():
            return CgroupV1(root, name)
        if (root / name / "cgroup.procs").is_file():
            return CgroupV2(root / name)
    return None


def find_neighbours(container: str, cpus: Iterable[int], root: Path = CGROUPS) -> tuple[str, ...]:
    """Short ids of other containers that live and are pinned to some of these CPUs, and not to all there are.

    A cpuset excludes nobody: the engine gives two containers the same CPU without a word.
    """
    folders = [*root.glob("cpuset/docker/*"), *root.glob("docker/*"), *root.glob("system.slice/docker-*.scope")]
    folders += root.glob("machine.slice/libpod-*.scope")
    every = parse_cpus(_read_text(root / "cpuset/cpuset.cpus") or _read_text(root / "cpuset.cpus.effective") or "")
    wanted, found = frozenset(cpus), set()
    for folder in folders:
        name = folder.name.removeprefix("docker-").removeprefix("libpod-").removesuffix(".scope")
        if len(name) != ID_DIGITS or name == container or not (_read_text(folder / "cgroup.procs") or "").strip():
            continue
        pinned = parse_cpus(_read_text(folder / "cpuset.cpus") or "")
        if pinned & wanted and pinned != every:
            found.add(name[:12])
    return tuple(sorted(found))


class CgroupV1:
    """Version 1, also where a version 2 hierarchy without controllers is mounted beside it (hybrid)."""

    def __init__(self, root: Path, name: str) -> None:
        self.cpuacct = root / "cpuacct" / name
        self.cpu = root / "cpu" / name
        self.memory = root / "memory" / name

    def read(self) -> Usage | None:
        """Nanoseconds and bytes as the kernel gives them, in seconds and bytes."""
        usage = _read_int(self.cpuacct / "cpuacct.usage")
        peak = _read_int(self.memory / "memory.max_usage_in_bytes")
        if usage is None and peak is None:
            return None
        return Usage(
            cpu_s=None if usage is None else usage / 1e9,
            peak_bytes=peak,
            throttled_periods=_read_field(self.cpu / "cpu.stat", "nr_throttled"),
            oom_kills=_read_field(self.memory / "memory.oom_control", "oom_kill"),
        )

    def pids(self) -> tuple[int, ...]:
        """From `cgroup.procs`; a process in another PID namespace is number 0 there, and left out."""
        return _read_pids(self.cpuacct / "cgroup.procs")


class CgroupV2:
    """Version 2. `memory.peak` came with Linux 5.19; before, the largest `memory.current` seen stands in for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.largest: int | None = None

    def read(self) -> Usage | None:
        """Microseconds and bytes as the kernel gives them, in seconds and bytes."""
        usage = _read_field(self.folder / "cpu.stat", "usage_usec")
        peak = _read_int(self.folder / "memory.peak")
        if peak is None:
            current = _read_int(self.folder / "memory.current")
            if current is not None:
                self.largest = max(current, self.largest or 0)
            peak = self.largest if current is not None else None
        if usage is None and peak is None:
            return None
        stalled = parse_pressure(_read_text(self.folder / "cpu.pressure") or "")
        return Usage(
            pressure_s=stalled,
            cpu_s=None if usage is None else usage / 1e6,
            peak_bytes=peak,
            throttled_periods=_read_field(self.folder / "cpu.stat", "nr_throttled"),
            oom_kills=_read_field(self.folder / "memory.events", "oom_kill"),
        )

    def pids(self) -> tuple[int, ...]:
        """From `cgroup.procs`; a process in another PID namespace is number 0 there, and left out."""
        return _read_pids(self.folder / "cgroup.procs")


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None  # gone, or a controller that is not there


def _read_pids(path: Path) -> tuple[int, ...]:
    return tuple(int(line) for line in (_read_text(path) or "").split() if line.isdigit() and line != "0")


def _read_int(path: Path) -> int | None:
    text = (_read_text(path) or "").strip()
    return int(text) if text.isdigit() else None


def _read_field(path: Path, field: str) -> int | None:
    for line in (_read_text(path) or "").splitlines():
        name, _, value = line.partition(" ")
        if name == field and value.strip().isdigit():
            return int(value)
    return None
