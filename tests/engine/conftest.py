"""A real engine, or a reason to skip; where BENCH_REQUIRE_ENGINE is 1, its absence is a failure."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, NoReturn

import pytest

from orchestrator.engines.docker import DockerEngine
from orchestrator.errors import BenchError
from orchestrator.nouns.launch import Launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class MakeLaunch(Protocol):
        def __call__(self, code: str, **fields: object) -> Launch: ...


BASE = "python:3.11-slim-bookworm"
RUN = f"test-{os.getpid()}-{secrets.token_hex(3)}"


def give_up(reason: str) -> NoReturn:
    if os.environ.get("BENCH_REQUIRE_ENGINE") == "1":
        pytest.fail(f"BENCH_REQUIRE_ENGINE=1, and {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    """The engine of this machine; whatever tests of this session left in it is removed."""
    found = DockerEngine()
    try:
        found.check()
    except BenchError as error:
        give_up(str(error))
    yield found
    left = found.client.containers(all=True, filters={"label": f"bench.run={RUN}"})
    for container in left:
        found.client.remove_container(container["Id"], v=True, force=True)
    found.close()
    assert not left, "containers were left behind: they are removed now"


@pytest.fixture(scope="session")
def base_image(engine: DockerEngine) -> str:
    """The id of a small image with Python; nothing is pulled."""
    from docker.errors import ImageNotFound

    try:
        return str(engine.client.inspect_image(BASE)["Id"])  # type: ignore[no-untyped-call]
    except ImageNotFound:
        give_up(f"the image {BASE} is not on this engine")


@pytest.fixture
def launch(base_image: str) -> MakeLaunch:
    """Maker of launches of a piece of Python."""

    def make(code: str, **fields: object) -> Launch:
        defaults: dict[str, object] = {
            "name": "trial",
            "image": base_image,
            "argv": ("python3", "-c", code),
            "env": {"PYTHONDONTWRITEBYTECODE": "1"},
            "files": {},
            "results": {"reply.json": 1000},
            "cpus": (max(os.sched_getaffinity(0)),),
            "mems": (0,),
            "memory_bytes": 256 * 2**20,
            "pids": 64,
            "timeout_s": 60.0,
            "labels": {"bench.run": RUN},
        }
        return Launch.model_validate(defaults | fields)

    return make
