"""Which runs has a store seen?

runs/r000012-20260101-120000-9f3c2a.json   written once, by whoever holds the store's lock, before its first trial
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from orchestrator.nouns.run import Run
from orchestrator.store.folder import store_error
from orchestrator.store.place import place_file
from orchestrator.store.writers import TEMPORARY, is_orphaned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.store.folder import Store

NAME = re.compile(r"r([0-9]{6,9})-[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
RUN_BYTES = 64 << 20


def publish_run(store: Store, make: Callable[[str], Run]) -> Run:
    """Write the next run of a store down, under a number above all there are: no clock decides which came later.

    For the holder of the store's lock alone. Raises StoreError where the store cannot take it.
    """
    folder = store.root / "runs"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for left in folder.glob(f"{TEMPORARY}*"):
            if is_orphaned(left.name):
                left.unlink()
        numbers = [int(match[1]) for path in folder.iterdir() if (match := NAME.fullmatch(path.stem))]
        number = max(numbers, default=0) + 1
        run = make(f"r{number:06}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}")
        place_file(folder / f"{run.name}.json", run.model_dump_json().encode() + b"\n")
    except OSError as error:
        raise store_error("write to", store.root, error) from error
    return run


def read_runs(store: Store) -> list[Run]:
    """Every run that can be read, in their order."""
    found = []
    for path in sorted((store.root / "runs").glob("r*.json")):
        with suppress(OSError, ValidationError):
            run = Run.model_validate_json(_read(path))
            if NAME.fullmatch(path.stem) and run.name == path.stem:
                found.append(run)
    return found


def is_held(store: Store) -> bool:
    """Whether a run is writing to the store now; the kernel lets go of the lock when its process dies."""
    try:
        handle = os.open(store.root / ".lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _read(path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        return file.read(RUN_BYTES)
