"""In which state is the engine: its parts, its restrictions, and who runs on it now?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.engines.taxonomy import describe_failure
from orchestrator.errors import NoEngineError

if TYPE_CHECKING:
    from docker import APIClient


class Running(NamedTuple):
    """A container that lives."""

    id: str
    name: str
    cpus: str
    """Its cpuset as the engine was told it, `0-1`; empty where it may run anywhere."""
    ours: bool
    """Made by this tool, in this run or another."""


class EngineState(NamedTuple):
    """What `docker version`, `docker info` and `docker ps` say."""

    version: str
    runc: str | None
    cgroup: str | None
    """`1` or `2`; None where it does not say."""
    seccomp: bool
    rootless: bool
    swap_limit: bool
    running: tuple[Running, ...]


def read_state(client: APIClient) -> EngineState:
    """The state now. Raises NoEngineError where the engine stops answering."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        version, info = client.version(), client.info()
        running = [_say_state(client, each) for each in client.containers()]
    except (DockerException, RequestException) as error:
        raise NoEngineError(f"the container engine answers with an error: {describe_failure(error)}") from error
    options = " ".join(info.get("SecurityOptions") or [])
    parts = {part.get("Name", ""): part.get("Version") for part in version.get("Components") or []}
    return EngineState(
        version=str(version["Version"]),
        runc=parts.get("runc"),
        cgroup=info.get("CgroupVersion"),
        seccomp="seccomp" in options,
        rootless="rootless" in options,
        swap_limit=bool(info.get("SwapLimit", True)),
        running=tuple(each for each in running if each is not None),
    )


def _say_state(client: APIClient, listed: dict[str, Any]) -> Running | None:
    from docker.errors import NotFound

    try:
        seen = client.inspect_container(listed["Id"])
    except NotFound:
        return None  # it ended meanwhile
    return Running(
        id=seen["Id"],
        name=str(seen["Name"]).lstrip("/"),
        cpus=seen["HostConfig"].get("CpusetCpus") or "",
        ours="bench" in (seen["Config"].get("Labels") or {}),
    )
