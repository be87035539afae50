"""How precise are the comparisons of a plan by now: over what the store held and what this run has added?"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.trials import judge_trials, read_context
from orchestrator.nouns.record import RETRIED
from orchestrator.stats.paired import paired_ratio
from orchestrator.stats.stopping import PILOT, half_width, precise_enough

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.analysis.trials import Context
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.plan import Cell
    from orchestrator.nouns.record import Record
    from orchestrator.planner.precision import Group
    from orchestrator.stats.paired import Ratio

LEAST_VALID = 0.5
"""A cell of which fewer pilot trials are valid will hardly ever be precise: it is broken, not noisy."""


class Reached(NamedTuple):
    """How wide a cell's interval is; nothing of where it lies."""

    half_width: float
    enough: bool


class _Entry(NamedTuple):
    """What is kept of a record: thousands of them with all their samples would not fit beside a trial."""

    counts: bool
    attempt: int
    mean_s: float | None
    """None where the trial is not valid."""
    problem: str
    run: str


_Side = dict["Context", dict[int, _Entry]]
"""By host and method, then by block: what differs there is never pooled."""


class Ledger:
    """Judged trials by cell and block. Only blocks before the one in question count: later ones cannot change the past.

    So a run that was interrupted decides as one that was not.
    """

    def __init__(
        self, keys: Mapping[Cell, str], records: Iterable[Record] = (), *, limits: Limits | None = None
    ) -> None:
        self._limits = limits
        self._cells = {key: cell for cell, key in keys.items()}
        self._sides: dict[Cell, _Side] = {cell: {} for cell in keys}
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Take a record in, judged as for a comparison: the last attempt that counts stands for its trial.

        What was measured elsewhere makes nothing here precise.
        """
        cell = self._cells.get(record.key)
        if cell is None or record.origin:
            return
        trial = judge_trials([record], limits=self._limits)[0]
        samples = record.reported.samples_s if record.reported is not None and trial.valid else ()
        entry = _Entry(
            record.status not in RETRIED,
            record.attempt,
            statistics.fmean(samples) if samples else None,
            trial.validity.invalid_reason,
            record.provenance.run,
        )
        blocks = self._sides[cell].setdefault(read_context(record), {})
        if record.block not in blocks or entry[:2] > blocks[record.block][:2]:
            blocks[record.block] = entry

    def why_broken(self, cell: Cell) -> str:
        """Why most of a cell's pilot trials are not valid; empty where they are, and where it has none."""
        trials = [entry for side in self._sides[cell].values() for block, entry in side.items() if block < PILOT]
        bad = [entry for entry in trials if entry.mean_s is None]
        if not trials or len(trials) - len(bad) >= LEAST_VALID * len(trials):
            return ""
        problem, _ = Counter(entry.problem for entry in bad).most_common(1)[0]
        return f"{len(bad)} of {len(trials)} trials are not valid: {problem}"

    def reach(self, group: Group, *, before: int, precision: float) -> dict[Cell, Reached]:
        """How far the cells of a group have come over the blocks below `before`, each against the group's first.

        A cell that is alone is measured by the interval of its own mean: the ratio of its times to one second.
        """
        found = {}
        reference = _valid(self._sides[group[0]], before)
        for cell in group[1:] or group:
            other = _valid(self._sides[cell], before) if group[1:] else _seconds(reference)
            ratio = _ratio(reference, other)
            if ratio is None or not math.isfinite(half_width(ratio)):
                found[cell] = Reached(math.inf, enough=False)
            else:
                found[cell] = Reached(half_width(ratio), precise_enough(ratio, precision))
        return found


def _valid(side: _Side, before: int) -> _Side:
    return {
        context: {block: entry for block, entry in blocks.items() if block < before and entry.mean_s is not None}
        for context, blocks in side.items()
    }


def _seconds(side: _Side) -> _Side:
    """The same trials, as if each had taken a second."""
    return {
        context: {block: entry._replace(mean_s=1.0) for block, entry in blocks.items()}
        for context, blocks in side.items()
    }


def _ratio(reference: _Side, other: _Side) -> Ratio | None:
    """The ratio of the context with the most common blocks; None where there is no such block."""
    ratios = []
    for context in reference.keys() & other.keys():
        left, right = reference[context], other[context]
        if common := _interleaved(left, right):
            times = [{block: (side[block].mean_s or 0.0,) for block in common} for side in (right, left)]
            ratios.append(paired_ratio(times[0], times[1]))
    return max(ratios, key=lambda ratio: ratio.n, default=None)


def _interleaved(left: Mapping[int, _Entry], right: Mapping[int, _Entry]) -> set[int]:
    """Common blocks; where most of them ran in parts, at different times, only the others, as in a comparison."""
    common = left.keys() & right.keys()
    whole = {block for block in common if left[block].run == right[block].run}
    return whole if len(whole) * 2 < len(common) else set(common)
