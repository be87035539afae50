"""Does `bench matrix` come to its end, with records that say what happened, whatever breaks on the way?"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.engines.watch import GRACE_S
from orchestrator.errors import NoEngineError, StuckError
from tests.engine.conftest import give_up
from tests.engine.proxy import Proxy
from tests.engine.standin import RUN, TIMEOUT_S, StandIn, make_image
from tests.flow.test_kills import find_leftovers

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from orchestrator.engines.docker import DockerEngine

pytestmark = pytest.mark.engine


@pytest.fixture
def bench(engine: DockerEngine, base_image: str, tmp_path: Path) -> Iterator[StandIn]:
    """The command line over a catalogue of this test's own, on the real engine."""
    assert base_image
    made = StandIn(tmp_path, engine.client)
    yield made
    made.remove_images()


@pytest.fixture
def proxy(bench: StandIn) -> Iterator[Proxy]:
    """The engine's socket, through something that can be broken."""
    if bench.env.get("DOCKER_HOST"):
        give_up("the engine is not at its default socket")
    made = Proxy()
    bench.env["DOCKER_HOST"] = made.address
    yield made
    made.cut()


def statuses(bench: StandIn) -> list[tuple[int, int, str]]:
    """(block, attempt, status) of every record."""
    found = map(body, bench.records().values())
    return sorted((each["block"], each["attempt"], each["status"]) for each in found)


def body(content: bytes) -> dict[str, Any]:
    """A record without its frame."""
    found: dict[str, Any] = json.loads(content)
    inner: dict[str, Any] = found.get("record", found)
    return inner


def containers(bench: StandIn, *, running: bool = False) -> list[dict[str, Any]]:
    """This test's own, by the row that is in their trial's name."""
    listed = bench.client.containers(all=not running, filters={"label": "bench=1"})
    return [each for each in listed if "@numpy-0." in each["Labels"].get("bench.trial", "")]


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def finish(process: subprocess.Popen[str], seconds: float = 120) -> tuple[int, str]:
    """(exit code, what it said)."""
    _, said = process.communicate(timeout=seconds)
    return process.returncode, said


def test_an_engine_that_comes_back_is_rid_of_what_it_kept_before_the_retry(bench: StandIn, proxy: Proxy) -> None:
    bench.add(seconds=2.0)
    process = bench.start(*RUN, "--blocks", "2", "--store", bench.store)
    wait_until(lambda: containers(bench, running=True))
    proxy.cut()
    lost = containers(bench, running=True)[0]["Id"]
    time.sleep(1.5)
    proxy.mend()
    together = 0
    while process.poll() is None:
        together = max(together, len(containers(bench, running=True)))
        time.sleep(0.03)
    code, said = finish(process)
    assert code == 0, said
    assert statuses(bench) == [(0, 1, "engine_lost"), (0, 2, "ok"), (1, 1, "ok")]
    assert together == 1, "the lost container computed beside its own retry"
    assert lost not in {each["Id"] for each in containers(bench)}
    assert not containers(bench)


def test_records_name_the_image_that_was_planned_whatever_its_tag_names_by_then(bench: StandIn) -> None:
    row = bench.add(seconds=0.2)
    image = bench.image(row)
    planned = bench.client.inspect_image(image.name)["Id"]  # type: ignore[no-untyped-call]
    process = bench.start(*RUN, "--blocks", "4", "--store", bench.store)
    wait_until(bench.records)
    other = make_image(bench.client, image.name, {"bench.digest": image.digest, "another": "1"})
    code, said = finish(process)
    assert code == 0, said
    assert bench.client.inspect_image(image.name)["Id"] == other != planned  # type: ignore[no-untyped-call]
    seen = [body(content)["observed"]["image_id"] for content in bench.records().values()]
    assert seen == [planned] * 4
    bench.client.remove_image(planned, force=True)


def test_an_image_that_is_deleted_in_a_run_is_no_image_and_the_others_go_on(bench: StandIn) -> None:
    gone, kept = bench.add(seconds=0.2), bench.add(seconds=0.2)
    process = bench.start(*RUN, "--blocks", "3", "--store", bench.store)
    wait_until(lambda: len(bench.records()) >= 2)  # the first block is over
    bench.client.remove_image(bench.image(gone).name, force=True)
    code, said = finish(process)
    assert code == 0, said
    ends = Counter((record["variant"]["version"], record["status"]) for record in map(body, bench.records().values()))
    versions = {name: name.split("-")[1] for name in (gone, kept)}
    assert ends[versions[kept], "ok"] == 3
    assert ends[versions[gone], "no-image"] >= 1
    assert ends[versions[gone], "no-image"] + ends[versions[gone], "ok"] == 3
    reasons = {record["reason"] for record in map(body, bench.records().values()) if record["status"] == "no-image"}
    assert all("is gone; run `bench build`" in reason for reason in reasons)
    names = [name for each in bench.client.images() for name in each.get("RepoTags") or []]
    assert bench.image(gone).name not in names, "nothing was pulled, and nothing built"


def test_a_tag_on_another_image_than_was_planned_is_not_measured(bench: StandIn) -> None:
    other, kept = bench.add(), bench.add()
    image = bench.image(other)
    bench.client.remove_image(image.name, force=True)
    make_image(bench.client, image.name, {"bench.digest": "0" * 64})
    said = bench(*RUN, "--store", bench.store)
    assert said.code == 0, said.err
    found = {record["variant"]["version"]: record for record in map(body, bench.records().values())}
    assert found[kept.split("-")[1]]["status"] == "ok"
    assert found[other.split("-")[1]]["status"] == "no-image"
    assert "another image than was planned" in found[other.split("-")[1]]["reason"]


@pytest.fixture
def mute(tmp_path: Path) -> Iterator[str]:
    """The address of an engine that takes every connection and says nothing."""
    folder = tempfile.mkdtemp(prefix="bench-mute-")  # a socket's path is short
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{folder}/s")
    server.listen()
    yield f"unix://{folder}/s"
    server.close()
    shutil.rmtree(folder)


def test_an_engine_that_never_answers_is_said_to_be_none_within_seconds(bench: StandIn, mute: str) -> None:
    bench.add()
    begin = time.monotonic()
    said = bench(*RUN, "--store", bench.store, env={"DOCKER_HOST": mute})
    assert said.code == NoEngineError.exit_code
    assert "no container engine answers at" in said.err
    assert "Traceback" not in said.err
    doctor = bench("doctor", env={"DOCKER_HOST": mute})
    assert doctor.code == 0, "the local engine can run"
    assert "no container engine answers at" in doctor.out + doctor.err
    assert time.monotonic() - begin < 60


PATIENT = """
import sys
from orchestrator.engines import watch
from orchestrator.engines.docker import client
from orchestrator.runner import run
client.CALL_TIMEOUT_S, watch.STUCK_S, run.ENGINE_PATIENCE_S = 3.0, 3.0, 3.0
from orchestrator.cli.app import main
main()
"""
"""`bench` that waits for an engine as long as a test may."""


def test_an_engine_that_falls_silent_in_a_trial_ends_the_run_within_its_limits(bench: StandIn, proxy: Proxy) -> None:
    bench.add(seconds=1.0)
    process = bench.start_program(PATIENT, *RUN, "--blocks", "2", "--store", bench.store)
    wait_until(lambda: containers(bench, running=True))
    proxy.muted.set()
    begin = time.monotonic()
    code, said = finish(process)
    assert code == NoEngineError.exit_code, said
    assert "the same command resumes" in said
    assert time.monotonic() - begin < TIMEOUT_S + 2 * 2 + 2 + 4 * 3 + 10
    assert statuses(bench) == [(0, 1, "engine_lost")]
    proxy.muted.clear()
    assert bench(*RUN, "--blocks", "2", "--store", bench.store).code == 0
    assert statuses(bench) == [(0, 1, "engine_lost"), (0, 2, "ok"), (1, 1, "ok")]
    assert not containers(bench)


@contextmanager
def frozen(container: str) -> Iterator[None]:
    """Its processes in a freezer of their own, which nobody thaws to kill them."""
    folder = Path(f"/sys/fs/cgroup/freezer/docker/{container}/stuck")
    if not os.access(folder.parent, os.W_OK):
        give_up("this kernel's freezer lets a KILL through (cgroup version 2)")
    folder.mkdir()
    for pid in (folder.parent / "cgroup.procs").read_text().split():
        (folder / "cgroup.procs").write_text(pid)
    (folder / "freezer.state").write_text("FROZEN")
    try:
        yield
    finally:
        (folder / "freezer.state").write_text("THAWED")
        # they die of the KILL that waits for them; the engine removes the folder with the container's own


def test_beside_a_container_that_cannot_be_killed_nothing_is_measured(bench: StandIn) -> None:
    bench.add("hang")
    process = bench.start_program(PATIENT.replace("3.0, 3.0", "30.0, 3.0", 1), *RUN, "--store", bench.store)
    wait_until(lambda: containers(bench, running=True))
    with frozen(containers(bench, running=True)[0]["Id"]):
        code, said = finish(process)
    assert code == StuckError.exit_code, said
    assert "nothing more is measured beside it on CPU" in said
    assert statuses(bench) == [(0, 1, "stuck")]
    wait_until(lambda: bench("reap").code == 0 and not containers(bench))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("phase", ["create", "run", "publish"])
def test_a_signal_ends_the_run_within_its_grace_whatever_is_under_way(
    bench: StandIn, proxy: Proxy, phase: str, number: int, code: int
) -> None:
    bench.add(seconds=0.05 if phase == "publish" else 60.0)
    if phase == "create":
        proxy.slow[b"/containers/create"] = 1.0
    process = bench.start(*RUN, "--blocks", "30", "--store", bench.store)
    ready = {
        "create": proxy.held.is_set,
        "run": lambda: containers(bench, running=True),
        "publish": lambda: list(bench.store.glob("records/*/*")),
    }
    wait_until(ready[phase])
    begin = time.monotonic()
    process.send_signal(number)
    ended, said = finish(process)
    assert time.monotonic() - begin < GRACE_S + 5.0
    assert ended == code, said
    assert "the same command resumes" in said
    ends = [status for _, _, status in statuses(bench)]
    assert ends.count("interrupted") == 1 or (phase == "publish" and ends.count("interrupted") == 0)
    assert set(ends) <= {"ok", "interrupted"}
    assert not containers(bench)


def test_a_second_interrupt_kills_a_container_at_once(bench: StandIn) -> None:
    bench.add("hang")
    process = bench.start(*RUN, "--store", bench.store)
    wait_until(lambda: containers(bench, running=True))
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert time.monotonic() - begin < GRACE_S, "that is how long the first one waits"
    assert code == 130, said
    assert [status for _, _, status in statuses(bench)] == ["interrupted"]
    assert not containers(bench)


def test_after_kills_at_random_times_nothing_is_left_and_nothing_is_missing(bench: StandIn) -> None:
    bench.add(seconds=0.2), bench.add(seconds=0.2)
    command = (*RUN, "--blocks", "4", "--store", bench.store)
    bench.env["TMPDIR"] = str(bench.folder / "tmp")
    Path(bench.env["TMPDIR"]).mkdir()
    volumes = len(bench.client.volumes()["Volumes"] or [])
    draw = random.Random(20260101)
    kept: dict[str, bytes] = {}
    for _ in range(5):
        process = bench.start(*command)
        wait_until(lambda: containers(bench) or process.poll() is not None)  # noqa: B023
        time.sleep(draw.uniform(0.0, 2.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = bench.records()
        assert all(now[name] == content for name, content in kept.items())
        kept = now
    assert bench("reap").code == 0
    assert not containers(bench)
    assert bench(*command).code == 0
    assert {(block, status) for block, _, status in statuses(bench)} == {(block, "ok") for block in range(4)}
    assert len(statuses(bench)) == 8
    assert not containers(bench)
    assert len(bench.client.volumes()["Volumes"] or []) <= volumes + 1, "others may make one meanwhile"
    assert find_leftovers(bench) == []
