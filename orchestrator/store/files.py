"""Which files of the store claim to be records, and what is in one?"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.store.encoding import RECORD_BYTES, BadRecordError, decode_record

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.nouns.record import Record
    from orchestrator.store.folder import Store

KEY = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"([0-9a-f]{64})\.b(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.json")


class Entry(NamedTuple):
    """A file that is named as a record is; size and time tell whether it is the one that the index has seen."""

    records: Path
    name: str
    """Relative to `records`, with forward slashes."""
    key: str
    block: int
    attempt: int
    size: int
    mtime_ns: int

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.records / self.name


class Listing(NamedTuple):
    """What lies in `records/`, by name."""

    entries: list[Entry]
    strays: list[Path]
    """What is not named as a record: leftovers of a dead writer, files of somebody else."""


def record_name(key: str, block: int, attempt: int) -> str:
    """`<kk>/<key>.b<block>.<attempt>.json`."""
    return f"{key[:2]}/{key}.b{block}.{attempt}.json"


def list_files(store: Store) -> Listing:
    """Every file among the records; nothing is opened."""
    found = Listing([], [])
    for folder in _scan(store.records):
        if not folder.is_dir(follow_symlinks=False):
            found.strays.append(store.records / folder.name)
            continue
        for file in _scan(folder.path):
            entry = _entry(store, folder.name, file)
            if entry is not None:
                found.entries.append(entry)
            else:
                found.strays.append(store.records / folder.name / file.name)
    return found


def read_entry(entry: Entry) -> Record:
    """The record in a file. Raises BadRecordError where it cannot be read, is damaged, or is another one's."""
    record = decode_record(read_file(entry.path))
    if (record.key, record.block, record.attempt) != (entry.key, entry.block, entry.attempt):
        raise BadRecordError(
            "damaged",
            f"its name belongs to another key, block or attempt: it holds block {record.block}, attempt "
            f"{record.attempt} of {record.cell}, as a copy or renamed",
        )
    return record


def _scan(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda each: each.name)
    except FileNotFoundError:
        return []


def _entry(store: Store, folder: str, file: os.DirEntry[str]) -> Entry | None:
    match = NAME.fullmatch(file.name)
    if match is None or folder != match[1][:2]:
        return None
    try:
        state = file.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    name = f"{folder}/{file.name}"
    return Entry(store.records, name, match[1], int(match[2]), int(match[3]), state.st_size, state.st_mtime_ns)


def read_file(path: Path) -> bytes:
    """The bytes of a file of at most RECORD_BYTES. Raises BadRecordError where it is none, or larger."""
    # The file may come from somebody else's store: no link is followed, no FIFO waited for, no size trusted.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BadRecordError("damaged", f"it cannot be opened: {error.strerror}") from error
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise BadRecordError("damaged", "it is not a regular file")
        if state.st_size > RECORD_BYTES:
            raise BadRecordError("damaged", f"it has {state.st_size} bytes, more than a record can have")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(RECORD_BYTES + 1)
    except OSError as error:
        raise BadRecordError("damaged", f"it cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)
