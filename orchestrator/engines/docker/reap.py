"""Which containers did a dead run leave behind?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.engines.docker.unremoved import remove_container
from orchestrator.host.owner import Life, check_life, read_owner

if TYPE_CHECKING:
    from docker import APIClient


CONFLICT = 409
"""Somebody else is removing it."""


class Reaped(NamedTuple):
    """What was removed, and what was left because its owner lives or cannot be judged from here."""

    removed: tuple[str, ...]
    alive: int
    unknown: int


def reap(client: APIClient) -> Reaped:
    """Remove our containers whose owner is dead, with their volumes; no other container is touched."""
    from docker.errors import APIError

    removed, counts = [], {Life.ALIVE: 0, Life.UNKNOWN: 0, Life.DEAD: 0}
    for found in client.containers(all=True, filters={"label": "bench=1"}):
        life = check_life(read_owner(found["Labels"].get("bench.owner", "")))
        counts[life] += 1
        if life is not Life.DEAD:
            continue
        try:
            there = remove_container(client, found["Id"])
        except APIError as error:
            if error.status_code != CONFLICT:
                raise
            continue
        if there:  # else another reaper was faster
            removed.append(found["Labels"].get("bench.trial") or found["Id"][:12])
    return Reaped(tuple(removed), counts[Life.ALIVE], counts[Life.UNKNOWN])
