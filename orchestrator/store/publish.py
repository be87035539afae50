"""How does a record get into the store so that it is there as a whole or not at all, and never twice?"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import StoreError
from orchestrator.store.encoding import encode_record
from orchestrator.store.files import KEY, TEMPORARY, list_files, record_name
from orchestrator.store.folder import store_error, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.nouns.record import Record
    from orchestrator.store.folder import Store

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Published(NamedTuple):
    """What became of a record: `problem` is empty where it is in the store, and says why where it is not."""

    path: Path
    problem: str = ""


def publish_record(store: Store, record: Record) -> Published:
    """Write a record under its own name: temporary file, fsync, link, unlink, fsync of the folder.

    Never overwrites: where the name is taken, `problem` says so and the first content stays. Raises StoreError
    where the store cannot take it (full, read-only, ...); nothing torn is left behind.
    """
    if not KEY.fullmatch(record.key) or record.block < 0 or record.attempt < 0:
        raise StoreError(f"{record.key!r} block {record.block} attempt {record.attempt} cannot name a record's file")
    data = encode_record(record)
    path = store.records / record_name(record.key, record.block, record.attempt)
    try:
        return _publish(path, data)
    except OSError as error:
        raise store_error("write to", store.root, error) from error


def remove_leftovers(store: Store) -> list[Path]:
    """Remove temporary files whose writer, on this machine, is dead; returns what was removed."""
    removed = []
    for path in list_files(store).strays:
        if path.name.startswith(TEMPORARY) and _orphaned(path.name):
            with contextlib.suppress(OSError):
                path.unlink()
                removed.append(path)
    return removed


def _publish(path: Path, data: bytes) -> Published:
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        sync_folder(path.parent.parent)
    temporary = path.parent / f"{TEMPORARY}{_host()}.{os.getpid()}.{path.name}"
    # One process publishes one record at a time: a file of this name was left by a dead one that had our number.
    temporary.unlink(missing_ok=True)
    try:
        _write(temporary, data)
        try:
            os.link(temporary, path, follow_symlinks=False)
        except FileExistsError:
            return _taken(path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return _publish_without_links(path, data)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return Published(path)


def _publish_without_links(path: Path, data: bytes) -> Published:
    # A file system without hard links: the name is taken at once, and a crash leaves a file whose hash does not
    # match, which readers set aside.
    try:
        _write(path, data)
    except FileExistsError:
        return _taken(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return Published(path)


def _taken(path: Path) -> Published:
    return Published(path, f"{path} is already there and was left as it is; a new attempt needs a new number")


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _host() -> str:
    # A dot separates the parts of a temporary name.
    return "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in socket.gethostname())[:64] or "-"


def _orphaned(name: str) -> bool:
    host, _, rest = name.removeprefix(TEMPORARY).partition(".")
    number = rest.partition(".")[0]
    if host != _host() or not number.isdigit() or int(number) >= 2**31:
        return False  # of another machine that shares this folder, or not ours at all
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
