"""Does the timing loop keep its promises? With a clock that only moves when the step says so."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from workloads import timing


class World:
    """A clock and a step that takes as long as its list says; the last entry goes on for ever."""

    def __init__(self, *durations: float) -> None:
        self.now = 100.0
        self.durations = list(durations)
        self.steps = 0
        self.collecting: list[bool] = []

    def step(self) -> None:
        self.now += self.durations[min(self.steps, len(self.durations) - 1)]
        self.steps += 1
        self.collecting.append(gc.isenabled())

    def clock(self) -> float:
        return self.now


def measure(world: World, **job: Any) -> Any:
    defaults = {"warmup": 2, "min_time_s": 1.0, "min_count": 3, "max_time_s": 60.0}
    return timing.measure(world.step, {**defaults, **job}, clock=world.clock, cpu_clock=world.clock)


def test_it_goes_on_until_the_minimum_time_is_over() -> None:
    timed = measure(World(0.1), min_time_s=1.05, min_count=3)
    assert len(timed.samples_s) == 11
    assert timed.wall_s == pytest.approx(1.1)


def test_it_goes_on_until_the_minimum_count_is_reached() -> None:
    timed = measure(World(2.0), min_time_s=1.0, min_count=7)
    assert len(timed.samples_s) == 7


def test_no_sample_begins_after_the_maximum_time_once_there_are_two() -> None:
    assert len(measure(World(10.0), min_count=50, max_time_s=25.0).samples_s) == 3
    assert len(measure(World(100.0), min_count=50, max_time_s=25.0).samples_s) == 2


def test_warm_up_steps_are_kept_apart_and_none_is_lost() -> None:
    world = World(5.0, 4.0, 1.0)
    timed = measure(world, warmup=2, min_time_s=0.0, min_count=3)
    assert timed.warmup_s == pytest.approx([5.0, 4.0])
    assert timed.samples_s == pytest.approx([1.0, 1.0, 1.0])
    assert world.steps == 5


def test_short_steps_are_batched_until_a_raw_sample_lasts_a_millisecond() -> None:
    world = World(2e-5)
    timed = measure(world, min_time_s=0.1, min_count=3)
    assert timed.loops > 1
    assert timed.loops * 2e-5 >= 1e-3
    assert timed.samples_s == pytest.approx([2e-5] * len(timed.samples_s))
    assert timed.wall_s == pytest.approx(timed.loops * sum(timed.samples_s))


def test_a_step_that_gets_faster_while_warming_up_is_still_batched_enough() -> None:
    timed = measure(World(1.0, 1.0, 1e-6), min_time_s=0.01, warmup=3)
    assert timed.loops * 1e-6 >= 1e-3


def test_a_millisecond_step_is_not_batched() -> None:
    assert measure(World(1.5e-3), min_time_s=0.1).loops == 1


def test_a_long_minimum_time_does_not_make_more_samples_than_a_reply_may_hold() -> None:
    timed = measure(World(2e-3), min_time_s=60.0)
    assert len(timed.samples_s) <= timing.MOST_SAMPLES
    assert timed.loops > 1


def test_the_garbage_collector_rests_while_timing_and_works_again_afterwards() -> None:
    world = World(0.5)
    assert gc.isenabled()
    measure(world)
    assert not any(world.collecting)
    assert gc.isenabled()


def test_the_garbage_collector_works_again_after_a_step_that_raises() -> None:
    def broken() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        timing.measure(broken, {"warmup": 1, "min_time_s": 1, "min_count": 1, "max_time_s": 1})
    assert gc.isenabled()


def test_counters_are_read_directly_around_the_samples() -> None:
    world = World(0.5)
    marks = []
    timing.measure(
        world.step,
        {"warmup": 2, "min_time_s": 1.0, "min_count": 2, "max_time_s": 9.0},
        around=lambda name: marks.append((name, world.steps)),
        clock=world.clock,
        cpu_clock=world.clock,
    )
    assert marks == [("start", 2), ("stop", 4)]
