"""How do records that somebody else measured get into a store, and never pass for its own?

Each is read as if it came out of a container, then by its hash and the schema, and stands in the store with the bytes
that it had. An index that came with them is not looked at.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.store.archives import read_members
from orchestrator.store.encoding import RECORD_BYTES, BadRecordError, decode_record
from orchestrator.store.files import NAME, read_file
from orchestrator.store.foreign import write_origins
from orchestrator.store.opening import hold_store
from orchestrator.store.publish import publish_bytes
from orchestrator.strict import StrictError, read_strict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.store.archives import Member
    from orchestrator.store.folder import Store

BATCH = 256
"""Records in memory, and in one list of what is foreign."""


class Refused(NamedTuple):
    """A member that is not taken."""

    path: str
    reason: str


@dataclass
class Import:
    """What became of the members of one archive or folder."""

    published: int
    already: int
    """Records that the store had, byte for byte."""
    ignored: int
    """Files that claim to be no record: a marker, an index, a note."""
    refused: list[Refused]


class _Accepted(NamedTuple):
    path: Path
    name: str
    data: bytes


def import_records(store: Store, source: Path) -> Import:
    """Copy every sound record of `source` (see archives.read_members) into the store, marked as measured elsewhere.

    Nothing that is in the store is changed. Raises StoreError where another run holds the store, where it cannot take
    the records, and where `source` is nothing that can be read; a member that is no sound record is refused alone.
    """
    done = Import(0, 0, 0, [])
    origin = source.resolve().name or str(source.resolve())
    with hold_store(store):
        accepted = _accept(store, source, done)
        while batch := list(islice(accepted, BATCH)):
            write_origins(store, origin, [each.name for each in batch])
            for each in batch:
                published = publish_bytes(store, each.path, each.data)
                if published.problem:
                    done.refused.append(Refused(each.name, published.problem))
                else:
                    done.published += 1
    return done


def _accept(store: Store, source: Path, done: Import) -> Iterator[_Accepted]:
    """The records that the store lacks; everything else is counted."""
    seen: set[str] = set()
    for member in read_members(source):
        if member.problem:
            done.refused.append(Refused(member.path, member.problem))
            continue
        if member.data is None:
            done.ignored += 1
            continue
        reason = _find_fault(member, member.data)
        path = store.records / member.name
        if not reason and member.name in seen:
            reason = "a member of the same name came before it"
        elif not reason and os.path.lexists(path):
            if _same(path, member.data):
                done.already += 1
                continue
            reason = "the store has another record of this name, and keeps it"
        if reason:
            done.refused.append(Refused(member.path, reason))
            continue
        seen.add(member.name)
        yield _Accepted(path, member.name, member.data)


def _find_fault(member: Member, data: bytes) -> str:
    """Why these bytes are no sound record of that name; empty where they are."""
    try:
        read_strict(data, RECORD_BYTES)
        record = decode_record(data)
    except (StrictError, BadRecordError) as error:
        return str(error)
    match = NAME.fullmatch(member.name.partition("/")[2])
    if match is None or (record.key, record.block, record.attempt) != (match[1], int(match[2]), int(match[3])):
        return "its name belongs to another key, block or attempt"
    return ""


def _same(path: Path, data: bytes) -> bool:
    try:
        return read_file(path) == data
    except BadRecordError:
        return False
