"""Is what disturbs a pinned container seen by the host, and is one that is left alone found undisturbed?"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.conditions import check_conditions
from orchestrator.engines.docker import DockerEngine
from orchestrator.engines.witness import FALLBACK_PERIOD_S, SETTLE_S
from orchestrator.nouns.launch import End
from tests.makers import record, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.nouns.conditions import Conditions
    from orchestrator.nouns.launch import Launch, Outcome
    from tests.engine.conftest import MakeLaunch

pytestmark = pytest.mark.engine

CPU = max(os.sched_getaffinity(0))
SPIN = "while True: pass"
MEET = """
import os, threading, time
def meet(word):
    open("/proc/self/comm", "w").write("bench:" + word)
    os.read(0, 1)
def burn(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
"""
TIMED = MEET + "meet('ready'); burn({seconds}); meet('done'); open('reply.json', 'w').write('{{}}')"
EIGHT = """
import subprocess, sys
meet("ready")
children = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
time.sleep(1.5)
meet("done")
[child.kill() for child in children]
open("reply.json", "w").write("{}")
"""


def seen(outcome: Outcome) -> Conditions:
    assert outcome.end is End.OK, outcome
    assert outcome.observed.conditions is not None
    return outcome.observed.conditions


def codes(outcome: Outcome) -> tuple[list[str], list[str]]:
    made = record(observed=outcome.observed, reported=reply(samples_s=(0.1,), cpu_s=0.1), cpus=(CPU,))
    reasons, flags = check_conditions(made)
    return [each.code for each in reasons], [each.code for each in flags]


@contextmanager
def spinner() -> Iterator[None]:
    """Somebody else who computes on the measured CPU."""
    process = subprocess.Popen(["taskset", "-c", str(CPU), sys.executable, "-c", SPIN])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def find_container(engine: DockerEngine, name: str) -> str:
    for _ in range(200):
        found = engine.client.containers(filters={"label": f"bench.trial={name}"})
        if found:
            return str(found[0]["Id"])
        time.sleep(0.02)
    raise AssertionError(f"no container of trial {name} was started")


def meanwhile(engine: DockerEngine, launch: Launch, action: Callable[[str], object]) -> Outcome:
    """Run the launch; do `action` with its container's id half a second after it was seen."""

    def act() -> None:
        container = find_container(engine, launch.name)
        time.sleep(0.5)
        with suppress(Exception):
            action(container)

    other = threading.Thread(target=act)
    other.start()
    outcome = engine.run(launch)
    other.join()
    return outcome


def test_a_normal_run_has_every_counter_that_this_kernel_keeps(engine: DockerEngine, launch: MakeLaunch) -> None:
    found = seen(engine.run(launch(TIMED.format(seconds=0.6))))
    assert not found.partial
    assert found.window_s is not None
    assert 0.6 <= found.window_s < 5
    assert found.own_s == pytest.approx(0.6, abs=0.3)
    assert found.throttled_periods == 0
    for name in ("busy_s", "foreign_s", "steal_s", "wanted_s", "involuntary_switches", "major_faults", "swapped_pages"):
        assert getattr(found, name) is not None or name in found.unavailable, name
    missing = {name for name, value in found if value is None}
    assert missing <= set(found.unavailable) | {"pressure_of"}, "null, and the reason beside it"
    assert [bird.cpu for bird in found.canaries] == [CPU]


def test_a_spinner_beside_a_pinned_trial_is_flagged(engine: DockerEngine, launch: MakeLaunch) -> None:
    with spinner():
        outcome = engine.run(launch(TIMED.format(seconds=1.0)))
    reasons, flags = codes(outcome)
    assert reasons == []
    assert {"foreign-cpu", "load-at-start"} <= set(flags), seen(outcome)


def test_a_throttled_trial_is_invalid(engine: DockerEngine, launch: MakeLaunch) -> None:
    trial = launch(TIMED.format(seconds=1.5), name="throttled")

    def throttle(container: str) -> None:
        engine.client.update_container(container, cpu_quota=20_000, cpu_period=100_000)

    found = seen(meanwhile(engine, trial, throttle))
    assert found.throttled_periods is not None
    assert found.throttled_periods > 0


def test_eight_busy_threads_on_one_core_are_counted_from_outside(engine: DockerEngine, launch: MakeLaunch) -> None:
    outcome = engine.run(launch(MEET + EIGHT))
    reasons, _ = codes(outcome)
    assert "claim:threads" in reasons, seen(outcome)


def test_a_trial_that_is_killed_keeps_the_last_look_and_is_called_partial(
    engine: DockerEngine, launch: MakeLaunch
) -> None:
    trial = launch(MEET + "meet('ready'); burn(20)", name="killed")

    def kill(container: str) -> None:
        time.sleep(SETTLE_S + 2 * FALLBACK_PERIOD_S)  # until it is timed for certain, and was read again
        engine.client.kill(container, "SIGKILL")

    outcome = meanwhile(engine, trial, kill)
    found = outcome.observed.conditions
    assert outcome.end is End.SIGNAL
    assert found is not None
    assert found.partial
    assert found.own_s is not None
    assert found.own_s > 0


def test_another_container_on_the_same_cpu_is_named(engine: DockerEngine, launch: MakeLaunch) -> None:
    other = launch(SPIN, name="other", timeout_s=20.0)
    beside = DockerEngine()  # one engine runs one launch at a time, and takes what else it made for left over
    running = threading.Thread(target=beside.run, args=(other,))
    running.start()
    container = find_container(engine, "other")
    try:
        outcome = engine.run(launch(TIMED.format(seconds=0.5)))
    finally:
        engine.client.kill(container)
        running.join()
        beside.close()
    assert seen(outcome).neighbours == (container[:12],)
    assert {"neighbours", "foreign-cpu"} <= set(codes(outcome)[1])


def test_a_file_that_is_read_from_the_disk_in_the_timed_region_is_seen(
    engine: DockerEngine, launch: MakeLaunch
) -> None:
    """Mapped, dropped from the page cache, and touched: each page is a major fault."""
    code = (
        MEET
        + """
import mmap
with open("data", "wb") as file:
    file.write(os.urandom(50 * 2**20)); file.flush(); os.fsync(file.fileno())
file = os.open("data", os.O_RDONLY)
os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
memory = mmap.mmap(file, 0, prot=mmap.PROT_READ)
memory.madvise(mmap.MADV_RANDOM)
meet("ready"); total = sum(memory[i] for i in range(0, len(memory), 4096 * 16)); meet("done")
open("reply.json", "w").write("{}")
"""
    )
    outcome = engine.run(launch(code))
    assert "io" in codes(outcome)[1], seen(outcome)
