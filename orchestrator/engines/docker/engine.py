"""How does a launch become an outcome on a Docker-compatible engine?"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestrator.engines.cgroup import find_neighbours
from orchestrator.engines.disk import Disk
from orchestrator.engines.docker import client as connection
from orchestrator.engines.docker.client import OPEN_TIMEOUT_S, describe_engine, failures, open_client
from orchestrator.engines.docker.deadline import within
from orchestrator.engines.docker.images import find_image
from orchestrator.engines.docker.isolation import find_weakened
from orchestrator.engines.docker.launch import VOLUME, create_container, make_tar
from orchestrator.engines.docker.outcome import decide, observe, without_process
from orchestrator.engines.docker.process import Container
from orchestrator.engines.docker.read import read_log, read_results
from orchestrator.engines.docker.reap import reap
from orchestrator.engines.docker.unremoved import Unremoved
from orchestrator.engines.taxonomy import describe_failure
from orchestrator.engines.watch import Interrupts, OutlivedError, watch
from orchestrator.engines.witness import Witness
from orchestrator.errors import BuildError, NoEngineError
from orchestrator.host.canary import Calm
from orchestrator.nouns.launch import End, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import APIClient

    from orchestrator.engines.docker.reap import Reaped
    from orchestrator.nouns.image import Image
    from orchestrator.nouns.launch import Launch
    from orchestrator.nouns.variant import Variant

# moby, daemon/devices_linux.go: no driver has registered itself for the capability `gpu`.
NO_GPU_DRIVER = "could not select device driver"

Value = TypeVar("Value")


class DockerEngine:
    """Docker 23.0 or newer, Podman 4 or newer, through one client that all launches share."""

    name = "docker"

    def __init__(self, host: str | None = None) -> None:
        """`host` as in DOCKER_HOST; None follows the environment, then docker's own context."""
        self._host = host
        self._client: APIClient | None = None
        self._interrupts = Interrupts()
        self._calm = Calm()
        self._unremoved = Unremoved()
        self._digests: dict[str, tuple[str, ...]] = {}
        self._root: Path | None = None

    @property
    def client(self) -> APIClient:
        """The connection, made on first use. Raises NoEngineError."""
        if self._client is None:
            self._client = within(OPEN_TIMEOUT_S, "say which version it is", lambda: open_client(self._host))
        return self._client

    def check(self) -> str:
        """One line of what answers; raises NoEngineError within about two seconds if nothing does.

        An engine that went away and came back has kept what ran on it: that is removed first.
        """
        try:
            self._ask("remove containers", self._unremoved.remove)
            return self._ask("describe itself", describe_engine)
        except failures() as error:
            raise NoEngineError(f"the container engine answers with an error: {describe_failure(error)}") from error

    def refuse(self, variant: Variant) -> str:  # noqa: ARG002  (the protocol's)
        """Nothing: what has an image can be run, and whether there is a GPU is this host's affair."""
        return ""

    def prepare(self, variant: Variant, image: Image) -> str:
        """The id behind the image's tag: runs name the id, so that moving the tag during a run changes nothing."""
        try:
            held = self._ask("find an image", lambda client: find_image(client, variant, image))
        except failures() as error:
            raise NoEngineError(f"the engine went away: {describe_failure(error)}") from error
        self._digests[held.id] = held.digests
        return held.id

    def reap(self) -> Reaped:
        """Remove what dead runs left behind. Raises NoEngineError."""
        try:
            return self._ask("remove containers", reap)
        except failures() as error:
            raise NoEngineError(f"the engine went away: {describe_failure(error)}") from error

    def interrupt(self) -> None:
        """End the run in progress, and every later one at once; a second call kills."""
        self._interrupts.request()

    def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def run(self, launch: Launch) -> Outcome:
        """One container from creation to removal. Raises BuildError only where the image is not there any more.

        One at a time: what else this object made is taken for left over, and removed first.
        """
        from docker.errors import ImageNotFound

        lost: tuple[type[Exception], ...] = (NoEngineError, *failures())
        begin = time.monotonic()
        if self._interrupts.count:
            return without_process(End.INTERRUPTED, "stopped by the user before it began", begin)
        try:
            self._ask("remove containers", self._unremoved.remove)
            self._unremoved.add(launch.name)
            container = self._ask("create a container", lambda client: create_container(client, launch))
            self._unremoved.add(launch.name, container)
            outcome = self._run(launch, container)
        except ImageNotFound as error:
            raise BuildError(f"{launch.name}: the image {launch.image} is gone; run `bench build`") from error
        except lost as error:
            if launch.gpus and NO_GPU_DRIVER in describe_failure(error):
                message = f"{launch.name}: the engine cannot pass a GPU into a container: {describe_failure(error)}"
                raise BuildError(f"{message}; install the NVIDIA Container Toolkit and restart it") from error
            outcome = without_process(End.ENGINE_LOST, describe_failure(error), begin)
        finally:
            # An engine that is gone cannot: the next call of `check` or `run` does it, or `reap` after this process.
            with suppress(*lost):
                self._ask("remove containers", self._unremoved.remove)
        if outcome.end is End.ENGINE_LOST:
            self.close()  # the next launch asks anew who answers
        overhead_s = max(0.0, time.monotonic() - begin - outcome.observed.wall_s)
        return outcome.model_copy(update={"observed": outcome.observed.model_copy(update={"overhead_s": overhead_s})})

    def _ask(self, phase: str, action: Callable[[APIClient], Value]) -> Value:
        """What `action` makes of the engine's answers. Raises NoEngineError where they take too long."""
        client = self.client
        return within(connection.CALL_TIMEOUT_S, phase, lambda: action(client))

    def _find_root(self) -> Path | None:
        """Where the engine keeps its volumes, if it says so; asked once."""
        if self._root is None:
            told = self._ask("describe itself", lambda client: client.info()).get("DockerRootDir")
            self._root = Path(told) if told else None
        return self._root

    def _run(self, launch: Launch, container: str) -> Outcome:
        archive = make_tar(launch.files, launch.executables)
        self._ask("take files", lambda client: client.put_archive(container, VOLUME, archive))
        neighbours = find_neighbours(container, launch.cpus)
        if neighbours and self._ask("remove containers", reap).removed:
            # an orchestrator that was killed let go of its core at once; its container would have kept it for longer
            neighbours = find_neighbours(container, launch.cpus)
        disk = Disk(self._find_root())
        process = self._ask(
            "attach", lambda client: Container(client, container, timeout_s=launch.timeout_s, disk=disk)
        )
        witness = Witness(
            process,
            cpus=launch.cpus,
            siblings=launch.siblings,
            neighbours=neighbours,
            gpus=launch.gpus,
            calm=self._calm,
        )
        try:
            started = time.monotonic()
            self._ask("start a container", lambda client: client.start(container))
            watched = watch(process, self._interrupts, timeout_s=launch.timeout_s, started=started, look=witness.look)
        finally:
            witness.close()
            process.hang_up()
        if isinstance(watched.failure, OutlivedError) and (reason := self._find_stuck()):
            return without_process(End.STUCK, f"{watched.failure}: {reason}", started)
        if watched.failure is not None:
            # Its counters were not final and its files may still change: nothing of it is kept.
            raise watched.failure
        seen = self._ask("inspect a container", lambda client: client.inspect_container(container))
        state = seen["State"]
        results = self._ask("give back files", lambda client: read_results(client, container, launch.results))
        ending = decide(watched, state, process)
        return Outcome(
            end=ending.end,
            detail=ending.detail,
            files={result.path: result.content for result in results if result.rejected is None},
            rejected=tuple(result.rejected for result in results if result.rejected is not None),
            log_tail=self._ask("give back a log", lambda client: read_log(client, container)),
            observed=observe(launch, process, watched, ending).model_copy(
                update={
                    "conditions": witness.conclude(),
                    "image_digests": self._digests.get(launch.image, ()),
                    "weakened": find_weakened(launch, seen),
                }
            ),
        )

    def _find_stuck(self) -> str:
        """Why the container cannot be removed, in the engine's words; empty where it can, or where none answers."""
        from docker.errors import APIError

        with suppress(NoEngineError, *failures()):
            try:
                self._ask("remove containers", self._unremoved.remove)
            except APIError as error:
                return describe_failure(error)
        return ""
