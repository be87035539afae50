"""Where does a local trial run, and who clears up after an orchestrator that was killed?"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.engines.local.survivors import end_survivors
from orchestrator.host.owner import Life, check_life, read_owner, this_process

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "bench-trial-"


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that only this user can enter, gone at the end with whoever has its TMPDIR there.

    Its name says whose it is.
    """
    owner = this_process().label.replace("/", "_")
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{owner}_", ignore_cleanup_errors=True) as name:
        try:
            yield Path(name)
        finally:
            end_survivors(Path(name))


def remove_orphans(place: Path | None = None) -> list[str]:
    """Remove this user's trial folders whose owner is dead, and end what still computes there; returns their names."""
    removed = []
    for path in (place or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        owner = read_owner("/".join(path.name.removeprefix(PREFIX).split("_")[:5]))
        with suppress(OSError):
            if check_life(owner) is Life.DEAD and path.lstat().st_uid == os.getuid() and not path.is_symlink():
                end_survivors(path)
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path.name)
    return removed
