"""How is each fault brought about on a real engine, and what came of it? Also for `python -m benchmarks.faults`."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.engine.standin import RUN, TIMED, StandIn, make_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.proxy import Proxy

JUMP = """
import os, sys, time
from datetime import datetime, timedelta
from orchestrator.runner import provenance
mark, step = sys.argv.pop(1), float(sys.argv.pop(1))
true_time = time.clock_gettime
def step_s():
    return step if os.path.exists(mark) else 0.0
time.clock_gettime = lambda clock: true_time(clock) + (step_s() if clock == time.CLOCK_REALTIME else 0.0)
class Set(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(seconds=step_s())
provenance.datetime = Set
from orchestrator.cli.app import main
main()
"""
"""`bench` on a machine whose time is set as soon as a file is there."""


class Came(NamedTuple):
    """What came of a fault."""

    code: int
    """Of the command that was running."""
    said: str
    statuses: list[tuple[int, int, str]]
    """(block, attempt, status) of every record."""
    lost: int
    """Records that were there when it happened, and are not there, or not the same, at the end."""
    most: int
    """Containers that ran at one time."""
    seconds: float
    """From the fault to the end of the command."""


def body(content: bytes) -> dict[str, Any]:
    """A record without its frame."""
    found: dict[str, Any] = json.loads(content)
    inner: dict[str, Any] = found.get("record", found)
    return inner


def bodies(bench: StandIn) -> list[dict[str, Any]]:
    """Every record."""
    return [body(content) for content in bench.records().values()]


def statuses(bench: StandIn) -> list[tuple[int, int, str]]:
    """(block, attempt, status) of every record."""
    return sorted((each["block"], each["attempt"], each["status"]) for each in bodies(bench))


def containers(bench: StandIn, *, running: bool = False) -> list[dict[str, Any]]:
    """This catalogue's own, by the row that is in their trial's name."""
    listed = bench.client.containers(all=not running, filters={"label": "bench=1"})
    return [each for each in listed if f"@numpy-{bench.version}." in each["Labels"].get("bench.trial", "")]


def wait_until(condition: Callable[[], object], seconds: float = 300) -> None:
    """By then whoever else measures on this core has let it go."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def command(bench: StandIn, blocks: int = 1) -> tuple[object, ...]:
    """`bench matrix` over the whole catalogue."""
    return (*RUN, "--blocks", blocks, "--store", bench.store)


def inject(bench: StandIn, process: subprocess.Popen[str], fault: Callable[[], object]) -> Came:
    """Bring the fault about now, and see what comes of it."""
    kept, begin, most = bench.records(), time.monotonic(), 0
    fault()
    while process.poll() is None:
        assert time.monotonic() - begin < 300, "it does not end"
        most = max(most, len(containers(bench, running=True)))
        time.sleep(0.03)
    seconds = time.monotonic() - begin
    _, said = process.communicate()
    now = bench.records()
    lost = sum(now.get(name) != content for name, content in kept.items())
    return Came(process.returncode, said, statuses(bench), lost, most, seconds)


def fail_inside(bench: StandIn, fault: str) -> Came:
    """The workload itself goes wrong."""
    bench.add(fault)
    return inject(bench, bench.start(*command(bench)), lambda: None)


def cut_engine(bench: StandIn, proxy: Proxy) -> Came:
    """In a trial, for a second and a half."""
    bench.add(seconds=2.0)
    process = bench.start(*command(bench, 2))
    wait_until(lambda: containers(bench, running=True))

    def cut() -> None:
        proxy.cut()
        time.sleep(1.5)
        proxy.mend()

    return inject(bench, process, cut)


def retag_image(bench: StandIn) -> tuple[Came, str]:
    """After the first block; also the id that was planned."""
    image = bench.image(bench.add(seconds=0.2))
    planned = str(bench.client.inspect_image(image.name)["Id"])  # type: ignore[no-untyped-call]
    process = bench.start(*command(bench, 4))
    wait_until(bench.records)
    labels = {"bench.digest": image.digest, "another": "1"}
    came = inject(bench, process, lambda: make_image(bench.client, image.name, labels))
    bench.client.remove_image(planned, force=True)
    return came, planned


def delete_image(bench: StandIn) -> tuple[Came, str]:
    """Of one row of two, after the first block; also the version of that row."""
    gone = bench.add(seconds=0.2)
    bench.add(seconds=0.2)
    process = bench.start(*command(bench, 3))
    wait_until(lambda: len(bench.records()) >= 2)
    came = inject(bench, process, lambda: bench.client.remove_image(bench.image(gone).name, force=True))
    return came, gone.split("-")[1]


def send_signal(bench: StandIn, number: int) -> Came:
    """In a trial."""
    bench.add(seconds=60.0)
    process = bench.start(*command(bench))
    wait_until(lambda: containers(bench, running=True))
    return inject(bench, process, lambda: process.send_signal(number))


def fill_disk(bench: StandIn) -> Came | None:
    """After the first record, with room again when this returns; None where this user may mount no file system."""
    if not bench.mount_store():
        return None
    bench.add(seconds=0.2)
    process = bench.start(*command(bench, 4))
    wait_until(bench.records)
    filler = bench.store / "filler"

    def fill() -> None:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    came = inject(bench, process, fill)
    filler.unlink()
    return came


def set_clock(bench: StandIn, step_s: float) -> Came:
    """The wall clock, in a timed region."""
    bench.add(seconds=3.0)
    mark = bench.folder / "set"
    process = bench.start_program(JUMP, mark, step_s, *command(bench, 2))
    wait_until(lambda: is_timed(bench))
    return inject(bench, process, mark.touch)


def is_timed(bench: StandIn) -> bool:
    """Whether a trial computes between its two meetings with the host."""
    names = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            names.append(path.read_text().strip())
    return bool(containers(bench, running=True)) and TIMED in names


def run_two(bench: StandIn) -> tuple[list[tuple[float, float]], list[int]]:
    """Two runs of one row into two stores at once; (their timed windows in order, exit codes)."""
    bench.add(seconds=0.5)
    stores = [bench.store, bench.folder / "other"]
    both = [bench.start(*RUN, "--blocks", "3", "--store", store) for store in stores]
    codes = [process.communicate(timeout=300) and process.returncode for process in both]
    windows = []
    for store in stores:
        for path in store.glob("records/*/[!.]*.json"):
            seen = body(path.read_bytes())["observed"]["conditions"]
            windows.append((seen["began_s"], seen["began_s"] + seen["window_s"]))
    return sorted(windows), codes
