"""Which runs measured the same cell on the same machine, and what did each of them find?"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.axes import version_order
from orchestrator.analysis.matching import name_row
from orchestrator.analysis.trials import judge_trials

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.analysis.trials import Judged
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record

# What makes two machines two: everything else of a host may change in the course of a history, and is then named.
_MACHINE = ("cpu_model", "cpu_count", "architecture", "gpu_model", "gpu_uuid")


class Series(NamedTuple):
    """What stays the same in a history: a new kernel, image or version is a change, a new machine another history."""

    workload: str
    row: str
    """Framework, install, BLAS, device and tag, without the version."""
    threads: int
    mode: str
    cpus: str
    engine: str
    machine: str


@dataclass(frozen=True)
class Point:
    """One run's valid trials of one cell."""

    run: str
    started_at: str
    """Of its first trial of this cell."""
    variant: str
    log_mean: float
    """Mean of the natural logarithms of the process means, in seconds."""
    trials: tuple[Judged, ...]


def gather_series(records: Iterable[Record], *, limits: Limits | None = None) -> list[tuple[Series, list[Point]]]:
    """The points of each series in the order of their runs; a record that is in two stores counts once."""
    runs: dict[str, dict[tuple[str, int, int], Record]] = {}
    for record in records:
        runs.setdefault(record.provenance.run, {})[record.key, record.block, record.attempt] = record
    found: dict[Series, list[Point]] = {}
    for run, own in runs.items():
        # Judged by run: in another run the same key and block are another trial, not another attempt at this one.
        groups: dict[Series, list[Judged]] = {}
        for trial in judge_trials(own.values(), limits=limits):
            if trial.valid:
                groups.setdefault(_series(trial), []).append(trial)
        for series, trials in groups.items():
            found.setdefault(series, []).append(_point(run, trials))
    return [
        (series, sorted(points, key=lambda each: (each.started_at, each.run)))
        for series, points in sorted(found.items())
    ]


def _point(run: str, trials: Sequence[Judged]) -> Point:
    newest = max((trial.record.variant for trial in trials), key=version_order).id
    own = tuple(trial for trial in trials if trial.record.variant.id == newest)
    replies = [trial.record.reported for trial in own]
    logs = [math.log(statistics.fmean(reply.samples_s)) for reply in replies if reply is not None]
    began = min(trial.record.provenance.started_at for trial in own)
    return Point(run, began, newest, statistics.fmean(logs), own)


def _series(trial: Judged) -> Series:
    record = trial.record
    host = record.provenance.host
    return Series(
        workload=record.workload.id,
        row=name_row(record.variant),
        threads=record.threads,
        mode=trial.default_mode,
        cpus=",".join(map(str, record.cpus)),
        engine=record.provenance.engine.split(" ", 1)[0],
        machine=", ".join(host.get(name) or "" for name in _MACHINE if host.get(name)),
    )
