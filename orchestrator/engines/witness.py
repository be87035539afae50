"""What went on around a process while it was timed?

A workload says `bench:ready` and waits for a byte, then says `bench:done` and waits for another. Both times the witness
takes its readings while nothing computes, so they belong to the timed region and to nothing else, and the process's
counters are still there. While it is timed, the witness only looks whether it is done.
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from orchestrator.engines.readings import Reading, make_conditions
from orchestrator.engines.tasks import PROC, read_names, read_tasks
from orchestrator.host.canary import run_canaries
from orchestrator.host.counters import read_counters
from orchestrator.host.gpu import open_gpus
from orchestrator.host.gpu_watch import GpuWatch, summarise_gpu
from orchestrator.nouns.conditions import Canary, Conditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from orchestrator.engines.cgroup import Usage
    from orchestrator.host.canary import Sung
    from orchestrator.nouns.gpu import GpuConditions

READY = "bench:ready"
DONE = "bench:done"
EARLY_PERIOD_S = 0.02
"""While the workload imports and builds: nothing is timed, and every look that comes late costs the run that time."""
TIMED_PERIOD_S = 0.25
"""4 Hz: the measured process shares the machine with whoever looks at it."""
SETTLE_S = 5.0
"""How long a workload that is ready is held until its CPUs are quiet."""
QUIET = 0.1
"""Share of a CPU that others may take of it at the start."""
SIGHT_S = 2.0
"""A process that has not been seen on this host by then will not be: it runs elsewhere, or out of sight."""
OUT_OF_SIGHT = "its processes cannot be seen from here: a remote or rootless engine, or another PID namespace"
SILENT = "the workload did not say when it was ready and done"


class Seen(Protocol):
    """What a witness needs of a process."""

    def pids(self) -> Sequence[int]:
        """Its processes by their numbers on this host; empty where they cannot be seen."""

    def usage(self) -> Usage:
        """Its control group's counters now; all None where there is none."""

    def proceed(self) -> None:
        """Send the byte that it waits for."""

    def release(self) -> None:
        """Send the end of the file: it need not wait for anybody any more."""


class Stage(StrEnum):
    """How far the workload is, by its own word."""

    EARLY = "early"
    SETTLING = "settling"
    TIMED = "timed"
    OVER = "over"
    UNSEEN = "unseen"


class Witness:
    """Follows one process from its start to its end; `look` is called again and again, `conclude` once."""

    def __init__(
        self,
        process: Seen,
        *,
        cpus: Iterable[int],
        siblings: Iterable[int] = (),
        neighbours: Iterable[str] = (),
        gpus: Iterable[str] = (),
        proc: Path = PROC,
    ) -> None:
        """`cpus`: the measured ones; `siblings`: other hardware threads of their cores; `gpus`: UUIDs."""
        self.process = process
        self.cpus, self.siblings, self.neighbours = tuple(cpus), tuple(siblings), tuple(neighbours)
        self.gpus = tuple(gpus)
        self.gpu_watch: GpuWatch | None = None
        self.gpu_problem = ""
        self.proc = proc
        self.stage = Stage.EARLY
        self.began = time.monotonic()
        self.ready_at = 0.0
        self.before: Reading | None = None
        self.last: Reading | None = None
        self.sung: tuple[dict[int, Sung], dict[int, Sung]] = ({}, {})
        self.settled_s: float | None = None
        self.load: float | None = None

    def look(self) -> float:
        """See how far it is, do what that asks for; returns after how many seconds to look again."""
        if self.stage in {Stage.OVER, Stage.UNSEEN}:
            return TIMED_PERIOD_S
        pids = self.process.pids()
        if self.stage is Stage.EARLY and not pids and time.monotonic() - self.began > SIGHT_S:
            self.stage = Stage.UNSEEN
            self.process.release()
            return TIMED_PERIOD_S
        word = next((name for name in read_names(pids, self.proc).values() if name in {READY, DONE}), "")
        if self.stage is Stage.EARLY and word == READY:
            self.stage, self.ready_at = Stage.SETTLING, time.monotonic()
        if self.stage is Stage.SETTLING:
            self._settle(pids)
        elif self.stage is Stage.TIMED:
            self.last = self._read(pids)
            if word == DONE:
                self._finish()
        return EARLY_PERIOD_S if self.stage is Stage.EARLY else TIMED_PERIOD_S

    def conclude(self) -> Conditions:
        """What was seen; of a process that never said so, that and nothing else."""
        if self.before is None or self.last is None:
            reason = OUT_OF_SIGHT if self.stage is Stage.UNSEEN else SILENT
            return Conditions(partial=True, neighbours=self.neighbours, unavailable={"window_s": reason})
        return make_conditions(self.before, self.last, cpus=self.cpus, siblings=self.siblings).model_copy(
            update={
                "partial": self.stage is not Stage.OVER,
                "canaries": tuple(self._canaries()),
                "settled_s": self.settled_s,
                "load_at_start": self.load,
                "neighbours": self.neighbours,
                "gpus": self._gpus(),
            }
        )

    def _settle(self, pids: Sequence[int]) -> None:
        sung = run_canaries(self.cpus)
        self.load = sum(each.waited for each in sung.values()) / len(sung) if sung else None
        waited = time.monotonic() - self.ready_at
        if self.load is not None and self.load > QUIET and waited < SETTLE_S:
            return
        self.settled_s = waited
        self.sung = (sung, {})
        self.before = self.last = self._read(pids)
        self.stage = Stage.TIMED
        self._watch_gpus()
        self.process.proceed()

    def _watch_gpus(self) -> None:
        if self.gpus:
            source, self.gpu_problem = open_gpus()
            if source is not None:
                self.gpu_watch = GpuWatch(source, self.gpus, own=lambda pid: pid in self.process.pids())
                self.gpu_watch.start()

    def _gpus(self) -> tuple[GpuConditions, ...]:
        if self.gpu_watch is not None:
            self.gpu_watch.stop()
            return self.gpu_watch.conditions()
        return tuple(summarise_gpu(uuid, (), problem=self.gpu_problem) for uuid in self.gpus)

    def _finish(self) -> None:
        self.stage = Stage.OVER
        if self.gpu_watch is not None:
            self.gpu_watch.stop()
        self.sung = (self.sung[0], run_canaries(self.cpus))
        self.process.proceed()

    def _read(self, pids: Sequence[int]) -> Reading:
        return Reading(read_counters(self.cpus), read_tasks(pids, self.proc), self.process.usage())

    def _canaries(self) -> Iterable[Canary]:
        before, after = self.sung
        for cpu, sung in sorted(before.items()):
            later = after.get(cpu)
            yield Canary(cpu=cpu, before_s=sung.slice_s, after_s=later.slice_s if later else None)
