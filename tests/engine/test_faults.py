"""Does `bench matrix` come to its end, with records that say what happened, whatever breaks on the way?"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.validity import judge_record
from orchestrator.engines.watch import GRACE_S
from orchestrator.errors import NoEngineError, StoreError, StuckError
from orchestrator.nouns.record import Record
from tests.engine.conftest import give_up
from tests.engine.faults import (
    bodies,
    body,
    command,
    containers,
    cut_engine,
    delete_image,
    fail_inside,
    fill_disk,
    inject,
    retag_image,
    run_two,
    set_clock,
    statuses,
    wait_until,
)
from tests.engine.proxy import Proxy
from tests.engine.standin import INSIDE, RUN, TIMEOUT_S, StandIn, make_image
from tests.flow.test_kills import find_leftovers

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from orchestrator.engines.docker import DockerEngine

pytestmark = pytest.mark.engine


@pytest.fixture
def bench(engine: DockerEngine, base_image: str, tmp_path: Path) -> Iterator[StandIn]:
    """The command line over a catalogue of this test's own, on the real engine."""
    assert base_image
    made = StandIn(tmp_path, engine.client)
    yield made
    made.close()


@pytest.fixture
def proxy(bench: StandIn) -> Iterator[Proxy]:
    """The engine's socket, through something that can be broken."""
    if bench.env.get("DOCKER_HOST"):
        give_up("the engine is not at its default socket")
    made = Proxy()
    bench.env["DOCKER_HOST"] = made.address
    yield made
    made.cut()


def finish(process: subprocess.Popen[str], seconds: float = 300) -> tuple[int, str]:
    """(exit code, what it said)."""
    _, said = process.communicate(timeout=seconds)
    return process.returncode, said


@pytest.mark.parametrize(("fault", "status"), INSIDE.items(), ids=INSIDE)
def test_what_goes_wrong_inside_is_a_record_that_says_so(bench: StandIn, fault: str, status: str) -> None:
    came = fail_inside(bench, fault)
    assert came.code == 0, came.said
    assert came.statuses == [(0, 1, status)]
    assert not containers(bench)
    assert came.seconds < TIMEOUT_S + GRACE_S + 60
    assert sum(map(len, bench.records().values())) < 200_000, "100 MB of output are not kept"


def test_an_engine_that_comes_back_is_rid_of_what_it_kept_before_the_retry(bench: StandIn, proxy: Proxy) -> None:
    came = cut_engine(bench, proxy)
    assert came.code == 0, came.said
    assert came.statuses == [(0, 1, "engine_lost"), (0, 2, "ok"), (1, 1, "ok")]
    assert came.most == 1, "the lost container computed beside its own retry"
    assert not containers(bench)


def test_records_name_the_image_that_was_planned_whatever_its_tag_names_by_then(bench: StandIn) -> None:
    came, planned = retag_image(bench)
    assert came.code == 0, came.said
    assert [each["observed"]["image_id"] for each in bodies(bench)] == [planned] * 4


def test_an_image_that_is_deleted_in_a_run_is_no_image_and_the_others_go_on(bench: StandIn) -> None:
    came, version = delete_image(bench)
    assert came.code == 0, came.said
    ends = Counter((each["variant"]["version"] == version, each["status"]) for each in bodies(bench))
    assert ends[False, "ok"] == 3
    assert ends[True, "no-image"] >= 1
    assert ends[True, "no-image"] + ends[True, "ok"] == 3
    reasons = {each["reason"] for each in bodies(bench) if each["status"] == "no-image"}
    assert all("is gone; run `bench build`" in reason for reason in reasons)
    names = [name for each in bench.client.images() for name in each.get("RepoTags") or []]
    assert bench.image(f"numpy-{version}-").name not in names, "nothing was pulled, and nothing built"
    assert not came.lost


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


def test_the_timed_windows_of_two_runs_at_once_never_overlap(bench: StandIn) -> None:
    windows, codes = run_two(bench)
    assert codes == [0, 0]
    assert len(windows) == 6
    assert all(sooner[1] <= later[0] for sooner, later in pairwise(windows)), windows
    assert all(end - begin >= 0.5 for begin, end in windows)


@pytest.mark.parametrize("step_s", [86400.0, -86400.0])
def test_a_clock_that_is_set_in_a_trial_changes_neither_times_nor_order_and_is_flagged(
    bench: StandIn, step_s: float
) -> None:
    came = set_clock(bench, step_s)
    assert came.code == 0, came.said
    records = sorted(bodies(bench), key=lambda each: each["provenance"]["sequence"])
    assert [each["block"] for each in records] == [0, 1]
    first, second = (each["observed"]["conditions"] for each in records)
    assert first["clock_drift_s"] == pytest.approx(86400, abs=1)
    assert second["clock_drift_s"] < 0.5
    assert all(3.0 <= each["window_s"] < 6.0 for each in (first, second))
    assert all(0 < each["observed"]["wall_s"] < 60 for each in records)
    judged = [judge_record(Record.model_validate(each)) for each in records]
    assert ["clock-jump" in each.suspicions for each in judged] == [True, False]
    assert bench(*command(bench, 3)).code == 0
    runs = {each["block"]: each["provenance"]["run"] for each in bodies(bench)}
    assert runs[0] == runs[1] < runs[2], "the later run comes later, though the clock says otherwise"


def test_a_disk_that_fills_up_ends_the_run_and_loses_nothing(bench: StandIn) -> None:
    came = fill_disk(bench)
    if came is None:
        give_up("a file system of its own can be mounted by root alone")
    assert came.code == StoreError.exit_code
    assert "the disk is full" in came.said
    assert came.lost == 0
    assert bench("verify", "--store", bench.store).code == 0
    assert bench(*command(bench, 4)).code == 0
    assert [status for _, _, status in statuses(bench)] == ["ok"] * 4


def test_the_next_start_ends_what_a_killed_run_left(bench: StandIn) -> None:
    bench.add("hang")
    process = bench.start(*command(bench))
    wait_until(lambda: containers(bench, running=True))
    inject(bench, process, process.kill)
    (left,) = containers(bench, running=True)
    process = bench.start(*command(bench))
    wait_until(lambda: left["Id"] not in {each["Id"] for each in containers(bench)})
    process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert code == 130, said
    assert not containers(bench)


@pytest.fixture(params=["says nothing", "says a byte now and then"])
def mute(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an engine that takes every connection and never comes to an end."""
    folder = tempfile.mkdtemp(prefix="bench-mute-")  # a socket's path is short
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{folder}/s")
    server.listen()

    def trickle() -> None:
        with suppress(OSError):
            while True:
                here, _ = server.accept()
                threading.Thread(target=send, args=(here,), daemon=True).start()

    def send(here: socket.socket) -> None:
        with here, suppress(OSError):
            here.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                here.sendall(b"x")
                time.sleep(0.5)

    if "byte" in request.param:
        threading.Thread(target=trickle, daemon=True).start()
    yield f"unix://{folder}/s"
    server.close()
    shutil.rmtree(folder)


def test_an_engine_that_never_answers_is_said_to_be_none_within_seconds(bench: StandIn, mute: str) -> None:
    bench.add()
    begin = time.monotonic()
    said = bench(*RUN, "--store", bench.store, env={"DOCKER_HOST": mute})
    assert said.code == NoEngineError.exit_code
    assert "no container engine answers at" in said.err or "took longer than 10 s" in said.err
    assert "Traceback" not in said.err
    doctor = bench("doctor", env={"DOCKER_HOST": mute})
    assert doctor.code == 0, "the local engine can run"
    assert "Traceback" not in doctor.err
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
        proxy.slow[b"/containers/create HTTP"] = 1.0  # the trial's: who asks an image for its packages names its own
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


def test_a_signal_while_an_image_is_asked_for_its_packages_ends_the_run(bench: StandIn, proxy: Proxy) -> None:
    bench.add(seconds=60.0)
    proxy.slow[b"name=bench-sbom"] = 1.0
    process = bench.start(*RUN, "--blocks", "30", "--store", bench.store)
    wait_until(proxy.held.is_set)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    ended, said = finish(process)
    assert time.monotonic() - begin < GRACE_S + 5.0
    assert ended == 130, said
    time.sleep(2.0)  # what was held back has reached the engine by now, which made a container for nobody
    assert finish(bench.start("reap"))[0] == 0
    asking = ["docker", "ps", "--all", "--quiet", "--filter", "name=bench-sbom"]
    assert not subprocess.run(asking, check=True, capture_output=True).stdout


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
