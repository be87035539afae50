"""Any engine that speaks Docker's API, local or remote: hardened, pinned, without a network."""

from orchestrator.engines.docker.engine import DockerEngine
from orchestrator.engines.docker.reap import Reaped, reap

__all__ = ["DockerEngine", "Reaped", "reap"]
