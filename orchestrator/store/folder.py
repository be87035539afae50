"""Where in a store is what, and how do we say that it cannot be used?

bench-store.json                        {"schema": 1}
records/<kk>/<key>.b<block>.<attempt>.json   the truth; kk are the key's first two digits
index/records.parquet                   disposable
sboms/<image id>.json                   what was installed in the images that the records name
runs/<run>.json                         what each run was to measure; nothing of what became of it
foreign/<sha256>.json                   names of records that were imported, and from where
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import StoreError

# 1: first version.
STORE_SCHEMA = 1
MARKER = "bench-store.json"

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space, or name another folder with --store",
    errno.EDQUOT: "the quota is used up: free some space, or name another folder with --store",
    errno.EFBIG: "the file size limit is too small: raise it (`ulimit -f`), or name another folder with --store",
    errno.EROFS: "it is on a read-only file system: name another folder with --store",
    errno.EACCES: "permission is missing: run as its owner, or name another folder with --store",
    errno.EPERM: "permission is missing: run as its owner, or name another folder with --store",
}


@dataclass(frozen=True)
class Store:
    """An opened store: its folder was looked at and may be used."""

    root: Path

    @property
    def records(self) -> Path:
        """The truth."""
        return self.root / "records"

    @property
    def sboms(self) -> Path:
        """A file per image that a record names."""
        return self.root / "sboms"

    @property
    def foreign(self) -> Path:
        """Which of the records were measured elsewhere."""
        return self.root / "foreign"

    @property
    def index(self) -> Path:
        """Can be thrown away at any time."""
        return self.root / "index" / "records.parquet"


def store_error(verb: str, path: Path, error: OSError) -> StoreError:
    """What happened, where, and what to try, for an error of the operating system."""
    advice = _ADVICE.get(error.errno or 0, "see that the folder can be used, or name another with --store")
    return StoreError(f"cannot {verb} the store at {path}: {error.strerror or error}; {advice}")


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a loss of power."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
