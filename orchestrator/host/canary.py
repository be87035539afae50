"""How fast is a CPU right now, and is anybody else on it?"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

SLICES = 5
ROUNDS = 40_000
"""Of a key derivation: integer work in registers, about 10 ms a slice, in C and without the interpreter's lock."""


class Sung(NamedTuple):
    """What the canary of one CPU came to."""

    slice_s: float
    """Shortest of the slices' wall times: the frequency's stand-in, deaf to interruptions, which `waited` tells."""
    waited: float
    """Share of the whole time in which it did not have the CPU: whoever else computes there takes it."""


def run_canaries(cpus: Iterable[int]) -> dict[int, Sung]:
    """The same work on every CPU at once, 50 ms in all; a CPU that this process may not use is left out."""
    sung: dict[int, Sung] = {}
    threads = [threading.Thread(target=_sing, args=(cpu, sung), name="bench-canary", daemon=True) for cpu in cpus]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sung


def _sing(cpu: int, sung: dict[int, Sung]) -> None:
    try:
        os.sched_setaffinity(0, {cpu})  # 0 is the calling thread, not the process
    except OSError:
        return
    walls = []
    ran = time.thread_time()
    for _ in range(SLICES):
        begin = time.perf_counter()
        hashlib.pbkdf2_hmac("sha256", b"bench", b"canary", ROUNDS)
        walls.append(time.perf_counter() - begin)
    ran = time.thread_time() - ran
    sung[cpu] = Sung(min(walls), max(0.0, 1 - ran / sum(walls)))
