"""Which containers of this process may still live, although nobody watches them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.host.owner import this_process

if TYPE_CHECKING:
    from docker import APIClient


class Unremoved:
    """Launches whose container is not known to be gone: one that an engine kept computes beside whatever comes next.

    `reap` leaves such a container, because its owner lives.
    """

    def __init__(self) -> None:
        self._containers: dict[str, str] = {}

    def add(self, name: str, container: str = "") -> None:
        """Before it is created, and again with its id: where an engine goes away in between, nobody has heard it."""
        self._containers[name] = container

    def remove(self, client: APIClient) -> None:
        """Remove all of them. Raises what the engine raises, and then keeps those that are not gone in mind."""
        for name, container in tuple(self._containers.items()):
            for each in [container] if container else _find(client, name):
                remove_container(client, each)
            del self._containers[name]


def remove_container(client: APIClient, container: str) -> bool:
    """With its volumes, whether it runs or not; false where it was gone already. Raises APIError, also where a removal
    is in progress: one that cannot be killed stays in that state, and computes."""
    from docker.errors import NotFound

    try:
        client.remove_container(container, v=True, force=True)
    except NotFound:
        return False
    return True


def _find(client: APIClient, name: str) -> list[str]:
    labels = [f"bench.owner={this_process().label}", f"bench.trial={name}"]
    return [str(found["Id"]) for found in client.containers(all=True, filters={"label": labels})]
