"""What was installed in the images that the store's records name?"""

from __future__ import annotations

import json
import os
import re
import stat
from typing import TYPE_CHECKING

from orchestrator.store.folder import store_error, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.nouns.image import Packages
    from orchestrator.store.folder import Store

SBOM_BYTES = 2**20
_IMAGE_ID = re.compile(r"sha256:([0-9a-f]{64})")
_TEXT = re.compile(r"[!-~]{1,160}")
"""No blanks, no control characters: it is printed."""


def keep_packages(store: Store, image_id: str, packages: Packages) -> None:
    """Write it once; the packages of an image id do not change. Raises StoreError where the store cannot take it."""
    path = _path(store, image_id)
    if path is None or path.exists():
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(packages, file, indent=0, sort_keys=True)
            file.flush()
            os.fsync(handle)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise store_error("write to", store.root, error) from error


def read_sboms(store: Store, image_ids: Iterable[str | None]) -> dict[str, Packages]:
    """Image id -> its packages, of those that are known; one that cannot be read is as one that is missing."""
    found = {}
    for image_id in sorted({each for each in image_ids if each}):
        path = _path(store, image_id)
        packages = _read(path) if path is not None else None
        if packages is not None:
            found[image_id] = packages
    return found


def _path(store: Store, image_id: str) -> Path | None:
    match = _IMAGE_ID.fullmatch(image_id)
    return store.sboms / f"{match[1]}.json" if match else None


def _read(path: Path) -> Packages | None:
    # Of a store that may be somebody else's: no link is followed, no FIFO waited for, no size and no text trusted.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode) or state.st_size > SBOM_BYTES:
            return None
        data = file.read(SBOM_BYTES + 1)
    try:
        packages = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(packages, dict) or not all(_is_text(each) for pair in packages.items() for each in pair):
        return None
    return packages


def _is_text(value: object) -> bool:
    return isinstance(value, str) and _TEXT.fullmatch(value) is not None
