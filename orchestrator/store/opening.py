"""Is this folder a store, and may we use it?"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from typing import IO, TYPE_CHECKING

from orchestrator.errors import StoreError
from orchestrator.store.encoding import RECORD_BYTES
from orchestrator.store.folder import MARKER, STORE_SCHEMA, Store, store_error, sync_folder
from orchestrator.store.publish import remove_leftovers
from orchestrator.store.writers import temporary_name

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_BYTES = 8 * 2**20
"""For the index of ten thousand records, and for what others write meanwhile."""
ROOM_BYTES = 2 * RECORD_BYTES + RESERVE_BYTES
"""A run is refused where less is free: it would stop in its middle. A record may stand there twice for a moment."""


def open_store(path: Path, *, create: bool = False) -> Store:
    """The store at `path`; with `create`, one that can be written, made where there is none.

    Raises StoreError where it is missing, not a folder, a symbolic link, writable by everybody, not a store, of a
    newer version, or (with `create`) not writable or on a full disk.
    """
    try:
        if create:
            _make(path)
        _inspect(path)
        if create:
            (path / "records").mkdir(mode=0o700, exist_ok=True)
            (path / "index").mkdir(mode=0o700, exist_ok=True)
            _try_writing(path / "records")
            for folder in (path, path / "records"):  # a maker of folders inside may have died before it did this
                sync_folder(folder)
    except OSError as error:
        raise store_error("open", path, error) from error
    store = Store(path)
    if create:
        remove_leftovers(store)
    return store


def hold_store(store: Store) -> IO[bytes]:
    """Be the one run that writes to a store, until the file that is returned is closed or this process ends.

    Two runs would both measure what is missing, and only one of each pair of records would be kept. Raises StoreError
    where another run holds it.
    """
    path = store.root / ".lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise store_error("write to", path, error) from error
    file = os.fdopen(handle, "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise StoreError(
            f"another run is writing to the store {store.root}; wait for it, or name another store with --store"
        ) from None
    return file


def _make(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        return  # _inspect says what is wrong with it
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if (path / MARKER).exists() or any(not name.startswith(".") for name in os.listdir(path)):  # noqa: PTH208
        return
    # Under a name of its own first: a marker is there as a whole, or not at all. Two makers write the same text.
    temporary = path / temporary_name(MARKER)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, json.dumps({"schema": STORE_SCHEMA}).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(path / MARKER)
    sync_folder(path)


def _inspect(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise StoreError(f"there is no store at {path}; `bench matrix --store {path}` makes one") from None
    if stat.S_ISLNK(mode):
        raise StoreError(f"the store {path} is a symbolic link; name the folder itself ({path.resolve()}) with --store")
    if not stat.S_ISDIR(mode):
        raise StoreError(f"the store {path} is not a folder; name another place with --store")
    if mode & stat.S_IWOTH:
        raise StoreError(f"everybody may write to the store {path}; `chmod o-w {path}`, or name another with --store")
    for inner in ("records", "index", "runs", "sboms", "foreign", MARKER):
        if (path / inner).is_symlink():
            raise StoreError(f"{path / inner} is a symbolic link; put the real one there, or name another store")
    schema = _schema(path)
    if schema > STORE_SCHEMA:
        raise StoreError(
            f"the store {path} has schema {schema}, written by a newer bench; this one reads up to {STORE_SCHEMA}: "
            "update bench, or name another store with --store"
        )


def _schema(path: Path) -> int:
    marker = path / MARKER
    if not marker.is_file():
        raise StoreError(f"{path} is not a store: it has no {MARKER}; name an empty or a new folder with --store")
    try:
        content = json.loads(marker.read_bytes()[:4096])
        schema = content["schema"]
    except (ValueError, KeyError, TypeError, RecursionError):
        schema = None
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise StoreError(f'{marker} is damaged; it should hold {{"schema": {STORE_SCHEMA}}}: write that into it')
    return schema


def _try_writing(folder: Path) -> None:
    free = os.statvfs(folder)
    if free.f_bavail * free.f_frsize < ROOM_BYTES:
        raise OSError(errno.ENOSPC, f"less than {ROOM_BYTES >> 20} MiB are free")
    probe = folder / temporary_name("probe")
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    probe.unlink()
