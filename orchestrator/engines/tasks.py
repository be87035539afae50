"""What does the kernel tell of some processes and all their threads?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.host.counters import TICK_S

if TYPE_CHECKING:
    from collections.abc import Iterable

PROC = Path("/proc")


class Tasks(NamedTuple):
    """Sums over the threads that are alive; a counter is None where the kernel has no such file."""

    threads: int
    cpu_s: float | None
    """User and system time of the processes, in ticks of 10 ms; threads that ended are in it."""
    ran_s: float | None
    """On a CPU."""
    waited_s: float | None
    """Ready to run, without a CPU."""
    voluntary: int | None
    """Context switches of a thread that had to wait for something."""
    involuntary: int | None
    """Context switches of a thread that somebody else was given the CPU of."""
    migrations: int | None
    major_faults: int | None


def read_tasks(pids: Iterable[int], proc: Path = PROC) -> Tasks:
    """Of these processes now. One that ends meanwhile is left out."""
    threads = 0
    sums: dict[str, float] = {}
    for pid in pids:
        folder = proc / str(pid)
        _add_process(sums, _read(folder / "stat"))
        with suppress(OSError):
            for task in (folder / "task").iterdir():
                threads += 1
                _add_task(sums, task)
    return Tasks(
        threads=threads,
        cpu_s=sums.get("cpu_s"),
        ran_s=sums.get("ran_s"),
        waited_s=sums.get("waited_s"),
        voluntary=_whole(sums.get("voluntary")),
        involuntary=_whole(sums.get("involuntary")),
        migrations=_whole(sums.get("migrations")),
        major_faults=_whole(sums.get("major_faults")),
    )


def read_names(pids: Iterable[int], proc: Path = PROC) -> dict[int, str]:
    """What each process calls its main thread; at most 15 bytes, of the process's own choosing."""
    return {pid: name for pid in pids if (name := _read(proc / str(pid) / "comm").rstrip("\n"))}


def _add_task(sums: dict[str, float], task: Path) -> None:
    clocks = _read(task / "schedstat").split()
    if len(clocks) >= 2:  # nanoseconds on a CPU, nanoseconds waiting for one, timeslices
        _add(sums, "ran_s", int(clocks[0]) / 1e9)
        _add(sums, "waited_s", int(clocks[1]) / 1e9)
    for line in _read(task / "status").splitlines():
        name, _, value = line.partition(":")
        if name == "voluntary_ctxt_switches":
            _add(sums, "voluntary", int(value))
        elif name == "nonvoluntary_ctxt_switches":
            _add(sums, "involuntary", int(value))
    for line in _read(task / "sched").splitlines():
        if line.startswith("se.nr_migrations"):
            _add(sums, "migrations", int(line.rpartition(":")[2]))


def _add_process(sums: dict[str, float], text: str) -> None:
    """Fields 12, 14 and 15 of stat; the name in field 2 may hold anything: `12 (a) b) R ...`."""
    fields = text.rpartition(")")[2].split()
    if len(fields) > 12:
        _add(sums, "major_faults", int(fields[9]))
        _add(sums, "cpu_s", (int(fields[11]) + int(fields[12])) * TICK_S)


def _add(sums: dict[str, float], name: str, value: float | None) -> None:
    if value is not None:
        sums[name] = sums.get(name, 0.0) + value


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
