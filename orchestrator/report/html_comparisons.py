"""Which tables and charts of comparisons does a page have, and what stands in each of their rows?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.analysis.wording import say_number
from orchestrator.report.durations import show_chance
from orchestrator.report.html_scale import scale_ratios
from orchestrator.stats.verdicts import Word

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from orchestrator.analysis.compare import Comparison, Comparisons
    from orchestrator.analysis.overview import Overview
    from orchestrator.report.html_scale import Interval, Mark, Scale
    from orchestrator.stats.paired import Ratio


@dataclass(frozen=True)
class ComparisonRow:
    """A build against the reference of its table; all texts ready to be shown."""

    build: str
    word: str
    mark: Mark | None
    said: str
    """Of the mark, for those who do not see it."""
    verdict: str
    tail: str
    """With `verdict`, what `bench compare` says: `1.08x faster` and `(95 % CI ...)`."""
    chance: str
    explained: tuple[str, ...]
    differences: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonTable:
    """Builds against one reference on one workload, thread count and mode, fastest first."""

    title: str
    reference: str
    common: tuple[str, ...]
    """What is true of every row, said once."""
    flags: tuple[str, ...]
    """Of the reference."""
    scale: Scale | None
    one: str
    """Where a ratio of 1 stands."""
    rows: tuple[ComparisonRow, ...]
    refused: tuple[ComparisonRow, ...]
    """Those without a ratio."""
    claims: int
    """Rows whose verdict says more than `inconclusive`."""


@dataclass(frozen=True)
class Family:
    """What differs in one thing only, under one correction for the number of comparisons."""

    anchor: str
    axis: str
    rule: str
    counts: tuple[tuple[str, int], ...]
    """Verdict -> comparisons, in the order of the words."""
    size: int
    """Comparisons, over which one correction went where they have a ratio."""
    tables: tuple[ComparisonTable, ...]
    left_out: tuple[str, ...]
    legend: str
    scope: str


def make_families(overview: Overview) -> list[Family]:
    """A family per axis on which any two builds differ."""
    return [_make_family(axis, found) for axis, found in overview.comparisons]


def _make_family(axis: str, found: Comparisons) -> Family:
    counts = Counter(item.verdict.word for item in found.items)

    def place(item: Comparison) -> tuple[str, int, str, str]:
        return item.workload, item.threads, item.mode, item.reference.variant

    grouped = groupby(sorted(found.items, key=place), key=place)
    return Family(
        anchor=f"by-{axis}",
        axis=axis,
        rule=found.rule,
        counts=tuple((str(word), counts[word]) for word in Word if counts[word]),
        size=len(found.items),
        tables=tuple(_make_table(list(group)) for _, group in grouped),
        left_out=found.left_out,
        legend=found.legend,
        scope=found.scope,
    )


def _make_table(items: Sequence[Comparison]) -> ComparisonTable:
    first = items[0]
    mode = "" if first.mode == "default" else f", {first.mode}"
    measured = [(item, item.ratio) for item in items if item.ratio is not None]
    measured.sort(key=lambda pair: (pair[1].estimate, pair[0].candidate.variant))
    scale = scale_ratios([_interval(ratio) for _, ratio in measured])
    common = _find_common([item for item, _ in measured])
    return ComparisonTable(
        title=f"{first.workload}, {say_number(first.threads, 'thread')}{mode}",
        reference=first.reference.variant,
        common=common,
        flags=tuple(dict.fromkeys(flag for item in items for flag in item.reference.flags)),
        scale=scale,
        one=scale.percent(1.0) if scale else "",
        rows=tuple(
            _make_row(item, scale.mark(_interval(ratio)) if scale else None, common) for item, ratio in measured
        ),
        refused=tuple(_make_row(item, None, ()) for item in items if item.ratio is None),
        claims=sum(item.verdict.word not in {Word.INCONCLUSIVE, Word.INVALID} for item in items),
    )


def _find_common(items: Sequence[Comparison]) -> tuple[str, ...]:
    """Sentences that every row would repeat: most are of the reference."""
    if len(items) < 2:
        return ()
    return tuple(each for each in items[0].explained if all(each in item.explained for item in items))


def _make_row(item: Comparison, mark: Mark | None, common: Collection[str]) -> ComparisonRow:
    ratio = item.ratio
    # `1.08x faster (95 % CI 1.07-1.10, 10 blocks, paired t, Holm 3)`: a reason in brackets follows its word at once.
    verdict, bracket, tail = item.text.partition(" (")
    return ComparisonRow(
        build=item.candidate.variant,
        word=str(item.verdict.word),
        mark=mark,
        said=f"{ratio.estimate:.4g} times the time of the reference: {item.verdict.word}" if ratio else "",
        verdict=verdict,
        tail=f"{bracket.strip()}{tail}",
        chance=show_chance(item.q_bh),
        explained=tuple(each for each in item.explained if each not in common),
        differences=item.differences,
        notes=(*item.notes, *item.candidate.flags),
    )


def _interval(ratio: Ratio) -> Interval:
    return (ratio.estimate, None, None) if ratio.n < 2 else (ratio.estimate, ratio.low, ratio.high)
