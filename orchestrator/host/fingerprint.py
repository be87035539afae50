"""In which state is this machine, as far as it may change a measurement?

Only what stays as it is from one trial to the next: trials in two states are never pooled, so a value that wanders by
itself (free memory, a frequency of the moment) would leave every trial alone. See host/counters.py for those.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from orchestrator.host.drivers import describe_gpus
from orchestrator.host.processor import read_processor
from orchestrator.host.virtual import read_cgroup_version, read_hypervisor

ROOT = Path("/")
CPUS = "sys/devices/system/cpu"


class Fingerprint(NamedTuple):
    """What could be read, and why the rest could not: a missing value is None, never 0 or empty."""

    values: dict[str, str | None]
    reasons: dict[str, str]


# What -> the file that holds it. A file `[always] madvise never` names its choice by brackets.
FILES = {
    "kernel": "proc/sys/kernel/osrelease",
    "kernel_build": "proc/sys/kernel/version",
    "smt": f"{CPUS}/smt/control",
    "transparent_hugepages": "sys/kernel/mm/transparent_hugepage/enabled",
    "aslr": "proc/sys/kernel/randomize_va_space",
    "clocksource": "sys/devices/system/clocksource/clocksource0/current_clocksource",
    "numa_balancing": "proc/sys/kernel/numa_balancing",
    "swappiness": "proc/sys/vm/swappiness",
    "cpus_online": f"{CPUS}/online",
}
# Files that are empty, or say (null), where there is none of it.
LISTS = {"cpus_isolated": f"{CPUS}/isolated", "cpus_tickless": f"{CPUS}/nohz_full"}
# What -> the file of each CPU; the values of all of them count, as one slow core is enough.
EACH_CPU = {
    "governor": "scaling_governor",
    "frequency_driver": "scaling_driver",
    "frequency_lowest_khz": "scaling_min_freq",
    "frequency_highest_khz": "scaling_max_freq",
    "energy_preference": "energy_performance_preference",
}
# /proc/cpuinfo's field -> ours; ARM has no model name, its implementer and part stand for it
CPU_FIELDS = {"model name": "cpu_model", "microcode": "microcode", "flags": "cpu_flags", "Features": "cpu_flags"}
# Words of the kernel's command line that change how fast code runs. The other words are nobody's business here.
SWITCHES = re.compile(
    r"^(mitigations|pti|nopti|nospectre_\w+|spectre_\w+|spec_\w+|retbleed|l1tf|mds|mmio_stale_data|tsx\w*|srbds|"
    r"gather_data_sampling|reg_file_data_sampling|indirect_target_selection|tsa|vmscape|noibrs|noibpb|nosmt|maxcpus|"
    r"nr_cpus|isolcpus|nohz\w*|rcu_nocb\w*|irqaffinity|idle|intel_idle\.\w+|processor\.\w+|intel_pstate|amd_pstate|"
    r"cpufreq\.\w+|cpuidle\.\w+|clocksource|tsc|hpet|preempt|threadirqs|numa\w*|transparent_hugepage|"
    r"(?:default_)?hugepages\w*|psi|skew_tick|nowatchdog|nmi_watchdog|audit|cgroup_disable|swapaccount|"
    r"systemd\.unified_cgroup_hierarchy)(=|$)"
)


def read_fingerprint(root: Path = ROOT) -> Fingerprint:
    """CPU model, microcode, flags, kernel, mitigations, governor, turbo, huge pages, ASLR, clocks, ... as text."""
    values: dict[str, str | None] = {}
    reasons: dict[str, str] = {}

    def keep(name: str, value: str | None, reason: str) -> None:
        values[name] = value
        if value is None:
            reasons[name] = reason

    cpu = _read_cpu(root)
    for name in ("cpu_model", "microcode", "cpu_flags"):
        keep(name, cpu.get(name), "/proc/cpuinfo does not say")
    for name, path in FILES.items():
        text, reason = _read(root, path)
        chosen = re.search(r"\[([^]]+)\]", text or "")
        keep(name, chosen[1] if chosen else text, reason)
    for name, path in LISTS.items():
        keep(name, *_read_list(root, path))
    for name, file in EACH_CPU.items():
        keep(name, *_read_each(root, file))
    keep("turbo", *_read_turbo(root))
    keep("kernel_switches", *_read_switches(root))
    keep("swap", *_read_swap(root))
    keep("hypervisor", *read_hypervisor(root))
    keep("cgroup", *read_cgroup_version(root))
    for name, value, reason in (*_read_vulnerabilities(root), *read_processor(root)):
        keep(name, value, reason)
    for name, (value, reason) in describe_gpus(root).items():
        keep(name, value, reason)
    memory = re.search(r"MemTotal:\s+(\d+) kB", _read(root, "proc/meminfo")[0] or "")
    keep("memory_kib", memory[1] if memory else None, "/proc/meminfo does not say")
    keep("cpu_count", str(os.cpu_count()), "")
    keep("architecture", os.uname().machine, "")
    return Fingerprint(values, reasons)


def read_cpu_flags(root: Path = ROOT) -> frozenset[str] | None:
    """The flags of /proc/cpuinfo; None where it lists none, and nothing can be said."""
    flags = _read_cpu(root).get("cpu_flags")
    return frozenset(flags.split()) if flags else None


def _read_cpu(root: Path) -> dict[str, str]:
    """The first processor's fields."""
    found: dict[str, str] = {}
    for line in (_read(root, "proc/cpuinfo")[0] or "").splitlines():
        name, _, value = line.partition(":")
        ours = CPU_FIELDS.get(name.strip())
        if ours and value.strip():
            found.setdefault(ours, value.strip())
    return found


def _read_each(root: Path, file: str) -> tuple[str | None, str]:
    """One value where all CPUs agree, `performance (0-2), powersave (3)` where they do not."""
    groups: dict[str, list[int]] = {}
    reason = f"/{CPUS}/cpu0/cpufreq/{file}: No such file or directory"
    for path in (root / CPUS).glob("cpu[0-9]*"):
        text, problem = _read(root, f"{CPUS}/{path.name}/cpufreq/{file}")
        if text is None:
            reason = problem if path.name == "cpu0" else reason
        else:
            groups.setdefault(text, []).append(int(path.name.removeprefix("cpu")))
    if len(groups) < 2:
        return next(iter(groups), None), reason
    parts = sorted((min(cpus), f"{value} ({say_cpus(cpus)})") for value, cpus in groups.items())
    return ", ".join(text for _, text in parts), ""


def say_cpus(cpus: list[int]) -> str:
    """The kernel's list format: `0-3,8`."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][-1] + 1:
            runs[-1].append(cpu)
        else:
            runs.append([cpu])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _read_turbo(root: Path) -> tuple[str | None, str]:
    """`on` or `off`: intel_pstate says the opposite of what everybody else says."""
    text, _ = _read(root, f"{CPUS}/intel_pstate/no_turbo")
    if text in {"0", "1"}:
        return {"0": "on", "1": "off"}[text], ""
    text, reason = _read(root, f"{CPUS}/cpufreq/boost")
    return ({"0": "off", "1": "on"}.get(text or ""), reason or "not 0 or 1")


def _read_vulnerabilities(root: Path) -> list[tuple[str, str | None, str]]:
    """How the kernel guards against each: a mitigation of one machine is a slowdown that the other does not have."""
    folder = root / CPUS / "vulnerabilities"
    names = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else []
    if not names:
        return [("vulnerabilities", None, f"/{CPUS}/vulnerabilities: No such file or directory")]
    return [(f"vulnerability.{name}", *_read(root, f"{CPUS}/vulnerabilities/{name}")) for name in names]


def _read_switches(root: Path) -> tuple[str | None, str]:
    text, reason = _read(root, "proc/cmdline")
    if text is None:
        return None, reason
    return " ".join(sorted(word for word in text.split() if SWITCHES.match(word))) or "none", ""


def _read_swap(root: Path) -> tuple[str | None, str]:
    """`none`, or its size: how much of it is used wanders."""
    text, reason = _read(root, "proc/swaps")
    if text is None:
        return None, reason
    sizes = [int(line.split()[2]) for line in text.splitlines()[1:]]
    return f"{sum(sizes)} KiB" if sizes else "none", ""


def _read_list(root: Path, file: str) -> tuple[str | None, str]:
    text, reason = _read(root, file)
    if text in {"(null)", ""} or (text is None and reason.endswith(EMPTY)):
        return "none", ""
    return text, reason


EMPTY = "is empty"


def _read(root: Path, file: str) -> tuple[str | None, str]:
    try:
        text = (root / file).read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        return None, f"/{file}: {error.strerror}"
    return (text, "") if text else (None, f"/{file} {EMPTY}")
