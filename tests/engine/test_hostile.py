"""What is left of a script that does its worst? A status with a reason, and an engine that runs the next one."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from orchestrator.analysis.validity import judge_record
from orchestrator.engines import disk
from orchestrator.nouns.image import Image
from orchestrator.nouns.launch import End
from orchestrator.nouns.plan import Trial
from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.script import Script
from orchestrator.nouns.workload import Method, Mode, Workload
from orchestrator.planner.cells import make_plan
from orchestrator.runner.run import run_plan
from orchestrator.runner.setup import Prepared, make_setup
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.reading import verify_store
from tests.engine.conftest import RUN, give_up
from tests.makers import variant

if TYPE_CHECKING:
    from orchestrator.engines.docker import DockerEngine
    from tests.engine.conftest import MakeLaunch

pytestmark = pytest.mark.engine

ROW = variant(framework="none", install="pip", base="python:3.11-slim-bookworm")
TIMEOUT_S = 60.0
CALM = """
import json
from workloads import handshake, reply, timing
handshake.meet("ready")
timed = timing.measure(lambda: sum(range(10000)), json.load(open("job.json")))
handshake.meet("done")
reply.write("reply.json", {"reply_schema": 1, "status": "ok", **vars(timed)})
"""


class Case(NamedTuple):
    """A hostile script, and what may be said of it."""

    code: str
    ends: set[Status]
    words: str = ""
    memory_bytes: int = 2**29
    timeout_s: float = TIMEOUT_S


SILENT = {Status.INVALID_OUTPUT}
FILL = """
import itertools, os
for number in itertools.count():
    file = os.open("/tmp/%d" % number, os.O_CREAT | os.O_WRONLY)
    os.write(file, b"x" * {size})
    os.close(file)
"""
FORK = """
import os
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        pass
"""
GROWS = """
import os, time
if os.fork() == 0:
    while True:
        open("reply.json", "a").write("x" * 65536)
        time.sleep(0.001)
while not os.path.exists("reply.json") or os.path.getsize("reply.json") < 2**21:
    time.sleep(0.01)
"""
LIES = """
import json
json.dump({"reply_schema": 1, "status": "ok", "samples_s": [1e-9] * 1000, "warmup_s": [1e-9], "wall_s": 1e-6},
          open("reply.json", "w"))
"""
CASES = {
    "fork bomb": Case(FORK, {Status.OOM, Status.TIMEOUT}, timeout_s=15.0),
    "full /tmp": Case(FILL.format(size=2**20), {Status.EXIT}, "No space left", memory_bytes=2**30),
    "files without end in /tmp": Case(FILL.format(size=0), {Status.EXIT}, "No space left"),
    "200,000 files": Case("for n in range(200000): open('f%d' % n, 'w').close()", SILENT, "missing"),
    "a file of a terabyte": Case("open('f', 'w').truncate(2**40)", {Status.EXIT}, "File too large"),
    "memory hog": Case("held = []\nwhile True: held.append(bytearray(2**20))", {Status.OOM}, "memory"),
    "flood of output": Case("import os\nfor _ in range(1600): os.write(1, b'x' * 65535 + b'\\n')", SILENT, "missing"),
    "a link for a reply": Case("import os; os.symlink('/etc/passwd', 'reply.json')", SILENT, "link"),
    "a pipe for a reply": Case("import os; os.mkfifo('reply.json')", SILENT, "pipe"),
    "a folder for a reply": Case("import os; os.mkdir('reply.json')", SILENT, "directory"),
    "another name for a reply": Case("import os; os.link('job.json', 'reply.json')", SILENT, "reply_schema"),
    "a reply that grows": Case(GROWS, SILENT, "at most"),
    "gigabytes for a reply": Case("open('reply.json', 'w').truncate(2**32)", SILENT, "at most"),
    "a terabyte for a reply": Case("open('reply.json', 'w').truncate(2**40)", {Status.EXIT}, "File too large"),
    "a reply of its own making": Case(LIES, {Status.OK}),
}


def run_pair(engine: DockerEngine, image: str, store: Path, case: Case, token: str) -> tuple[list[Record], float]:
    """(records of the hostile script and of one that behaves, behind each other; seconds until the engine answered)."""
    scripts = {
        "hostile": Script(name="hostile", argv=("python3", f"{token}.py"), files={f"{token}.py": case.code.encode()}),
        "calm": Script(name="calm", argv=("python3", "calm.py"), files={"calm.py": CALM.encode()}),
    }
    works = [Workload(network=name, mode=Mode.SCRIPT) for name in scripts]
    method = Method(
        warmup=1,
        min_time_s=0.1,
        min_count=2,
        blocks=1,
        timeout_s=case.timeout_s,
        memory_bytes=case.memory_bytes,
    )
    plan = make_plan([ROW], works, method, threads=(1,))
    made = Image(name="python", dockerfile="", context={}, base="", digest="d" * 64)
    setup = make_setup(plan, engine="docker", images={ROW.id: made}, networks={}, scripts=scripts)
    opened = open_store(store, create=True)
    records: list[Record] = []
    answered: list[float] = []

    def publish(record: Record) -> None:
        assert not publish_record(opened, record).problem
        begin = time.monotonic()
        engine.check()
        answered.append(time.monotonic() - begin)
        records.append(record)

    run_plan(
        setup,
        [Trial(cell, 0, position) for position, cell in enumerate(plan.cells)],
        engine=engine,
        engine_line="docker",
        prepared={ROW.id: Prepared(image)},
        expected={},
        publish=publish,
        run=RUN,
    )
    return records, max(answered)


def processes_of(token: str) -> list[str]:
    """Those of this machine that have it on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue  # it ended
        if token.encode() in line:
            found.append(path.parent.name)
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_worst_that_a_script_does_is_a_status_and_the_next_one_runs(
    engine: DockerEngine, base_image: str, tmp_path: Path, case: Case
) -> None:
    token = f"hostile_{os.getpid()}_{secrets.token_hex(4)}"
    (hostile, calm), answered_s = run_pair(engine, base_image, tmp_path / "store", case, token)
    assert hostile.status in case.ends, hostile.reason
    assert case.words in hostile.reason
    assert not judge_record(hostile).valid, "whatever it says of itself"
    assert calm.status is Status.OK, calm.reason
    assert answered_s < 5.0
    assert hostile.observed is not None
    assert hostile.observed.wall_s < case.timeout_s + 30.0, "a thousand processes may share this one's CPU"
    assert hostile.observed.overhead_s < 20.0, "to begin it, to read what it left, and to remove that"
    checked = verify_store(open_store(tmp_path / "store"))
    assert (checked.records, list(checked.damaged)) == (2, [])
    assert not engine.client.containers(all=True, filters={"label": f"bench.run={RUN}"})
    assert not processes_of(token)


FILLS = """
import time
with open("big", "wb") as file:
    for _ in range(64):
        file.write(bytes(2**24))
time.sleep(600)
"""


def test_who_leaves_too_little_of_the_disk_is_ended_before_others_miss_it(
    engine: DockerEngine, launch: MakeLaunch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reserve a little below what is free now stands for a disk that is nearly full."""
    room = disk.read_room(Path(engine.client.info()["DockerRootDir"]))
    if room is None:
        give_up("the folder of the engine cannot be seen from here")
    monkeypatch.setattr(disk, "SHARE", 1.0)
    monkeypatch.setattr(disk, "RESERVE_BYTES", room.bytes - 2**29)
    outcome = engine.run(launch(FILLS, memory_bytes=2**29))
    assert outcome.end is End.SIGNAL, outcome
    assert "free on the disk of its working folder" in outcome.detail
    assert outcome.observed.wall_s < 30.0
