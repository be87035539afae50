"""How do time and memory of a network grow with the batch and with the size of its images?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.summary import summarise_records
from orchestrator.nouns.record import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.workload import Network


class Line(NamedTuple):
    """What is swept: one network in one mode, on one build."""

    network: str
    """Without its size."""
    mode: str
    variant: str
    execution: str
    threads: int


class Point(NamedTuple):
    """One batch and size of it."""

    verdict: str
    """`valid`, `oom`, ..."""
    typical_s: float | None
    low_s: float | None
    high_s: float | None
    peak_bytes: int | None
    """Most that any process of it held, as the kernel counted from outside; as the process saw it where it did not."""
    memory_bytes: int
    """What it was allowed."""


Sweep = dict[Line, dict[tuple[int, int], Point]]
"""What is swept -> (image size, 0 where there is no image; batch) -> point."""


def find_sweeps(records: Iterable[Record], networks: Mapping[str, Network], limits: Limits | None = None) -> Sweep:
    """Every network that the records hold in more than one batch or size, on the same build."""
    kept = list(records)
    peaks: dict[tuple[str, str], int] = {}
    allowed: dict[tuple[str, str], int] = {}
    for record in kept:
        key = (record.cell, record.key)
        allowed[key] = record.method.memory_bytes
        peak = _peak(record)
        if peak is not None:
            peaks[key] = max(peaks.get(key, 0), peak)
    work = {record.workload.id: record.workload for record in kept}
    found: Sweep = {}
    for summary in summarise_records(kept, limits=limits):
        workload, key = work[summary.workload], (summary.cell, summary.key)
        network, size = _size(workload.network, networks)
        line = Line(network, workload.mode.value, summary.variant, summary.mode, summary.threads)
        typical, low, high = summary.typical_s or (None, None, None)
        point = Point(summary.verdict, typical, low, high, peaks.get(key), allowed[key])
        found.setdefault(line, {})[size, workload.batch] = point
    return {line: points for line, points in found.items() if len(points) > 1}


def _size(name: str, networks: Mapping[str, Network]) -> tuple[str, int]:
    """(name without the size, size of its square images or 0)."""
    base, dot, size = name.rpartition(".")
    if dot and size.isdigit() and base in networks:
        return base, int(size)
    images = [shape for shape in networks[name].inputs.values() if len(shape) == 4] if name in networks else []
    return name, images[0][2] if images else 0


def _peak(record: Record) -> int | None:
    if record.status is Status.OOM:
        return None  # what it held when it was killed is the limit
    if record.observed is not None and record.observed.peak_bytes is not None:
        return record.observed.peak_bytes
    return record.reported.peak_rss_bytes if record.reported is not None else None
