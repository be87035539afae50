"""What has this machine counted so far, of what may disturb a trial on some of its CPUs?"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path("/")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""Of /proc/stat: a CPU's time is known no better than this."""


class Clocks(NamedTuple):
    """Three clocks read at once, in seconds: they part when the machine sleeps or its time is set."""

    monotonic: float
    """Stands still while the machine is suspended."""
    boottime: float
    """Goes on while it is suspended."""
    realtime: float
    """Jumps when somebody sets the time."""


class CpuTime(NamedTuple):
    """Of one CPU since boot, in seconds (/proc/stat)."""

    busy_s: float
    """user, nice, system, irq, softirq; guests are in user already."""
    steal_s: float


class Counters(NamedTuple):
    """One look; a difference of two says what happened in between. None where the kernel does not tell."""

    clocks: Clocks
    cpus: dict[int, CpuTime] | None
    pressure_s: float | None
    """Of the whole machine: seconds in which some task waited for a CPU."""
    swapped_pages: int | None
    thermal_events: int | None
    """Of the CPUs asked for; each socket's own counter once per CPU."""
    frequency_khz: int | None
    """Mean of the CPUs asked for, now."""


def read_clocks() -> Clocks:
    """Now."""
    return Clocks(
        time.clock_gettime(time.CLOCK_MONOTONIC),
        time.clock_gettime(time.CLOCK_BOOTTIME),
        time.clock_gettime(time.CLOCK_REALTIME),
    )


def read_counters(cpus: Iterable[int], *, root: Path = ROOT, read_time: Callable[[], Clocks] = read_clocks) -> Counters:
    """The counters now; thermal events and frequency of `cpus` only."""
    wanted = tuple(cpus)
    return Counters(
        clocks=read_time(),
        cpus=parse_stat(_read(root / "proc/stat")),
        pressure_s=parse_pressure(_read(root / "proc/pressure/cpu")),
        swapped_pages=parse_swap(_read(root / "proc/vmstat")),
        thermal_events=_read_thermal(root, wanted),
        frequency_khz=_read_frequency(root, wanted),
    )


def parse_stat(text: str) -> dict[int, CpuTime] | None:
    """`cpu1 user nice system idle iowait irq softirq steal guest guest_nice`, in ticks; see proc(5)."""
    found = {}
    for line in text.splitlines():
        name, *fields = line.split()
        number = name.removeprefix("cpu")
        if name.startswith("cpu") and number.isdigit() and len(fields) >= 8:
            ticks = [int(field) for field in fields]
            found[int(number)] = CpuTime((sum(ticks[:3]) + ticks[5] + ticks[6]) * TICK_S, ticks[7] * TICK_S)
    return found or None


def parse_pressure(text: str) -> float | None:
    """`some avg10=0.00 avg60=0.00 avg300=0.00 total=123456`, in microseconds; Documentation/accounting/psi.rst."""
    for line in text.splitlines():
        if line.startswith("some "):
            total = line.rpartition("total=")[2]
            return int(total) / 1e6 if total.isdigit() else None
    return None


def parse_swap(text: str) -> int | None:
    """Pages in and out (`pswpin`, `pswpout` of /proc/vmstat)."""
    values = [int(line.split()[1]) for line in text.splitlines() if line.startswith(("pswpin ", "pswpout "))]
    return sum(values) if values else None


def _read_thermal(root: Path, cpus: Iterable[int]) -> int | None:
    values = []
    for cpu in cpus:
        for path in (root / f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle").glob("*_throttle_count"):
            text = _read(path).strip()
            values += [int(text)] if text.isdigit() else []
    return sum(values) if values else None


def _read_frequency(root: Path, cpus: Iterable[int]) -> int | None:
    texts = [_read(root / f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq").strip() for cpu in cpus]
    values = [int(text) for text in texts if text.isdigit()]
    return round(sum(values) / len(values)) if values else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
