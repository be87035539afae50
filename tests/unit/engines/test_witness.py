"""Does a witness look when nothing computes, tell the process to go on, and say what it could not see?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.engines import witness as module
from orchestrator.engines.cgroup import Usage
from orchestrator.engines.readings import Reading, make_conditions
from orchestrator.engines.tasks import Tasks
from orchestrator.engines.witness import Stage, Witness
from orchestrator.host.canary import Calm, Sung
from orchestrator.host.counters import Clocks, Counters, CpuTime
from tests.unit.engines.test_cgroup import write
from tests.unit.host.test_gpu import FakeSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

QUIET = Sung(slice_s=0.01, waited=0.0)
CROWDED = Sung(slice_s=0.02, waited=0.5)


class Workload:
    """A process that is a name in a folder, and remembers what it was told."""

    def __init__(self, proc: Path, *, visible: Sequence[int] = (7,)) -> None:
        self.proc, self.visible = proc, visible
        self.told: list[str] = []
        self.cpu_s = 0.0

    def says(self, word: str) -> None:
        write(self.proc, {"7/comm": f"{word}\n", "7/stat": "7 (x) S 1 7 7 0 -1 0 1 0 0 0", "1/comm": "tini\n"})

    def pids(self) -> Sequence[int]:
        return self.visible

    def usage(self) -> Usage:
        self.cpu_s += 1.0
        return Usage(cpu_s=self.cpu_s, throttled_periods=0)

    def proceed(self) -> None:
        self.told.append("go on")

    def release(self) -> None:
        self.told.append("nobody is here")


@pytest.fixture
def birds(monkeypatch: pytest.MonkeyPatch) -> list[Sung]:
    """What the canaries come to, one after the other; the last one for ever."""
    queue = [QUIET]

    def run(cpus: Iterable[int]) -> dict[int, Sung]:
        sung = queue.pop(0) if len(queue) > 1 else queue[0]
        return dict.fromkeys(cpus, sung)

    monkeypatch.setattr(module, "run_canaries", run)
    return queue


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_it_looks_twice_while_the_workload_waits_and_lets_it_go_on(
    tmp_path: Path, birds: list[Sung], clock: list[float]
) -> None:
    process = Workload(tmp_path)
    witness = Witness(process, cpus=(1,), proc=tmp_path)
    process.says("python3")
    assert witness.look() == module.EARLY_PERIOD_S
    assert process.told == []
    process.says("bench:ready")
    assert witness.look() == module.TIMED_PERIOD_S, "it is timed from here on, and looked at rarely"
    assert process.told == ["go on"]
    witness.look()
    assert process.told == ["go on"]
    process.says("bench:done")
    witness.look()
    witness.look()
    assert process.told == ["go on", "go on"]
    seen = witness.conclude()
    assert (seen.partial, seen.own_s, seen.throttled_periods) == (False, 1.0, 0)
    assert [(bird.cpu, bird.before_s, bird.after_s) for bird in seen.canaries] == [(1, 0.01, 0.01)]


def test_it_holds_a_workload_until_its_cpus_are_quiet(tmp_path: Path, birds: list[Sung], clock: list[float]) -> None:
    birds[:] = [CROWDED, CROWDED, QUIET]
    process = Workload(tmp_path)
    witness = Witness(process, cpus=(1,), proc=tmp_path)
    process.says("bench:ready")
    for _ in range(2):
        witness.look()
        clock[0] += 1.0
        assert process.told == []
    witness.look()
    assert process.told == ["go on"]
    seen = witness.conclude()
    assert (seen.settled_s, seen.load_at_start) == (2.0, 0.0)


def test_it_does_not_hold_it_for_ever_and_says_how_loaded_it_was(
    tmp_path: Path, birds: list[Sung], clock: list[float]
) -> None:
    birds[:] = [CROWDED]
    process = Workload(tmp_path)
    witness = Witness(process, cpus=(1,), proc=tmp_path)
    process.says("bench:ready")
    witness.look()
    clock[0] += module.SETTLE_S
    witness.look()
    assert process.told == ["go on"]
    assert witness.conclude().load_at_start == 0.5


def test_one_that_dies_while_it_is_timed_keeps_the_last_look_and_is_called_partial(
    tmp_path: Path, birds: list[Sung], clock: list[float]
) -> None:
    process = Workload(tmp_path)
    witness = Witness(process, cpus=(1,), proc=tmp_path)
    process.says("bench:ready")
    witness.look()
    clock[0] += module.FALLBACK_PERIOD_S + 0.1
    witness.look()
    process.visible = ()  # it is dead: what is read from now on is of nobody
    clock[0] += module.FALLBACK_PERIOD_S + 0.1
    witness.look()
    seen = witness.conclude()
    assert (seen.partial, seen.own_s) == (True, 1.0)
    assert seen.canaries[0].after_s is None


def test_one_that_never_says_anything_is_null_with_the_reason(
    tmp_path: Path, birds: list[Sung], clock: list[float]
) -> None:
    process = Workload(tmp_path)
    process.says("a.out")
    witness = Witness(process, cpus=(1,), proc=tmp_path)
    witness.look()
    seen = witness.conclude()
    assert (seen.partial, seen.window_s, seen.steal_s) == (True, None, None)
    assert "did not say" in seen.unavailable["window_s"]


def test_one_that_cannot_be_seen_is_released_so_that_it_waits_for_nobody(
    tmp_path: Path, birds: list[Sung], clock: list[float]
) -> None:
    process = Workload(tmp_path, visible=())
    witness = Witness(process, cpus=(1,), proc=tmp_path)
    witness.look()
    assert process.told == []
    clock[0] += module.SIGHT_S + 0.1
    witness.look()
    assert process.told == ["nobody is here"]
    assert witness.stage is Stage.UNSEEN
    assert "cannot be seen" in witness.conclude().unavailable["window_s"]


def reading(at: float, **fields: object) -> Reading:
    host = Counters(Clocks(at, at, at), {0: CpuTime(10 * at, 0.0), 1: CpuTime(at, 0.5 * at)}, None, 5, None, None)
    tasks = Tasks(3, 0.9 * at, at, 0.5 * at, 10, 20, 1, 0)
    made = Reading(host, tasks, Usage(cpu_s=0.75 * at, throttled_periods=2))
    return made._replace(**fields)  # type: ignore[arg-type]


def test_differences_are_of_the_measured_cpus_alone() -> None:
    seen = make_conditions(reading(10.0), reading(12.0), cpus=(1,), siblings=(0,))
    assert (seen.window_s, seen.busy_s, seen.own_s, seen.foreign_s) == (2.0, 2.0, 1.5, 0.5)
    assert (seen.steal_s, seen.sibling_busy_s, seen.wanted_s) == (1.0, 20.0, 3.0)
    assert (seen.swapped_pages, seen.throttled_periods, seen.clock_drift_s) == (0, 0, 0.0)


def test_without_a_control_group_the_threads_own_clocks_stand_in() -> None:
    seen = make_conditions(reading(10.0, usage=Usage()), reading(12.0, usage=Usage()), cpus=(1,))
    assert seen.own_s == pytest.approx(1.8), "of the processes, with threads that ended"
    assert seen.throttled_periods is None
    assert "throttled_periods" in seen.unavailable


def test_what_is_missing_is_null_with_a_reason_and_never_0() -> None:
    empty = Counters(Clocks(0, 0, 0), None, None, None, None, None)
    nothing = Tasks(0, None, None, None, None, None, None, None)
    bare = Reading(empty, nothing, Usage())
    seen = make_conditions(bare, bare, cpus=(0,))
    known = {"unavailable", "window_s", "began_s", "clock_drift_s", "partial", "canaries", "neighbours", "gpus"}
    told = seen.model_dump(exclude=known)
    assert all(value is None for value in told.values()), told
    silent = {"pressure_of", "threads", "settled_s", "load_at_start"}
    assert {name for name in told if name not in seen.unavailable} <= silent


def test_pressure_of_the_container_comes_before_that_of_the_machine() -> None:
    own = make_conditions(
        reading(1.0, usage=Usage(pressure_s=0.1)), reading(2.0, usage=Usage(pressure_s=0.4)), cpus=(1,)
    )
    assert own.pressure_of == "container"
    assert own.pressure_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("clocks", "drift"),
    [
        (Clocks(12.0, 12.0, 12.0), 0.0),
        (Clocks(12.0, 3612.0, 3612.0), 3600.0),  # suspended for an hour
        (Clocks(12.0, 12.0, 86412.0), 86400.0),  # somebody set the time to tomorrow
        (Clocks(12.0, 12.0, 12.0 - 86400), 86400.0),
    ],
)
def test_clocks_that_part_tell_of_a_sleep_or_of_a_new_time(clocks: Clocks, drift: float) -> None:
    before = reading(10.0)
    after = reading(12.0)
    after = after._replace(host=after.host._replace(clocks=clocks))
    seen = make_conditions(before, after, cpus=(1,))
    assert seen.clock_drift_s == pytest.approx(drift)
    assert (seen.began_s, seen.window_s) == (10.0, 2.0), "durations come from the monotonic clock alone"


def test_without_its_driver_a_gpu_that_was_given_is_null_with_the_reason(
    tmp_path: Path, birds: list[Sung], clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "open_gpus", lambda: (None, "no driver"))
    process = Workload(tmp_path)
    witness = Witness(process, cpus=(1,), gpus=("GPU-1",), proc=tmp_path)
    process.says("bench:ready")
    witness.look()
    seen = witness.conclude().gpus
    assert [(gpu.uuid, gpu.samples, gpu.sm_mean_mhz) for gpu in seen] == [("GPU-1", 0, None)]
    assert seen[0].unavailable["samples"] == "no driver"


def test_a_gpu_is_looked_at_from_ready_to_done(
    tmp_path: Path, birds: list[Sung], clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "open_gpus", lambda: (FakeSource(), ""))
    process = Workload(tmp_path)
    witness = Witness(process, cpus=(1,), gpus=("GPU-1",), proc=tmp_path)
    process.says("bench:ready")
    witness.look()
    process.says("bench:done")
    witness.look()
    assert witness.conclude().gpus[0].samples >= 2, "at the start and at the end"


def test_it_waits_for_a_cpu_that_is_as_fast_as_it_often_was(
    tmp_path: Path, birds: list[Sung], clock: list[float]
) -> None:
    """Another guest on the same core: no steal, no foreign time, and everything takes half as long again."""
    calm = Calm()
    fast, slow = QUIET, Sung(slice_s=0.015, waited=0.0)
    for _ in range(20):
        calm.judge({1: fast})
    birds[:] = [slow, slow, fast]
    process = Workload(tmp_path)
    witness = Witness(process, cpus=(1,), calm=calm, proc=tmp_path)
    process.says("bench:ready")
    for told in ([], [], ["go on"]):
        witness.look()
        assert process.told == told
        clock[0] += 0.25


def test_a_cpu_that_stays_slower_is_soon_the_usual_one() -> None:
    """A clock that settles lower when it is warm: nobody waits five seconds before every trial for ever."""
    calm = Calm()
    assert calm.judge({1: QUIET})
    slower = {1: Sung(slice_s=0.012, waited=0.0)}
    answers = [calm.judge(slower) for _ in range(40)]
    assert not answers[0]
    assert answers[-1]


def test_threads_that_ended_are_not_taken_for_counters_that_ran_backwards() -> None:
    seen = make_conditions(reading(12.0), reading(10.0), cpus=(1,))
    assert seen.wanted_s is None
    assert "threads ended" in seen.unavailable["wanted_s"]


def test_the_worst_cpu_counts_not_the_mean() -> None:
    before, after = reading(10.0), reading(12.0)
    seen = make_conditions(before, after, cpus=(0, 1))
    assert seen.steal_s == 1.0, "CPU 0 lost nothing"


def test_where_no_canary_may_sing_that_is_said(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_canaries", lambda _cpus: {})
    process = Workload(tmp_path)
    witness = Witness(process, cpus=(63,), proc=tmp_path)
    process.says("bench:ready")
    witness.look()
    seen = witness.conclude()
    assert {"canaries", "load_at_start"} <= set(seen.unavailable)
