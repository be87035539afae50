"""What becomes of a run when something breaks? `python -m benchmarks.faults` breaks it on a real engine and says.

A row per fault: what was expected, what was seen, records lost, containers left behind, and the seconds from the fault
(for what a workload does to itself: from the start of the command) to the end of the command that was running.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from orchestrator.engines.docker import DockerEngine
from orchestrator.errors import BenchError, InterruptedRunError, StoreError, TerminatedRunError
from tests.engine.faults import (
    Came,
    bodies,
    containers,
    cut_engine,
    delete_image,
    fail_inside,
    fill_disk,
    inject,
    retag_image,
    run_two,
    send_signal,
    set_clock,
)
from tests.engine.faults import command as matrix
from tests.engine.proxy import Proxy
from tests.engine.standin import INSIDE, StandIn
from tests.flow.test_kills import KILLS, TRIALS, Killed, survive_kills
from tests.flow.test_matrix import done, records

LINE = "{:<36} {:<42} {:<42} {:>5} {:>7} {:>8}"


class Row(NamedTuple):
    """A fault, and what came of it."""

    fault: str
    expected: str
    seen: str
    lost: int
    leaked: int
    seconds: float

    @property
    def kept(self) -> bool:
        """Whether it is as promised."""
        return self.expected == self.seen and not self.lost and not self.leaked


def main() -> int:
    """Every fault in turn; 0 where all came out as promised."""
    engine = DockerEngine()
    engine.check()
    print(LINE.format("fault", "expected", "seen", "lost", "leaked", "seconds"))
    broken = 0
    for fault in list_faults(engine):
        row = fault()
        broken += not row.kept
        mark = "" if row.kept else "  <- not as promised"
        print(LINE.format(*row[:5], f"{row.seconds:.1f}") + mark, flush=True)
    return 1 if broken else 0


def list_faults(engine: DockerEngine) -> Iterator[Callable[[], Row]]:
    """Those of a workload, of the engine and its images, of the user, of the machine."""
    for fault, status in INSIDE.items():
        yield partial(measure_inside, engine, fault, status)
    yield partial(measure_cut, engine)
    yield partial(measure_deleted, engine)
    yield partial(measure_retagged, engine)
    yield partial(measure_signal, engine, signal.SIGINT, InterruptedRunError)
    yield partial(measure_signal, engine, signal.SIGTERM, TerminatedRunError)
    yield measure_kills
    yield partial(measure_kill, engine)
    yield partial(measure_disk, engine)
    yield partial(measure_two, engine)
    yield partial(measure_same_store, engine)
    yield partial(measure_clock, engine, 86400.0)
    yield partial(measure_clock, engine, -86400.0)


@contextmanager
def stand_in(engine: DockerEngine) -> Iterator[StandIn]:
    """A command line with a catalogue of its own; nothing of it is left behind."""
    with tempfile.TemporaryDirectory(prefix="bench-faults-") as folder:
        made = StandIn(Path(folder), engine.client)
        try:
            yield made
        finally:
            made.close()


def say(came: Came) -> str:
    """`exit 0: engine_lost, ok x2`."""
    counts = Counter(status for _, _, status in came.statuses)
    parts = [status if count == 1 else f"{status} x{count}" for status, count in counts.items()]
    return f"exit {came.code}: {', '.join(parts) or 'no record'}"


def make_row(fault: str, expected: str, came: Came, bench: StandIn, *, also: str = "") -> Row:
    """`also` is added to what was seen."""
    return Row(fault, expected, say(came) + also, came.lost, len(containers(bench)), came.seconds)


def measure_inside(engine: DockerEngine, fault: str, status: str) -> Row:
    with stand_in(engine) as bench:
        return make_row(f"workload: {fault}", f"exit 0: {status}", fail_inside(bench, fault), bench)


def measure_cut(engine: DockerEngine) -> Row:
    with stand_in(engine) as bench:
        proxy = Proxy()
        bench.env["DOCKER_HOST"] = proxy.address
        came = cut_engine(bench, proxy)
        row = make_row("engine cut for 1.5 s and restored", "exit 0: engine_lost, ok x2; 1 at once", came, bench)
        proxy.cut()
        return row._replace(seen=f"{row.seen}; {came.most} at once")


def measure_deleted(engine: DockerEngine) -> Row:
    with stand_in(engine) as bench:
        came, version = delete_image(bench)
        ends = {each["status"] for each in bodies(bench) if each["variant"]["version"] != version}
        others = ", ".join(sorted(ends))
        gone = {each["status"] for each in bodies(bench) if each["variant"]["version"] == version}
        seen = f"exit {came.code}: {'no-image' if 'no-image' in gone else 'ok'}; others {others}"
        row = make_row("image deleted after a block", "exit 0: no-image; others ok", came, bench)
        return row._replace(seen=seen)


def measure_retagged(engine: DockerEngine) -> Row:
    with stand_in(engine) as bench:
        came, planned = retag_image(bench)
        same = {each["observed"]["image_id"] for each in bodies(bench)} == {planned}
        also = "; planned id" if same else "; another id"
        return make_row("image retagged after a block", "exit 0: ok x4; planned id", came, bench, also=also)


def measure_signal(engine: DockerEngine, number: signal.Signals, error: type[BenchError]) -> Row:
    with stand_in(engine) as bench:
        came = send_signal(bench, number)
        return make_row(f"{number.name} in a trial", f"exit {error.exit_code}: interrupted", came, bench)


def measure_kills() -> Row:
    """Through the pretended engine: the plan, the store and the resume are the real ones."""
    expected = f"the {TRIALS} trials, <= {KILLS} again"
    with tempfile.TemporaryDirectory(prefix="bench-faults-") as folder:
        bench = Killed(Path(folder))
        begin = time.monotonic()
        survived = survive_kills(bench, KILLS, seed=20260101)
        seconds = time.monotonic() - begin
        whole = len(done(bench.store)) == len(records(bench.store)) == TRIALS
        again, left = survived.launches - TRIALS, len(survived.leftovers)
    seen = expected if whole and again <= KILLS else f"{again} again"
    return Row(f"SIGKILL x{KILLS} at random times", expected, seen, survived.lost, left, seconds)


def measure_kill(engine: DockerEngine) -> Row:
    """In a trial that would go on for a minute; then the same command's next start."""
    with stand_in(engine) as bench:
        bench.add("hang")
        process = bench.start(*matrix(bench))
        while not containers(bench, running=True):
            time.sleep(0.02)
        inject(bench, process, process.kill)
        begin = time.monotonic()
        bench("reap")
        seconds = time.monotonic() - begin
        left = len(containers(bench))
    seen = "a container is left" if left else "no container is left"
    return Row("SIGKILL in a trial, then bench reap", "no container is left", seen, 0, left, seconds)


def measure_disk(engine: DockerEngine) -> Row:
    expected = f"exit {StoreError.exit_code}: ok; then exit 0"
    with stand_in(engine) as bench:
        came = fill_disk(bench)
        if came is None:
            return Row("disk full", expected, "not tried: root alone can mount one", 0, 0, 0.0)
        again = bench(*matrix(bench, 4))
        row = make_row("disk full", expected, came, bench)
        kinds = ", ".join(sorted({status for _, _, status in came.statuses}))
        return row._replace(seen=f"exit {came.code}: {kinds}; then exit {again.code}")


def measure_two(engine: DockerEngine) -> Row:
    with stand_in(engine) as bench:
        begin = time.monotonic()
        windows, codes = run_two(bench)
        apart = len(windows) == 6 and all(sooner[1] <= later[0] for sooner, later in pairwise(windows))
        seen = f"exit {codes[0]} and {codes[1]}: {'never' if apart else 'at times'} timed at once"
        expected = "exit 0 and 0: never timed at once"
        return Row("two runs at once, one core", expected, seen, 0, len(containers(bench)), time.monotonic() - begin)


def measure_same_store(engine: DockerEngine) -> Row:
    with stand_in(engine) as bench:
        bench.add("hang")  # it goes on for longer than the second one takes to start
        process = bench.start(*matrix(bench))
        while not containers(bench, running=True):
            time.sleep(0.02)
        begin = time.monotonic()
        second = bench(*matrix(bench))
        seconds = time.monotonic() - begin
        came = inject(bench, process, lambda: None)
        expected = f"exit 0: timeout; the second: exit {StoreError.exit_code}"
        row = make_row("two runs at once, one store", expected, came, bench, also=f"; the second: exit {second.code}")
        return row._replace(seconds=seconds)


def measure_clock(engine: DockerEngine, step_s: float) -> Row:
    with stand_in(engine) as bench:
        came = set_clock(bench, step_s)
        found = sorted(bodies(bench), key=lambda each: each["provenance"]["sequence"])
        windows = [each["observed"]["conditions"]["window_s"] for each in found]
        drifts = [each["observed"]["conditions"]["clock_drift_s"] for each in found]
        right = all(3.0 <= window < 6.0 for window in windows) and [drift > 1 for drift in drifts] == [True, False]
        also = "; times right, flagged" if right else f"; {windows}, {drifts}"
        name = f"clock set by {step_s / 86400:+.0f} day in a trial"
        return make_row(name, "exit 0: ok x2; times right, flagged", came, bench, also=also)


if __name__ == "__main__":
    sys.exit(main())
