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
from orchestrator.host.canary import Calm, run_canaries
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
SETTLING_PERIOD_S = 0.1
FALLBACK_PERIOD_S = 1.0
"""Between two readings of all threads: of a hundred of them they cost 10 ms."""
SETTLE_S = 5.0
"""How long a workload that is ready is held until its CPUs are quiet, and as fast as they often are."""
QUIET = 0.1
"""Share of a CPU that others may take of it at the start."""
SIGHT_S = 2.0
"""A process that has not been seen on this host by then will not be: it runs elsewhere, or out of sight."""
OUT_OF_SIGHT = "its processes cannot be seen from here: a remote or rootless engine, or another PID namespace"
SILENT = "the workload did not say when it was ready and done"


class Stage(StrEnum):
    """How far the workload is, by its own word."""

    EARLY = "early"
    SETTLING = "settling"
    TIMED = "timed"
    OVER = "over"
    UNSEEN = "unseen"


PERIODS_S = {
    Stage.EARLY: EARLY_PERIOD_S,
    Stage.SETTLING: SETTLING_PERIOD_S,
    Stage.TIMED: TIMED_PERIOD_S,
    Stage.OVER: TIMED_PERIOD_S,
    Stage.UNSEEN: TIMED_PERIOD_S,
}


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
        calm: Calm | None = None,
        proc: Path = PROC,
    ) -> None:
        """`cpus`: the measured ones; `siblings`: other hardware threads of their cores; `gpus`: UUIDs.

        `calm` remembers the canaries of earlier trials of the same run.
        """
        self.calm = calm or Calm()
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
        self.read_at = 0.0
        self.threads = 0
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
            if word == DONE:
                self._finish(pids)
            elif pids and time.monotonic() - self.read_at > FALLBACK_PERIOD_S:
                self.last = self._read(pids)  # for one that dies before it says that it is done
        return PERIODS_S[self.stage]

    def conclude(self) -> Conditions:
        """What was seen; of a process that never said so, that and nothing else."""
        if self.before is None or self.last is None:
            reason = OUT_OF_SIGHT if self.stage is Stage.UNSEEN else SILENT
            return Conditions(partial=True, neighbours=self.neighbours, unavailable={"window_s": reason})
        made = make_conditions(self.before, self.last, cpus=self.cpus, siblings=self.siblings)
        unavailable = dict(made.unavailable)
        if not self.sung[0]:
            unavailable |= dict.fromkeys(("canaries", "load_at_start"), "this process may not run on the measured CPUs")
        return made.model_copy(
            update={
                "unavailable": unavailable,
                "threads": self.threads or None,
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
        self.load = max((each.waited for each in sung.values()), default=None)
        waited = time.monotonic() - self.ready_at
        calm = self.calm.judge(sung) and (self.load is None or self.load <= QUIET)
        if not calm and waited < SETTLE_S:
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

    def _finish(self, pids: Sequence[int]) -> None:
        self.last = self._read(pids)
        self.stage = Stage.OVER
        if self.gpu_watch is not None:
            self.gpu_watch.stop()
        self.sung = (self.sung[0], run_canaries(self.cpus))
        # read while the CPUs are warm from the canaries, as it was before: one that has just been idle has slowed down
        frequency = read_counters(self.cpus).frequency_khz
        self.last = self.last._replace(host=self.last.host._replace(frequency_khz=frequency))
        self.process.proceed()

    def close(self) -> None:
        """Stop looking, whatever happened to the process."""
        if self.gpu_watch is not None:
            self.gpu_watch.stop()

    def _read(self, pids: Sequence[int]) -> Reading:
        self.read_at = time.monotonic()
        tasks = read_tasks(pids, self.proc)
        self.threads = max(self.threads, tasks.threads)
        return Reading(read_counters(self.cpus), tasks, self.process.usage())

    def _canaries(self) -> Iterable[Canary]:
        before, after = self.sung
        for cpu, sung in sorted(before.items()):
            later = after.get(cpu)
            yield Canary(cpu=cpu, before_s=sung.slice_s, after_s=later.slice_s if later else None)
