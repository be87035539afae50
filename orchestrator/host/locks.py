"""Who else on this machine is measuring on these cores?"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.host.topology import Core

SHARED = 0o1777
POLL_S = 0.2
PLACES = (Path("/run/lock"), Path("/tmp"))  # noqa: S108  (for all users, and opened without following links)


def find_lock_folder(places: Iterable[Path] = PLACES) -> Path:
    """One folder for all users of this machine: in the first place where all of them may make files."""
    for place in places:
        with suppress(OSError):
            if stat.S_IMODE(place.stat().st_mode) == SHARED:
                return place / "bench"
    raise BenchError(f"no folder for locks between users: none of {', '.join(map(str, places))} has mode 1777")


@contextmanager
def hold_cores(
    cores: Iterable[Core],
    *,
    folder: Path,
    tell: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[bool]:
    """Hold one lock per physical core, waiting for whoever holds one; the kernel lets go when this process dies.

    Gives False where `stop` said so before all were held. `tell` hears once whom it waits for. Raises BenchError
    where the folder is not safe to use.
    """
    _open_folder(folder)
    with ExitStack() as held:
        # ascending, as every other process does it: two that want the same cores cannot wait for each other
        for number in sorted(core.siblings[0] for core in cores):
            handle = _open_lock(folder / f"core-{number}")
            held.callback(os.close, handle)
            if not _acquire(handle, number, tell, stop):
                yield False
                return
        yield True


def _open_folder(folder: Path) -> None:
    with suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(SHARED)  # mkdir's mode would pass through the umask
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise BenchError(f"{folder} is not a folder: somebody put something else there; remove it")


def _open_lock(path: Path) -> int:
    """A file that everybody may lock: readable is enough for flock."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            handle = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
            # past the umask: the next user has to open it, too
            os.fchmod(handle, 0o666)  # nosec B103
        except FileExistsError:
            # without O_CREAT: in a sticky folder the kernel may refuse it for another user's file
            handle = os.open(path, flags)
    except OSError as error:
        raise BenchError(f"the lock {path} cannot be opened: {error.strerror}; remove it if it is no lock") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BenchError(f"the lock {path} is not a file; remove it")
    return handle


def _acquire(handle: int, number: int, tell: Callable[[str], None], stop: Callable[[], bool]) -> bool:
    told = False
    while not stop():
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
                tell(f"core {number} is measured on by process {holder or '?'}; waiting for it")
                told = True
            time.sleep(POLL_S)
            continue
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        return True
    return False
