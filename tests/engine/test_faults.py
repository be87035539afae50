"""Does `bench matrix` come to its end, with records that say what happened, whatever breaks on the way?"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.conftest import give_up
from tests.engine.proxy import Proxy
from tests.engine.standin import RUN, StandIn, make_image

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
