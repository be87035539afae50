"""How do results and comparisons look on a terminal? Grouped, so that what is common is said once."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.report.beside import Beside, draw_below
from orchestrator.report.durations import show_chance, show_duration, show_interval
from orchestrator.report.escape import clean_text
from orchestrator.report.rates import show_place
from orchestrator.report.rows import difference_lines
from orchestrator.report.samples import LATENCY_HEADINGS, LEGEND, THROUGHPUT_HEADINGS, sample_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from orchestrator.analysis.compare import Comparison, Comparisons
    from orchestrator.analysis.roofline import Place
    from orchestrator.analysis.summary import Summary


def draw_results(placed: Sequence[tuple[Summary, Place]]) -> RenderableType:
    """A table per workload and thread count, fastest first; below them every remark, once."""
    from rich.console import Group

    parts: list[RenderableType] = []
    for (workload, threads), group in groupby(placed, key=lambda pair: (pair[0].workload, pair[0].threads)):
        columns = ("build", "mean", "95 % CI", "first call", "GFLOP/s (of SGEMM)", "blocks", "computed in")
        table = _table(f"{workload}, {_threads(threads)}", columns, right=columns[1:6])
        for each, place in sorted(group, key=lambda pair: (pair[0].mean_s or math.inf, pair[0].variant)):
            _add(table, _result_cells(each, place))
        parts.append(table)
    remarks = [(each.variant, remark) for each, _ in placed for remark in (*each.reasons, *each.flags)]
    return Group(*parts, *_remarks(remarks)) if parts else _text("The store holds no records yet.")


def draw_comparisons(comparisons: Comparisons) -> RenderableType:
    """A table per workload, thread count and reference; below them remarks, what was left out, rule and scope."""
    from rich.console import Group

    parts: list[RenderableType] = []

    def place(item: Comparison) -> tuple[str, int, str, str]:
        return item.workload, item.threads, item.mode, item.reference.variant

    for (workload, threads, mode, reference), group in groupby(sorted(comparisons.items, key=place), key=place):
        shown_mode = "" if mode == "default" else f", {mode}"
        title = f"{workload}, {_threads(threads)}{shown_mode}, against {reference}"
        wide = _table(title, ("build", "verdict", "q", "what differed"), right=("q",))
        narrow = _table(title, ("build", "verdict", "q"), right=("q",))
        differed = []
        for item in group:
            cells = (item.candidate.variant, item.text, show_chance(item.q_bh))
            differed.append((cells[0], difference_lines(item)))
            _add(narrow, cells)
            _add(wide, (*cells, "\n".join(difference_lines(item))))
        parts.append(Beside(wide=wide, narrow=Group(narrow, draw_below(differed))))
    remarks = [
        (item.candidate.variant, remark)
        for item in comparisons.items
        for remark in (*item.notes, *item.candidate.flags)
    ] + [(item.reference.variant, remark) for item in comparisons.items for remark in item.reference.flags]
    below = [f"Reference: {comparisons.rule}.", *([comparisons.legend] if comparisons.items else [])]
    if comparisons.left_out:
        below.append(f"Not compared, as no other row differs from it in this alone: {_names(comparisons.left_out)}.")
    below.append(comparisons.scope)
    return Group(*parts, *_remarks(remarks), *map(_text, below))


def draw_rows(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], below: Iterable[str] = ()
) -> RenderableType:
    """One table of text, and lines below it."""
    from rich.console import Group

    table = _table(title, headings, right=("thr",))
    for row in rows:
        _add(table, row)
    return Group(table, *map(_text, below))


def draw_samples(summaries: Sequence[Summary]) -> RenderableType:
    """A table per workload and thread count with what lies behind the means; cells without a valid trial have none."""
    from rich.console import Group

    parts: list[RenderableType] = []
    for (workload, threads, scenario), group in groupby(
        summaries, key=lambda each: (each.workload, each.threads, each.scenario)
    ):
        fastest = sorted(group, key=lambda each: (each.mean_s or math.inf, each.variant))
        rows = [cells for cells in map(sample_cells, fastest) if cells]
        columns = THROUGHPUT_HEADINGS if scenario == "throughput" else LATENCY_HEADINGS
        table = _table(f"{workload}, {_threads(threads)}: {scenario}", columns, right=columns[1:-2])
        for cells in rows:
            _add(table, cells)
        parts += [table] if rows else []
    return Group(*parts, _text(LEGEND)) if parts else Group()


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


def _remarks(pairs: Iterable[tuple[str, str]]) -> list[RenderableType]:
    """Every remark once, with the builds that it is about."""
    gathered: dict[str, dict[str, None]] = {}
    for build, remark in pairs:
        if remark:
            gathered.setdefault(remark, {})[build] = None
    if not gathered:
        return []
    table = _table("Remarks", ("remark", "builds"))
    for remark, builds in gathered.items():
        _add(table, (remark, "\n".join(builds)))
    return [table]


def _names(left_out: Iterable[str]) -> str:
    return ", ".join(each.partition(":")[0] for each in left_out)


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _table(title: str, columns: Iterable[str], right: Iterable[str] = ()) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(clean_text(title)), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        justify = "right" if column in right else "left"
        whole = column in {"build", "builds", *right}
        table.add_column(column, justify=justify, no_wrap=whole, overflow="fold")  # type: ignore[arg-type]
    return table


def _add(table: Table, cells: Iterable[str]) -> None:
    # Text, not str: square brackets of a record are shown, not taken for markup.
    table.add_row(*map(_text, cells))


def _text(cell: str) -> RenderableType:
    from rich.text import Text

    return Text("\n".join(clean_text(line) for line in cell.split("\n")))
