"""What went on around a trial while it was timed, as the host saw it?"""

from __future__ import annotations

from pydantic import Field

from orchestrator.nouns.base import Noun
from orchestrator.nouns.gpu import GpuConditions


class Canary(Noun):
    """How long a fixed piece of integer work took on a measured CPU, directly before and after the timed region.

    It stands in for the clock frequency where the kernel shows none: after Ingo et al., "Automated System Performance
    Testing at MongoDB", DBTest 2020.
    """

    cpu: int
    before_s: float
    after_s: float | None = None
    """Null where the workload ended before it could be taken."""


class Conditions(Noun):
    """Deltas over `window_s`, summed over the measured CPUs unless it says so; null where the host could not look.

    The window begins after the workload said that it is ready and ends when it said that it is done, and it waits at
    both ends until it is told to go on; `partial` is true where it never said so and the last reading stands in.
    """

    window_s: float | None = None
    began_s: float | None = None
    """CLOCK_MONOTONIC when the window began: tells whether two windows of one boot of a machine overlap."""
    partial: bool = False
    busy_s: float | None = None
    """Seconds in which the measured CPUs were not idle, by anyone."""
    own_s: float | None = None
    """CPU seconds of the trial's own processes."""
    wanted_s: float | None = None
    """Seconds in which its threads ran or waited for a CPU, summed over the threads: eight that fight for one CPU want
    eight times the window."""
    threads: int | None = None
    """Most threads that were seen at one time."""
    foreign_s: float | None = None
    """CPU seconds of everybody else on the measured CPUs; their clock ticks every 10 ms."""
    sibling_busy_s: float | None = None
    """Seconds in which a hardware thread that shares a core with one of them was not idle, of the busiest such thread;
    null where there is none."""
    steal_s: float | None = None
    """Seconds in which the hypervisor ran somebody else in their place, of the CPU that it happened to most."""
    throttled_periods: int | None = None
    pressure_s: float | None = None
    """Seconds in which at least one task waited for a CPU."""
    pressure_of: str | None = None
    """`container` or `host`: whose tasks `pressure_s` speaks of."""
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    migrations: int | None = None
    major_faults: int | None = None
    """Pages of its processes that had to come from a disk."""
    swapped_pages: int | None = None
    """Pages that the host moved to or from swap."""
    thermal_events: int | None = None
    frequency_before_khz: int | None = None
    """Mean of the measured CPUs' current frequencies."""
    frequency_after_khz: int | None = None
    canaries: tuple[Canary, ...] = ()
    clock_drift_s: float | None = None
    """Largest disagreement of the monotonic, boot-time and wall clocks in the window: it slept, or was set."""
    settled_s: float | None = None
    """How long the workload was held, ready, until its CPUs were quiet."""
    load_at_start: float | None = None
    """Share of a measured CPU that others took in the last look before the timed region, of the one that lost most."""
    gpus: tuple[GpuConditions, ...] = ()
    """Of the GPUs that the trial was given."""
    neighbours: tuple[str, ...] = ()
    """Other containers that were pinned to one of the measured CPUs when the trial began."""
    unavailable: dict[str, str] = Field(default_factory=dict)
    """Field -> why it is null."""
