"""How fast is a CPU right now, and is anybody else on it?"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MEMORY = 40
"""Canaries that a CPU is judged by."""
SLOWER = 0.05
SLICES = 5
ROUNDS = 40_000
"""Of a key derivation: integer work in registers, about 10 ms a slice, in C and without the interpreter's lock."""


class Sung(NamedTuple):
    """What the canary of one CPU came to."""

    slice_s: float
    """Shortest of the slices' wall times: the frequency's stand-in, deaf to interruptions, which `waited` tells."""
    waited: float
    """Share of the whole time in which it did not have the CPU: whoever else computes there takes it."""


class Calm:
    """What the canaries of one run came to lately, and whether a CPU is now as fast as it often was.

    Another guest on the same physical core slows a virtual CPU by a third or more, for seconds, and neither steal nor
    any other counter tells. The fastest quarter of the last looks is what can be hoped for: a clock that settles lower
    when it is warm moves it along.
    """

    def __init__(self) -> None:
        self._seen: dict[int, deque[float]] = {}

    def judge(self, sung: Mapping[int, Sung]) -> bool:
        """Take these in; whether every CPU is within `SLOWER` of its usual best."""
        calm = True
        for cpu, each in sung.items():
            seen = self._seen.setdefault(cpu, deque(maxlen=MEMORY))
            seen.append(each.slice_s)
            calm = calm and each.slice_s <= (1 + SLOWER) * sorted(seen)[len(seen) // 4]
        return calm


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
