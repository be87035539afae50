"""When did a cell become slower or faster, over many runs, and what was different from then on?

The unit is the run: processes of one run share its day. A point is the mean of the logarithms of the process means of
one cell in one run. Runs are ordered by the time at which they began, which is a label of the machine's clock.
"""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from orchestrator.analysis.evidence import list_differences, read_facts
from orchestrator.analysis.series import Series, gather_series
from orchestrator.analysis.trials import read_context
from orchestrator.stats.changes import LEAST, find_changes
from orchestrator.stats.welch import unpaired_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.analysis.series import Point
    from orchestrator.analysis.trials import Judged
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record
    from orchestrator.stats.welch import Unpaired

LONGEST = 2000
"""Runs of a series that are looked at, the latest: the search takes memory by their square."""
MOST_LETTERS = 60
METHOD = (
    f"A point is one run. Changes: least squares with a penalty of 3 log n each, at least {LEAST} runs on both sides; "
    "a series of independent runs without any change shows one in at most 5 % of the cases. A change's ratio is of the "
    "runs after it, up to the next one, to those before it: Welch's t, 95 %, which does not know that the place was "
    "searched for. What differed is what was seen on one side and not on the other: a hint, not a cause."
)


@dataclass(frozen=True)
class Change:
    """A point from which on a cell takes another time."""

    place: int
    """Index of the first point after it."""
    ratio: Unpaired
    """time(after) / time(before), over the runs of the two neighbouring levels."""
    differences: tuple[str, ...]
    """`version: 2.12.0 -> 2.13.0`, `host.kernel: 6.1 -> 6.8`, ..."""


@dataclass(frozen=True)
class Trace:
    """One cell's way through the runs."""

    series: Series
    points: tuple[Point, ...]
    """Of the runs with a valid trial, in order."""
    changes: tuple[Change, ...]

    @property
    def verdict(self) -> str:
        """`no change in 12 runs`, `2 changes in 40 runs`, `too few runs (3, at least 8)`."""
        runs = len(self.points)
        if runs < 2 * LEAST:
            return f"too few runs ({runs}, at least {2 * LEAST})"
        count = len(self.changes)
        return f"{count or 'no'} change{'' if count < 2 else 's'} in {runs} runs"


def trace_history(
    records: Iterable[Record], *, workload: str = "*", variant: str = "*", limits: Limits | None = None
) -> list[Trace]:
    """A trace per cell whose workload and variant match these globs; of a row's versions in one run, the newest."""
    chosen = (
        record
        for record in records
        if fnmatchcase(record.workload.id, workload) and fnmatchcase(record.variant.id, variant)
    )
    return [_trace(series, points) for series, points in gather_series(chosen, limits=limits)]


def _trace(series: Series, points: Sequence[Point]) -> Trace:
    points = points[-LONGEST:]
    places = find_changes([point.log_mean for point in points])
    edges = [0, *places, len(points)]
    parts = [points[start:end] for start, end in itertools.pairwise(edges)]
    changes = [_change(place, before, after) for place, before, after in zip(places, parts, parts[1:], strict=False)]
    return Trace(series, tuple(points), tuple(changes))


def _change(place: int, before: Sequence[Point], after: Sequence[Point]) -> Change:
    ratio = unpaired_ratio([math.exp(each.log_mean) for each in after], [math.exp(each.log_mean) for each in before])
    sides = [[trial for point in part for trial in point.trials] for part in (before, after)]
    left, right = (_surroundings(side) for side in sides)
    names = [name for name in left | right if left.get(name) != right.get(name)]
    around = [f"{name}: {_short(left.get(name, 'none'))} -> {_short(right.get(name, 'none'))}" for name in names]
    return Change(place, ratio, (*around, *list_differences(*(read_facts(side) for side in sides))))


def _short(text: str) -> str:
    """A CPU has a hundred flags; that they differ is enough here."""
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 4]} ..."


def _surroundings(trials: Iterable[Judged]) -> dict[str, str]:
    """Version, image, host, tool and method: what the evidence of a process does not hold. Several joined by ` / `."""
    seen: dict[str, dict[str, None]] = {}
    for trial in trials:
        source = trial.record.provenance
        around = {"version": trial.record.variant.version, "image": source.image_digest[:12], "bench": source.bench}
        around |= dict(read_context(trial.record)) | {"workloads_hash": source.workloads_hash[:12]}
        for name, value in around.items():
            seen.setdefault(name, {})[value] = None
    return {name: " / ".join(values) for name, values in seen.items()}


def mean_s(points: Sequence[Point]) -> float:
    """The geometric mean of these runs, in seconds."""
    return math.exp(statistics.fmean(point.log_mean for point in points))
