"""How do results and comparisons look on a terminal? Grouped, so that what is common is said once."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.analysis.axes import AXES
from orchestrator.analysis.diagnostics import remark_diagnostics
from orchestrator.analysis.wording import say_number
from orchestrator.report.beside import Beside, draw_below
from orchestrator.report.durations import show_chance, show_duration, show_interval
from orchestrator.report.escape import clean_text
from orchestrator.report.grid import Grid
from orchestrator.report.rates import doubt_share, show_place
from orchestrator.report.rows import difference_lines, say_failures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from orchestrator.analysis.compare import Comparison, Comparisons
    from orchestrator.analysis.roofline import Place
    from orchestrator.analysis.summary import Summary


def draw_results(placed: Sequence[tuple[Summary, Place]]) -> RenderableType:
    """A table per workload and thread count, fastest first; below them every remark, once."""
    from rich.console import Group

    parts: list[RenderableType] = []
    for (workload, threads), group in groupby(placed, key=lambda pair: (pair[0].workload, pair[0].threads)):
        columns: tuple[str, ...] = ("build", "mean", "95 % CI", "first call")
        columns += ("GFLOP/s (of SGEMM)", "blocks", "computed in")
        ordered = sorted(group, key=lambda pair: (pair[0].mean_s or math.inf, pair[0].variant))
        lines = [_result_cells(each, place) for each, place in ordered]
        if any(each.dtype != "float32" for each, _ in ordered):  # faster and less exact are one answer
            columns = (*columns[:2], "off by", *columns[2:])
            lines = [
                (*line[:2], _say_error(each.error), *line[2:]) for line, (each, _) in zip(lines, ordered, strict=True)
            ]
        parts.append(Grid(f"{workload}, {say_number(threads, 'thread')}", columns, lines, right=columns[1:-1]))
    remarks = [
        (each.variant, remark)
        for each, place in placed
        for remark in (_failed(each), *each.reasons, *each.flags, *_seen_in_samples(each), doubt_share(place))
    ]
    return Group(*parts, *_remarks(remarks)) if parts else _text("The store holds no records yet.")


def draw_comparisons(comparisons: Comparisons) -> RenderableType:
    """A table per workload, thread count and reference; below them remarks, what was left out, rule and scope."""
    from rich.console import Group

    parts: list[RenderableType] = []

    def place(item: Comparison) -> tuple[str, int, str, str]:
        return item.workload, item.threads, item.mode, item.reference.variant

    for (workload, threads, mode, reference), group in groupby(sorted(comparisons.items, key=place), key=place):
        shown_mode = "" if mode == "default" else f", {mode}"
        title = f"{workload}, {say_number(threads, 'thread')}{shown_mode}, against {reference}"
        headings = ("build", "verdict", "q", "what differed")
        lines = [
            (item.candidate.variant, item.text, show_chance(item.q_bh), "\n".join(difference_lines(item)))
            for item in group
        ]
        wide = Grid(title, headings, lines, right=("q",))
        narrow = Grid(title, headings[:3], [line[:3] for line in lines], right=("q",))
        differed = [(line[0], line[3].split("\n")) for line in lines]
        parts.append(Beside(wide=wide, narrow=Group(narrow, draw_below(differed))))
    remarks = [
        (item.candidate.variant, remark)
        for item in comparisons.items
        for remark in (*item.notes, *item.candidate.flags)
    ] + [(item.reference.variant, remark) for item in comparisons.items for remark in item.reference.flags]
    nothing = [] if comparisons.items else [f"{say_nothing(comparisons)}."]
    below = [*nothing, f"Reference: {comparisons.rule}.", *([comparisons.legend] if comparisons.items else [])]
    if comparisons.left_out:
        below.append(f"Not compared, as no other row differs from it in this alone: {_names(comparisons.left_out)}.")
    below.append(comparisons.scope)
    return Group(*parts, *_remarks(remarks), *map(_text, below))


def say_nothing(comparisons: Comparisons) -> str:
    """Why there is no row."""
    # Every axis has its own rule; where builds were named there is none.
    axis = next((axis.name for axis in AXES.values() if axis.rule == comparisons.rule), "")
    if axis:
        return f"Nothing to compare: no two builds here differ in {axis} alone on a common workload"
    return "Nothing to compare: the builds that were named have no workload in common"


def _result_cells(each: Summary, place: Place) -> tuple[str, ...]:
    half = (each.high_s - each.low_s) / 2 if each.high_s is not None and each.low_s is not None else None
    mode = "" if each.mode == "default" else f" ({each.mode})"
    seen = " ".join(part for part in (each.facts.get("BLAS"), each.facts.get("BLAS core")) if part)
    return (
        f"{each.variant}{mode}",
        show_duration(each.mean_s, half_width=half) if each.mean_s is not None else each.verdict,
        show_interval(each.low_s, each.high_s),
        show_duration(each.first_s),
        show_place(place),
        str(each.valid) if each.valid == each.blocks else f"{each.valid} of {each.blocks}",
        seen or "-",
    )


def _say_error(error: float | None) -> str:
    """In spreads of the output."""
    return "-" if error is None else f"{error:.1e}"


def _remarks(pairs: Iterable[tuple[str, str]]) -> list[RenderableType]:
    """Every remark once, with the builds that it is about."""
    gathered: dict[str, dict[str, None]] = {}
    for build, remark in pairs:
        if remark:
            gathered.setdefault(remark, {})[build] = None
    lines = [(remark, "\n".join(builds)) for remark, builds in gathered.items()]
    return [Grid("Remarks", ("remark", "builds"), lines)] if lines else []


def _failed(each: Summary) -> str:
    """Of one workload as well: another may fail as often for other reasons."""
    said = say_failures(each.failed, each.blocks)
    return f"{each.workload}, {say_number(each.threads, 'thread')}: {said}" if said else ""


def _seen_in_samples(each: Summary) -> list[str]:
    """Drift and outliers, which are of one workload; what to measure more of stands in the table of the samples."""
    if each.diagnostics is None or not each.mean_s:
        return []
    found = remark_diagnostics(replace(each.diagnostics, replication=None), each.mean_s)
    return [f"{each.workload}, {say_number(each.threads, 'thread')}: {remark}" for remark in found]


def _names(left_out: Iterable[str]) -> str:
    return ", ".join(each.partition(":")[0] for each in left_out)


def _text(cell: str) -> RenderableType:
    from rich.text import Text

    return Text("\n".join(clean_text(line) for line in cell.split("\n")))
