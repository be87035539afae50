"""Is what runs about to fill the disk that its working folder shares with the host?

The folder is on a disk, and no memory file system: an engine mounts one of those only while the container runs, so what
is laid into it before and read from it afterwards would be lost, and every model that a framework writes out (553 MB of
VGG-16) would count as memory of the process. A disk has no limit for one folder, but who leaves it no room is ended.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_BYTES = 2 * 2**30
"""More than a process can write between two looks at it."""
RESERVE_FILES = 50_000
SHARE = 0.5
"""Of what was free at the start, where that is less: who finds a full disk has not filled it."""


class Room(NamedTuple):
    """What is free."""

    bytes: int
    files: int


class Disk:
    """The disk of a folder, from the start of a process on."""

    def __init__(self, folder: Path | None) -> None:
        """None, or a folder that cannot be seen from here: nothing is known of its disk, and nobody is ended for it."""
        self.folder = folder
        before = read_room(folder) or Room(0, 0)
        self.least = Room(
            min(RESERVE_BYTES, int(before.bytes * SHARE)),
            min(RESERVE_FILES, int(before.files * SHARE)),
        )

    def find_problem(self) -> str:
        """Why the process has to be ended now, or nothing."""
        room = read_room(self.folder)
        if room is None:
            return ""
        if room.bytes < self.least.bytes:
            return f"it left {room.bytes >> 20} MiB free on the disk of its working folder"
        if room.files < self.least.files:
            return f"it left room for {room.files} files on the disk of its working folder"
        return ""


def read_room(folder: Path | None) -> Room | None:
    """What this user may still use there; None where the folder cannot be seen."""
    if folder is None:
        return None
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return Room(found.f_bavail * found.f_frsize, found.f_favail)
