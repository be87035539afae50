"""What of this machine's CPUs and kernel would move a measurement, and how is it changed?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.runner.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.host.fingerprint import Fingerprint
    from orchestrator.host.topology import Core

CPUS, KERNEL = "CPUs", "Kernel"
SYS = "/sys/devices/system"
SECCOMP_FREE = (5, 16)


class Wish(NamedTuple):
    """How a field of the fingerprint should be."""

    field: str
    group: str
    good: frozenset[str]
    means: str
    """What another value does to a measurement."""
    advice: str
    unseen: str = ""
    """What follows where the field cannot be read."""


WISHES = (
    Wish(
        "governor",
        CPUS,
        frozenset({"performance"}),
        "the clock follows the load: the first samples of a trial are slower",
        "sudo cpupower frequency-set -g performance",
        "what steers the clock cannot be told: a canary before and after each trial stands in for it",
    ),
    Wish(
        "turbo",
        CPUS,
        frozenset({"off"}),
        "the clock depends on heat and on how many cores work",
        "",  # depends on the driver: see _turn_off_turbo
        "whether the clock goes beyond its nominal value cannot be told",
    ),
    Wish(
        "aslr",
        KERNEL,
        frozenset({"2"}),
        "one memory layout is frozen into every trial, instead of sampled",
        "echo 2 | sudo tee /proc/sys/kernel/randomize_va_space",
    ),
    Wish(
        "clocksource",
        KERNEL,
        frozenset({"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"}),
        "reading the clock is a system call: short samples are longer than they are",
        f"echo tsc | sudo tee {SYS}/clocksource/clocksource0/current_clocksource",
    ),
    Wish(
        "swap",
        KERNEL,
        frozenset({"none"}),
        "containers of this tool never swap, everything else does",
        "sudo swapoff -a",
    ),
)


def judge_topology(cores: Iterable[Core]) -> list[Finding]:
    """Cores, NUMA nodes, SMT and kinds of cores."""
    every = tuple(cores)
    cpus = sum(len(core.cpus) for core in every)
    nodes = len({core.node for core in every})
    slow = sum(core.slow for core in every)
    text = f"{cpus} on {len(every)} {_cores(len(every))} of {nodes} NUMA {'node' if nodes == 1 else 'nodes'}"
    found = [Finding(Level.OK, CPUS, "usable", f"{text}, {slow} of them efficiency cores" if slow else text)]
    if len(every) < 2:
        found.append(
            Finding(
                Level.WARN,
                CPUS,
                "this tool",
                "shares the only core with the trials",
                "what it does while it waits is in the trial's time",
                "use a machine with two cores or more",
            )
        )
    if any(len(core.siblings) > 1 for core in every):
        found.append(Finding(Level.OK, CPUS, "SMT", "on: a trial takes whole cores, their other threads stay idle"))
    else:
        found.append(Finding(Level.OK, CPUS, "SMT", "off, or not shown"))
    if any(core.cpus != core.siblings for core in every):
        found.append(
            Finding(
                Level.WARN,
                CPUS,
                "cpuset",
                "some cores are this process's by half only",
                "others may compute on their other hardware threads",
                "start it with whole cores: taskset -c LIST bench ...",
            )
        )
    return found


def judge_state(seen: Fingerprint, *, nodes: int = 1) -> list[Finding]:
    """What of the fingerprint should be otherwise, and what of it cannot be read."""
    values = seen.values
    found = [_judge(wish, seen) for wish in WISHES]
    found += [_frequency(seen), _hypervisor(values), _vulnerabilities(values), *_kernel(values)]
    if nodes > 1 and values.get("numa_balancing") == "1":
        means, advice = "pages move while they are timed", "echo 0 | sudo tee /proc/sys/kernel/numa_balancing"
        found.append(Finding(Level.WARN, KERNEL, "NUMA balancing", "on", means, advice))
    model, microcode = values.get("cpu_model") or "not named", values.get("microcode") or "not shown"
    found.append(Finding(Level.OK, CPUS, "model", f"{model}, microcode {microcode}"))
    found.append(Finding(Level.OK, KERNEL, "huge pages", values.get("transparent_hugepages") or "not shown"))
    isolated = values.get("cpus_isolated") or "none"
    found.append(Finding(Level.OK, KERNEL, "isolated CPUs", isolated))
    found.append(Finding(Level.OK, KERNEL, "switches", values.get("kernel_switches") or "not shown"))
    return found


def _judge(wish: Wish, seen: Fingerprint) -> Finding:
    value = seen.values.get(wish.field)
    if value is None:
        return Finding(Level.UNSEEN, wish.group, wish.field, _say_absent(seen, wish.field), wish.unseen)
    if value in wish.good:
        return Finding(Level.OK, wish.group, wish.field, value)
    advice = _turn_off_turbo(seen.values) if wish.field == "turbo" else wish.advice
    return Finding(Level.WARN, wish.group, wish.field, value, wish.means, advice)


def _say_absent(seen: Fingerprint, field: str) -> str:
    """`there is no /sys/...`, or the reason as it was given."""
    reason = seen.reasons.get(field, "not known")
    file, missing, _ = reason.partition(": No such file")
    return f"there is no {file}" if missing else reason


def _turn_off_turbo(values: Mapping[str, str | None]) -> str:
    if "intel" in (values.get("frequency_driver") or ""):
        return f"echo 1 | sudo tee {SYS}/cpu/intel_pstate/no_turbo"
    return f"echo 0 | sudo tee {SYS}/cpu/cpufreq/boost"


def _frequency(seen: Fingerprint) -> Finding:
    lowest, highest = seen.values.get("frequency_lowest_khz"), seen.values.get("frequency_highest_khz")
    if lowest is None or highest is None:
        reason = _say_absent(seen, "frequency_highest_khz")
        return Finding(Level.UNSEEN, CPUS, "frequency", reason, "a change of the clock shows only in the canary")
    if lowest == highest:
        return Finding(Level.OK, CPUS, "frequency", f"fixed at {_mhz(highest)}")
    return Finding(Level.OK, CPUS, "frequency", f"from {_mhz(lowest)} to {_mhz(highest)}")


def _hypervisor(values: Mapping[str, str | None]) -> Finding:
    name = values.get("hypervisor")
    if name is None:
        return Finding(Level.UNSEEN, CPUS, "hypervisor", "nothing tells whether there is one")
    if name == "none":
        return Finding(Level.OK, CPUS, "hypervisor", "none")
    text = "there is one, without a name" if name == "unnamed" else name
    means = "steal is read in every trial, but its neighbours in the caches and its clock are out of sight"
    return Finding(Level.UNSEEN, CPUS, "hypervisor", text, means, "for differences of a few per cent, use bare metal")


def _vulnerabilities(values: Mapping[str, str | None]) -> Finding:
    states = {
        name.removeprefix("vulnerability."): value
        for name, value in values.items()
        if name.startswith("vulnerability.") and value
    }
    if not states:
        return Finding(Level.UNSEEN, KERNEL, "mitigations", "this kernel does not list them")
    active = [name for name, value in states.items() if value.startswith("Mitigation")]
    text = f"{len(active)} of {len(states)} vulnerabilities: {', '.join(active)}" if active else "none needed"
    return Finding(Level.OK, KERNEL, "mitigations", text)


def _kernel(values: Mapping[str, str | None]) -> list[Finding]:
    text = values.get("kernel") or ""
    version = re.match(r"(\d+)\.(\d+)", text)
    if version and tuple(map(int, version.groups())) < SECCOMP_FREE:
        means = "up to 5.15 code in a container pays for a mitigation that code outside does not"
        advice = "boot with spec_store_bypass_disable=prctl, or use Linux 5.16 or newer"
        return [Finding(Level.WARN, KERNEL, "version", text, means, advice)]
    return [Finding(Level.OK, KERNEL, "version", text or "not shown")]


def _mhz(khz: str) -> str:
    return f"{int(khz) / 1000:.0f} MHz" if khz.isdigit() else khz


def _cores(count: int) -> str:
    return "core" if count == 1 else "cores"
