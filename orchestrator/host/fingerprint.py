"""In which state is this machine, as far as it may change a measurement?"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path("/")


class Fingerprint(NamedTuple):
    """What could be read, and why the rest could not: a missing value is None, never 0."""

    values: dict[str, str | None]
    reasons: dict[str, str]


# What -> the file that holds it. A file `[always] madvise never` names its choice by brackets.
FILES = {
    "kernel": "proc/sys/kernel/osrelease",
    "spec_store_bypass": "sys/devices/system/cpu/vulnerabilities/spec_store_bypass",
    "governor": "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    "frequency_driver": "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver",
    "smt": "sys/devices/system/cpu/smt/control",
    "transparent_hugepages": "sys/kernel/mm/transparent_hugepage/enabled",
    "aslr": "proc/sys/kernel/randomize_va_space",
    "clocksource": "sys/devices/system/clocksource/clocksource0/current_clocksource",
    "numa_balancing": "proc/sys/kernel/numa_balancing",
    "cpus_online": "sys/devices/system/cpu/online",
}
# /proc/cpuinfo's field -> ours; ARM has no model name, its implementer and part stand for it
CPU_FIELDS = {"model name": "cpu_model", "microcode": "microcode", "flags": "cpu_flags", "Features": "cpu_flags"}


def read_fingerprint(root: Path = ROOT) -> Fingerprint:
    """CPU model, microcode, flags, kernel, governor, turbo, huge pages, ASLR, clock source, ... as text."""
    values: dict[str, str | None] = {}
    reasons: dict[str, str] = {}
    cpu = _read_cpu(root)
    for name in ("cpu_model", "microcode", "cpu_flags"):
        _keep(name, cpu.get(name), "/proc/cpuinfo does not say", values, reasons)
    for name, path in FILES.items():
        text, reason = _read(root / path)
        chosen = re.search(r"\[([^]]+)\]", text or "")
        _keep(name, chosen[1] if chosen else text, reason, values, reasons)
    turbo, reason = _read_turbo(root)
    _keep("turbo", turbo, reason, values, reasons)
    memory = re.search(r"MemTotal:\s+(\d+) kB", _read(root / "proc/meminfo")[0] or "")
    _keep("memory_kib", memory[1] if memory else None, "/proc/meminfo does not say", values, reasons)
    values["cpu_count"] = str(os.cpu_count())
    values["architecture"] = os.uname().machine
    return Fingerprint(values, reasons)


def read_cpu_flags(root: Path = ROOT) -> frozenset[str] | None:
    """The flags of /proc/cpuinfo; None where it lists none, and nothing can be said."""
    flags = _read_cpu(root).get("cpu_flags")
    return frozenset(flags.split()) if flags else None


def _keep(name: str, value: str | None, reason: str, values: dict[str, str | None], reasons: dict[str, str]) -> None:
    values[name] = value
    if value is None:
        reasons[name] = reason


def _read_cpu(root: Path) -> dict[str, str]:
    """The first processor's fields."""
    found: dict[str, str] = {}
    for line in (_read(root / "proc/cpuinfo")[0] or "").splitlines():
        name, _, value = line.partition(":")
        ours = CPU_FIELDS.get(name.strip())
        if ours and value.strip():
            found.setdefault(ours, value.strip())
    return found


def _read_turbo(root: Path) -> tuple[str | None, str]:
    """`on` or `off`: intel_pstate says the opposite of what everybody else says."""
    text, _ = _read(root / "sys/devices/system/cpu/intel_pstate/no_turbo")
    if text in {"0", "1"}:
        return {"0": "on", "1": "off"}[text], ""
    text, reason = _read(root / "sys/devices/system/cpu/cpufreq/boost")
    return ({"0": "off", "1": "on"}.get(text or ""), reason or "not 0 or 1")


def _read(path: Path) -> tuple[str | None, str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        return None, f"/{path.name}: {error.strerror}"
    return (text, "") if text else (None, f"{path.name} is empty")
