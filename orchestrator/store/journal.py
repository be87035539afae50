"""What happened when? One JSON object per line, for people; no result depends on it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from orchestrator.store.folder import store_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.store.folder import Store


def append_event(store: Store, event: Mapping[str, str | int | float | None]) -> None:
    """Add one line. Not synchronised: a crash may tear the last one. Raises StoreError where it cannot be written."""
    # The newline comes first as well, so that an event after a torn line does not continue it.
    line = json.dumps(dict(event), sort_keys=True, allow_nan=False).encode()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(store.journal, flags, 0o600)
        try:
            os.write(handle, b"\n" + line + b"\n")
        finally:
            os.close(handle)
    except OSError as error:
        raise store_error("write the journal of", store.root, error) from error


def read_events(store: Store) -> list[dict[str, Any]]:
    """Every event that can be read; torn or damaged lines are left out, a missing journal is an empty one."""
    try:
        lines = store.journal.read_bytes().splitlines()
    except OSError:
        return []
    events = []
    for line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            events.append(event)
    return events
