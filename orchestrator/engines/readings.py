"""What do two readings of a machine and a process, one before and one after, say of the time in between?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from orchestrator.host.counters import CpuTime
from orchestrator.nouns.conditions import Conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.engines.cgroup import Usage
    from orchestrator.engines.tasks import Tasks
    from orchestrator.host.counters import Counters

Number = TypeVar("Number", int, float)


class Reading(NamedTuple):
    """One look at everything."""

    host: Counters
    tasks: Tasks
    usage: Usage


def make_conditions(
    before: Reading, after: Reading, *, cpus: Sequence[int], siblings: Sequence[int] = ()
) -> Conditions:
    """The differences of two readings; what either lacks is null, and says why."""
    one, two = before.host, after.host
    spent, empty = _cpu_times(one, two, cpus), _cpu_times(one, two, siblings)
    busy = sum(each.busy_s for each in spent) if spent else None
    own = _minus(after.usage.cpu_s, before.usage.cpu_s)
    if own is None:
        own = _minus(after.tasks.cpu_s, before.tasks.cpu_s)
    ran, waited = _minus(after.tasks.ran_s, before.tasks.ran_s), _minus(after.tasks.waited_s, before.tasks.waited_s)
    stalled, whose = _minus(after.usage.pressure_s, before.usage.pressure_s), "container"
    if stalled is None:
        stalled, whose = _minus(two.pressure_s, one.pressure_s), "host"
    steps = [later - sooner for sooner, later in zip(one.clocks, two.clocks, strict=True)]
    made = Conditions(
        window_s=steps[0],
        began_s=one.clocks.monotonic,
        busy_s=busy,
        own_s=own,
        wanted_s=None if ran is None or waited is None else ran + waited,
        foreign_s=None if busy is None or own is None else max(0.0, busy - own),
        # a parallel loop waits for its slowest thread: the worst CPU counts, not the mean
        sibling_busy_s=max((each.busy_s for each in empty), default=None),
        steal_s=max((each.steal_s for each in spent), default=None),
        throttled_periods=_minus(after.usage.throttled_periods, before.usage.throttled_periods),
        pressure_s=stalled,
        pressure_of=None if stalled is None else whose,
        voluntary_switches=_minus(after.tasks.voluntary, before.tasks.voluntary),
        involuntary_switches=_minus(after.tasks.involuntary, before.tasks.involuntary),
        migrations=_minus(after.tasks.migrations, before.tasks.migrations),
        major_faults=_minus(after.tasks.major_faults, before.tasks.major_faults),
        swapped_pages=_minus(two.swapped_pages, one.swapped_pages),
        thermal_events=_minus(two.thermal_events, one.thermal_events),
        frequency_before_khz=one.frequency_khz,
        frequency_after_khz=two.frequency_khz,
        clock_drift_s=max(steps) - min(steps),
    )
    return made.model_copy(update={"unavailable": _explain(made, siblings)})


_OF_THREADS = "/proc/PID/status cannot be read, or threads ended and took their counts with them"
_REASONS = {
    "busy_s": "/proc/stat does not show these CPUs",
    "own_s": "no control group, and /proc/PID/stat cannot be read",
    "wanted_s": "the kernel keeps no schedstat, or threads ended and took their counts with them",
    "foreign_s": "it is the difference of two others, of which one is missing",
    "steal_s": "/proc/stat does not show these CPUs",
    "throttled_periods": "no control group that can be read",
    "pressure_s": "the kernel has no /proc/pressure",
    "voluntary_switches": _OF_THREADS,
    "involuntary_switches": _OF_THREADS,
    "migrations": "the kernel has no /proc/PID/sched, or threads ended and took their counts with them",
    "major_faults": "/proc/PID/stat cannot be read",
    "swapped_pages": "/proc/vmstat does not count them",
    "thermal_events": "the CPU shows no thermal_throttle: a virtual machine, or another vendor's",
    "frequency_before_khz": "no cpufreq: the canary stands in",
    "frequency_after_khz": "no cpufreq: the canary stands in",
}


def _explain(made: Conditions, siblings: Sequence[int]) -> dict[str, str]:
    found = {name: reason for name, reason in _REASONS.items() if getattr(made, name) is None}
    if not siblings:
        found["sibling_busy_s"] = "the measured cores have no other hardware threads"
    if made.pressure_of == "host":
        found["pressure_of"] = "control groups of version 1 count no pressure: it is that of the whole machine"
    return found


def _cpu_times(one: Counters, two: Counters, cpus: Sequence[int]) -> list[CpuTime]:
    """What each of these CPUs did in between; nothing where one of them is not shown."""
    if one.cpus is None or two.cpus is None or any(cpu not in one.cpus or cpu not in two.cpus for cpu in cpus):
        return []
    return [
        CpuTime(two.cpus[cpu].busy_s - one.cpus[cpu].busy_s, two.cpus[cpu].steal_s - one.cpus[cpu].steal_s)
        for cpu in cpus
    ]


def _minus(after: Number | None, before: Number | None) -> Number | None:
    """None where it shrank: threads that ended took their counts with them, and nobody knows how much."""
    return None if after is None or before is None or after < before else after - before
