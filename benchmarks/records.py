"""A store of many records of a real size, made by the fake engine's own answers."""

from __future__ import annotations

import time
from pathlib import Path

from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from tests.makers import key, timed, variant


def fill_store(path: Path, count: int) -> list[float]:
    """Publish `count` records of 40 variants; the seconds that each publication took."""
    store = open_store(path, create=True)
    rows = [variant(version=f"1.{number}") for number in range(40)]
    seconds = []
    for number in range(count):
        row = rows[number % len(rows)]
        record = timed(row, number // len(rows), 0.01, key=key(row.id))
        begin = time.perf_counter()
        publish_record(store, record)
        seconds.append(time.perf_counter() - begin)
    return seconds
