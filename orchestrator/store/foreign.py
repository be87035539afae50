"""Which records of a store were measured elsewhere, and what were they imported from?

Whoever sends a record may have written anything into it, so a run counts none of them as done. They are named in
`foreign/<sha256>.json`, a file per import that stands there before the first of its records does: a record without
its mark would pass for one of this store's own. The name is the hash of the file, which nothing changes.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from orchestrator.errors import StoreError
from orchestrator.store.encoding import BadRecordError
from orchestrator.store.files import read_file
from orchestrator.store.publish import publish_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.store.folder import Store

# 1: first version.
FOREIGN_SCHEMA = 1
_NAME = re.compile(r"([0-9a-f]{64})\.json")


def read_origins(store: Store) -> dict[str, str]:
    """File name, relative to `records/` -> what it was imported from.

    Raises StoreError where such a list is damaged: what it named could not be told from the store's own records.
    """
    found: dict[str, str] = {}
    try:
        paths = sorted(store.foreign.iterdir())
    except FileNotFoundError:
        return found
    for path in paths:
        if match := _NAME.fullmatch(path.name):
            found |= _read_list(path, match[1])
    return found


def write_origins(store: Store, origin: str, names: Iterable[str]) -> None:
    """Mark these names as imported. Raises StoreError where the store cannot take it."""
    content = {"schema": FOREIGN_SCHEMA, "origin": origin, "records": sorted(names)}
    data = json.dumps(content, separators=(",", ":")).encode() + b"\n"
    publish_bytes(store, store.foreign / f"{hashlib.sha256(data).hexdigest()}.json", data)


def _read_list(path: Path, digest: str) -> dict[str, str]:
    try:
        data = read_file(path)
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError("its content does not match its name")
        content = json.loads(data)
        return dict.fromkeys(content["records"], content["origin"] or "elsewhere")
    except (BadRecordError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} is damaged ({error}): it says which records were measured elsewhere; restore it, or remove it "
            "together with the records that were imported"
        ) from error
