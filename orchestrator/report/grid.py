"""How does a table keep every number whole on a terminal of any width?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.escape import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

LONG = 40
"""Characters from which on a column holds sentences, which may wrap; a number or a name never does."""
LEAST = 30
"""A sentence in a narrower column than this is a ladder of words."""
GAPS = (3, 2)
"""Blanks between two columns: as they are best read, and where those do not fit."""


@dataclass(frozen=True)
class Grid:
    """A table that rich draws as wide as the terminal; columns without room stand below it, row by row."""

    title: str
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]
    right: Sequence[str] = ()
    """Headings of columns of numbers."""
    constant: Sequence[str] = ()
    """Headings of columns that are said in the title where all rows agree."""
    names: int = 1
    """So many leading columns tell a row from the others."""

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        title, columns = self._columns()
        yield Text("\n".join(_join(title, options.max_width)), style="bold")
        gap, kept = fit_columns(columns, options.max_width)
        # A table of names alone says nothing that the list below it does not say again.
        kept = 0 if kept <= self.names < len(columns) else kept
        if kept:
            yield _draw_table(columns[:kept], gap, options.max_width)
        if kept < len(columns):
            yield Text()
            yield from _draw_rest(columns[: self.names], columns[kept or self.names :], options.max_width)
        yield Text()

    def _columns(self) -> tuple[list[str], list[Column]]:
        """(parts of the title, columns): what holds nothing is left out, what holds one thing may be in the title."""
        title, columns = [clean_text(self.title)], []
        for index, heading in enumerate(self.headings):
            cells = ["\n".join(map(clean_text, line[index].split("\n"))) for line in self.lines]
            if index >= self.names and cells and all(cell in {"", "-"} for cell in cells):
                continue
            if heading in self.constant and len(cells) > 1 and len(set(cells)) == 1:
                title.append(f"{heading} {cells[0]}")
                continue
            columns.append(Column(heading, tuple(cells), "right" if heading in self.right else "left"))
        return title, columns


@dataclass(frozen=True)
class Column:
    """A heading and the cells below it, clean."""

    heading: str
    cells: tuple[str, ...]
    side: str

    @property
    def natural(self) -> int:
        """Characters of the longest line."""
        lines = [line for cell in self.cells for line in cell.split("\n")]
        return _longest([*lines, *self.heading.split()])

    @property
    def least(self) -> int:
        """Characters below which something would be cut, or no longer read."""
        if self.natural <= LONG:
            return self.natural
        return min(self.natural, max(LEAST, _longest(word for cell in self.cells for word in cell.split())))


def fit_columns(columns: Sequence[Column], width: int) -> tuple[int, int]:
    """(blanks between them, how many leading columns have room)."""
    for gap in GAPS:
        if _sum(columns, gap) <= width:
            return gap, len(columns)
    gap = GAPS[-1]
    return gap, max(count for count in range(len(columns) + 1) if not count or _sum(columns[:count], gap) <= width)


def _sum(columns: Sequence[Column], gap: int) -> int:
    return sum(column.least for column in columns) + gap * (len(columns) - 1)


def _draw_table(columns: Sequence[Column], gap: int, width: int) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Between two columns stands a blank of the box; the others are padding.
    padding = (0, gap // 2, 0, (gap - 1) // 2)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding)
    for column, wide in zip(columns, _share_out(columns, width - gap * (len(columns) - 1)), strict=True):
        table.add_column(Text(column.heading), justify=column.side, width=wide, overflow="fold")  # type: ignore[arg-type]
    for cells in zip(*(column.cells for column in columns), strict=True):
        # Text, not str: square brackets of a record are shown, not taken for markup.
        table.add_row(*map(Text, cells))
    return table


def _share_out(columns: Sequence[Column], width: int) -> list[int]:
    """Every column's width: what is over goes to headings in one line first, then to the sentences."""
    widths = [column.least for column in columns]
    for index, column in enumerate(columns):
        if len(column.heading) - widths[index] <= width - sum(widths):
            widths[index] = max(widths[index], len(column.heading))
    while wanting := [index for index, column in enumerate(columns) if widths[index] < column.natural]:
        part = (width - sum(widths)) // len(wanting)
        if part < 1:
            break
        for index in wanting:
            widths[index] = min(columns[index].natural, widths[index] + part)
    return widths


def _draw_rest(names: Sequence[Column], rest: Sequence[Column], width: int) -> Iterable[RenderableType]:
    """A row's name, and under it, indented, what had no room: `first call: 134 ms, blocks: 2`."""
    from rich.padding import Padding
    from rich.text import Text

    for row in range(len(rest[0].cells)):
        values = [(column.heading, column.cells[row].replace("\n", "; ")) for column in rest]
        items = [f"{heading}: {value}" for heading, value in values if value not in {"", "-"}]
        if items:
            named = [f"{each.heading} " * (each.side == "right") + each.cells[row] for each in names]
            yield Padding(Text(", ".join(named)), (0, 0, 0, 2), expand=False)
            yield Padding(Text("\n".join(_join(items, width - 6))), (0, 0, 0, 6), expand=False)


def _join(items: Sequence[str], width: int) -> list[str]:
    """As many items in a line as it has room for: none is broken that fits into one."""
    lines: list[str] = []
    for item in items:
        if lines and _longest([f"{lines[-1]}, {item},"]) <= width:
            lines[-1] += f", {item}"
        else:
            lines[-1:] = [f"{lines[-1]},", item] if lines else [item]
    return lines


def _longest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)
