"""Who computes on this machine right now, and what holds its CPUs back? Two looks, a second apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.runner.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.host.counters import Counters
    from orchestrator.nouns.limits import Limits

GROUP = "Right now"
LOOK_S = 1.0
TICK_SHARE = 0.02
"""Two ticks of 10 ms, one at each end of a look: the kernel counts no finer."""
FREE = "ps -eo rss,pid,args --sort=-rss | head"
QUIETEN = "wait, or stop what computes here"
CALM_LOAD = 0.3
"""Of the CPUs, on average over the last minute."""


def judge_load(before: Counters, after: Counters, *, cpus: Iterable[int], load: float, limits: Limits) -> list[Finding]:
    """Foreign load, steal, pressure, throttling and swapping between two readings; `load` is the last minute's."""
    measured = tuple(sorted(cpus))
    elapsed = after.clocks.monotonic - before.clocks.monotonic
    return [
        _busy(before, after, measured, elapsed, limits),
        _load(load, len(measured)),
        _steal(before, after, measured, elapsed, limits),
        _pressure(before, after, elapsed, limits),
        _thermal(before, after),
        _swapping(before, after),
    ]


def _busy(before: Counters, after: Counters, cpus: tuple[int, ...], elapsed: float, limits: Limits) -> Finding:
    if before.cpus is None or after.cpus is None:
        return Finding(Level.UNSEEN, GROUP, "busy CPUs", "/proc/stat cannot be read", "other work goes unnoticed")
    shares = {
        cpu: (after.cpus[cpu].busy_s - before.cpus[cpu].busy_s) / elapsed
        for cpu in cpus
        if cpu in before.cpus and cpu in after.cpus
    }
    busy = {cpu: share for cpu, share in shares.items() if share > limits.foreign + TICK_SHARE}
    if not busy:
        most = max(shares.values(), default=0.0)
        return Finding(Level.OK, GROUP, "busy CPUs", f"none of {len(cpus)}: {most:.0%} at most")
    names = ", ".join(f"CPU {cpu} {min(share, 1):.0%}" for cpu, share in sorted(busy.items())[:8])
    more = f" and {len(busy) - 8} more" if len(busy) > 8 else ""
    return Finding(
        Level.WARN,
        GROUP,
        "busy CPUs",
        f"{names}{more}",
        "a trial waits for quiet CPUs, and is flagged where they are not",
        "ps -eo psr,pcpu,pid,args --sort=-pcpu | head",
    )


def _load(load: float, cpus: int) -> Finding:
    busy = load > CALM_LOAD * cpus
    text = f"{load:.2f} in the last minute"
    if not busy:
        return Finding(Level.OK, GROUP, "load", text)
    return Finding(Level.WARN, GROUP, "load", text, "more wants to run than on a quiet machine", QUIETEN)


def _steal(before: Counters, after: Counters, cpus: tuple[int, ...], elapsed: float, limits: Limits) -> Finding:
    if before.cpus is None or after.cpus is None:
        return Finding(Level.UNSEEN, GROUP, "steal", "/proc/stat cannot be read", "a hypervisor's share goes unnoticed")
    known = [cpu for cpu in cpus if cpu in before.cpus and cpu in after.cpus]
    stolen = sum(after.cpus[cpu].steal_s - before.cpus[cpu].steal_s for cpu in known)
    share = stolen / elapsed / len(known) if known else 0.0
    if share <= limits.steal:
        return Finding(Level.OK, GROUP, "steal", f"{share:.1%}")
    spoils = share > limits.steal_invalid
    means = "trials are invalid" if spoils else "trials are flagged"
    return Finding(
        Level.BAD if spoils else Level.WARN,
        GROUP,
        "steal",
        f"{share:.1%}: the hypervisor ran others in this machine's place",
        f"above {limits.steal_invalid if spoils else limits.steal:.0%}, {means}",
        "use a machine of your own, or one with dedicated CPUs; bench matrix --blocks 20 averages more of it out",
    )


def _pressure(before: Counters, after: Counters, elapsed: float, limits: Limits) -> Finding:
    if before.pressure_s is None or after.pressure_s is None:
        return Finding(
            Level.UNSEEN,
            GROUP,
            "waiting for CPUs",
            "/proc/pressure/cpu: not there",
            "that a task had to wait is not seen; its CPU time still is",
            "boot with psi=1, where the kernel has it (CONFIG_PSI)",
        )
    share = (after.pressure_s - before.pressure_s) / elapsed
    waits = share > limits.pressure
    text = f"some task waited {min(share, 1):.0%} of the time"
    if not waits:
        return Finding(Level.OK, GROUP, "waiting for CPUs", text)
    return Finding(Level.WARN, GROUP, "waiting for CPUs", text, "more wants to run than there are CPUs", QUIETEN)


def _thermal(before: Counters, after: Counters) -> Finding:
    if before.thermal_events is None or after.thermal_events is None:
        return Finding(
            Level.UNSEEN,
            GROUP,
            "throttling",
            "this kernel counts no thermal events",
            "a hot CPU shows only in the canary, a fixed piece of work before and after each trial",
        )
    new = after.thermal_events - before.thermal_events
    if new:
        text = f"{new} thermal events in the last second"
        return Finding(Level.WARN, GROUP, "throttling", text, "the CPU is too hot", "let it cool down; clean the fans")
    return Finding(Level.OK, GROUP, "throttling", f"none now, {after.thermal_events} events since boot")


def _swapping(before: Counters, after: Counters) -> Finding:
    if before.swapped_pages is None or after.swapped_pages is None:
        return Finding(Level.UNSEEN, GROUP, "swapping", "/proc/vmstat does not say")
    pages = after.swapped_pages - before.swapped_pages
    if pages:
        return Finding(
            Level.WARN, GROUP, "swapping", f"{pages} pages moved in the last second", "memory is short", FREE
        )
    return Finding(Level.OK, GROUP, "swapping", "none")
