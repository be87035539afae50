"""How is a file taken that an untrusted process wrote on this machine?"""

from __future__ import annotations

import os
import stat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.nouns.launch import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a named pipe without a writer would wait for ever
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Taken(NamedTuple):
    """What was taken, and what was not and why."""

    files: dict[str, bytes]
    rejected: tuple[Rejected, ...]


class _RefusedError(Exception):
    """The reason is the message."""


def take_results(folder: Path, results: Mapping[str, int]) -> Taken:
    """Every file of `results` (relative path -> most bytes) that is a regular one with a single name.

    Call it when the process is dead. No link is followed, not even one in place of a folder on the way.
    """
    files, rejected = {}, []
    for path, limit in results.items():
        try:
            files[path] = _take(folder, path, limit)
        except _RefusedError as refused:
            rejected.append(Rejected(path=path, reason=str(refused)))
        except OSError as error:
            reason = "missing" if isinstance(error, FileNotFoundError) else f"cannot be opened: {error.strerror}"
            rejected.append(Rejected(path=path, reason=reason))
    return Taken(files, tuple(rejected))


def _take(folder: Path, path: str, limit: int) -> bytes:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise _RefusedError("it does not stay in the working folder")
    here = os.open(folder, FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        file = os.open(parts[-1], FILE, dir_fd=here)
    finally:
        os.close(here)
    try:
        return _read(file, limit)
    finally:
        os.close(file)


def _read(file: int, limit: int) -> bytes:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise _RefusedError("it is not a regular file")
    if status.st_nlink != 1:
        raise _RefusedError("it has another name besides this one")
    if status.st_size > limit:
        raise _RefusedError(f"{status.st_size} bytes, at most {limit} are read")
    content = b""
    while len(content) <= limit and (part := os.read(file, limit + 1 - len(content))):
        content += part
    if len(content) > limit:
        raise _RefusedError(f"it grew past {limit} bytes while it was read")
    return content
