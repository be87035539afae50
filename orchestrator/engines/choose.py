"""Which engine runs this?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import NoEngineError, UnknownNameError

if TYPE_CHECKING:
    from orchestrator.engine import Engine
    from orchestrator.nouns.site import Site

NAMES = ("auto", "docker", "local", "fake")


class Chosen(NamedTuple):
    """An engine that answers."""

    engine: Engine
    answer: str
    """Its own line: `docker 26.1.5, overlay2, 2 CPUs`."""
    message: str
    """To be shown: what was chosen for the user, and why; empty where the user chose."""


def choose_engine(name: str, site: Site) -> Chosen:
    """The engine of this name, which must answer; for `auto` docker if it does, else local, with a message.

    An explicit name never falls back: numbers of a container and of a bare process are not the same thing. Raises
    NoEngineError where it does not answer.
    """
    if name != "auto":
        engine = make_engine(name, site)
        return Chosen(engine, engine.check(), "")
    docker = make_engine("docker", site)
    try:
        return Chosen(docker, docker.check(), "")
    except NoEngineError as error:
        docker.close()
        local = make_engine("local", site)
        reason = str(error).partition(";")[0]
        message = f"{reason}; using the local engine: virtual environments, pinned processes, no container"
        return Chosen(local, local.check(), message)


def make_engine(name: str, site: Site) -> Engine:
    """The engine of this name, unasked. Raises UnknownNameError."""
    if name == "docker":
        from orchestrator.engines.docker import DockerEngine

        return DockerEngine()
    if name == "local":
        from orchestrator.engines.local import LocalEngine

        return LocalEngine(site)
    if name == "fake":
        from orchestrator.engines.fake import FakeEngine

        return FakeEngine()
    raise UnknownNameError("engine", name, NAMES)
