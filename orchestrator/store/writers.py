"""Who is writing this temporary file, and does that process still live?"""

from __future__ import annotations

import os
import socket
from pathlib import Path

TEMPORARY = ".tmp-"


def temporary_name(name: str) -> str:
    """`.tmp-<host>.<process>.<its start>.<name>`: a process that cannot be mistaken for another with its number."""
    pid = os.getpid()
    return f"{TEMPORARY}{_host()}.{pid}.{_started(pid) or 0}.{name}"


def is_orphaned(name: str) -> bool:
    """Whether the writer of a temporary file ran on this machine and is dead; False where that cannot be known."""
    host, *parts = name.removeprefix(TEMPORARY).split(".")
    if not name.startswith(TEMPORARY) or host != _host() or not parts or not parts[0].isdigit():
        return False  # of another machine that shares this folder, or not ours at all
    pid = int(parts[0])
    if pid >= 2**31:
        return False
    # Names of older versions have no start.
    started = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
    return _is_gone(pid) or (started > 0 and _started(pid) not in {started, None})


def _host() -> str:
    # A dot separates the parts of a temporary name.
    return "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in socket.gethostname())[:64] or "-"


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _started(pid: int) -> int | None:
    """Clock ticks after boot, field 22 of stat; 0 where only a zombie is left, None where the system does not say."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # `1234 (a name) with) spaces) S 1 ...`: the name ends at the last bracket
    fields = text.rpartition(")")[2].split()
    return 0 if fields[0] in {"Z", "X"} else int(fields[19])
