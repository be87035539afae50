"""What do published tables beside ours look like in the format that was asked for?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.published import doubt_winner
from orchestrator.report import formats
from orchestrator.report.durations import show_duration
from orchestrator.report.published_rows import PUBLISHED_COLUMNS, list_mistakes, mistake_row, published_rows
from orchestrator.report.sheets import Sheet, draw_sheets, write_sheets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from orchestrator.analysis.published import Answer, Beside

HEADINGS = ("published row", "time", "others at least", "GFLOP/s", "x the time of", "ours", "mistakes")
COLUMNS = (
    "`others at least`: whichever call was the slowest, the mean of the 19 others is not below this, by the printed "
    "mean and population standard deviation (Samuelson 1968). `GFLOP/s`: what the time implies if the network was the "
    "one of its name, two operations per multiply-accumulate. A ratio of one printed number to another has no interval."
)
SEEN = "Where each mistake is seen, by file and line: --format markdown or json."


class _Notes:
    """Sentences by number: the same one is said once."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, sentence: str) -> str:
        """`[3]`."""
        return f"[{self.numbers.setdefault(sentence, len(self.numbers) + 1)}]"

    def lines(self) -> list[str]:
        """Every sentence behind its number."""
        return [f"[{number}] {sentence}" for sentence, number in self.numbers.items()]


def published_table(answer: Answer, form: str = "table") -> RenderableType | str | bytes:
    """`table` (something for rich to draw), `csv`, `json`, `markdown` (text) or `parquet` (bytes).

    Mistakes, counterparts' reasons, rule and scope come with every format; with CSV and Parquet as codes and columns.
    """
    if form in {"csv", "parquet"}:
        rows = published_rows(answer)
        return (formats.write_csv if form == "csv" else formats.write_parquet)(rows, PUBLISHED_COLUMNS)
    if form == "json":
        mistakes = {each.code: mistake_row(each) for each in list_mistakes(answer)}
        about = {"mistakes": mistakes, "reference": answer.rule, "scope": answer.scope, "family": answer.family}
        return formats.write_json({"published": published_rows(answer), **about})
    notes = _Notes()
    tables: dict[tuple[str, str, str], list[Beside]] = {}
    for row in answer.rows:  # the printed order holds two columns of hardware side by side
        tables.setdefault(row.number.table, []).append(row)
    sheets = [_sheet(rows, notes) for rows in tables.values()]
    words = [COLUMNS, f"Reference: {answer.rule}.", answer.scope]
    if form == "markdown":
        seen = [f"{each.code} is seen in: {each.where}." for each in list_mistakes(answer)]
        return write_sheets(sheets, [*notes.lines(), *_mistakes(answer), *seen, *words])
    return draw_sheets(sheets, [*notes.lines(), *_mistakes(answer), SEEN, *words])


def _sheet(rows: Sequence[Beside], notes: _Notes) -> Sheet:
    first = rows[0].number
    shared = set.intersection(*({each.code for each in row.mistakes} for row in rows))
    lines = [_line(row, shared, notes) for row in rows]
    shown = [index for index in range(len(HEADINGS)) if any(line[index] not in {"", "-"} for line in lines)]
    codes = [each.code for each in rows[0].mistakes if each.code in shared]
    title = f"{first.source}: {first.workload}, {first.metric}, {first.device}, hardware: {first.hardware}"
    every = f"; every row: {' '.join(codes)}" if codes else ""
    source = rows[0].source
    below = [f"{source.title} ({source.snapshot}): {source.method}", doubt_winner(rows)]
    return Sheet(
        title=f"{title}{every}",
        headings=tuple(HEADINGS[index] for index in shown),
        lines=tuple(tuple(line[index] for index in shown) for line in lines),
        below=tuple(words for words in below if words),
    )


def _line(row: Beside, shared: set[str], notes: _Notes) -> tuple[str, ...]:
    number = row.number
    sd = number.sd * number.seconds / number.value if number.sd else None
    return (
        number.label,
        show_duration(number.seconds, half_width=sd),
        show_duration(row.bounds.others_s if row.bounds else None),
        f"{row.rate / 1e9:.3g}" if row.rate is not None else "-",
        f"{row.ratio:.3g} {row.reference.label}" if row.ratio is not None and row.reference else "baseline",
        _ours(row, notes),
        " ".join(each.code for each in row.mistakes if each.code not in shared),
    )


def _ours(row: Beside, notes: _Notes) -> str:
    if not row.ours:
        return f"no counterpart {notes.number(f'no counterpart: {row.none}')}"
    said = []
    for ours in row.ours:
        pair = ours.pair
        note = notes.number(f"{pair.kind}: {pair.asked}: {pair.why}")
        if not ours.comparisons:
            said.append(f"{note} not measured here")
        for item in ours.comparisons:
            setting = "" if item.threads == 1 else f"{item.threads} threads: "
            setting += "" if pair.modes or item.mode == "default" else f"{item.mode}: "
            said.append(f"{note} {setting}{item.text}")
    return "\n".join(said)


def _mistakes(answer: Answer) -> list[str]:
    lines = []
    for each in list_mistakes(answer):
        inferred = " (inferred)" if each.inferred else ""
        lines.append(f"{each.code} {each.title}: {each.what}{inferred}. Here: {each.here}.")
    return lines
