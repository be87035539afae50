"""What does the worth of published mistakes look like in the format that was asked for?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.analysis.wording import SCOPE
from orchestrator.report import formats
from orchestrator.report.published_rows import WORTH_COLUMNS, say_found, worth_row
from orchestrator.report.sheets import Sheet, draw_sheets, write_sheets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from orchestrator.analysis.as_published import Worth

HEADINGS = ("code", "mistake", "made again as", "time against the right network", "found by the checks?")
RULE = (
    "Each line: the mistaken network, as published, against the right one under the same build, in the same blocks; "
    "all lines are one family. A mistaken network is measured as what it is: its trials are checked against its own "
    "output; the last column is what the checks say if it is handed in under the right network's name."
)


def worth_table(
    variant: str, worth: Sequence[Worth], left_out: Mapping[str, str], form: str = "table"
) -> RenderableType | str | bytes:
    """`table`, `csv`, `json`, `markdown` or `parquet`, as published_table. `left_out`: code -> why not made again."""
    rows = [worth_row(each) for each in worth]
    if form in {"csv", "parquet"}:
        return (formats.write_csv if form == "csv" else formats.write_parquet)(rows, WORTH_COLUMNS)
    if form == "json":
        about = {"variant": variant, "not_recreated": dict(left_out), "reference": RULE, "scope": SCOPE}
        return formats.write_json({"mistakes": rows, **about})
    sheet = Sheet(
        title=f"Published mistakes made again on {variant}, 1 thread",
        headings=HEADINGS,
        lines=tuple(_line(each) for each in worth),
    )
    missing = [f"{code} not re-created: {reason}" for code, reason in sorted(left_out.items(), key=_order)]
    below = [*missing, RULE, SCOPE]
    return write_sheets([sheet], below) if form == "markdown" else draw_sheets([sheet], below)


def _line(worth: Worth) -> tuple[str, ...]:
    made = worth.recreated
    said = worth.comparison.text if worth.comparison else worth.problem
    # An output that is wrong makes the softmax of it wrong too: said once here, in full in the other formats.
    outputs = [each for each in worth.found if each.startswith("output ")]
    brief = replace(worth, found=tuple(each for each in worth.found if each not in outputs[1:]))
    return made.mistake.code, made.mistake.title, f"{made.base}: {made.what}", said, say_found(brief)


def _order(each: tuple[str, str]) -> tuple[str, int]:
    return each[0][0], int(each[0][1:])
