"""What does a check look like on a terminal, in a comment on a change, and as data?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.check import count_words
from orchestrator.report import formats
from orchestrator.report.escape import markdown_text
from orchestrator.report.sheets import Sheet, draw_sheets

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestrator.analysis.check import Check, Checked
    from orchestrator.report.rows import Row

HEADINGS = ("workload", "thr", "build", "verdict", "what differed", "remarks")


def check_table(check: Check, form: str = "text") -> RenderableType | str:
    """A check as `text` (something for rich to draw), `markdown` or `json`."""
    if form == "json":
        return formats.write_json(_document(check))
    lines = [_line(item) for item in check.items]
    if form == "markdown":
        words = "\n\n".join(markdown_text(line) for line in _below(check))
        return f"{formats.write_markdown(HEADINGS, lines)}\n{words}\n"
    title = f"Against the baseline, {_allowed(check)}"
    return draw_sheets([Sheet(title, HEADINGS, tuple(lines), right=("thr",), names=3)], _below(check))


def say_check(check: Check) -> str:
    """`1 slower, 2 missing, 7 ok (3 % slower is allowed)`."""
    counts = ", ".join(f"{count} {word}" for word, count in count_words(check.items))
    return f"{counts or 'no cell'} ({_allowed(check)})"


def check_row(item: Checked) -> Row:
    """A checked cell as numbers and words."""
    ratio = item.ratio
    return {
        "cell": item.cell,
        "workload": item.workload,
        "threads": item.threads,
        "mode": item.mode,
        "baseline": item.baseline,
        "variant": item.variant,
        "verdict": str(item.word),
        "reason": item.reason,
        "time_ratio": ratio.estimate if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        # JSON has no infinity: a single process has no upper end.
        "ratio_high": ratio.high if ratio and ratio.high != float("inf") else None,
        "ratio_level": ratio.level if ratio else None,
        "p_holm": item.p_holm,
        "processes": ratio.counts[0] if ratio else None,
        "processes_baseline": ratio.counts[1] if ratio else None,
        "text": item.text,
        "differences": "; ".join(item.differences),
        "notes": "; ".join(item.notes),
    }


def _document(check: Check) -> dict[str, object]:
    return {
        "cells": [check_row(item) for item in check.items],
        "counts": dict(count_words(check.items)),
        "max_slowdown": check.max_slowdown,
        "family": check.family,
        "left_out": list(check.left_out),
        "method": check.method,
    }


def _line(item: Checked) -> tuple[str, ...]:
    build = item.variant or item.baseline
    if item.variant and item.variant != item.baseline:
        build = f"{item.variant} (was {item.baseline})"
    mode = "" if item.mode == "default" else f" ({item.mode})"
    remarks = "; ".join(item.notes)
    return item.workload, str(item.threads), f"{build}{mode}", item.text, "; ".join(item.differences), remarks


def _below(check: Check) -> list[str]:
    return [f"{say_check(check)}.", *(f"Not checked: {each}." for each in check.left_out), check.method]


def _allowed(check: Check) -> str:
    return f"{100 * check.max_slowdown:g} % slower is allowed"
