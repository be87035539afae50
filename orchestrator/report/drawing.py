"""How do results and comparisons look on a terminal? Grouped, so that what is common is said once."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.report.durations import show_duration, show_interval
from orchestrator.report.escape import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from orchestrator.analysis.compare import Comparison, Comparisons
    from orchestrator.analysis.summary import Summary


def draw_results(summaries: Sequence[Summary]) -> RenderableType:
    """A table per workload and thread count, fastest first; below them every remark, once."""
    from rich.console import Group

    parts: list[RenderableType] = []
    for (workload, threads), group in groupby(summaries, key=lambda each: (each.workload, each.threads)):
        columns = ("build", "mean", "95 % CI", "first call", "blocks", "computed in")
        table = _table(f"{workload}, {_threads(threads)}", columns, right=columns[1:5])
        for each in sorted(group, key=lambda each: (each.mean_s is None, each.mean_s or 0.0, each.variant)):
            _add(table, _result_cells(each))
        parts.append(table)
    remarks = [(each.variant, remark) for each in summaries for remark in (*each.reasons, *each.flags)]
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
        table = _table(title, ("build", "verdict", "what differed"))
        for item in group:
            _add(table, (item.candidate.variant, item.text, "; ".join(item.differences)))
        parts.append(table)
    remarks = [
        (item.candidate.variant, remark)
        for item in comparisons.items
        for remark in (*item.notes, *item.candidate.flags)
    ] + [(item.reference.variant, remark) for item in comparisons.items for remark in item.reference.flags]
    below = [f"Reference: {comparisons.rule}."]
    if comparisons.left_out:
        below.append(f"Not compared, as no other row differs from it in this alone: {_names(comparisons.left_out)}.")
    below.append(comparisons.scope)
    return Group(*parts, *_remarks(remarks), *map(_text, below))


def _result_cells(each: Summary) -> tuple[str, ...]:
    half = (each.high_s - each.low_s) / 2 if each.high_s is not None and each.low_s is not None else None
    mode = "" if each.mode == "default" else f" ({each.mode})"
    seen = " ".join(part for part in (each.facts.get("BLAS"), each.facts.get("BLAS core")) if part)
    return (
        f"{each.variant}{mode}",
        show_duration(each.mean_s, half_width=half) if each.mean_s is not None else each.verdict,
        show_interval(each.low_s, each.high_s),
        show_duration(each.first_s),
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
