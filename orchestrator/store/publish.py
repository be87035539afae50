"""How does a record get into the store, and never twice?"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import StoreError
from orchestrator.store.encoding import encode_record
from orchestrator.store.files import KEY, list_files, record_name
from orchestrator.store.folder import store_error
from orchestrator.store.place import place_file
from orchestrator.store.writers import is_orphaned

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.nouns.record import Record
    from orchestrator.store.folder import Store


class Published(NamedTuple):
    """What became of a record: `problem` is empty where it is in the store, and says why where it is not."""

    path: Path
    problem: str = ""


def publish_record(store: Store, record: Record) -> Published:
    """Write a record under its own name: there as a whole, or not at all.

    Never overwrites: where the name is taken, `problem` says so and the first content stays. Raises StoreError
    where the store cannot take it (full, read-only, ...); nothing torn is left behind.
    """
    if not KEY.fullmatch(record.key) or record.block < 0 or record.attempt < 0:
        raise StoreError(f"{record.key!r} block {record.block} attempt {record.attempt} cannot name a record's file")
    data = encode_record(record)
    return publish_bytes(store, store.records / record_name(record.key, record.block, record.attempt), data)


def publish_bytes(store: Store, path: Path, data: bytes) -> Published:
    """The same for bytes that are to stand in the store as they are, two folders below its root at most."""
    try:
        placed = place_file(path, data)
    except OSError as error:
        raise store_error("write to", store.root, error) from error
    taken = f"{path} is already there and was left as it is; a new attempt needs a new number"
    return Published(path, "" if placed else taken)


def remove_leftovers(store: Store) -> list[Path]:
    """Remove temporary files whose writer, on this machine, is dead; returns what was removed."""
    removed = []
    inside = [
        path
        for folder in (store.root, store.index.parent, store.foreign)
        if folder.is_dir()
        for path in folder.iterdir()
    ]
    for path in (*list_files(store).strays, *inside):
        if is_orphaned(path.name):
            with contextlib.suppress(OSError):
                path.unlink()
                removed.append(path)
    return removed
