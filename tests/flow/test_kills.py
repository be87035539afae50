"""Does a run that is killed at any time, again and again, end as one that nobody touched?"""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.command import Bench
from tests.flow.test_matrix import done, records

if TYPE_CHECKING:
    import subprocess

SLOW = """
import os, time
from orchestrator.engines.fake import FakeEngine
answer = FakeEngine.run
def run(self, launch):
    with open(os.environ["LAUNCHES"], "a") as file:
        file.write(launch.name + "\\n")
    time.sleep(0.2)
    return answer(self, launch)
FakeEngine.run = run
from orchestrator.cli.app import main
main()
"""
"""`bench` whose pretended trials take 0.2 s, and are counted."""
ROWS = ",".join(f"numpy-1.24.2-distro-{blas}-cpu" for blas in ("reference", "openblas", "blis", "mkl"))
RUN = (
    *("matrix", "--engine", "fake", "--variants", ROWS, "--blocks", "5"),
    *("--workloads", "mnist_softmax-infer-b1,mnist_mlp-infer-b1"),
)
TRIALS = 40
KILLS = 20


class Survived(NamedTuple):
    """What many kills and one last run left."""

    kills: int
    launches: int
    lost: int
    """Records that were there after a kill, and are not there, or not the same, at the end."""
    leftovers: list[str]


class Killed(Bench):
    """The command line over a plan of 40 trials of 0.2 s."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store = folder / "cut"
        self.launched = folder / "launches"
        self.env |= {"LAUNCHES": str(self.launched), "TMPDIR": str(folder / "tmp")}
        (folder / "tmp").mkdir()

    def launches(self) -> list[str]:
        return self.launched.read_text().splitlines() if self.launched.exists() else []

    def start_slowly(self) -> subprocess.Popen[str]:
        """Running, its first trial begun."""
        before = len(self.launches())
        process = self.start_program(SLOW, *RUN, "--store", self.store)
        deadline = time.monotonic() + 60
        while len(self.launches()) == before:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "no trial in a minute"
            time.sleep(0.01)
        return process

    def finish(self) -> None:
        _, said = (process := self.start_program(SLOW, *RUN, "--store", self.store)).communicate(timeout=120)
        assert process.returncode == 0, said


def survive_kills(bench: Killed, kills: int, seed: int) -> Survived:
    """Kill it so often: at any time from before its first trial until about two trials later; then let it finish."""
    draw = random.Random(seed)
    kept: dict[str, bytes] = {}
    lost = 0
    for number in range(kills):
        if number % 5 == 4:  # while it starts
            process = bench.start_program(SLOW, *RUN, "--store", bench.store)
            time.sleep(draw.uniform(0.0, 1.5))
        else:
            process = bench.start_slowly()
            time.sleep(draw.uniform(0.0, 0.45))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = records(bench.store)
        lost += sum(now.get(name) != content for name, content in kept.items())
        kept = now
    bench.finish()
    now = records(bench.store)
    lost += sum(now.get(name) != content for name, content in kept.items())
    return Survived(kills, len(bench.launches()), lost, find_leftovers(bench))


def find_leftovers(bench: Bench) -> list[str]:
    """Temporary files and folders of runs that are over."""
    places = [bench.folder / name for name in ("cut", "s", "cache", "tmp")]
    found = [path for place in places for path in place.rglob("*") if "tmp" in path.name or "bench-" in path.name]
    return [str(path) for path in found if path.name != "bench-store.json"]


@pytest.fixture
def bench(tmp_path: Path) -> Killed:
    """A user with an empty home."""
    return Killed(tmp_path)


def test_after_twenty_kills_the_store_is_that_of_a_run_that_nobody_touched(bench: Killed, tmp_path: Path) -> None:
    assert bench(*RUN, "--store", tmp_path / "whole").code == 0
    survived = survive_kills(bench, KILLS, seed=20260101)
    assert done(bench.store) == done(tmp_path / "whole")
    assert len(done(bench.store)) == len(records(bench.store)) == TRIALS
    assert survived.lost == 0, "a finished record was lost or changed"
    assert TRIALS < survived.launches <= TRIALS + KILLS
    assert survived.leftovers == []
    assert bench("verify", "--store", bench.store).code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_at_random_times_are_recorded_and_the_rest_is_run(
    bench: Killed, tmp_path: Path, number: int, code: int
) -> None:
    assert bench(*RUN, "--store", tmp_path / "whole").code == 0
    draw = random.Random(number)
    times = 4
    for _ in range(times):
        process = bench.start_slowly()
        time.sleep(draw.uniform(0.0, 1.0))
        begin = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert process.returncode == code, said
        assert time.monotonic() - begin < 7.0
        assert "the same command resumes" in said
    bench.finish()
    assert done(bench.store) == done(tmp_path / "whole")
    interrupted = [name for name, content in records(bench.store).items() if b'"status":"interrupted"' in content]
    assert 1 <= len(interrupted) <= times
    assert len(records(bench.store)) == TRIALS + len(interrupted) == len(bench.launches())
    assert find_leftovers(bench) == []
