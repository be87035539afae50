"""Did something other than the build move this trial's time, by what the host saw around it?

A reading is held against its limit less its own resolution: a clock that ticks every 10 ms says nothing of 5 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.findings import Finding
from orchestrator.analysis.gpu import judge_gpu
from orchestrator.nouns.limits import Limits

if TYPE_CHECKING:
    from orchestrator.analysis.claims import Checked
    from orchestrator.nouns.conditions import Conditions
    from orchestrator.nouns.job import Reply
    from orchestrator.nouns.record import Record

TICK_S = 0.01
"""Of /proc/stat (USER_HZ is 100 on every Linux that this runs on)."""
SLACK = 1.02
CLOCK_S = 0.02
"""CPU time is counted in ticks of 10 ms, in two places."""
CROWD = 2
"""Threads that wanted a CPU beyond those that were asked for, seen from outside: one may be a hand-over."""


def check_conditions(record: Record, limits: Limits | None = None) -> Checked:
    """Reasons and flags from `observed.conditions`; none of either where a record has none."""
    seen = record.observed.conditions if record.observed is not None else None
    if seen is None:
        return [], []
    bounds = limits or Limits()
    reasons, flags = _stolen(seen, bounds)
    reasons += _crowd(seen, record)
    if record.reported is not None and not seen.partial:
        reasons += _window(seen, record.reported)
    flags += _neighbours(seen, record, bounds) + _clocks(seen, bounds) + _memory(seen, bounds)
    for gpu in seen.gpus:
        found = judge_gpu(gpu)
        reasons += found[0]
        flags += found[1]
    if seen.neighbours:
        flags.append(Finding("neighbours", f"pinned to the same CPUs: container {', '.join(seen.neighbours)}"))
    if "canaries" in seen.unavailable:
        flags.append(Finding("unproved:quiet", seen.unavailable["canaries"]))
    if seen.partial:
        why = seen.unavailable.get("window_s", "the counters are those of the last look before it ended")
        flags.append(Finding("partial-counters", why))
    return reasons, flags


def _stolen(seen: Conditions, bounds: Limits) -> Checked:
    share = _share(seen.steal_s, seen, 1)
    if share is None or share <= bounds.steal:
        return [], []
    text = f"the hypervisor took at least {share:.1%} of a measured CPU"
    if share > bounds.steal_invalid:
        return [Finding("steal", text)], []
    return [], [Finding("steal", text)]


def _crowd(seen: Conditions, record: Record) -> list[Finding]:
    if seen.wanted_s is None or not seen.window_s:
        return []
    wanted = seen.wanted_s / seen.window_s
    if wanted < record.threads + CROWD:
        return []
    text = f"oversubscribed: {record.threads} asked for, the host saw {wanted:.1f} want to run at once"
    return [Finding("claim:threads", text)]


def _window(seen: Conditions, reply: Reply) -> list[Finding]:
    """No more work than the time between its two words has room for."""
    found = []
    timed = sum(reply.warmup_s) + sum(reply.samples_s) * reply.loops
    if seen.window_s is not None and timed > seen.window_s * SLACK:
        found.append(f"it reports {timed:.3f} s of steps between ready and done, the host saw {seen.window_s:.3f} s")
    if seen.own_s is not None and reply.cpu_s is not None and reply.cpu_s > seen.own_s * SLACK + CLOCK_S:
        found.append(f"it reports {reply.cpu_s:.3f} s of CPU time there, the host counted {seen.own_s:.3f} s")
    return [Finding("envelope", text) for text in found]


def _neighbours(seen: Conditions, record: Record, bounds: Limits) -> list[Finding]:
    count, found = len(record.cpus), []
    foreign = _share(seen.foreign_s, seen, count)
    if foreign is not None and foreign > bounds.foreign:
        found.append(Finding("foreign-cpu", f"others had at least {foreign:.1%} of the measured CPUs"))
    sibling = _share(seen.sibling_busy_s, seen, 1)
    if sibling is not None and sibling > bounds.sibling:
        found.append(
            Finding("sibling-busy", f"another hardware thread of its cores was busy for at least {sibling:.1%}")
        )
    # Of the whole machine it also counts what waits on other CPUs, and what the trial itself has in too many threads.
    if seen.pressure_of == "container" and seen.pressure_s is not None and seen.window_s:
        waited = seen.pressure_s / seen.window_s
        if waited > bounds.pressure:
            found.append(Finding("pressure", f"for {waited:.1%} of the time some task of it waited for a CPU"))
    if seen.load_at_start is not None and seen.load_at_start > bounds.load_at_start:
        text = f"others took {seen.load_at_start:.0%} of a CPU of its when it began, after {seen.settled_s or 0:.1f} s"
        found.append(Finding("load-at-start", text))
    return found


def _clocks(seen: Conditions, bounds: Limits) -> list[Finding]:
    found = []
    if seen.thermal_events is not None and seen.thermal_events > bounds.thermal_events:
        found.append(Finding("thermal", f"{seen.thermal_events} thermal events of the measured CPUs"))
    before, after = seen.frequency_before_khz, seen.frequency_after_khz
    if before and after and abs(after / before - 1) > bounds.frequency:
        found.append(Finding("frequency", f"from {before / 1e6:.2f} to {after / 1e6:.2f} GHz"))
    elif not before:
        found += _canaries(seen, bounds)
    if seen.clock_drift_s is not None and seen.clock_drift_s > bounds.clock_drift_s:
        text = f"the machine's clocks parted by {seen.clock_drift_s:.1f} s: it slept, or its time was set"
        found.append(Finding("clock-jump", text))
    return found


def _canaries(seen: Conditions, bounds: Limits) -> list[Finding]:
    changes = [each.after_s / each.before_s for each in seen.canaries if each.after_s and each.before_s]
    worst = max(changes, key=lambda change: abs(change - 1), default=1.0)
    if abs(worst - 1) <= bounds.frequency:
        return []
    return [Finding("canary", f"the same work took {worst:.2f}x the time after the trial as before it")]


def _memory(seen: Conditions, bounds: Limits) -> list[Finding]:
    found = []
    if seen.swapped_pages is not None and seen.swapped_pages > bounds.swapped_pages:
        found.append(Finding("swap", f"the host swapped {seen.swapped_pages} pages"))
    if seen.major_faults is not None and seen.major_faults > bounds.major_faults:
        found.append(Finding("io", f"{seen.major_faults} pages of it came from a disk in the timed region"))
    return found


def _share(seconds: float | None, seen: Conditions, cpus: int) -> float | None:
    """Of the CPUs' time in the window, less what one tick per CPU may have added."""
    if seconds is None or not seen.window_s:
        return None
    return max(0.0, seconds - TICK_S * cpus) / (seen.window_s * cpus)
