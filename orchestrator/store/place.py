"""How does a file get its name, so that it is there as a whole or not at all, and takes nobody else's?

Everything is written under a temporary name first, and synced. Then it gets its own by the first of three roads that
the file system knows; a crash on any of them leaves the name free, or on the whole content:

link         fails where the name is taken, whoever took it
renameat2    RENAME_NOREPLACE: the same, where there are no hard links
rename       would replace: under a lock on the folder, after a look whether the name is free
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from typing import TYPE_CHECKING

from orchestrator.store.folder import sync_folder
from orchestrator.store.writers import temporary_name

if TYPE_CHECKING:
    from pathlib import Path

_NO_ROAD = {errno.EPERM, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_HERE = -100  # AT_FDCWD
_NOREPLACE = 1


def place_file(path: Path, data: bytes) -> bool:
    """Make the file, and its folder where there is none; False where the name is taken. Raises OSError."""
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        sync_folder(path.parent.parent)
    temporary = path.parent / temporary_name(path.name)
    try:
        _write(temporary, data)
        _give_name(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _give_name(temporary: Path, path: Path) -> None:
    for road in (_link, _rename_new):
        try:
            road(temporary, path)
        except OSError as error:
            if error.errno not in _NO_ROAD:
                raise
        else:
            return
    _rename_locked(temporary, path)


def _link(temporary: Path, path: Path) -> None:
    os.link(temporary, path, follow_symlinks=False)


def _rename_new(temporary: Path, path: Path) -> None:
    # Python has no name for it; neither have C libraries older than it, nor other systems than Linux.
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_HERE, os.fsencode(temporary), _HERE, os.fsencode(path), _NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _rename_locked(temporary: Path, path: Path) -> None:
    # The kernel lets go of the lock when its holder dies: no crash leaves anything to be cleared.
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        os.rename(temporary, path)  # noqa: PTH104  (a system call, as the two others)
    finally:
        os.close(handle)
